"""Services that pin a version of a view: `user_orders@v2.spend_7d`.

A pin is the view of now where that has the version; else the view as featc.lock has or keeps it, resolved by itself and
put beside the project's own views (`resolve.kept`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from featc.catalog import Catalog
from featc.digests import IR_VERSION
from featc.errors import Diagnostic, FeatcError, Findings, Span, did_you_mean
from featc.load.model import Definitions, PickDef, ServiceDef, SourceDef
from featc.names import AT, PIN, pinned, variant
from featc.resolve import resolve
from featc.resolve.columns import DIGITS, fits, is_untyped, seen_type
from featc.resolve.kept import Kept, Names, named_apart, parts_of, upstream
from featc.resolve.model import Column, Location, Project, Source, View
from featc.types import FLOATS, decimal_parts
from featc.versions.alike import Alike
from featc.versions.comparison import compare
from featc.versions.kept import kept_entry, kept_versions, lock_in
from featc.versions.lock import Entry, Lock, Versioned
from featc.versions.mixing import mixed
from featc.versions.numbers import fingerprints, moved_by, moved_since, numbered
from featc.versions.past import Side, side_of

Key = tuple[str, str]


def pins_of(service: ServiceDef) -> dict[str, PickDef]:
    """The versions that a service pins, as `view@v2`, each with the entry that names it first."""
    found: dict[str, PickDef] = {}
    for pick in (*service.picks, *service.labels):
        if isinstance(pick, PickDef) and AT in pick.pattern.value:
            found.setdefault(pick.pattern.value.strip().partition(".")[0], pick)
    return found


def resolve_pinned(
    definitions: Definitions, lock: Lock | None, catalog: Catalog, *, locked: bool = False
) -> tuple[Project, tuple[Diagnostic, ...]]:
    """`resolve` for definitions whose services may pin versions of views, by what `lock` says of these.

    `locked`: the definitions are those of the lock itself, and their data lies where it did. Errors: F880 to F887.
    """
    wanted = {name: pick for s in definitions.services.values() for name, pick in pins_of(s).items()}
    if not wanted:
        return resolve(definitions, catalog)
    bare = replace(definitions, services={}, tests={})
    base, found = resolve(bare, catalog)
    if any(d.severity == "error" for d in found):  # by which versions cannot be told
        return resolve(definitions, catalog, Kept(lost=frozenset(wanted)))
    pinning = Pinning(base, bare, lock, catalog, locked=locked)
    kept = Kept()
    for name, pick in wanted.items():
        kept = kept.plus(pinning.pin(name, pick.pattern.span))
    project, more = resolve(definitions, catalog, kept)
    if lock is not None and not any(d.severity == "error" for d in (*pinning.findings.items, *more)):
        more = (*more, *mixed(project, lock))
    return project, (*pinning.findings.items, *more)


@dataclass(slots=True)
class Pinning:
    """Finds what pins stand for beside a resolved project, `base`. What is wrong is told in `findings`."""

    base: Project
    definitions: Definitions
    lock: Lock | None
    catalog: Catalog
    locked: bool = False
    findings: Findings = field(default_factory=Findings)
    _numbers: Mapping[Key, Versioned] | None = None

    def pin(self, name: str, span: Span | None = None) -> Kept:
        """What `user_orders@v2` stands for; nothing but a lost pin where there is an error."""
        found = PIN.fullmatch(name)
        if found is None:
            return self._lost(name, "F883", f"'{name}' names no version of a view", span, "write view@v2.feature")
        view, version = found[1], int(found[2])
        if self.lock is None:
            message = f"{name} is a version of {view}, and there is no featc.lock to say what it means"
            hint = f"name {view} without a version, run `featc apply`, and pin what it writes"
            return self._lost(name, "F880", message, span, hint)
        now = self._now(view)
        if version == now:
            return Kept(named={name: view})
        entry = self._entry(view, version)
        if entry is None:
            return self._unknown(name, view, version, now, span)
        try:
            return self._resolved(name, view, version, entry)
        except FeatcError as trouble:
            self.findings.items += [d if d.span else replace(d, span=span) for d in trouble.diagnostics]
            return Kept(lost=frozenset((name,)))

    def _lost(self, name: str, code: str, message: str, span: Span | None, hint: str | None) -> Kept:
        self.findings.error(code, message, span, hint)
        return Kept(lost=frozenset((name,)))

    # ── which version ─────────────────────────────────────────────────────────────────────────────────────────────

    def _now(self, view: str) -> int | None:
        """The version that a view of the project has now; None where there is no such view."""
        if view not in self.base.views:
            return None
        if self._numbers is None:
            self._numbers = self._numbered()
        return self._numbers["view", view].version

    def _numbered(self) -> Mapping[Key, Versioned]:
        lock = self.lock
        assert lock is not None
        known = {k: v for k, v in lock.versions().items() if k[0] != "service"}
        if self.locked:
            return known
        if lock.made_by.get("ir") == str(IR_VERSION):
            moved = moved_since(known, self.base)
        else:
            entries = tuple(e for e in lock.entries if e.kind != "service")
            old = side_of(replace(lock, entries=entries), self.definitions, self.catalog)
            bare = replace(self.definitions, services={})
            moved = moved_by(compare(old, Side(bare, replace(self.base, services={}), None, {})))
        return numbered(known, self.definitions, replace(self.base, services={}), moved, lock.gone())

    def _entry(self, view: str, version: int) -> Entry | None:
        """The line of a version: a kept one, or that of the view as it was applied last."""
        lock = self.lock
        assert lock is not None
        known = lock.versions().get(("view", view))
        if known is not None and known.version == version:
            return kept_entry(lock, view)
        return lock.by_name.get(("kept", pinned(view, version)))

    def _unknown(self, name: str, view: str, version: int, now: int | None, span: Span | None) -> Kept:
        lock = self.lock
        assert lock is not None
        applied = lock.versions().get(("view", view))
        there = set(kept_versions(lock, view))
        there |= {v for v in (now, None if applied is None else applied.version) if v is not None}
        if not there:
            hint = did_you_mean(view, self.base.views) or "declare it under feature_views:"
            return self._lost(name, "F881", f"featc.lock knows no version of a view '{view}'", span, hint)
        listed = ", ".join(f"v{v}" for v in sorted(there))
        near = pinned(view, min(there, key=lambda v: (abs(v - version), -v)))
        if version > max(there):
            message = f"{name} is later than any version of {view} there is: {listed}"
            hint = f"pin {near}, or name {view} without a version for what it means now"
            return self._lost(name, "F882", message, span, hint)
        message = f"featc.lock does not keep {name}; it has {listed}"
        hint = f"pin {near}, or take the lock that kept it from git"
        return self._lost(name, "F881", message, span, hint)

    # ── what it means ─────────────────────────────────────────────────────────────────────────────────────────────

    def _resolved(self, pin: str, view: str, version: int, entry: Entry) -> Kept:
        """A version beside the project. Raises FeatcError F884, F885, F887."""
        assert self.lock is not None
        side = self._side(pin, entry)
        project = side.project
        self._check_meaning(pin, view, side)
        alike = Alike(project, self.base)
        behind = upstream(project, view)
        other = {project.view(n).origin for n, features in behind.items() if not alike.view(n, features)}
        named = {n for name in behind for n in (name, project.view(name).origin)}
        stays = {n: n for n in named if project.view(n).origin not in other}
        views, sources = parts_of(project, view, stays)
        same = {n: self.base.sources[n] for n in sources if alike.source(n)}
        apart = [self._where(pin, project.sources[n], side) for n in sources if n not in same]
        found = named_apart(apart, same, pin)
        made = {v.attributed for v in views if v.attributed is not None}
        names = {v.origin: variant(v.origin, pin) for v in views} | stays | {view: pin}
        attributed = {n: n if alike.attributed(n, same) else variant(n, pin) for n in made}
        placed = Names(names, found, attributed)
        numbers = side.versions or {}
        done = [self._versioned(v, placed.view(v), version if v.origin == view else None, numbers) for v in views]
        copied = {v.name for v in views}
        return Kept(
            sources={s.name: s for n, s in found.items() if n not in same},
            attributed={
                attributed[n]: replace(
                    project.attributed[n],
                    name=attributed[n],
                    base=found[project.attributed[n].base].name,
                    matched=tuple(found[m].name for m in project.attributed[n].matched),
                )
                for n in made if attributed[n] != n
            },
            views={v.name: v for v in done if not v.ahead},
            labels={v.name: v for v in done if v.ahead},
            order=tuple(placed.pair(pair) for pair in project.order if pair[0] in copied),
            named={pin: pin},
        )

    def _side(self, pin: str, entry: Entry) -> Side:
        assert self.lock is not None
        try:
            return side_of(lock_in(entry, self.lock.project), self.definitions, self.catalog, placed=True)
        except FeatcError as trouble:
            said = trouble.diagnostics[0].message.partition(": ")[2]
            message = f"this featc cannot compile {pin} any more: {said}"
            raise FeatcError(Diagnostic("F884", message, hint=_MOVE)) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            message = f"the line of {pin} in featc.lock cannot be read"
            raise FeatcError(Diagnostic("F884", message, hint=_FROM_GIT)) from None

    def _check_meaning(self, pin: str, view: str, side: Side) -> None:
        """A version means what it did: the fingerprints that its line has are those that this featc makes."""
        if side.made_by.get("ir") != str(IR_VERSION):
            return
        made, kept = fingerprints(side.project), side.versions or {}
        for (kind, name), version in kept.items():
            if kind not in ("feature", "label") or name.partition(".")[0] != view:
                continue
            if made.get((kind, name)) != (version.fingerprint, version.tile, version.contract):
                message = f"{name} of {pin} does not mean what featc.lock says it did"
                raise FeatcError(Diagnostic("F887", message, hint=_FROM_GIT))

    def _versioned(self, was: View, now: View, version: int | None, numbers: Mapping[Key, Versioned]) -> View:
        """A view with the numbers that it and its features had."""
        kind = "label" if was.ahead else "feature"
        own = {f.name: numbers.get((kind, f"{was.origin}.{f.name}")) for f in was.features}
        features = tuple(replace(f, version=n.version if (n := own[f.name]) else 1) for f in now.features)
        known = numbers.get(("view", was.origin))
        return replace(now, features=features, version=version or (known.version if known else 1))

    def _where(self, pin: str, source: Source, side: Side) -> Source:
        """A source of a version where its data lies now. Raises FeatcError F885 where that cannot be what it was."""
        if source.members:
            return source
        location = self._location(source, side.definitions.sources[source.name])
        now = self.base.sources.get(source.name)
        if now is not None:
            _check_pushed(pin, source, now, location)
        try:
            if now is not None and now.location == location:
                found = tuple((c.name, c.physical) for c in now.columns)
            elif self.locked:
                return replace(source, location=location)
            else:
                found = tuple(self.catalog.columns(source.name, location))
            data = {n.casefold(): (n, t) for n, t in found}
        except FeatcError as trouble:
            message = f"{pin} reads {source.name}: {trouble.diagnostics[0].message}"
            raise FeatcError(Diagnostic("F885", message, hint=_MOVE)) from None
        columns = tuple(self._column(pin, source, location, c, data) for c in source.columns)
        return replace(source, location=location, columns=columns)

    def _location(self, source: Source, definition: SourceDef) -> Location:
        """Where the rows of a source lie: where the target says, or those of the source of now, unless one of them is
        a query, which is part of what a source means."""
        given = self.definitions.target.sources.get(source.name)
        if given is not None:
            return Location(given.kind, given.value.value)
        now = self.base.sources.get(source.name)
        if now is None or now.members or source.query is not None or now.query is not None:
            return Location(definition.location.kind, definition.location.value.value)
        return now.location

    def _column(
        self, pin: str, source: Source, location: Location, column: Column, data: Mapping[str, tuple[str, str]]
    ) -> Column:
        found = data.get(column.name.casefold())
        if found is None:
            message = f"{pin} needs {source.name}.{column.name}, and the data has no such column any more"
            raise FeatcError(Diagnostic("F885", message, hint=did_you_mean(column.name, [n for n, _ in data.values()])))
        if is_untyped(location):
            return column
        physical = found[1]
        if column.type != seen_type(physical) and not fits(physical, column.type):
            message = f"{pin} has {source.name}.{column.name} as {column.type}, and the data has {physical} by now"
            raise FeatcError(Diagnostic("F885", message, hint=_MOVE))
        return replace(column, physical=physical)


def _check_pushed(pin: str, source: Source, now: Source, location: Location) -> None:
    """A batch is read by what the source says now: what that loses, an earlier version would miss. Raises F885."""
    was_zone, is_zone = ((s.timezone or "UTC") for s in (source, now))
    if was_zone.upper() != is_zone.upper():
        message = f"{pin} reads the times of {source.name} in {was_zone}, and they are read in {is_zone} by now"
        raise FeatcError(Diagnostic("F885", message, hint=_MOVE))
    here = {c.name: c.type for c in now.columns}
    for column in source.columns if is_untyped(location) else ():
        type_ = here.get(column.name, column.type)
        if not _survives(column.type, type_):
            message = f"{pin} has {source.name}.{column.name} as {column.type}, and it is read as {type_} by now,"
            message += " which may lose what was written"
            raise FeatcError(Diagnostic("F885", message, hint=_MOVE))


def _survives(type_: str, now: str) -> bool:
    """Whether text that is read as one type can be told from it as another type has it."""
    if type_ == now:
        return True
    if type_ == "VARCHAR":  # 007 and 7 are one number
        return False
    parts = decimal_parts(type_)
    if now in FLOATS:
        digits = parts[0] if parts else DIGITS.get(type_, 99)
        return now == "DOUBLE" and (type_ == "FLOAT" or digits <= _DIGITS_OF_DOUBLE)
    return True


_DIGITS_OF_DOUBLE = 15
_MOVE = "move who uses it to a later version, or give this one a featc and data that it was made for"
_FROM_GIT = "take featc.lock from git, or pin another version"


def named_pins(text: str) -> Iterator[str]:
    """The versions of views that a text names."""
    yield from (m[0] for m in PIN.finditer(text))
