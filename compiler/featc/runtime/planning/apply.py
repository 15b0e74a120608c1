"""`featc apply`: what a plan says, carried out, and the lock written last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featc.errors import Diagnostic, FeatcError
from featc.runtime.planning.plan import Plan, lock_of, plan
from featc.versions.categories import Category
from featc.versions.lock import read_lock, write_lock
from featc.versions.plain import LOCK_FILE

if TYPE_CHECKING:
    from featc.runtime.backfill import BackfillReport
    from featc.runtime.store import FeatureStore
    from featc.runtime.verify.report import VerifyReport


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of an apply. `verified` and `backfilled` are None where there was nothing to prove or to fill;
    `written` says whether the lock is another now."""

    plan: Plan
    backfilled: BackfillReport | None
    verified: VerifyReport | None
    written: bool

    @property
    def exit_code(self) -> int:
        return self.verified.exit_code if self.verified is not None else 0

    def to_json(self) -> dict[str, Any]:
        filled = self.backfilled
        return {
            "plan": self.plan.to_json(),
            "backfilled": None if filled is None else {"intervals": filled.filled, "seconds": round(filled.seconds, 3)},
            "verified": None if self.verified is None else self.verified.to_json(),
            "written": self.written,
        }


def apply(store: FeatureStore, *, verify: bool = True) -> Applied:
    """Fills the tiles that the new definitions lack beside those of the old ones, proves what changed, and writes
    featc.lock; a run that stops anywhere before leaves the lock as it was, and the next goes on.

    Values that differ, or too few probes to prove them, leave it so as well. Raises FeatcError F876 and F877 for what
    may not be applied, F87x for the lock, and what backfill and verify raise.
    """
    found = plan(store)
    if found.refused:
        raise FeatcError(found.refused)
    before = read_lock(store.root)
    fresh = lock_of(store.compiled, found.after, before)
    if before is not None and before.text() == fresh.text():
        return Applied(found, None, None, written=False)
    filled = _backfill(store, found)
    proven = _verify(store, found) if verify else None
    if proven is not None and proven.exit_code:
        return Applied(found, filled, proven, written=False)
    if read_lock(store.root) != before:
        message = f"{LOCK_FILE} was changed by somebody else meanwhile"
        raise FeatcError(Diagnostic("F874", message, hint="run featc apply again"), exit_code=4)
    write_lock(store.root, fresh)
    return Applied(found, filled, proven, written=True)


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
