"""Takes a batch into the store, inside the caller's transaction: versions, changed successors written through to the
views' rows, the lifted rows, and every sealed tile whose membership changed (semantics.md, "Events and versions").
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from featc.errors import Diagnostic, FeatcError
from featc.lower.online import Feed, SourcePlan, StreamPlan, ViewPlan
from featc.lower.online_dumps import DumpsPlan
from featc.lower.online_joins import Hop, ViewHop
from featc.lower.online_lift import TOO_LATE, read_columns
from featc.lower.online_store import ABSENT
from featc.runtime.online import journal
from featc.runtime.online.beside import BesideReaders
from featc.runtime.online.dumps import Listed
from featc.runtime.online.dumps import accept as accept_dumps
from featc.runtime.online.dumps import resolve as resolve_dumps
from featc.runtime.online.engine import Engine
from featc.runtime.online.joined import Changed, JoinedRows, note, placed
from featc.runtime.online.journal import Entry
from featc.runtime.online.ledger import (
    PushReport,
    enter_batch,
    first_row,
    horizon_of,
    leave_out,
)
from featc.runtime.online.lifted import Lifted, Row, lift, lift_slices
from featc.runtime.online.matched import MatchedRows
from featc.runtime.online.routes import Route, keep_to_one_route
from featc.runtime.online.tiles import Tiles
from featc.runtime.online.unions import united

_LARGE = 200_000
"""Rows above which a batch is lifted in slices, inside the transaction; smaller ones are lifted before it begins."""

BEHIND = "arrived before the replay horizon"
Faults = Mapping[int, Sequence[str]]
"""Why rows are rejected, by their places in the batch."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it was asked to be taken in. `digest` is of its rows, where it has a token; `lacking` are the columns
    of its source that it does not have. `entry` is what the journal keeps of it."""

    rows: int
    route: Route
    token: str | None = None
    digest: str | None = None
    strict: bool = False
    lacking: frozenset[str] = frozenset()
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Lifter:
    """What lifts the rows of a batch: DuckDB, and what reads the features that lie beside them."""

    engine: Engine
    beside: BesideReaders


def lifted_batch(engine: Engine, plan: SourcePlan, rows: int) -> Iterator[Lifted]:
    """What lies in the table of the batch, lifted: at once, or slice by slice where it is large. Dumps are whole."""
    sliced = rows > _LARGE and plan.dumps is None
    return lift_slices(engine, plan, rows, _LARGE) if sliced else iter([lift(engine, plan, rows)])


def take_in(
    store: sqlite3.Connection, lifter: Lifter, plan: SourcePlan, slices: Iterator[Lifted], batch: Batch
) -> PushReport:
    """Takes a lifted batch into the store, inside the caller's transaction. The caller holds `engine.batch`.

    Raises FeatcError F614 (a strict batch with a bad row), F640 or F641 (rows without an id, by two routes).
    """
    with united(lifter.engine, plan) as unions:
        taking = _Taking(store, lifter, plan, batch)
        for lifted in slices:
            taking.take(lifted)
        for feed in unions:
            taking.unite(feed, batch)
    return taking.finish(batch)


def _refuse(source: str, rows: int, faults: Faults, texts: Mapping[int, str]) -> None:
    counts = Counter(reason for reasons in faults.values() for reason in reasons)
    listed = "; ".join(f"{count} × {reason}" for reason, count in sorted(counts.items()))
    place = min(faults)
    message = f"{len(faults)} of {rows} rows for {source} are rejected: {listed}"
    hint = f"the first is row {place + 1}: {texts[place]}; nothing was written"
    raise FeatcError(Diagnostic("F614", message, hint=hint))


@dataclass(frozen=True, slots=True)
class _Accepted:
    """What a stream of versions did with the rows of a batch, by their places: those it had, those that are too late
    for `final_after`. `changed` is (`_superseded`, `_seq`) of the versions that have another successor now."""

    known: frozenset[int] = frozenset()
    late: frozenset[int] = frozenset()
    changed: Sequence[Row] = ()


class _Taking:
    """One batch going into the store, inside the caller's transaction."""

    def __init__(
        self,
        store: sqlite3.Connection,
        lifter: Lifter,
        plan: SourcePlan,
        batch: Batch,
        refused: frozenset[int] = frozenset(),
    ) -> None:
        self.store = store
        self.refused = refused
        self.behind: set[int] = set()
        self.lifter = lifter
        self.plan = plan
        hops = [hop for view in plan.to_lift if view.joins for hop in view.joins.hops]
        self.watched = {h.rows.view.name for h in hops if isinstance(h, Hop)}
        self.watched |= {r.view for h in hops if isinstance(h, ViewHop) for r in h.reached}
        self.strict = batch.strict
        self.is_read_again = batch.route == "materialize"
        self.first = first_row(store)
        self.horizon = horizon_of(store, plan.source.name)
        self.rows = 0
        self.accepted = 0
        self.duplicates = 0
        self.anonymous = 0
        self.fed: set[str] = set()
        self.made_late = 0
        self.rejected: list[tuple[int, list[str], str]] = []
        self.newest_arrival: int | None = None
        self.lacked: set[str] = set()

    def take(self, lifted: Lifted) -> None:
        """Takes in the next rows of the batch."""
        if self.strict and lifted.faults:
            faults = lifted.reasons_of(lifted.faults)
            _refuse(self.plan.source.name, lifted.rows, faults, lifted.texts)
        behind = self.refused & frozenset(range(lifted.first, lifted.first + lifted.rows))
        behind |= frozenset() if self.horizon is None else lifted.behind(self.horizon)
        self.behind |= behind
        streams: dict[str, _Accepted] = {}
        for stream in self.plan.streams:
            table = stream.stream.table
            rows = [r for r in lifted.versions[table] if r[2] is not None]
            streams[table] = self._accept(stream, rows, behind)
        dumps = self.plan.dumps
        if dumps is not None:
            streams[dumps.table] = _Accepted(self._accept_dumps(dumps, lifted))
        changed: dict[str, Changed] = {}
        for view, rows in lifted.views:
            own = dumps.table if dumps is not None else view.stream.stream.table if view.stream else ""
            found = streams.get(own, _Accepted())
            skip = found.known | found.late | behind
            fresh = [r for r in rows if r[0] not in skip] if skip else rows
            self._note(view, fresh, found.changed, changed)
            _take_view(self.store, view, fresh, self.first, found.changed)
            self.fed |= {view.layout.view.name} if fresh else set()
        if dumps is not None:
            resolve_dumps(self.store, dumps, self.plan.views)
        self._take_joined(lifted, streams, behind, changed)
        self.anonymous += _anonymous(self.plan, lifted)
        self._count(lifted, tuple(streams.values()), behind)

    def unite(self, feed: Feed, batch: Batch) -> None:
        """Takes the rows of the batch in as those of a union, in whose columns they lie as the batch by now. What is
        wrong with them for its views is told with the batch."""
        lacking = frozenset(c for c, needs in feed.needs.items() if needs and needs <= batch.lacking)
        part = Batch(batch.rows, batch.route, strict=batch.strict, lacking=lacking)
        # a union's horizon is no later, but what its member refuses is none of its rows
        taking = _Taking(self.store, self.lifter, feed.plan, part, frozenset(self.behind))
        for lifted in lifted_batch(self.lifter.engine, feed.plan, batch.rows):
            taking.take(lifted)
        if taking.anonymous:
            keep_to_one_route(self.store, self.plan.source, batch.route)
        told = {place for place, _, _ in self.rejected}
        fresh = [row for row in taking.rejected if row[0] not in told]
        taking.rejected = []  # they are kept with the batch that was pushed
        taking.finish_union(part)
        self.rejected += fresh
        self.made_late = max(self.made_late, taking.made_late)
        self.lacked |= {c for union in taking.absent(part) for c in feed.needs[union]}

    def _take_joined(
        self,
        lifted: Lifted,
        streams: Mapping[str, _Accepted],
        behind: frozenset[int],
        changed: dict[str, Changed],
    ) -> None:
        """Takes in rows of views with joins, and lifts anew those, of any source, that the batch reaches: each view
        after those that it joins."""
        fresh: dict[str, list[int]] = {}
        for view, rows in lifted.kept:
            found = streams[view.stream.stream.table] if view.stream else _Accepted()
            skip = found.known | found.late | behind
            new = [r for r in rows if r[0] not in skip]
            fresh[view.layout.view.name] = self._joined(view).keep(new, self.first)
            self.fed |= {view.layout.view.name} if new else set()
            if view.layout.view.attributed is not None:
                fresh[view.layout.view.name] += [seq for _, seq in found.changed]
            elif found.changed:
                self._note(view, (), found.changed, changed)
                _take_view(self.store, view, (), self.first, found.changed)
        for view in self.plan.to_lift:
            name, joined = view.layout.view.name, self._joined(view)
            joined.lift({*fresh.get(name, ()), *joined.reached(changed)})
            for key, (first, last, known) in joined.changed.items() if name in self.watched else ():
                note(changed.setdefault(name, {}), key, first, known)
                note(changed[name], key, last, known)

    def _joined(self, view: ViewPlan) -> JoinedRows:
        rows = JoinedRows if view.layout.view.attributed is None else MatchedRows
        return rows(self.store, self.lifter.engine, self.lifter.beside, view)

    def _note(self, view: ViewPlan, rows: Sequence[Row], changes: Sequence[Row], changed: dict[str, Changed]) -> None:
        """Notes the new rows of a view that joins look into, and those whose successor is about to change."""
        if view.layout.view.name not in self.watched:
            return
        found = changed.setdefault(view.layout.view.name, {})
        for row in rows:
            note(found, *placed(view.layout, row))
        for successor, seq in changes:
            for *key, tau, enter, before in self.store.execute(view.placed_sql, (seq,)):
                # until the earlier of both successors the row stays as it was
                known = min((s for s in (successor, before) if s is not None), default=enter)
                note(found, tuple(key), tau, max(known, enter))

    def _accept_dumps(self, dumps: DumpsPlan, lifted: Lifted) -> frozenset[int]:
        """Takes in dumps; gives the places of the rows of those that the store had."""
        listed = {(row[0], row[1]): Listed(*row[2:]) for row in lifted.dumps}
        places = {place: (tau, alpha) for place, tau, alpha in lifted.dump_places}
        return accept_dumps(self.store, dumps, listed, places, self.horizon)

    def _accept(self, stream: StreamPlan, rows: list[Row], behind: frozenset[int]) -> _Accepted:
        """Takes in versions; of those before the horizon only says whether it has them, or had them: an interval that
        is materialized again holds those that were evicted since, too."""
        old = {r[0] for r in rows if r[0] in behind and self._has(stream, r)}
        entering = [(self.first + r[0], *r[2:]) for r in rows if r[0] not in behind]
        fresh_from = min((r[0] for r in entering), default=self.first)
        self.store.executemany(stream.accept_sql, entering)
        taken = self.store.execute(f"SELECT _seq FROM {stream.stream.table} WHERE _seq >= ?", (fresh_from,))
        fresh = {r[0] for r in taken}
        known = frozenset(r[0] - self.first for r in entering if r[0] not in fresh) | old
        changed = self.store.execute(stream.resolve_sql, {"first": fresh_from}).fetchall()
        absent = {seq for seq, successor in changed if successor == ABSENT}
        self.made_late += len(absent - fresh)
        self.store.executemany(stream.supersede_sql, updates := [(successor, seq) for seq, successor in changed])
        return _Accepted(known, frozenset(seq - self.first for seq in absent & fresh), updates)

    def _has(self, stream: StreamPlan, row: Row) -> bool:
        named = row[-1 - len(stream.stream.identity) :]  # `_version` and the identity
        if self.store.execute(stream.known_sql, named).fetchone() is not None:
            return True
        passed = (*named, self.horizon)
        return self.is_read_again and self.store.execute(stream.passed_sql, passed).fetchone() is not None

    def _count(self, lifted: Lifted, streams: Sequence[_Accepted], behind: frozenset[int]) -> None:
        source = self.plan.source.name
        duplicates = frozenset.intersection(*(s.known for s in streams)) if streams else frozenset()
        late = frozenset().union(*(s.late for s in streams))
        added = {**dict.fromkeys(late, TOO_LATE), **dict.fromkeys(behind - duplicates, BEHIND)}
        texts = {**lifted.texts, **lifted.texts_of(sorted(added))}
        if self.strict and added:
            _refuse(source, lifted.rows, {place: [reason] for place, reason in added.items()}, texts)
        # a row the store had was rejected, and kept, when it first came
        faults = {p: list(reasons) for p, reasons in lifted.faults.items() if p not in duplicates}
        for place, reason in added.items():
            faults.setdefault(place, []).append(reason)
        self.rows += lifted.rows
        self.duplicates += len(duplicates)
        self.accepted += lifted.rows - len(duplicates) - len((lifted.unseen | added.keys()) - duplicates)
        self.rejected += [(place, reasons, texts[place]) for place, reasons in sorted(faults.items())]
        newest = lifted.newest_arrival
        if late:
            seen = (r for s in self.plan.streams for r in lifted.versions[s.stream.table] if r[0] not in late)
            newest = max((r[2] for r in seen if r[1] is None and r[2] is not None), default=None)
        if newest is not None:
            self.newest_arrival = max(newest, self.newest_arrival or newest)

    def finish(self, batch: Batch) -> PushReport:
        """Enters the batch in the store's books."""
        if self.anonymous:
            keep_to_one_route(self.store, self.plan.source, batch.route)
        counts = Counter(reason for _, reasons, _ in self.rejected for reason in reasons)
        rejected = dict(sorted(counts.items()))
        source = self.plan.source.name
        counted = (self.rows, self.accepted, self.duplicates, rejected)
        absent = tuple(sorted({*self.absent(batch), *self.lacked}))
        report = PushReport(source, *counted, False, batch.token, self.made_late, absent)
        kept = ((place, "; ".join(reasons), text) for place, reasons, text in self.rejected)
        enter_batch(self.store, report, kept, self.newest_arrival, batch.digest)
        if batch.entry is not None:
            entry = replace(batch.entry, newest=self.newest_arrival, accepted=self.accepted)
            journal.add(self.store, replace(entry, duplicates=self.duplicates, rejected=json.dumps(rejected)))
        known = {*self.plan.tables, *(v.layout.events for v in self.lifter.beside.views.values())}
        known |= {table for feed in self.plan.feeds for table in feed.plan.tables}
        leave_out(self.store, known, source, self.rows - self.duplicates)
        return report

    def finish_union(self, batch: Batch) -> None:
        """Enters what a union had of a batch, for its horizon and counts; the batch itself is its member's."""
        report = PushReport(self.plan.source.name, self.rows, self.accepted, self.duplicates)
        enter_batch(self.store, report, (), self.newest_arrival, None)

    def absent(self, batch: Batch) -> frozenset[str]:
        """The columns that the views which were fed read, and the batch lacks."""
        fed = [v.layout for v in self.plan.all_views if v.layout.view.name in self.fed]
        return batch.lacking & frozenset().union(*map(read_columns, fed))


def _anonymous(plan: SourcePlan, lifted: Lifted) -> int:
    """How many rows a view takes that nothing tells from a second copy of themselves."""
    taken = {row[0] for _, rows in (*lifted.views, *lifted.kept) for row in rows}
    if plan.dumps is not None:
        return 0
    if plan.stream is not None:
        versions = lifted.versions[plan.stream.stream.table]
        return sum(1 for row in versions if row[2] is None and row[0] in taken)
    return 0 if plan.streams else len(taken)  # by a view's own keys: without them it takes no row


def _take_view(
    store: sqlite3.Connection, view: ViewPlan, rows: Sequence[Row], first: int, changes: Sequence[Row]
) -> None:
    """A view's new rows, and (`_superseded`, `_seq`) of rows whose successor changed."""
    tiles = Tiles(store, view) if view.seal_sql else None
    if tiles:
        tiles.before(rows)
    store.executemany(view.insert_sql, ((*r[2:], first + r[0]) for r in rows))
    if changes:
        store.executemany(view.supersede_sql, changes)
    if tiles:
        tiles.changed(seq for _, seq in changes)
        tiles.seal()
