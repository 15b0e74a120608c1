"""Push: a batch of new rows into the store, whole or not at all (semantics.md, "Events and versions").

The batch is lifted in DuckDB first; then one SQLite transaction takes in versions, writes changed successors through
to the views' rows, takes in the lifted rows, and rebuilds every sealed tile whose membership changed.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from featc.errors import Diagnostic, FeatcError
from featc.lower.online import SourcePlan, StreamPlan, ViewPlan
from featc.lower.online_store import key_parameters
from featc.runtime.online.batch import content_digest, load_batch
from featc.runtime.online.database import Database
from featc.runtime.online.engine import Engine
from featc.runtime.online.ledger import KnownBatch, PushReport, enter_batch, first_row, known_batch
from featc.runtime.online.lifted import Lifted, Row, lift, lift_slices
from featc.runtime.online.routes import Route, keep_to_one_route

_LARGE = 200_000
"""Rows above which a batch is lifted in slices, inside the transaction; smaller ones are lifted before it begins."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it was asked to be taken in. `digest` is of its rows, where it has a token."""

    rows: int
    route: Route
    token: str | None = None
    digest: str | None = None
    strict: bool = False


def push_batch(
    database: Database, engine: Engine, plan: SourcePlan, rows: Any, token: str | None, strict: bool
) -> PushReport:
    """Takes in one batch, or raises FeatcError (F61x batch, F62x expression, F90x store) and writes nothing."""
    source = plan.source.name
    known = None
    if token is not None:
        with database.read() as store:
            known = known_batch(store, source, token)
    with engine.batch:
        count = load_batch(engine, plan.source, rows, plan.required)
        batch = Batch(count, "push", token, None if token is None else content_digest(engine, plan.source), strict)
        if known is not None:
            return _same_batch(known, batch)
        slices = lifted_batch(engine, plan, count)
        if count > _LARGE:
            return _write(database, plan, slices, batch)
    return _write(database, plan, slices, batch)


def lifted_batch(engine: Engine, plan: SourcePlan, rows: int) -> Iterator[Lifted]:
    """What lies in the table of the batch, lifted: at once, or slice by slice where it is large."""
    return lift_slices(engine, plan, rows, _LARGE) if rows > _LARGE else iter([lift(engine, plan, rows)])


def _write(database: Database, plan: SourcePlan, slices: Iterator[Lifted], batch: Batch) -> PushReport:
    with database.write() as store:
        # another process may have brought the batch since
        known = known_batch(store, plan.source.name, batch.token)
        return take_in(store, plan, slices, batch) if known is None else _same_batch(known, batch)


def take_in(store: sqlite3.Connection, plan: SourcePlan, slices: Iterator[Lifted], batch: Batch) -> PushReport:
    """Takes a lifted batch into the store, inside the caller's transaction.

    Raises FeatcError F614 (a strict batch with a bad row), F640 or F641 (rows without an id, by two routes).
    """
    taking = _Taking(store, plan)
    for lifted in slices:
        if batch.strict and lifted.faults:
            _refuse(plan.source.name, lifted)
        taking.take(lifted)
    return taking.finish(batch)


def _same_batch(known: KnownBatch, batch: Batch) -> PushReport:
    report = known.report
    if known.digest == batch.digest:
        return report
    rows = f"with {report.rows} rows; this one has {batch.rows}"
    if report.rows == batch.rows:
        rows = "whose rows have other values"
    message = f"the token '{report.token}' belongs to another batch of {report.source}, {rows}"
    raise FeatcError(Diagnostic("F613", message, hint="give every batch a token of its own; nothing was written"))


def _refuse(source: str, lifted: Lifted) -> None:
    counts = Counter(reason for reasons in lifted.faults.values() for reason in reasons)
    listed = "; ".join(f"{count} × {reason}" for reason, count in sorted(counts.items()))
    place = min(lifted.faults)
    message = f"{len(lifted.faults)} of {lifted.rows} rows for {source} are rejected: {listed}"
    hint = f"the first is row {place + 1}: {lifted.texts[place]}; nothing was written"
    raise FeatcError(Diagnostic("F614", message, hint=hint))


class _Taking:
    """One batch going into the store, inside the caller's transaction."""

    def __init__(self, store: sqlite3.Connection, plan: SourcePlan) -> None:
        self.store = store
        self.plan = plan
        self.first = first_row(store)
        self.rows = 0
        self.accepted = 0
        self.duplicates = 0
        self.anonymous = 0
        self.rejected: list[tuple[int, list[str], str]] = []
        self.newest_arrival: int | None = None

    def take(self, lifted: Lifted) -> None:
        """Takes in the next rows of the batch."""
        known: dict[str, frozenset[int]] = {}
        changes: dict[str, list[Row]] = {}
        for stream in self.plan.streams:
            table = stream.stream.table
            rows = [(self.first + r[0], *r[2:]) for r in lifted.versions[table] if r[2] is not None]
            known[table], changes[table] = self._accept(stream, rows)
        for view, rows in lifted.views:
            mine = changes.get(view.stream.stream.table, []) if view.stream else []
            skip = known.get(view.stream.stream.table, frozenset()) if view.stream else frozenset()
            _take_view(self.store, view, [r for r in rows if r[0] not in skip] if skip else rows, self.first, mine)
        self.anonymous += _anonymous(self.plan, lifted)
        every = list(known.values())
        self._count(lifted, frozenset.intersection(*every) if every else frozenset())

    def _accept(self, stream: StreamPlan, rows: list[Row]) -> tuple[frozenset[int], list[Row]]:
        """The places of rows the stream had already, and (`_superseded`, `_seq`) of what changed."""
        fresh_from = min((r[0] for r in rows), default=self.first)
        self.store.executemany(stream.accept_sql, rows)
        taken = self.store.execute(f"SELECT _seq FROM {stream.stream.table} WHERE _seq >= ?", (fresh_from,))
        fresh = {r[0] for r in taken}
        known = frozenset(r[0] - self.first for r in rows if r[0] not in fresh)
        changed = self.store.execute(stream.resolve_sql, {"first": fresh_from}).fetchall()
        updates = [(successor, seq) for seq, successor in changed]
        self.store.executemany(stream.supersede_sql, updates)
        return known, updates

    def _count(self, lifted: Lifted, duplicates: frozenset[int]) -> None:
        self.rows += lifted.rows
        self.duplicates += len(duplicates)
        self.accepted += lifted.rows - len(duplicates) - len(lifted.unseen - duplicates)
        # a row the store had was rejected, and kept, when it first came
        self.rejected += [
            (place, reasons, lifted.texts[place]) for place, reasons in lifted.faults.items() if place not in duplicates
        ]
        if lifted.newest_arrival is not None:
            self.newest_arrival = max(lifted.newest_arrival, self.newest_arrival or lifted.newest_arrival)

    def finish(self, batch: Batch) -> PushReport:
        """Enters the batch in the store's books."""
        if self.anonymous:
            keep_to_one_route(self.store, self.plan.source, batch.route)
        counts = Counter(reason for _, reasons, _ in self.rejected for reason in reasons)
        rejected = dict(sorted(counts.items()))
        source = self.plan.source.name
        report = PushReport(source, self.rows, self.accepted, self.duplicates, rejected, False, batch.token)
        kept = ((place, "; ".join(reasons), text) for place, reasons, text in self.rejected)
        enter_batch(self.store, report, kept, self.newest_arrival, batch.digest)
        return report


def _anonymous(plan: SourcePlan, lifted: Lifted) -> int:
    """How many rows a view takes that nothing tells from a second copy of themselves."""
    taken = {row[0] for _, rows in lifted.views for row in rows}
    if plan.stream is not None:
        versions = lifted.versions[plan.stream.stream.table]
        return sum(1 for row in versions if row[2] is None and row[0] in taken)
    return 0 if plan.streams else len(taken)  # by a view's own keys: without them it takes no row


def _take_view(store: sqlite3.Connection, view: ViewPlan, rows: Sequence[Row], first: int, changes: list[Row]) -> None:
    """A view's new rows, and (`_superseded`, `_seq`) of rows whose successor changed."""
    tiles = _Tiles(store, view) if view.seal_sql else None
    if tiles:
        tiles.before(rows)
    store.executemany(view.insert_sql, ((*r[2:], first + r[0]) for r in rows))
    if changes:
        store.executemany(view.supersede_sql, changes)
    if tiles:
        tiles.changed(seq for _, seq in changes)
        tiles.seal()


class _Tiles:
    """Which tiles of a view a batch touches.

    An entity's newest tile stays open: it would be rebuilt with every event, and its rows are few. Every older one is
    sealed, and sealed again whenever a row enters it or a row in it is superseded.
    """

    def __init__(self, store: sqlite3.Connection, view: ViewPlan) -> None:
        self.store = store
        self.view = view
        width = view.layout.width
        assert width is not None
        self.width = width
        self.names = key_parameters(view.layout)
        self.touched: set[tuple[Row, int]] = set()
        self.newest: dict[Row, int] = {}

    def _newest(self, key: Row) -> int | None:
        row = self.store.execute(self.view.newest_sql, dict(zip(self.names, key, strict=True))).fetchone()
        return None if row[0] is None else int(row[0])

    def before(self, rows: Sequence[Row]) -> None:
        """Notes the rows about to come in, and the tiles they close by being newer."""
        last = 2 + len(self.names)
        width = self.width
        batch: dict[Row, int] = {}
        for row in rows:
            key, tau = row[2:last], row[last]
            self.touched.add((key, tau // width))
            if tau > batch.get(key, tau - 1):
                batch[key] = tau
        for key, tau in batch.items():
            newest = self._newest(key)
            if newest is None or newest < tau:
                self.newest[key] = tau
                if newest is not None:
                    self.touched.add((key, newest // width))
            else:
                self.newest[key] = newest

    def changed(self, numbers: Iterable[int]) -> None:
        """Notes rows that were there and whose successor changed."""
        for number in numbers:
            found = self.store.execute(self.view.touched_sql, (number,)).fetchone()
            if found is not None:
                self.touched.add((found[:-1], found[-1] // self.width))

    def seal(self) -> None:
        self.store.executemany(self.view.seal_sql or "", self._closed())

    def _closed(self) -> list[dict[str, Any]]:
        width, found = self.width, []
        for key, bucket in sorted(self.touched):
            if key not in self.newest:
                newest = self._newest(key)
                self.newest[key] = bucket * width if newest is None else newest
            if bucket < self.newest[key] // width:
                found.append({**dict(zip(self.names, key, strict=True)), "start": bucket * width})
        return found
