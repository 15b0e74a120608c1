"""A plan: the changes against what was applied last, their new numbers, and what they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from featc.errors import Diagnostic
from featc.resolve.model import Project
from featc.runtime.planning.values import Checked
from featc.runtime.planning.values import check_values as check
from featc.runtime.planning.work import Work, work_for
from featc.versions.changes import Change, Compared, made_by
from featc.versions.comparison import compare
from featc.versions.kept import carried, superseded
from featc.versions.lock import Lock, Versioned, read_lock
from featc.versions.numbers import (
    Key,
    moved_by,
    moved_since,
    numbered,
    refusals,
    service_number,
    unlocked,
    with_versions,
)
from featc.versions.past import Side, entries, gone, side_of
from featc.versions.pins import pins_of

if TYPE_CHECKING:
    from featc.runtime.store import Compiled, FeatureStore


@dataclass(frozen=True, slots=True)
class Plan:
    """What an edit means. `before` and `after` are the versions by kind and name; `refused` says why it may not be
    applied as it stands; `against` is what it was compared with, for people. `values` are those of before and of now,
    compared, None where that was not asked for."""

    project: str
    against: str
    compared: Compared
    before: Mapping[Key, Versioned]
    after: Mapping[Key, Versioned]
    work: Work
    refused: tuple[Diagnostic, ...] = ()
    values: tuple[Checked, ...] | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not self.compared.changes and not self.compared.environment

    def versions_of(self, change: Change) -> tuple[int | None, int | None]:
        """The numbers of a definition before and after; None where it has none."""
        key = (change.kind, change.name)
        old, new = self.before.get(key), self.after.get(key)
        return (old.version if old else None), (new.version if new else None)

    def to_json(self) -> dict[str, Any]:
        return {
            "project": self.project,
            "against": self.against,
            "changes": [self._change(c) for c in self.compared.changes],
            "environment": [{"what": d.piece, "old": d.old, "new": d.new} for d in self.compared.environment],
            "work": self.work.to_json(),
            "values": None if self.values is None else [v.to_json() for v in self.values],
            "refused": [
                {
                    "code": d.code,
                    "message": d.message,
                    "file": d.span.file if d.span else None,
                    "line": d.span.line if d.span else None,
                    "hint": d.hint,
                }
                for d in self.refused
            ],
        }

    def _change(self, change: Change) -> dict[str, Any]:
        old, new = self.versions_of(change)
        return {
            "what": change.what,
            "kind": change.kind,
            "name": change.name,
            "category": str(change.category),
            "version_before": old,
            "version": new,
            "differences": [{"what": d.piece, "old": d.old, "new": d.new} for d in change.differences],
            "because": list(change.because),
            "new_tiles": change.new_tiles,
            "used_by": list(change.used_by),
        }


def side_now(compiled: Compiled) -> Side:
    """A compiled project as one side of a comparison."""
    return Side(compiled.definitions, compiled.project, None, made_by())


def side_before(compiled: Compiled, lock: Lock | None) -> Side | None:
    """The project of a lock, resolved by this featc. Raises FeatcError F879."""
    from featc.runtime.catalog import DuckDBCatalog

    if lock is None:
        return None
    with DuckDBCatalog(compiled.root) as engine:
        return side_of(lock, compiled.definitions, engine)


def plan(store: FeatureStore, *, check_values: bool = False, spine: str | None = None) -> Plan:
    """The plan of a project against its featc.lock.

    With `check_values`, what means something else is computed as it was and as it is, at the rows of `spine` (a file or
    SELECT) or those of the entities that something happened to last. Raises FeatcError F87x for the lock, F9xx for the
    target.
    """
    lock = read_lock(store.root)
    old, new = side_before(store.compiled, lock), side_now(store.compiled)
    compared = compare(old, new)
    work = work_for(store, compared.changes, environment=bool(compared.environment))
    made = _plan(old, new, compared, work, "featc.lock" if lock is not None else "nothing: there is no featc.lock")
    if not check_values:
        return made
    values = check(store, old.project, compared.changes, spine) if old is not None else ()
    return replace(made, values=values)


def versions_now(compiled: Compiled) -> Mapping[Key, Versioned]:
    """The version of every definition: that of featc.lock, or the next one where it means something else. Raises
    FeatcError F87x."""
    lock = read_lock(compiled.root)
    known = lock.versions() if lock is not None else {}
    pins = any(map(pins_of, compiled.definitions.services.values()))
    if lock is not None:  # a version means the same under any name, which takes the definitions behind it to see
        pins = pins or any(e.pins for e in lock.entries)
    if lock is None or (lock.made_by.get("ir") == made_by()["ir"] and not pins):
        moved = moved_since(known, compiled.project)
    else:
        moved = moved_by(compare(side_before(compiled, lock), side_now(compiled)))
    return numbered(known, compiled.definitions, compiled.project, moved, lock.gone() if lock is not None else {})


def service_version(compiled: Compiled, name: str) -> int:
    """The number of one service's version, without looking at what it does not give. Raises FeatcError F87x."""
    lock = read_lock(compiled.root)
    if lock is None:
        return compiled.definitions.services[name].version or 1
    before = lock.by_name.get(("service", name))
    pins = bool(pins_of(compiled.definitions.services[name])) or (before is not None and before.pins)
    if pins or lock.made_by.get("ir") != made_by()["ir"]:
        return versions_now(compiled)["service", name].version
    return service_number(lock.versions(), lock.gone(), compiled.definitions, compiled.project, name)


def numbered_project(compiled: Compiled) -> Project:
    """The project with the numbers of its versions. Raises FeatcError F87x."""
    return with_versions(compiled.project, versions_now(compiled))


def unlocked_findings(compiled: Compiled) -> list[Diagnostic]:
    """F875 for all that means something else than featc.lock says, F876 and F877. Raises F870 to F873, F879."""
    lock = read_lock(compiled.root)
    old, new = side_before(compiled, lock), side_now(compiled)
    compared = compare(old, new)
    return [*unlocked(old, new, compared), *refusals(old, new, compared)]


def difference(old: Side, new: Side, against: str) -> Plan:
    """The plan from one side to another that no store is behind."""
    return _plan(old, new, compare(old, new), Work(), against)


def _plan(old: Side | None, new: Side, compared: Compared, work: Work, against: str) -> Plan:
    before = (old.versions or {}) if old is not None else {}
    after = numbered(before, new.definitions, new.project, moved_by(compared), old.gone if old is not None else {})
    return Plan(new.project.name, against, compared, before, after, work, tuple(refusals(old, new, compared)))


def lock_of(compiled: Compiled, versions: Mapping[Key, Versioned], before: Lock | None) -> Lock:
    """The lock of a compiled project with versions, in the place of the one that was, of which it keeps the versions of
    views that are others now."""
    listed = [*entries(compiled.definitions, compiled.project, versions), *gone(before, versions)]
    fresh = Lock(compiled.project.name, made_by(), tuple(listed))
    if before is None:
        return fresh
    pins = {name for service in compiled.definitions.services.values() for name in pins_of(service)}
    kept = {e.name: e for e in (*carried(before), *superseded(before, fresh, pins))}
    return replace(fresh, entries=(*fresh.entries, *kept.values()))
