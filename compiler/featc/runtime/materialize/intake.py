"""One source into the store: what changed behind the watermark, then what lies beyond it, batch by batch."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from featc.errors import Diagnostic, FeatcError
from featc.lower.materialize import BEYOND, NEVER, WAITING, told_apart_by
from featc.lower.online import SourcePlan
from featc.resolve.model import Source
from featc.runtime.materialize import books
from featc.runtime.materialize.books import Columns, Interval
from featc.runtime.materialize.report import Progress, SourceReport
from featc.runtime.materialize.staging import Staging
from featc.runtime.online.beside import BesideReaders
from featc.runtime.online.database import Database
from featc.runtime.online.engine import Engine
from featc.runtime.online.ledger import PushReport
from featc.runtime.online.routes import route_of
from featc.runtime.online.taking import Batch, Lifter, lifted_batch, take_in

MOST = 50_000
"""Rows of one batch, unless more of them arrived at one instant."""


def bring_in(
    database: Database,
    engine: Engine,
    plan: SourcePlan,
    source: Source,
    until: int | None,
    progress: Progress,
    beside: BesideReaders,
) -> SourceReport:
    """Brings the store to what the source holds up to `until` (µs; None: all of it).

    `source` says where the data of `plan.source` really lies. Each batch is one transaction; what an error or a kill
    leaves undone, the next run does. Raises FeatcError F64x, F62x (a value makes an expression fail), F90x.
    """
    name = source.name
    with engine.batch:
        columns = settle_columns(database, plan)
        with database.read() as store:
            known = books.intervals(store, name)
        staging = Staging(engine, source, plan.identities, [column for column, _ in columns], until)
        found = staging.census(known)
        waiting = found.pop(WAITING, Interval(WAITING, 0, 0)).rows
        places = changed(known, found)
        total = sum(found[place].rows for place in places)
        if total:
            staging.stage(places)
        intake = _Intake(database, Lifter(engine, beside), plan, staging, known, progress, total)
        for place in places:
            if place == BEYOND:
                intake.append()
            else:
                intake.reopen(found[place])
    return intake.report(waiting)


def settle_columns(database: Database, plan: SourcePlan) -> Columns:
    """The columns by which the source's rows are told apart, those of the first run where they still can be.

    Versions are told apart by all columns; with other columns they are others, and the books begin anew. Raises
    FeatcError F642 where rows without identity were taken in that cannot be told apart any more.
    """
    with database.read() as store:
        before, now = books.columns(store, plan.source.name), columns_of(store, plan)
    if now != before:
        with database.write() as store:
            books.forget(store, plan.source.name)
            books.keep_columns(store, plan.source.name, now)
    return now


def columns_of(store: sqlite3.Connection, plan: SourcePlan) -> Columns:
    """As above; where they are others than the books', these are void."""
    name = plan.source.name
    now = told_apart_by(plan.source, [v.layout for v in plan.all_views], united=bool(plan.feeds))
    before = books.columns(store, name)
    here = {(c.name, c.physical) for c in plan.source.columns}
    if before is None or before == now:
        return now
    if not plan.identities and here.issuperset(before):
        return before
    if route_of(store, plan.source) is not None:
        raise _columns_changed(name, sorted({c for c, _ in set(before) - here}))
    return now


def _columns_changed(source: str, names: list[str]) -> FeatcError:
    message = f"{source} has changed in {', '.join(names)}, so that its rows cannot be told from those materialized"
    hint = "materialize into a new store: set another online path, or delete the store's file"
    return FeatcError(Diagnostic("F642", message, hint=hint))


def changed(known: Mapping[int, Interval], found: dict[int, Interval]) -> list[int]:
    """The intervals that do not hold what they held, in order; one that lost all its rows is found empty."""
    for until in known:
        found.setdefault(until, Interval(until, 0, 0))
    return [until for until in sorted(found) if known.get(until) != found[until]]


@dataclass(slots=True)
class _Intake:
    """A run over one source.

    `known` are the intervals as the run found them in the books, `booked` as they are by now, `total` the rows to go
    through.
    """

    database: Database
    lifter: Lifter
    plan: SourcePlan
    staging: Staging
    known: Mapping[int, Interval]
    progress: Progress
    total: int
    booked: dict[int, Interval] = field(init=False)
    done: int = 0
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    late: int = 0
    gone: int = 0
    intervals: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.booked = dict(self.known)

    @property
    def name(self) -> str:
        return self.plan.source.name

    def reopen(self, found: Interval) -> None:
        """Takes in what an interval holds beside what it held; one that has grown becomes several."""
        known = self.booked.get(found.until)
        held = known.rows if known else found.rows
        first = found.until
        if first != NEVER:
            first = max((until for until in self.booked if until < first), default=NEVER) + 1
        fresh = 0
        for start, stop, part in self._parts(found):
            with self.database.read() as store:
                there = list(books.copies(store, self.name, first, part.until))
            rows = self.staging.batch(start, stop, there) if part.rows else 0
            rest = books.rest(known, part) if known and part.until < found.until else None
            book = partial(books.rewrite, source=self.name, known=known, found=part, rest=rest)
            report = self._take(rows, start, stop, book)
            self.booked[part.until] = part
            known, first = rest, part.until + 1
            fresh += report.rows - report.duplicates
            self._count(report.rows - report.duplicates, report, stop - start)
            self.late += report.accepted if found.until != NEVER else 0
        self.gone += max(0, held + fresh - found.rows) if found.until in self.known else 0

    def _parts(self, found: Interval) -> Iterator[tuple[int, int, Interval]]:
        """The staged rows of an interval in parts of a batch's size: (start, stop, what is there)."""
        start, end = self.staging.stretch(found.until) if found.rows else (0, 0)
        while True:
            stop = end if found.until == NEVER else self.staging.end_of_batch(start, end, MOST)
            if stop == end:
                yield start, end, found
                return
            part = self.staging.interval(start, stop)
            yield start, stop, part
            start, found = stop, found - part

    def append(self) -> None:
        """Takes in the rows beyond the watermark, in order of arrival."""
        start, end = self.staging.stretch(BEYOND)
        until = books.watermark(self.booked)
        last = None if until is None else self.booked[until]
        while start < end:
            stop = self.staging.end_of_batch(start, end, MOST)
            found = self.staging.interval(start, stop)
            rows = self.staging.batch(start, stop, ())
            book = partial(books.append, source=self.name, last=last, found=found, most=MOST)
            report = self._take(rows, start, stop, book)
            last = books.joined(last, found, MOST)
            self._count(report.rows, report, stop - start)
            self.duplicates += report.duplicates
            start = stop

    def report(self, waiting: int) -> SourceReport:
        """What came of it; `waiting` rows are later than was asked for."""
        with self.database.read() as store:
            reached = books.watermark(books.intervals(store, self.name))
        return SourceReport(
            source=self.name,
            rows=self.rows,
            accepted=self.accepted,
            duplicates=self.duplicates,
            rejected=dict(sorted(self.rejected.items())),
            late=self.late,
            waiting=waiting,
            gone=self.gone,
            intervals=self.intervals,
            watermark_before=books.watermark(self.known),
            watermark=reached,
        )

    def _take(
        self, rows: int, start: int, end: int, book: Callable[[sqlite3.Connection], object]
    ) -> PushReport:
        """The batch that lies there and the books of the staged rows it was cut from, in one transaction."""
        slices = lifted_batch(self.lifter.engine, self.plan, rows) if rows else None
        with self.database.write() as store:
            report = PushReport(self.name, 0, 0, 0)
            if slices is not None:
                report = take_in(store, self.lifter, self.plan, slices, Batch(rows, "materialize"))
                books.keep_copies(store, self.name, self.staging.copies(start, end))
            book(store)
        return report

    def _count(self, rows: int, report: PushReport, gone_through: int) -> None:
        self.rows += rows
        self.accepted += report.accepted
        self.rejected += report.rejected
        self.intervals += 1
        self.done += gone_through
        self.progress(self.name, self.done, self.total)
