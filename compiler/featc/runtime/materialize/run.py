"""A project's sources into its online store, one after the other."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from featc.errors import Diagnostic, Findings
from featc.lineage import needed_features
from featc.lower.online import SourcePlan, ViewPlan
from featc.lower.source import literal
from featc.resolve.model import Project
from featc.runtime.located import located
from featc.runtime.materialize.intake import bring_in
from featc.runtime.materialize.report import MaterializeReport, Progress, SourceReport
from featc.runtime.online.engine import Engine
from featc.runtime.online.routes import other_route, route_of
from featc.runtime.online.store import Instant, instant

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

_MEMORY = "1GB"
"""What DuckDB may hold of the sources at a time where the target does not say; the rest waits on disk."""


def materialize(
    project: FeatureStore, until: Instant = None, select: str | None = None, progress: Progress | None = None
) -> MaterializeReport:
    """Brings the online store to what the sources of the selected views hold up to `until` (None: all of it).

    Rows arrive in order of α, and those that have appeared behind the watermark since the last run too. Raises
    FeatcError F632 (no instant), F801 (a selector that names nothing), F64x, and whatever reading the sources and
    writing the store can raise; batches that were taken in before stay.
    """
    served = project.serving.current()
    online = served.online
    chosen, plans = wanted(served.project, online.plans, select)
    with online.database.read() as store:
        refuse_other_routes(store, plans)
    last = None if until is None else instant(until)
    data = located(served.project, project.root).sources
    with engine_of(project) as engine:
        reports = [
            bring_in(
                online.database, engine, plan, data[plan.source.name], last,
                progress or (lambda source, done, total: None), online.beside,
            )
            for plan in plans
        ]
    with online.database.read():
        incomplete = list(online.incomplete(v for p in plans for v in kept(p) if v.layout.view.name in chosen))
    return MaterializeReport(tuple(reports), tuple(w for r in reports for w in _gone(r)), tuple(incomplete))


def kept(plan: SourcePlan) -> Iterator[ViewPlan]:
    """The views that keep rows of a source, its unions' among them."""
    yield from plan.all_views
    for feed in plan.feeds:
        yield from kept(feed.plan)


def wanted(
    project: Project, plans: Mapping[str, SourcePlan], select: str | None
) -> tuple[frozenset[str], list[SourcePlan]]:
    """The views that a selector needs, and the plans of their sources. Raises FeatcError F801."""
    chosen = frozenset(view for view, _ in needed_features(project, select))
    stored = [p for p in plans.values() if not p.source.members]
    needed = [p for p in stored if any(v.layout.view.name in chosen for v in p.fed)]
    return chosen, in_order(needed)


def in_order(plans: Iterable[SourcePlan]) -> list[SourcePlan]:
    """What joins look into comes first: else rows are lifted twice."""
    return sorted(plans, key=lambda p: max((p.depths[v.layout.view.name] for v in p.joined), default=0))


def refuse_other_routes(store: sqlite3.Connection, plans: Sequence[SourcePlan]) -> None:
    """Before anything is read, all sources without an id that were pushed."""
    findings = Findings()
    for plan in plans:
        if not plan.identities and route_of(store, plan.source) == "push":
            findings.items.append(other_route(plan.source, "materialize"))
    findings.raise_errors()


@contextmanager
def engine_of(project: FeatureStore) -> Iterator[Engine]:
    """An engine that sees the project's data, for this run, within the target's limits."""
    own = project.compiled.definitions.target.settings
    with tempfile.TemporaryDirectory(prefix="featc-") as folder:
        connection = project.connect()
        try:
            for name, value in (("memory_limit", _MEMORY), ("temp_directory", folder)):
                if name not in own:
                    connection.execute(f"SET {name} = {literal(value)}")
            connection.execute("SET preserve_insertion_order = true")
            yield Engine(connection)
        finally:
            connection.close()


def _gone(report: SourceReport) -> Iterator[Diagnostic]:
    if report.gone:
        rows = "1 row" if report.gone == 1 else f"{report.gone} rows"
        was, is_ = ("was", "is") if report.gone == 1 else ("were", "are")
        message = f"{rows} of {report.source} that {was} taken in {is_} in the source no longer"
        hint = (
            "the store keeps what it has: write a `deleted:` row for an event that is to go, or materialize into a new"
            " store"
        )
        yield Diagnostic("F644", message, hint=hint, severity="warning")
