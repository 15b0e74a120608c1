"""`featc backfill --at T`: the features of all entities as they stood at an instant, one table for each view.

Values come from the training query, over a spine of all entities known at the instant: those with a row that was
visible then or before. Each instant is one transaction and one line of the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featc import __version__
from featc.errors import Diagnostic, FeatcError
from featc.fingerprint import outputs_fingerprint
from featc.lineage import chosen_features
from featc.lower.backfill.entities import SNAPSHOTS, entities_sql, entity_views, snapshot_outputs
from featc.lower.source import quoted
from featc.lower.tile_table import SCHEMA
from featc.lower.training import training_sql
from featc.resolve.model import Output, View
from featc.runtime.backfill import ledger
from featc.runtime.backfill.run import open_session
from featc.runtime.backfill.session import Session, Watch, moment, nobody

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

AS_OF = "as_of"


@dataclass(frozen=True, slots=True)
class ViewSnapshots:
    """One view's instants: how many were `taken` in this run (in a dry run: would be), how many were there; `entities`
    counts the rows written."""

    view: str
    table: str
    taken: int
    kept: int
    entities: int


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """A whole run. `skipped` names views that have no snapshot, and why."""

    database: str
    dry_run: bool
    instants: tuple[int, ...]
    views: tuple[ViewSnapshots, ...]
    skipped: tuple[tuple[str, str], ...]
    statements: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The documented shape of `--format json`."""
        return {
            "database": self.database,
            "dry_run": self.dry_run,
            "instants": len(self.instants),
            "views": [
                {
                    "view": v.view,
                    "table": f"{SNAPSHOTS}.{v.table}",
                    "taken": v.taken,
                    "kept": v.kept,
                    "entities": v.entities,
                }
                for v in self.views
            ],
            "skipped": [{"view": view, "reason": why} for view, why in self.skipped],
            "statements": self.statements,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class _Target:
    """A view's table of snapshots, and the views whose rows make its entities."""

    view: View
    table: str
    outputs: tuple[Output, ...]
    entities: tuple[View, ...]

    @property
    def relation(self) -> str:
        return f"{SNAPSHOTS}.{quoted(self.table)}"


def snapshot(
    store: FeatureStore,
    instants: Sequence[int],
    select: str | None = None,
    *,
    restate: bool = False,
    dry_run: bool = False,
    watch: Watch = nobody,
) -> SnapshotReport:
    """Writes the features of all entities at each instant (µs); instants that are there are left, unless `restate`.

    Raises FeatcError: F720 nothing to take, F722 a ledger of another format, F723 a value without a state, F901 (exit
    code 4) while another process holds the database.
    """
    began = time.monotonic()
    targets, skipped = _targets(store, select)
    session = open_session(store, writes=not dry_run, watch=watch)
    try:
        there = ledger.is_there(session)
        if not there and not dry_run:
            ledger.make(session)
            there = True
        missing = {t.table: _missing(session, t, instants, there and not restate) for t in targets}
        views = []
        for target in targets:
            wanted = missing[target.table]
            entities = sum(_take(session, store, target, t) for t in wanted) if not dry_run else 0
            views.append(
                ViewSnapshots(target.view.name, target.table, len(wanted), len(instants) - len(wanted), entities)
            )
        seconds = time.monotonic() - began
        return SnapshotReport(
            str(store.database), dry_run, tuple(instants), tuple(views), skipped, session.statements, seconds
        )
    finally:
        session.connection.close()


def _targets(store: FeatureStore, select: str | None) -> tuple[tuple[_Target, ...], tuple[tuple[str, str], ...]]:
    project = store.project
    named = ((project.view(view).origin, feature) for view, feature in chosen_features(project, select))
    chosen = tuple(pair for pair in named if pair[0] in project.views)
    found, skipped = [], []
    for view in project.views.values():
        if not any(name == view.name for name, _ in chosen):
            continue
        outputs = snapshot_outputs(project, view, chosen)
        entities = entity_views(project, view)
        if not outputs:
            skipped.append((view.name, "its features need a request"))
        elif not entities:
            skipped.append((view.name, "no rows bring its entities together"))
        else:
            keys = tuple((k.name, k.type) for k in view.keys)
            name = f"{view.name}__{outputs_fingerprint(project, outputs, keys)[:8]}"
            found.append(_Target(view, name, outputs, entities))
    if not found:
        why = "; ".join(f"{view}: {reason}" for view, reason in skipped) or "there are no features"
        message = f"there is nothing to take a snapshot of: {why}"
        raise FeatcError(Diagnostic("F720", message, hint="featc ls shows what there is"), exit_code=2 if select else 1)
    return tuple(found), tuple(skipped)


def _missing(session: Session, target: _Target, instants: Sequence[int], ask: bool) -> list[int]:
    """The instants that the ledger does not have."""
    if not ask:
        return list(instants)
    rows = session.run(f"SELECT epoch_us(as_of) FROM {SCHEMA}.snapshots WHERE snapshot_table = ?", [target.table])
    have = {row[0] for row in rows}
    return [t for t in instants if t not in have]


def _take(session: Session, store: FeatureStore, target: _Target, t: int) -> int:
    """Writes one instant and gives the number of entities."""
    keys = [quoted(k.name) for k in target.view.keys]
    session.step("rows")
    known = entities_sql(store.located, target.entities, t)
    session.run(f"CREATE OR REPLACE TEMP TABLE spine AS\n{known}")
    sql = training_sql(store.located, target.outputs, time=AS_OF, extra=(*keys, AS_OF))
    session.run(f"CREATE SCHEMA IF NOT EXISTS {SNAPSHOTS}")
    session.run(f"CREATE TABLE IF NOT EXISTS {target.relation} AS\nFROM (\n{sql}\n) LIMIT 0")
    with session.transaction():
        session.run(f"DELETE FROM {target.relation} WHERE {AS_OF} = make_timestamp({t})")
        session.step("tiles")
        entities = int(session.run(f"INSERT INTO {target.relation} BY NAME\n{sql}")[0][0])
        session.step("ledger")
        session.run(f"DELETE FROM {SCHEMA}.snapshots WHERE snapshot_table = ? AND as_of = ?", [target.table, moment(t)])
        session.run(
            f"INSERT INTO {SCHEMA}.snapshots VALUES (?, ?, ?, ?, epoch_ms(epoch_ms(current_timestamp)))",
            [target.table, moment(t), entities, __version__],
        )
    session.done += entities
    return entities
