"""`featc materialize --dry-run`: what a run would read of each source. Nothing is written, and no store is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from featc.lower.materialize import BEYOND, NEVER, WAITING, told_apart_by
from featc.lower.online import SourcePlan, keep, source_plan
from featc.resolve.model import Project, Source
from featc.runtime.located import located
from featc.runtime.materialize import books
from featc.runtime.materialize.books import Columns, Interval
from featc.runtime.materialize.intake import changed, columns_of
from featc.runtime.materialize.report import Foreseen, Stretch
from featc.runtime.materialize.run import engine_of, refuse_other_routes, wanted
from featc.runtime.materialize.staging import Staging
from featc.runtime.online.database import Database
from featc.runtime.online.engine import Engine
from featc.runtime.online.store import Instant, instant

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

Known = tuple[Columns, Mapping[int, Interval]]
"""By what a source's rows are told apart, and the intervals taken in."""


def foresee(project: FeatureStore, until: Instant = None, select: str | None = None) -> tuple[Foreseen, ...]:
    """By source, what `materialize` with the same arguments would go through. Raises what that raises before it
    writes."""
    served = project.served
    _, listed = wanted(served, _plans(served), select)
    last = None if until is None else instant(until)
    known = _known(project, listed)
    data = located(served, project.root).sources
    with engine_of(project) as engine:
        return tuple(
            _source(engine, plan, data[plan.source.name], known[plan.source.name], last)
            for plan in listed
        )


def _plans(project: Project) -> dict[str, SourcePlan]:
    """By source what a run executes, without a store that was opened for it."""
    kept = keep(project)
    return {name: source_plan(kept, source) for name, source in project.sources.items()}


def _known(project: FeatureStore, plans: list[SourcePlan]) -> dict[str, Known]:
    """What the store's books say; where there is no store, or one whose format had none, nothing is known."""
    now = {p.source.name: told_apart_by(p.source, [v.layout for v in p.all_views], united=bool(p.feeds)) for p in plans}
    unknown: dict[str, Known] = {name: (columns, {}) for name, columns in now.items()}
    with _database(project) as database:
        if database is None or not database.has_tables() or database.lacks_horizons:
            return unknown
        with database.read() as store:
            refuse_other_routes(store, plans)
            found = {p.source.name: columns_of(store, p) for p in plans}
            return {
                name: (columns, books.intervals(store, name) if books.columns(store, name) == columns else {})
                for name, columns in found.items()
            }


@contextmanager
def _database(project: FeatureStore) -> Iterator[Database | None]:
    if not project.online_path.exists():
        yield None
        return
    database = Database(project.online_path, project.root, read_only=True)
    try:
        yield database
    finally:
        database.close()


def _source(engine: Engine, plan: SourcePlan, source: Source, known: Known, until: int | None) -> Foreseen:
    columns, intervals = known
    with engine.batch:
        staging = Staging(engine, source, plan.identities, [c for c, _ in columns], until)
        stretches = {found.until: (found, Stretch(found.rows, a, b)) for found, a, b in staging.stretches(intervals)}
    places = changed(intervals, {place: found for place, (found, _) in stretches.items() if place != WAITING})
    there = {place: stretches[place][1] if place in stretches else Stretch(0) for place in (*places, BEYOND, WAITING)}
    return Foreseen(
        source=source.name,
        watermark=books.watermark(intervals),
        beyond=there[BEYOND],
        behind=tuple(there[place] for place in places if place not in (NEVER, BEYOND)),
        without_arrival=there[NEVER].rows if NEVER in places else 0,
        waiting=there[WAITING].rows,
    )
