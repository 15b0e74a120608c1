"""Warnings of ways by which the future may come into a feature, where no rule of the language can refuse it.

| | what is seen |
|---|---|
| F366 | a source's `sql:` brings to a row what comes from other rows: windows that look ahead, joins without times |
| F367 | a source all of whose rows have one time: what holds today counts as having held always |
| F368 | a label's source that is known at once, and features of the same service that read it |

What is refused for certain (labels in features, windows ahead, columns before they are known) resolve refuses. Sources
that no feature reads leak nothing, and are let be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from featc.errors import Findings, Span
from featc.lineage.graph import Node
from featc.lineage.tags import Step, Tags, project_tags, spoken_way
from featc.load.model import Definitions, SourceDef, location_of
from featc.names import is_kept
from featc.parse.queries import Beyond, Query, read_query
from featc.resolve.model import COMPLETE, ColumnRef, Expr, Project, Service, Source


def warn_of_leaks(definitions: Definitions, project: Project, findings: Findings) -> None:
    """Adds the warnings of all sources, each with the way by which it reaches a feature or a service."""
    ways = _Ways(project)
    for name, source in project.sources.items():
        if is_kept(name):  # of an earlier version, which was told of when it was the view's
            continue
        place = location_of(definitions.sources[name], definitions.target)
        query = read_query(place.value.value) if place.kind == "sql" else None
        if query is not None:
            for beyond in query.beyond:
                span = place.value.span_at(beyond.start, beyond.length)
                _warn_beyond(source, query, beyond, span, ways, findings)
        if not source.members:
            _warn_timeless(definitions.sources[name], source, query, ways, findings)
    for name in (n for n in project.stored if not is_kept(n)):
        _warn_undelayed(definitions.sources[name], project, ways, findings)


@dataclass
class _Ways:
    """Ways down the lineage; it is read when the first of them is asked for."""

    project: Project

    @cached_property
    def tags(self) -> Tags:
        return project_tags(self.project)

    @cached_property
    def children(self) -> dict[Node, list[Step]]:
        found: dict[Node, list[Step]] = {}
        for edge in self.tags.edges:
            found.setdefault(edge.parent, []).append(Step(edge.child, edge.kind))
        return found

    def from_all(self, starts: Iterable[Node]) -> Iterator[tuple[Step, ...]]:
        """A shortest way to each node below `starts`, shorter ways first."""
        ways: dict[Node, tuple[Step, ...]] = {node: (Step(node),) for node in starts}
        queue = deque(ways)
        while queue:
            node = queue.popleft()
            yield ways[node]
            for step in self.children.get(node, ()):
                if step.node not in ways and step.node.kind != "key":
                    ways[step.node] = (*ways[node], step)
                    queue.append(step.node)

    def down(self, starts: Iterable[Node]) -> tuple[Step, ...] | None:
        """A shortest way to a service's output, or else to a feature or label; None where nothing reads these."""
        ways = list(self.from_all(starts))
        kinds = (("output",), ("feature", "label"))
        found = (way for wanted in kinds for way in ways if way[-1].node.kind in wanted)
        return next(found, None)

    def between(self, start: Node, ends: Collection[Node]) -> tuple[Step, ...] | None:
        """A shortest way from a source to one of some outputs."""
        return next((way for way in self.from_all([start]) if way[-1].node in ends), None)


# ── sql: ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _warn_beyond(
    source: Source, query: Query, beyond: Beyond, span: Span, ways: _Ways, findings: Findings
) -> None:
    if _is_accounted(source, query, beyond):
        return
    starts = [Node("column", f"{source.name}.{c}") for c in sorted(beyond.columns)] or [Node("source", source.name)]
    way = ways.down(starts)
    if way is None:
        return
    if beyond.kind == "window":
        why = f"{beyond.words} brings to a row what later rows hold"
        hint = (
            "aggregate in a feature, as in last(x) over last_7d, or let available_at: be a column made with the same"
            " window: the instant at which the last row that it reads was known"
        )
    else:
        why = f"{beyond.words} brings to a row what is there today, whenever it came"
        hint = (
            "compare times in its condition (p.since <= o.ordered_at), make it a source with a view of its own,"
            " or let available_at: be the later of both sides' arrivals, as in greatest(o.loaded_at, p.loaded_at)"
        )
    findings.warn("F366", f"{source.name}: {why}: {spoken_way(way)}", span, hint)


def _is_accounted(source: Source, query: Query, beyond: Beyond) -> bool:
    """Whether available_at is made of the same rows, so that the row counts as known only when they all are."""
    columns = _column_names(source.available_at)
    if beyond.kind == "window":
        return any(query.has_window(c) for c in columns)
    behind = [query.tables_of(c) for c in columns]
    return any(tables is not None and tables & beyond.tables for tables in behind)


def _column_names(expr: Expr | None) -> list[str]:
    return [r.column for r in expr.refs if isinstance(r, ColumnRef)] if expr is not None else []


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _warn_timeless(
    definition: SourceDef, source: Source, query: Query | None, ways: _Ways, findings: Findings
) -> None:
    columns = _column_names(source.time)
    if source.available_at is not None and _column_names(source.available_at):
        return  # arrival tells when each row was known
    if columns and not (query is not None and all(query.is_constant(c) for c in columns)):
        return
    way = ways.down([Node("source", source.name)])
    if way is None:
        return
    message = f"all rows of {source.name} have one time, so what it holds today counts as known ever since: "
    hint = (
        "give time: the column since when a row holds (with valid_to: where it ends), and keep former rows;"
        " or available_at: the column when it was written"
    )
    findings.warn("F367", message + spoken_way(way), definition.time.span, hint)


# ── labels ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _warn_undelayed(definition: SourceDef, project: Project, ways: _Ways, findings: Findings) -> None:
    if definition.delay is not None or definition.available_at is not None:
        return
    unions = {u.name for u in project.sources.values() if definition.name in [m.source.name for m in u.members]}
    views = {v.name for v in project.labels.values() if v.source in (definition.name, *unions)}
    for service in project.services.values() if views else ():
        label = next((o for o in service.labels if o.view in views and not o.feature.endswith(COMPLETE)), None)
        if label is None:
            continue
        outcome = ways.between(Node("source", definition.name), [_node(service, label.name)])
        way = ways.between(Node("source", definition.name), [_node(service, o.name) for o in service.outputs])
        if way is None or outcome is None:
            continue
        message = (
            f"{service.name} predicts from {definition.name} ({spoken_way(outcome)}) and reads it ({spoken_way(way)})"
            " as if each row were known the moment it happens"
        )
        hint = "say when serving knows a row: available_at: COLUMN or delay: 2h; delay: 0s if it is at once"
        findings.warn("F368", message, definition.span, hint)
        return


def _node(service: Service, output: str) -> Node:
    return Node("output", f"{service.name}.{output}")
