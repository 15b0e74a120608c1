"""A generation built beside the one that answers: in a file of its own, which nobody else opens.

The file begins as a copy of the one that answers. Sources of which definitions want something that the copy lacks are
read again: from the data as far as the store had materialized it, then from the journal of what was pushed. What is
pushed meanwhile lies in the journal of the one that answers, and is taken over from there. A build that is stopped
leaves a file that the next one begins anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from featc.errors import Diagnostic, FeatcError
from featc.lower.online import SourcePlan
from featc.names import written
from featc.resolve.model import Project, Source
from featc.runtime.generations import needs
from featc.runtime.located import located
from featc.runtime.materialize import books
from featc.runtime.materialize.intake import bring_in
from featc.runtime.materialize.report import Progress
from featc.runtime.materialize.run import engine_of, in_order
from featc.runtime.online import OnlineStore, journal
from featc.runtime.online.database import Database
from featc.runtime.online.ledger import horizon_of, set_horizon

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

Said = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Refilled:
    """A source that was read again: rows from its data, and batches that had been pushed."""

    source: str
    rows: int
    batches: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store that answers had of a source: whether any of it was materialized, up to which α (µs; None: no
    row with one), its horizon, how many rows were accepted, and of how many the batches are in no journal. Of these,
    `aside` are the tables with the versions that it had; `pushed` is set where rows without an id came by pushes."""

    materialized: bool
    watermark: int | None
    horizon: int | None
    accepted: int
    unwritten: int
    pushed: bool
    aside: tuple[str, ...] = ()


def build(
    store: FeatureStore, project: Project, old: Project | None, leader: Database, path: Path, progress: Progress
) -> tuple[Refilled, ...]:
    """Makes the file at `path` what `project` needs, from the file of `leader`, which answers by `old`.

    Gives what was read again. Raises FeatcError F890, F893, F895, F64x, F62x, F90x; the file is gone then.
    """
    remove(path)
    try:
        _copy(leader.path, path)
        wanted = needs.tables_of(project)
        with closing(Database(path, store.root)) as copy:
            with copy.read() as found:
                short = needs.lacking(found, project)
                again = needs.tied((project, *([old] if old is not None else [])), short)
                known = {source: _known(found, _known_as(found, source)) for source in again}
                last = journal.last(found)
            with copy.write() as found:
                for source in again:
                    if known[source].unwritten:
                        known[source] = replace(known[source], aside=needs.put_aside(found, source))
                    needs.forget(found, source)
                there = [name for (name,) in found.execute("SELECT name FROM featc_tables").fetchall()]
                for table in there:
                    if table not in wanted:
                        needs.drop(found, table)
        with closing(OnlineStore(path, project, store.root)) as online:
            return tuple(_filled(store, online, old, known, last, progress))
    except BaseException:
        remove(path)
        raise


def remove(path: Path) -> None:
    """Removes a store's file with its logs."""
    for ending in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _copy(source: Path, path: Path) -> None:
    """A copy of one moment of a store that others go on writing to."""
    uri = f"file:{quote(str(source))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as before, closing(sqlite3.connect(path)) as copy:
            before.backup(copy)
    except sqlite3.Error as trouble:
        message = f"cannot copy the online store to {path.name}: {trouble}"
        hint = "check the free space and the folder's rights; what answered before answers still"
        raise FeatcError(Diagnostic("F902", message, hint=hint), exit_code=4) from trouble


def _known(store: sqlite3.Connection, source: str) -> _Known:
    accepted = store.execute("SELECT accepted FROM featc_sources WHERE source = ?", (source,)).fetchone()
    route = store.execute("SELECT route FROM featc_routes WHERE source = ?", (source,)).fetchone()
    intervals = books.intervals(store, source)
    return _Known(
        bool(intervals),
        books.watermark(intervals),
        horizon_of(store, source),
        accepted[0] if accepted else 0,
        journal.unwritten(store, source),
        route is not None and route[0] == "push",
    )


def _known_as(store: sqlite3.Connection, source: str) -> str:
    """The name under which a store knows a source: what an earlier version of a view calls a variant came in as the
    source that it is a variant of."""
    there = store.execute("SELECT 1 FROM featc_sources WHERE source = ?", (written(source),)).fetchone()
    return written(source) if there is not None else source


def _filled(
    store: FeatureStore,
    online: OnlineStore,
    old: Project | None,
    known: dict[str, _Known],
    last: int,
    progress: Progress,
) -> Iterator[Refilled]:
    plans = [p for p in online.plans.values() if not p.source.members and p.source.name in known]
    data = located(online.project, store.root).sources
    with engine_of(store) as engine:
        for plan in in_order(plans):
            name = plan.source.name
            was = known[name]
            if was.materialized and not plan.identities:
                _check_not_pushed(online, plan, last)
            rows = 0
            # what was pushed before there were journals may lie in the data, where rows are known again by their id
            if was.materialized or (was.unwritten and plan.identities):
                until = was.watermark if was.materialized and arrives_as_in(plan.source, old) else None
                report = bring_in(online.database, engine, plan, data[name], until, progress, online.beside)
                rows = report.accepted
            batches = 0
            for run in journal.runs(online.database, 0, last, written(name)):
                online.take_over(run, only=name)
                batches += len(run)
            with online.database.write() as found:
                if was.horizon is not None:
                    set_horizon(found, name, was.horizon)
            if was.unwritten:
                _check_all_there(online, plan, was, old)
            yield Refilled(name, rows, batches)


def arrives_as_in(source: Source, other: Project | None) -> bool:
    """Whether an instant of arrival means what it does in another project: else its watermark says nothing here."""
    before = None if other is None else other.sources.get(source.name, other.sources.get(written(source.name)))
    if before is None:
        return False
    mine, theirs = ((s.time, s.available_at, s.delay, s.timezone) for s in (source, before))
    return mine == theirs


def _check_not_pushed(online: OnlineStore, plan: SourcePlan, last: int) -> None:
    """Materialized rows that were pushed, too, while they had an id have to keep it. Raises FeatcError F895."""
    name = plan.source.name
    if next(journal.runs(online.database, 0, last, written(name)), None) is not None:
        message = f"rows of {name} were materialized and pushed while they had an id, and {name} has none any more"
        hint = f"a row that came both ways would count twice: keep the id: of {name}, or fill a new online store"
        raise FeatcError(Diagnostic("F895", message, hint=f"{hint}; what answered before answers still"))


def _check_all_there(online: OnlineStore, plan: SourcePlan, was: _Known, old: Project | None) -> None:
    """Rows that were pushed, and are in no journal, are in the data, or lost to a new file. Raises FeatcError F893."""
    name = plan.source.name
    with online.database.write() as found:
        if was.pushed and not plan.identities:  # a row that is in the data, too, would be another
            lost: int | None = was.unwritten
        else:
            # where arrival means something else by now, versions are known by their ids alone
            arrivals = old is None or arrives_as_in(plan.source, old)
            tables = [stream.stream.table for stream in plan.streams]
            lacking = [needs.not_in(found, aside, tables, arrivals=arrivals) for aside in was.aside]
            lost = max((n for n in lacking if n is not None), default=None)
        if lost is None:
            lost = max(0, was.accepted - _known(found, name).accepted)
        for aside in was.aside:
            found.execute(f"DROP TABLE {aside}")
    if lost:
        rows, are = (f"1 row of {name}", "is") if lost == 1 else (f"{lost:,} rows of {name}", "are")
        message = f"{rows} that the online store has {are} neither in its data nor in the journal of what was pushed"
        hint = "they came before a journal was kept, or were evicted from it: add them to the data and run featc apply"
        hint += " again; what answered before answers still"
        raise FeatcError(Diagnostic("F893", message, hint=hint))


def follow(leader: Database, follower: OnlineStore) -> int:
    """Takes over what was pushed to one store since another had it last, and gives how many batches that were. Raises
    FeatcError F894 where the one that is followed was begun anew, and numbers its batches anew."""
    with follower.database.read() as found:
        after = journal.last(found)
    with leader.read() as found:
        to = journal.last(found)
    if to < after:
        message = f"{leader.path.name} was made anew since, and does not say what {follower.database.path.name} lacks"
        hint = "give up the way back with featc gc --previous; featc apply makes another"
        raise FeatcError(Diagnostic("F894", message, hint=hint))
    batches = 0
    for run in journal.runs(leader, after, to):
        follower.take_over(run, following=True)
        batches += len(run)
    return batches
