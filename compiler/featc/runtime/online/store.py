"""`OnlineStore`: one project's online store in one SQLite file (interfaces.md, `featc push`, `featc get`)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from featc import names
from featc.encoding import micros_of
from featc.errors import Diagnostic, FeatcError, did_you_mean
from featc.lower.materialize import NEVER
from featc.lower.online import SourcePlan, ViewPlan, keep, source_plan
from featc.lower.online_joins import ViewHop
from featc.resolve.model import Output, Project
from featc.runtime.online import journal
from featc.runtime.online.beside import BesideReaders
from featc.runtime.online.database import Database
from featc.runtime.online.engine import Engine, shared_engine
from featc.runtime.online.evict import Eviction, evict, try_to_evict
from featc.runtime.online.journal import Entry
from featc.runtime.online.ledger import PushReport, horizon_of, note_members
from featc.runtime.online.left import lacks_rows
from featc.runtime.online.push import Guard, push_again, push_batch, take_over, unguarded
from featc.runtime.online.service import ServiceReader
from featc.runtime.online.space import give_back
from featc.runtime.online.taking import Lifter

_EPOCH = datetime(1970, 1, 1)

Instant = datetime | date | str | int | None
"""When a read is: a datetime (naive is UTC), a date (its midnight), ISO text, µs since the epoch, None for now."""


class OnlineStore:
    """Push events in, get feature vectors out. Use from any thread; other processes may read and write the same file.

    A push is whole and durable or has not happened; a read sees whole batches only. `root` is the project's folder,
    which messages name the file relative to.
    """

    def __init__(
        self, path: str | Path, project: Project, root: Path | None = None, *, read_only: bool = False
    ) -> None:
        """Opens or makes the store at `path`. Raises FeatcError F60x (the store's content), F90x (the file)."""
        self.project = project
        self.engine: Engine = shared_engine()
        self._plans: dict[str, SourcePlan] = {}
        self._views: dict[str, ViewPlan] = {}
        kept = keep(project)
        for name, source in project.sources.items():
            self._plans[name] = source_plan(kept, source)
            self._views |= {v.layout.view.name: v for v in self._plans[name].all_views}
        self.beside = BesideReaders(project, self.engine, self._views)
        self._readers: dict[tuple[Output, ...], ServiceReader] = {}
        self._database = Database(Path(path), root, read_only=read_only)
        try:
            with self._database.troubles():
                self._check_sort_keys()
                if not read_only:
                    self._make_tables()
        except BaseException:
            self._database.close()
            raise

    @classmethod
    def open(
        cls, path: str | Path, project: Project, root: Path | None = None, *, read_only: bool = False
    ) -> OnlineStore:
        """The same as calling the class."""
        return cls(path, project, root, read_only=read_only)

    @property
    def database(self) -> Database:
        """The store's file."""
        return self._database

    @property
    def plans(self) -> Mapping[str, SourcePlan]:
        """What taking in rows of each source executes."""
        return self._plans

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> OnlineStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ── push ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def push(
        self,
        source: str,
        rows: Any,
        token: str | None = None,
        *,
        strict: bool = False,
        guard: Guard = unguarded,
        alone: bool = False,
    ) -> PushReport:
        """Takes in new rows of a source as one durable batch, and as one of each variant that earlier versions of views
        have of it (`orders@user_orders_v2`), unless it is to go `alone`.

        `rows`: a pyarrow, pandas or polars table, a DuckDB relation, dicts (a list or any iterator), a dict of
        columns, or a path to csv, parquet or json. A batch whose `token` the source has seen is not applied again;
        other rows under a known token are an error. `strict` refuses the whole batch when any row of it would be
        rejected. Raises FeatcError F605 (unknown source), F387 (one made of others), F61x (the batch),
        F62x (a value makes an expression fail), F90x (the file); nothing is written then. `guard`: see `Guard`.
        """
        plan = self.plan_of(source)
        variants = [] if alone else [p for p in self._versions(source) if p is not plan]
        lifter = Lifter(self.engine, self.beside)
        return push_batch(self._database, lifter, plan, rows, token, strict, guard, variants)

    def _versions(self, source: str) -> list[SourcePlan]:
        """What takes in rows of a source: itself, if it is there, and its variants."""
        found = [p for n, p in self._plans.items() if names.written(n) == source]
        return sorted((p for p in found if not p.source.members), key=lambda p: p.source.name)

    def plan_of(self, source: str) -> SourcePlan:
        """What a push to a source executes; where only earlier versions have it, what the first of them does.

        Raises FeatcError F605, F387."""
        plan = self._plans.get(source) or next(iter(self._versions(source)), None)
        if plan is not None and plan.source.members:
            message = f"{source} is made of other sources, and has no rows of its own"
            *others, last = (m.source.name for m in plan.source.members)
            where = f"push to {', '.join(others)} and {last}"
            raise FeatcError(Diagnostic("F387", message, hint=where))
        if plan is None:
            made = self.project.attributed.get(source)
            if made is not None:
                message = f"{source} is made of other sources, and has no rows of its own"
                where = f"push to {' and '.join((made.base, *made.matched))}"
                raise FeatcError(Diagnostic("F387", message, hint=where))
            hint = did_you_mean(source, [n for n in self._plans if not names.is_kept(n)])
            raise FeatcError(Diagnostic("F605", f"there is no source '{source}'", hint=hint))
        return plan

    def push_again(self, entry: Entry, *, strict: bool = False, guard: Guard = unguarded) -> PushReport:
        """Takes in a batch that was on its way into another store. Raises as `push`, and F890."""
        lifter, plan = Lifter(self.engine, self.beside), self.plan_of(entry.source)
        variants = [p for p in self._versions(entry.source) if p is not plan]
        return push_again(self._database, lifter, plan, entry, strict, guard, variants)

    def take_over(self, run: Sequence[Entry], only: str | None = None, *, following: bool = False) -> None:
        """Takes in batches of one source as another store's journal has them, into all that take them in or `only` one.
        Where the project has no such source they are kept in the journal alone. `following`: those that this journal
        has are left out. Raises as `push`, and F890."""
        plans = self._versions(run[0].source) if only is None else [self._plans[only]]
        if plans:
            lifter = Lifter(self.engine, self.beside)
            take_over(self._database, lifter, plans[0], run, plans[1:], following=following)
            return
        with self._database.write() as store:
            for entry in run:
                journal.add(store, entry)

    # ── get ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(
        self, service: str, requests: Sequence[Mapping[str, Any]], at: Instant = None
    ) -> list[dict[str, Any]]:
        """A service's outputs by name for each request, in the order given. See `read`. Raises F606 too."""
        found = self.project.services.get(service)
        if found is None:
            hint = did_you_mean(service, self.project.services)
            raise FeatcError(Diagnostic("F606", f"there is no feature service '{service}'", hint=hint))
        return self.read(found.outputs, requests, at)

    def read(
        self, outputs: Sequence[Output], requests: Sequence[Mapping[str, Any]], at: Instant = None
    ) -> list[dict[str, Any]]:
        """The values of `outputs` by name for each request (keys and request columns), in the order given.

        `at`: see `Instant`. Unknown entities have empty values. Raises FeatcError F603 (a view's history is
        incomplete), F63x (a request), F421 (overflow), F621 (an expression fails), F90x (the file).
        """
        reader, t = self._reader(tuple(outputs)), instant(at)
        with self._reading(reader, t) as store:
            return reader.read(store, requests, t)

    def answers(
        self, project: Project, outputs: Sequence[Output], requests: Sequence[Mapping[str, Any]], at: int
    ) -> list[dict[str, Any]]:
        """`read`, of features that another project makes of the same aggregations and states, at an instant in µs."""
        reader = ServiceReader(project, self.engine, self._views, tuple(outputs))
        with self._reading(reader, at) as store:
            return reader.read(store, requests, at)

    def view_plan(self, view: str) -> ViewPlan:
        """How a view lies in the store."""
        return self._views[view]

    def evicted_before(self, source: str) -> int | None:
        """The horizon of a source, before which history is gone (µs); None where nothing was evicted."""
        if self._database.lacks_horizons:
            return None
        with self._database.read() as store:
            return horizon_of(store, source)

    def without_rows(self, outputs: Sequence[Output]) -> tuple[str, ...]:
        """The sources `outputs` read of which the store has taken in no row yet. Raises F90x (the file)."""
        asked = "SELECT accepted FROM featc_sources WHERE source = ?"
        sources = dict.fromkeys(v.layout.source.name for v in self._reader(tuple(outputs)).views)
        if not self._database.has_tables():
            return tuple(sources)
        with self._database.read() as store:
            taken_in = {name: store.execute(asked, (name,)).fetchone() for name in sources}
        return tuple(name for name, row in taken_in.items() if row is None or row[0] == 0)

    def _reader(self, wanted: tuple[Output, ...]) -> ServiceReader:
        reader = self._readers.get(wanted)
        if reader is None:
            reader = self._readers[wanted] = ServiceReader(self.project, self.engine, self._views, wanted)
        return reader

    # ── evict ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def evict(
        self, replay: int | None, *, dry_run: bool = False, journal_to: int | None = None
    ) -> tuple[Eviction, ...]:
        """Drops what no read needs that is at most `replay` µs before the newest arrival of its source, and moves the
        sources' horizons there; None is unlimited and drops nothing.

        No value changes; reads before the horizon are errors from then on, and pushed rows with α before it are
        rejected. A view is one transaction: stopped at any moment, the next run does the rest. Where much of the file
        is free then, it is given back to the disk. With `dry_run` all of it is done and taken back.

        What the journal has of sources that were materialized goes as well, as far as they were, up to the entry
        `journal_to` (None: all): their data has it. Raises FeatcError F90x.
        """
        if replay is None:
            return ()
        if dry_run:
            return try_to_evict(self._database, tuple(self._plans.values()), replay)
        found = evict(self._database, tuple(self._plans.values()), replay)
        with self._database.write() as store:
            last = journal.last(store) if journal_to is None else journal_to
            for source in found:
                asked = "SELECT max(until) FROM featc_intervals WHERE source = ? AND until <> ?"
                reached = store.execute(asked, (source.source, NEVER)).fetchone()[0]
                if source.horizon is not None and reached is not None:
                    journal.forget(store, source.source, min(source.horizon, reached + 1), last)
        give_back(self._database)
        return found

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _reading(self, reader: ServiceReader, t: int) -> Iterator[Any]:
        with self._database.read() as store:
            self._check_history(reader)
            self._check_horizon(store, reader, t)
            self._check_left(store, reader)
            yield store

    def _check_horizon(self, store: Any, reader: ServiceReader, t: int) -> None:
        """What a read before a source's horizon would need may be gone."""
        if self._database.lacks_horizons:
            return
        for source in dict.fromkeys(v.layout.source.name for v in reader.views):
            horizon = horizon_of(store, source)
            if horizon is not None and t < horizon:
                message = f"the online store knows {source} from {written(horizon)} on, not at {written(t)}"
                hint = "earlier history was evicted; read at a later instant, or make a training set with featc dataset"
                raise FeatcError(Diagnostic("F660", message, hint=hint))

    def _check_left(self, store: Any, reader: ServiceReader) -> None:
        """Rows that eviction let go may not be missed by a view that came to ask for more since."""
        if not self._database.lacks_horizons:
            for view in reader.views:
                if lacks_rows(store, view.layout):
                    raise FeatcError(_let_go(view))

    # ── the store's own tables ────────────────────────────────────────────────────────────────────────────────────

    def _check_sort_keys(self) -> None:
        """Sort keys lie in the store, so DuckDB may not come to write them in another way."""
        sample = self.engine.sort_key_sample()
        known = self._database.meta("sort_key") if self._database.has_tables() else sample
        if known is None:
            with self._database.write() as store:
                store.execute("INSERT OR IGNORE INTO featc_meta VALUES ('sort_key', ?)", (sample,))
        elif known != sample:
            message = f"the online store at {self._database.name} was written by another DuckDB, whose sort keys differ"
            raise FeatcError(Diagnostic("F604", message, hint="push its sources into a new store"))

    def _missing(self) -> list[tuple[str, str, str]]:
        """(table, source, schema) of the tables this project needs and the store lacks."""
        rows = self._database.connection.execute("SELECT name FROM featc_tables").fetchall()
        known = {r[0] for r in rows}
        wanted: dict[str, tuple[str, str, str]] = {}
        for name, plan in self._plans.items():
            wanted |= {table: (table, name, schema) for table, schema in plan.tables.items()}
        return [found for table, found in wanted.items() if table not in known]

    def _make_tables(self) -> None:
        """Makes missing tables, and notes how many batches of the source each has missed."""
        if not self._missing():
            return
        with self._database.write() as store:
            for table, source, schema in self._missing():
                for statement in filter(str.strip, schema.split(";\n")):
                    store.execute(statement)
                members = [m.source.name for m in self.project.sources[source].members]
                brought_by = (*(members or [source]), *self._forgotten(store, table))
                missed = sum(_taken_in(store, name) for name in brought_by)
                store.execute("INSERT INTO featc_tables VALUES (?, ?, ?)", (table, source, missed))
                note_members(store, source, members)

    def _forgotten(self, store: Any, table: str) -> Iterator[str]:
        """The sources of which a view joins features, where the store has let rows go: an event that is still to come
        may ask for what they held."""
        view = next((v for v in self._views.values() if v.layout.events == table), None)
        if view is None or view.joins is None or not any(isinstance(hop, ViewHop) for hop in view.joins.hops):
            return
        yield from (s for s in view.joins.sources if s != view.layout.source.name and horizon_of(store, s) is not None)

    def _check_history(self, reader: ServiceReader) -> None:
        """A view made after rows of its source came in does not know them, and may not answer as if it did."""
        if not reader.checked:
            for found in self.incomplete(reader.views):
                raise FeatcError(found)
            reader.checked = True

    def _with_lookups(self, views: Iterable[ViewPlan]) -> Iterator[ViewPlan]:
        """The views, and what their joins look into."""
        for view in views:
            yield view
            yield from (self._views[name] for name in (view.joins.beside if view.joins else ()))

    def incomplete(self, views: Iterable[ViewPlan]) -> Iterator[Diagnostic]:
        """F603 for each of the views whose history the store does not know from its beginning."""
        here = self._database.has_tables()
        for view in self._with_lookups(views):
            tables = [view.layout.events, *([view.stream.stream.table] if view.stream else [])]
            for table in tables:
                sql = "SELECT missed FROM featc_tables WHERE name = ?"
                row = self._database.connection.execute(sql, (table,)).fetchone() if here else None
                if row is None or row[0]:
                    yield _incomplete(view, None if row is None else row[0])
                    break
            else:
                if not self._database.lacks_horizons and lacks_rows(self._database.connection, view.layout):
                    yield _let_go(view)


def _taken_in(store: Any, source: str) -> int:
    """How many rows of a source came into the store."""
    row = store.execute("SELECT accepted + rejected FROM featc_sources WHERE source = ?", (source,)).fetchone()
    return row[0] if row else 0


def _incomplete(view: ViewPlan, missed: int | None) -> Diagnostic:
    name, source = view.layout.view.name, view.layout.source.name
    if view.joins is not None and any(isinstance(hop, ViewHop) for hop in view.joins.hops):
        source = " or ".join(dict.fromkeys((source, *view.joins.sources)))
    if missed is None:
        message = f"the online store has no tables of view '{name}' as it is defined now"
    else:
        rows = "1 row" if missed == 1 else f"{missed} rows"
        message = f"view '{name}' was added or changed after {rows} of {source} came into the store, which lifted them"
        message += " without it: its history is incomplete"
    return Diagnostic("F603", message, hint=_FILL)


def _let_go(view: ViewPlan) -> Diagnostic:
    message = f"view '{view.layout.view.name}' asks for rows of {view.layout.source.name} that were evicted before it"
    message += " was defined as it is now: its history is incomplete"
    return Diagnostic("F603", message, hint=_FILL)


_FILL = (
    "`featc apply` fills what is lacking beside what answers now, from the sources' data and from what was pushed, and"
    " makes that answer"
)


def written(t: int) -> str:
    """An instant in µs as people write it."""
    try:
        return (_EPOCH + timedelta(microseconds=t)).isoformat(sep=" ") + "Z"
    except OverflowError:
        return f"{t} µs"


def instant(at: Instant) -> int:
    """The instant of a read in µs. Raises FeatcError F632 when it cannot be read as one."""
    if at is None:
        return time.time_ns() // 1000
    try:
        if isinstance(at, bool) or at != at:  # pandas' NaT
            raise TypeError
        if isinstance(at, date) and not isinstance(at, datetime):
            at = datetime(at.year, at.month, at.day)
        if isinstance(at, int):
            return micros_of(_EPOCH + timedelta(microseconds=at))
        return micros_of(datetime.fromisoformat(at) if isinstance(at, str) else at)
    except (ValueError, TypeError, AttributeError, OverflowError):
        hint = "write it as 2026-01-08T10:00:00Z"
        raise FeatcError(Diagnostic("F632", f"{at!r} is not an instant", hint=hint), exit_code=2) from None
