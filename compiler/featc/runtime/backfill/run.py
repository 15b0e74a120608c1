"""`featc backfill`: look for changes, open what they touch, fill what is open (interfaces.md, "Command line").

Order within a run, each step in transactions of its own:

1. Per source: its repeated versions, then one pass that counts and hashes its rows by interval.
2. Intervals that differ from the ledger are opened: their tiles and lines go.
3. Stretches of open intervals in the range are filled, with their ledger lines.
4. The range is marked as covered.

A run that dies between any two statements leaves open what it had not filled, and the next one fills it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from featc.errors import Diagnostic, FeatcError
from featc.lineage import needed_features
from featc.lower.backfill import Stream, TileTable, streams, tile_tables
from featc.runtime.backfill import ledger
from featc.runtime.backfill.files import Listing, listing
from featc.runtime.backfill.fill import columns_of, fill_stream, shape_empty
from featc.runtime.backfill.ledger import Held, Range
from featc.runtime.backfill.look import Differences, Found, common, compare, is_within, look, united, without
from featc.runtime.backfill.report import BackfillReport, SourceReport, ViewReport
from featc.runtime.backfill.session import Session, Watch, nobody

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore


@dataclass(frozen=True, slots=True)
class TablePlan:
    """What a run does for one table. `range` holds whole intervals; `opened` is what of `differences` lies in it."""

    table: TileTable
    held: Held
    columns: frozenset[str]
    range: Range
    differences: Differences
    opened: dict[int, frozenset[str]]

    @property
    def lacks_columns(self) -> bool:
        """Whether states have no column yet, and nothing is open that would make them one."""
        wanted = (c.strip('"') for s in self.table.states for c in s.columns)
        return not self.opened and not self.columns.issuperset(wanted)


@dataclass(frozen=True, slots=True)
class StreamPlan:
    stream: Stream
    listing: Listing
    found: Found
    tables: tuple[TablePlan, ...]

    @property
    def rows_to_read(self) -> int:
        return sum(n for start, n in self.found.rows.items() if any(start in t.opened for t in self.tables))


def backfill(
    store: FeatureStore,
    start: int | None = None,
    end: int | None = None,
    select: str | None = None,
    *,
    restate: bool = False,
    dry_run: bool = False,
    watch: Watch = nobody,
) -> BackfillReport:
    """Fills the tiles of the selected views, or says what would be.

    `start` and `end` are µs, half-open, widened to whole intervals; None is where the source, or what was filled from
    it, begins and ends. `restate` fills the range again whatever the ledger says. Raises FeatcError: F720 nothing to
    fill, F722 a ledger of another format, F723 a value without a state, F901 (exit code 4) while
    another process holds the database.
    """
    began = time.monotonic()
    tables = tables_of(store, select)
    session = open_session(store, writes=not dry_run, watch=watch)
    try:
        there = ledger.is_there(session)
        if not there and not dry_run:
            ledger.make(session)
            there = True
        plans: list[StreamPlan] = []
        listings: dict[str, Listing] = {}
        for turn, group in enumerate(_apart(tables)):
            again = restate and turn == 0  # what is filled anew loses the columns of others, which are then open
            fresh = [_plan(session, store, s, there, (start, end), again, listings) for s in streams(group)]
            session.whole += sum(plan.rows_to_read for plan in fresh)
            for plan in fresh if not dry_run else ():
                _carry_out(session, plan)
            plans += fresh
        return _report(store, session, plans, dry_run, time.monotonic() - began)
    finally:
        session.connection.close()


def _apart(tables: Sequence[TileTable]) -> list[list[TileTable]]:
    """Views that have one table, which only versions of one view do, take turns: each fills its own columns."""
    turns: list[dict[str, TileTable]] = []
    for table in tables:
        free = next((turn for turn in turns if table.name not in turn), None)
        if free is None:
            turns.append(free := {})
        free[table.name] = table
    return [list(turn.values()) for turn in turns]


def tables_of(store: FeatureStore, select: str | None) -> tuple[TileTable, ...]:
    """The tables behind the selected features, their files named absolutely. Raises FeatcError F720 for none."""
    views = {view for view, _ in needed_features(store.project, select)}
    sources = store.located.sources
    tables = (t for t in tile_tables(store.project) if t.view.name in views)
    found = tuple(replace(t, source=sources[t.source.name]) for t in tables)
    if not found:
        what = f"'{select}' selects no feature" if select else "the project has no feature"
        hint = "tiles hold sums, counts, extremes and moments over windows of time; featc ls shows what there is"
        raise FeatcError(Diagnostic("F720", f"{what} that is made of tiles", hint=hint), exit_code=2 if select else 1)
    return found


def open_session(store: FeatureStore, *, writes: bool, watch: Watch) -> Session:
    """The target's database. With `writes` it is made where it is missing."""
    if store.database is None:
        raise FeatcError(Diagnostic("F725", "the target has no database to backfill", hint="add database: to it"))
    if writes:
        _make_folder(store.database.parent)
    return Session(store.connect(writes=writes), watch)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "check its rights and the free space"
        finding = Diagnostic("F902", f"cannot make {folder}: {error.strerror or error}", hint=hint)
        raise FeatcError(finding, exit_code=4) from None


# ── the plan ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _plan(
    session: Session,
    store: FeatureStore,
    stream: Stream,
    there: bool,
    asked: tuple[int | None, int | None],
    restate: bool,
    listings: dict[str, Listing],
) -> StreamPlan:
    """Looks at a source and compares. The files are listed first: what changes while they are read then shows.
    `listings` are those of this run by source, so that all states of a table are said to be compared with one."""
    name = stream.source.name
    if name not in listings:
        listings[name] = listing(store.project.sources[name], store.root)
    files = listings[name]
    found = look(session, stream)
    plans = []
    for table in stream.tables:
        held = ledger.read(session, table) if there else Held()
        range_ = _range(table, found, held, asked)
        differences = compare(table, found, held, range_ if restate else None)
        opened = {s: f for s, f in differences.open.items() if is_within([range_], s)}
        plans.append(TablePlan(table, held, columns_of(session, table), range_, differences, opened))
    return StreamPlan(stream, files, found, tuple(plans))


def _range(table: TileTable, found: Found, held: Held, asked: tuple[int | None, int | None]) -> Range:
    """The whole intervals that a run is about."""
    width = table.width
    known = [*found.rows, *held.of(table.fingerprint), *(first for first, _ in held.covered)]
    ends = [*(s + width for s in (*found.rows, *held.of(table.fingerprint))), *(past for _, past in held.covered)]
    start, end = asked
    first = min(known, default=0) if start is None else start // width * width
    past = max(ends, default=first) if end is None else -(-end // width) * width
    return (first, max(first, past))


# ── carrying it out ───────────────────────────────────────────────────────────────────────────────────────────────


def _carry_out(session: Session, plan: StreamPlan) -> None:
    changed = [t for t in plan.tables if _must_open(session, t, plan.listing)]
    if changed:
        session.step("reopen")
        with session.transaction():
            for each in changed:
                _open(session, each, plan.listing)
    fill_stream(session, plan.stream, plan.found, {t.table.name: t.opened for t in plan.tables})
    shape_empty(session, plan.stream, [t.table for t in plan.tables if t.lacks_columns])
    covered = [(t, united([*_still_covered(t), t.range])) for t in plan.tables]
    if any(ranges != _still_covered(t) for t, ranges in covered):
        session.step("cover")
        with session.transaction():
            for each, ranges in covered:
                ledger.cover(session, each.table, ranges)


def _must_open(session: Session, plan: TablePlan, now: Listing) -> bool:
    """Whether the ledger has anything to be told before filling."""
    if plan.differences.touches_ledger:
        return True
    before = ledger.compared_with(session, plan.table)
    if before is None or not before[1]:
        return True
    return now.files is not None and not before[0].is_still(now)


def _open(session: Session, plan: TablePlan, now: Listing) -> None:
    ledger.forget_intervals(session, plan.table, plan.differences.stale)
    ledger.forget(session, plan.table, plan.differences.changed)
    if plan.differences.uncovered:
        ledger.cover(session, plan.table, _still_covered(plan))
    ledger.compared(session, plan.table, now)


def _still_covered(plan: TablePlan) -> tuple[Range, ...]:
    return without(plan.held.covered, plan.differences.uncovered, plan.table.width)


# ── the report ────────────────────────────────────────────────────────────────────────────────────────────────────


def _report(
    store: FeatureStore, session: Session, plans: Sequence[StreamPlan], dry_run: bool, seconds: float
) -> BackfillReport:
    views = [_view_report(plan, table) for plan in plans for table in plan.tables]
    order = list(store.project.views)
    return BackfillReport(
        database=str(store.database),
        dry_run=dry_run,
        views=tuple(sorted(views, key=lambda v: order.index(v.view))),
        sources=_source_reports(plans),
        statements=session.statements,
        seconds=seconds,
    )


def _source_reports(plans: Sequence[StreamPlan]) -> tuple[SourceReport, ...]:
    found = []
    for plan in plans:
        rows, whole = plan.rows_to_read, plan.found.scanned
        size = plan.listing.bytes
        read = None if size is None else size * rows // whole if whole else 0
        found.append(SourceReport(plan.stream.source.name, whole, rows, read))
    return tuple(found)


def _view_report(plan: StreamPlan, each: TablePlan) -> ViewReport:
    table, (first, past) = each.table, each.range
    width = table.width
    filled_before = [s for s in each.held.of(table.fingerprint) if first <= s < past]
    covered = united([*common(_still_covered(each), each.range), *((s, s + width) for s in filled_before)])
    known = sum((b - a) // width for a, b in covered)
    complete = known - sum(1 for s in each.opened if is_within(covered, s))
    differing = each.differences.differing
    new = [c for s in table.states for c in s.columns if each.columns and c.strip('"') not in each.columns]
    return ViewReport(
        view=table.view.name,
        table=table.name,
        range=each.range,
        filled=(past - first) // width - complete,
        complete=complete,
        reopened=len(differing),
        left_open=sum(1 for s in differing if s in each.differences.open and s not in each.opened),
        rows_read=sum(plan.found.rows[s] for s in each.opened),
        added=tuple(new),
    )
