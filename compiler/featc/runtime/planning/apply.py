"""`featc apply`: what a plan says, carried out, and the lock written last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featc.errors import Diagnostic, FeatcError
from featc.runtime.planning.plan import Plan, lock_of, plan
from featc.versions.categories import Category
from featc.versions.lock import Lock, read_lock, write_lock
from featc.versions.plain import LOCK_FILE

if TYPE_CHECKING:
    from featc.runtime.backfill import BackfillReport
    from featc.runtime.generations.swapping import Swapped
    from featc.runtime.store import FeatureStore
    from featc.runtime.verify.report import VerifyReport


Progress = Callable[[str, int, int], None]
"""Told of a source, how many of its rows have been gone through, and how many there are to go through."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of an apply. `verified`, `backfilled` and `served` are None where there was nothing to prove, to fill,
    or no online store to bring up; `written` says whether the lock is another now."""

    plan: Plan
    backfilled: BackfillReport | None
    verified: VerifyReport | None
    written: bool
    served: Swapped | None = None

    @property
    def exit_code(self) -> int:
        return self.verified.exit_code if self.verified is not None else 0

    def to_json(self) -> dict[str, Any]:
        filled = self.backfilled
        return {
            "plan": self.plan.to_json(),
            "backfilled": None if filled is None else {"intervals": filled.filled, "seconds": round(filled.seconds, 3)},
            "verified": None if self.verified is None else self.verified.to_json(),
            "served": served_json(self.served),
            "written": self.written,
        }


def served_json(found: Swapped | None) -> dict[str, Any] | None:
    """The generation of the online store that answers, as JSON has it."""
    if found is None:
        return None
    return {
        "generation": found.number,
        "file": found.file,
        "refilled": [{"source": r.source, "rows": r.rows, "batches": r.batches} for r in found.refilled],
        "followed": found.followed,
        "reversible": found.reversible,
    }


def apply(store: FeatureStore, *, verify: bool = True, progress: Progress | None = None) -> Applied:
    """Fills the tiles that the new definitions lack beside those of the old ones, proves what changed, makes the online
    store answer by them, and writes featc.lock.

    What answers is another from one moment to the next, after all else has succeeded; a run that stops before leaves
    everything as it was, one that stops after it leaves the lock to the next run. Values that differ, or too few probes
    to prove them, leave it so as well. Raises FeatcError F876 and F877 for what may not be applied, F87x for the lock,
    F89x for the online store, and what backfill and verify raise.
    """
    from featc.runtime.generations.swapping import bring_into_force, is_served

    found = plan(store)
    if found.refused:
        raise FeatcError(found.refused)
    before = read_lock(store.root)
    fresh = lock_of(store.compiled, found.after, before)
    is_locked = before is not None and before.text() == fresh.text()
    if is_locked and is_served(store, fresh):
        return Applied(found, None, None, written=False)
    filled = _backfill(store, found)
    proven = _verify(store, found) if verify else None
    if proven is not None and proven.exit_code:
        return Applied(found, filled, proven, written=False)
    _check_unchanged(store, before)
    served = bring_into_force(store, fresh, before, progress or (lambda source, done, total: None))
    if not is_locked:
        _check_unchanged(store, before)
        write_lock(store.root, fresh)
    return Applied(found, filled, proven, not is_locked, served)


def _check_unchanged(store: FeatureStore, before: Lock | None) -> None:
    if read_lock(store.root) != before:
        message = f"{LOCK_FILE} was changed by somebody else meanwhile"
        raise FeatcError(Diagnostic("F874", message, hint="run featc apply again"), exit_code=4)


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What came of a rollback: the generation that answers now, and whether the lock is another. `differs`: the YAML
    means something else than what answers."""

    served: Swapped
    written: bool
    differs: bool

    def to_json(self) -> dict[str, Any]:
        return {"served": served_json(self.served), "written": self.written, "yaml_differs": self.differs}


def roll_back(store: FeatureStore, progress: Progress | None = None) -> RolledBack:
    """Makes what was applied before the last apply answer again, with all that came in since, and writes its
    featc.lock. The YAML stays as it is. Raises FeatcError F891, F892, F894, F874, F90x."""
    from featc.runtime.generations import swapping

    before = read_lock(store.root)
    served, lock = swapping.roll_back(store, progress or (lambda source, done, total: None))
    written = before is None or before.text() != lock.text()
    if written:
        write_lock(store.root, lock)
    now = plan(store)
    return RolledBack(served, written, any(c.category >= Category.ADDITIVE for c in now.compared.changes))


def _touched(found: Plan) -> list[str]:
    return [
        c.name
        for c in found.compared.changes
        if c.kind == "feature" and c.what != "removed" and c.category >= Category.ADDITIVE
    ]


def _backfill(store: FeatureStore, found: Plan) -> BackfillReport | None:
    if not any(o.intervals for o in found.work.offline):
        return None
    return store.backfill(select=" ".join(_touched(found)))  # type: ignore[return-value]


def _verify(store: FeatureStore, found: Plan) -> VerifyReport | None:
    names = _touched(found)
    return store.verify(" ".join(names)) if names and found.work.verify else None
