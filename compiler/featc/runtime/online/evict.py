"""Evict: what no read at or after the horizon needs goes; values stay (semantics.md, "Events and versions").

The horizon is booked first, in a transaction of its own: from then on reads before it and rows that arrived before it
are refused. Then each view is one transaction, and each stream of versions. After every one of them all reads that are
still allowed have their values, so a run that is stopped has only done less.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from featc.lower.online import SourcePlan, StreamPlan, ViewPlan
from featc.lower.online_evict import first_kept, gone
from featc.lower.online_store import key_parameters
from featc.runtime.online.calendars import begins
from featc.runtime.online.database import Database
from featc.runtime.online.ledger import horizon_of, leave_out, newest_arrival, set_horizon
from featc.runtime.online.left import note_left

_FIRST, _LAST = -(2**62), 2**62
Transaction = Callable[[], AbstractContextManager[sqlite3.Connection]]


@dataclass(frozen=True, slots=True)
class ViewEviction:
    """What went of a view. `superseded` and `final` count rows, `tiles` those that were dropped or merged into
    others; `rows` and `kept_tiles` are left. `first` is the first τ (µs) whose rows all stay, None where no row goes
    by its age, and `reason` says then why."""

    view: str
    superseded: int
    final: int
    tiles: int
    rows: int
    kept_tiles: int
    first: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Eviction:
    """What went of a source. `horizon` (µs) is None, and nothing went, while the store has accepted no row of it;
    `moved` says whether it is another than before. `versions` counts superseded ones dropped."""

    source: str
    horizon: int | None
    moved: bool
    versions: int
    views: tuple[ViewEviction, ...]
    waits_for: tuple[str, ...] = ()
    """Of a union: the members that have no horizon yet, and may still bring rows of any age."""


def evict(database: Database, plans: Sequence[SourcePlan], replay: int) -> tuple[Eviction, ...]:
    """Moves each source's horizon to `replay` µs before its newest arrival, never back, and evicts its views."""
    return _evict(database.write, plans, replay)


def try_to_evict(database: Database, plans: Sequence[SourcePlan], replay: int) -> tuple[Eviction, ...]:
    """What `evict` would do: it is done in one transaction, and taken back."""
    with database.undone() as store:

        @contextmanager
        def inside() -> Iterator[sqlite3.Connection]:
            yield store

        return _evict(inside, plans, replay)


def _evict(transaction: Transaction, plans: Sequence[SourcePlan], replay: int) -> tuple[Eviction, ...]:
    # all horizons first: what joins look into stays as long as events may come that look
    known = [table for plan in plans for table in plan.tables]
    ordered = sorted(plans, key=lambda plan: bool(plan.source.members))  # unions after what they are made of
    booked = [(plan, *_book(transaction, plan, replay, known)) for plan in ordered]
    return tuple(
        Eviction(plan.source.name, before, False, 0, (), waits_for=_without_horizon(transaction, plan))
        if newest is None or horizon is None
        else _evict_source(transaction, plan, horizon, moved=horizon != before)
        for plan, before, newest, horizon in booked
    )


def _without_horizon(transaction: Transaction, plan: SourcePlan) -> tuple[str, ...]:
    names = (m.source.name for m in plan.source.members)
    with transaction() as store:
        return tuple(name for name in names if horizon_of(store, name) is None)


def _book(
    transaction: Transaction, plan: SourcePlan, replay: int, known: Sequence[str]
) -> tuple[int | None, int | None, int | None]:
    """(the horizon before, the newest arrival, the horizon now) of a source. `known` are the project's tables.

    A union's is the least of its members': what they still accept, it has to have.
    """
    source = plan.source.name
    with transaction() as store:
        before, newest = horizon_of(store, source), newest_arrival(store, source)
        if newest is None:
            return before, None, before
        horizon = newest - replay if before is None else max(before, newest - replay)
        if plan.source.members:
            own = [horizon_of(store, m.source.name) for m in plan.source.members]
            if None in own:
                return before, newest, before
            horizon = min(h for h in own if h is not None)
        if horizon != before:
            set_horizon(store, source, horizon)
            leave_out(store, known, None, 1)
    return before, newest, horizon


def _evict_source(transaction: Transaction, plan: SourcePlan, horizon: int, *, moved: bool) -> Eviction:
    views = []
    for view in plan.all_views:
        with transaction() as store:
            views.append(_evict_view(store, view, _horizon_of_view(store, plan, view, horizon)))
    versions = 0
    for stream in plan.streams:
        with transaction() as store:
            versions += _evict_versions(store, stream, horizon)
    for view in plan.joined:
        with transaction() as store:
            _evict_kept(store, view)
    return Eviction(plan.source.name, horizon, moved, versions, tuple(views))


def _horizon_of_view(store: sqlite3.Connection, plan: SourcePlan, view: ViewPlan, horizon: int) -> int:
    """The horizon under which a view's rows are seen: its source's; of rows that joins look into, also those of the
    events that may still come to look, or be made to."""
    if not view.layout.looked_into:
        return horizon
    joining = [v for v in plan.reached if v.joins is not None and view.layout.view.name in v.joins.beside]
    # a late row of another source that they join has them look here, too, at what was known then
    sources = dict.fromkeys(s for v in joining if v.joins for s in (v.layout.source.name, *v.joins.sources))
    others = [horizon_of(store, name) for name in sources]
    found = min([horizon, *(_FIRST if h is None else h for h in others)])
    # of what matches, a read at the horizon itself may still see a version that goes then
    return found - 1 if any(v.layout.view.attributed is not None for v in joining) else found


def _evict_kept(store: sqlite3.Connection, view: ViewPlan) -> None:
    """Drops rows that were kept to be lifted again: of versions that went, and of those that entered before every row
    that may still come to be joined."""
    joins = view.joins
    assert joins is not None
    if joins.drop_superseded_sql:
        store.execute(joins.drop_superseded_sql)
    if view.layout.view.attributed is not None:
        return  # a late match may still come for any of them
    horizons = [horizon_of(store, source) for source in joins.sources]
    known = [h for h in horizons if h is not None]
    if len(known) == len(horizons):
        store.execute(joins.drop_settled_sql, {"settled": min(known, default=_LAST)})


def _evict_view(store: sqlite3.Connection, view: ViewPlan, horizon: int) -> ViewEviction:
    layout, plan = view.layout, view.evict
    seen = {"gone": gone(layout, horizon)}
    tiles_before = _count(store, layout.tiles) if layout.tiled else 0
    superseded = store.execute(plan.superseded_sql, seen).rowcount if plan.superseded_sql else 0
    if plan.reopened_sql:
        store.execute(plan.reopened_sql)
    first = first_kept(layout, horizon, begins)
    final = 0 if first is None else _evict_final(store, view, first, horizon)
    if plan.empty_sql:
        store.execute(plan.empty_sql, seen)
    rows, tiles = _count(store, layout.events), _count(store, layout.tiles) if layout.tiled else 0
    return ViewEviction(
        layout.view.name, superseded, final, max(tiles_before - tiles, 0), rows, tiles, first, plan.kept
    )


def _count(store: sqlite3.Connection, table: str) -> int:
    return int(store.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _evict_final(store: sqlite3.Connection, view: ViewPlan, first: int, horizon: int) -> int:
    """Drops the rows before `first` that nothing can change any more; gives how many."""
    layout, plan = view.layout, view.evict
    known = store.execute("SELECT before FROM featc_compacted WHERE name = ?", (layout.events,)).fetchone()
    if known is not None and known[0] >= first:
        return 0
    before = {"before": first}
    if plan.open_sql:
        names = (*key_parameters(layout), "start")
        found = [dict(zip(names, row, strict=True)) for row in store.execute(plan.open_sql, before)]
        store.executemany(view.seal_sql or "", found)
    for text in (plan.merge_sql, plan.tiles_sql):
        if text:
            store.execute(text, before)
    dropped = store.execute(plan.rows_sql or "", before).rowcount
    note_left(store, layout, first, horizon)
    return dropped


def _evict_versions(store: sqlite3.Connection, stream: StreamPlan, horizon: int) -> int:
    for text in (stream.carry_sql, stream.drop_sql):
        if text:
            dropped = store.execute(text, {"horizon": horizon}).rowcount
    return dropped
