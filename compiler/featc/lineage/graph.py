"""The lineage graph: source columns, request columns and keys → features and labels → service outputs.

An edge's kind says how the child depends on the parent:

| kind | the parent |
|---|---|
| `value` | is computed with: the child's value is made of it |
| `filter` | decides which rows count: `where`, FILTER, `deleted` |
| `key` | decides for whom a row counts |
| `time` | decides when a row counts |
| `order` | decides which of several versions or ties is taken |

`value` is direct lineage, the others are indirect. A resolved project has no cycles, nor has the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from featc.resolve.model import (
    COMPLETE,
    AggregateRef,
    Aggregation,
    AsOfRef,
    ColumnRef,
    CompleteRef,
    Expr,
    Feature,
    FeatureRef,
    KeyRef,
    Output,
    Project,
    RequestRef,
    Service,
    Source,
    StateRef,
    View,
    ViewJoin,
)
from featc.resolve.unfold import columns_behind

if TYPE_CHECKING:
    import networkx

NodeKind = Literal["column", "request", "key", "feature", "label", "output"]
FoldedKind = Literal["source", "request", "key", "view", "service"]
EdgeKind = Literal["value", "filter", "key", "time", "order"]
EDGE_KINDS: tuple[EdgeKind, ...] = ("value", "filter", "key", "time", "order")


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """A place a value can be: `name` is `source.column`, `request.column`, `key.name`, `view.feature`, `view.label` or
    `service.output`; a folded node has the name of its source, view or service. Names of different kinds may be
    equal."""

    kind: NodeKind | FoldedKind
    name: str

    @property
    def group(self) -> str:
        """The source, view or service it belongs to."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Edge:
    parent: Node
    child: Node
    kind: EdgeKind


@dataclass(frozen=True)
class Graph:
    """Nodes, parents before children, and edges in order of their ends and kinds, each once."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @cached_property
    def parents(self) -> dict[Node, tuple[Node, ...]]:
        return self._neighbours((e.child, e.parent) for e in self.edges)

    @cached_property
    def children(self) -> dict[Node, tuple[Node, ...]]:
        return self._neighbours((e.parent, e.child) for e in self.edges)

    def _neighbours(self, pairs: Iterable[tuple[Node, Node]]) -> dict[Node, tuple[Node, ...]]:
        found: dict[Node, dict[Node, None]] = {node: {} for node in self.nodes}
        for here, there in pairs:
            found[here][there] = None
        return {node: tuple(others) for node, others in found.items()}

    def upstream(self, start: Iterable[Node]) -> set[Node]:
        """`start` and everything it comes from."""
        return _reach(start, self.parents)

    def downstream(self, start: Iterable[Node]) -> set[Node]:
        """`start` and everything that comes from it."""
        return _reach(start, self.children)

    def only(self, kept: set[Node]) -> Graph:
        """The part between `kept` nodes."""
        nodes = tuple(n for n in self.nodes if n in kept)
        return Graph(nodes, tuple(e for e in self.edges if e.parent in kept and e.child in kept))

    def folded(self) -> Graph:
        """Sources, views and services instead of their columns, features and outputs; edges of one kind.

        Two views may need each other's features: then the folded graph has a cycle, and the whole one none.
        """
        folds = {node: folded_node(node) for node in self.nodes}
        pairs = dict.fromkeys((folds[e.parent], folds[e.child]) for e in self.edges)
        edges = [Edge(parent, child, "value") for parent, child in pairs if parent != child]
        return _ordered(_parents_first(dict.fromkeys(folds.values()), edges), edges)

    def networkx(self) -> networkx.DiGraph[Node]:
        """The same as a networkx DiGraph: nodes are `Node`s with `kind` and `name`, edges carry `kinds`."""
        import networkx

        graph: networkx.DiGraph[Node] = networkx.DiGraph()
        for node in self.nodes:
            graph.add_node(node, kind=node.kind, name=node.name)
        for edge in self.edges:
            known = graph.get_edge_data(edge.parent, edge.child, {"kinds": ()})["kinds"]
            graph.add_edge(edge.parent, edge.child, kinds=(*known, edge.kind))
        return graph


_FOLDS: dict[str, FoldedKind] = {
    "column": "source",
    "request": "request",
    "key": "key",
    "feature": "view",
    "label": "view",
    "output": "service",
}


def folded_node(node: Node) -> Node:
    """The source, view or service that stands for a node in a folded graph; itself if it is one."""
    return Node(_FOLDS.get(node.kind, node.kind), node.group)


def _reach(start: Iterable[Node], neighbours: dict[Node, tuple[Node, ...]]) -> set[Node]:
    found: set[Node] = set()
    stack = list(start)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += neighbours[node]
    return found


def _parents_first(nodes: Iterable[Node], edges: Iterable[Edge]) -> list[Node]:
    """The nodes in the given order, but each after its parents where no cycle forbids it."""
    left = dict.fromkeys(nodes)
    waiting: dict[Node, set[Node]] = {node: set() for node in left}
    for edge in edges:
        waiting[edge.child].add(edge.parent)
    found: list[Node] = []
    while left:
        free = next((n for n in left if not waiting[n] & left.keys()), next(iter(left)))
        found.append(free)
        del left[free]
    return found


def _ordered(nodes: Iterable[Node], edges: Iterable[Edge]) -> Graph:
    """Edges sorted by where their ends stand among the nodes."""
    listed = tuple(nodes)
    place = {node: number for number, node in enumerate(listed)}
    ranked = sorted(set(edges), key=lambda e: (place[e.child], place[e.parent], EDGE_KINDS.index(e.kind)))
    return Graph(listed, tuple(ranked))


# ── from a project ─────────────────────────────────────────────────────────────────────────────────────


def lineage_graph(project: Project) -> networkx.DiGraph[Node]:
    """The lineage of a whole project as a networkx DiGraph, down to single columns."""
    return project_graph(project).networkx()


def project_graph(project: Project) -> Graph:
    """The lineage of a whole project, down to single columns. Columns that nothing uses are left out."""
    defined = [(view, name) for view, name in project.order if view in project.views]
    ahead = [(view, name) for view, name in project.order if view in project.labels and not name.endswith(COMPLETE)]
    edges = {edge for view, name in (*defined, *ahead) for edge in _feature_edges(project, view, name)}
    for service in project.services.values():
        for output in _listed(service):
            here = Node("output", f"{service.name}.{output.name}")
            edges |= {Edge(p, here, kind) for p, kind in _behind(project, FeatureRef(output.view, output.feature))}
    inputs = {e.parent for e in edges if e.parent.kind in ("column", "request", "key")}
    united = sorted(node for node in inputs if node.kind == "column" and project.sources[node.group].members)
    for node in united:
        edges |= {Edge(Node("column", name), node, "value") for name in _behind_union(project, node)}
    inputs |= {e.parent for e in edges if e.child in united}
    features = [_named(project, view, name) for view, name in (*defined, *ahead)]
    outputs = [Node("output", f"{s.name}.{o.name}") for s in project.services.values() for o in _listed(s)]
    return _ordered([*sorted(inputs - set(united)), *united, *features, *outputs], edges)


def _behind_union(project: Project, node: Node) -> Iterator[str]:
    """The columns of the members of a union that a column of it is made of, as names of nodes."""
    union, column = project.sources[node.group], node.name.partition(".")[2]
    for member in union.members:
        yield from (f"{member.source.name}.{name}" for name in columns_behind(union, member)[column])


def _listed(service: Service) -> list[Output]:
    """What a service gives, and the labels of its training sets."""
    return [o for o in service.training if not o.feature.endswith(COMPLETE)]


def _named(project: Project, view: str, name: str) -> Node:
    """The node of a feature or label."""
    if view in project.labels:
        return Node("label", f"{project.labels[view].origin}.{name}")
    return Node("feature", f"{view}.{name}")


def _behind(project: Project, ref: FeatureRef) -> Iterator[tuple[Node, EdgeKind]]:
    """(node, how) for the definitions that a value asked by a service comes from.

    A service's own expressions are no nodes: what they read is. A view that is asked for another entity stands for
    itself, and what says which entity that is, is behind its value as a key.
    """
    if ref.view in project.views or ref.view in project.labels:
        yield _named(project, ref.view, ref.feature), "value"
        return
    view = project.asked[ref.view]
    feature = view.feature(ref.feature)
    if view.of is None:
        for inner in feature.expr.refs:
            if isinstance(inner, FeatureRef):
                yield from _behind(project, inner)
            elif isinstance(inner, RequestRef):
                yield Node("request", f"request.{inner.name}"), "value"
            elif isinstance(inner, KeyRef):
                yield Node("key", f"key.{inner.name}"), "value"
        return
    yield Node("feature", f"{view.of}.{ref.feature}"), "value"
    for given, kind in _own_inputs(project, ref):
        yield from ((node, how if kind == "value" else "key") for node, how in _behind(project, given))


def _own_inputs(project: Project, start: FeatureRef) -> Iterator[tuple[FeatureRef, EdgeKind]]:
    """The service's own expressions behind a feature as it asks it: by value where the feature reads the key that one
    of them computes (`key.x`), by key where they say whose rows count."""
    seen: set[FeatureRef] = set()
    stack = [start]
    while stack:
        ref = stack.pop()
        view = project.asked.get(ref.view)
        if ref in seen or view is None or view.of is None:
            continue
        seen.add(ref)
        feature = view.feature(ref.feature)
        inner = [r for r in feature.expr.refs if isinstance(r, FeatureRef)]
        own = [r for r in inner if r.view in project.asked and project.asked[r.view].of is None]
        yield from ((r, "value") for r in own)
        stack += [r for r in inner if r not in own]
        yield from ((k.given, "key") for k in view.keys if feature.reads_rows and k.given is not None)


def _feature_edges(project: Project, view_name: str, name: str) -> Iterator[Edge]:
    view = project.view(view_name)
    feature = view.feature(name)
    here = _named(project, view_name, name)
    if view.source is not None and feature.reads_rows:
        source = project.sources[view.source]
        for column, kind in _row_columns(view, source, feature):
            yield from (Edge(node, here, how) for node, how in _nodes(project, view, column, kind))
    for ref in feature.expr.refs:
        match ref:
            case FeatureRef(other, parent) if not (other in project.labels and parent.endswith(COMPLETE)):
                yield Edge(_named(project, other, parent), here, "value")
            case RequestRef(column):
                yield Edge(Node("request", f"request.{column}"), here, "value")
            case KeyRef(key):
                yield Edge(Node("key", f"key.{key}"), here, "value")
            case _:
                pass


def _nodes(project: Project, view: View, column: str, kind: EdgeKind) -> Iterator[tuple[Node, EdgeKind]]:
    """(node, how) for a column that a view's rows are read by: of its source, or of one that a join looks into, with
    what decides which row the join finds; or a feature of another view, with what says whose it is."""
    join = next((j for j in view.joins if column in j.columns), None)
    if join is None:
        yield Node("column", f"{view.source}.{column}"), kind
        return
    if isinstance(join, ViewJoin):
        pair = dict(zip(join.columns, join.pairs, strict=True))[column]
        yield _named(project, *pair), kind
        for expr in join.keys:
            for asked in _columns(expr):
                yield from _nodes(project, view, asked, "key")
        return
    other = project.sources[join.rows.source or ""]
    own = dict(zip(join.columns, join.rows.state_columns, strict=True))[column]
    yield Node("column", f"{other.name}.{own}"), kind
    for key in join.rows.keys:
        yield from ((Node("column", f"{other.name}.{c}"), "key") for c in _columns(key.expr))
    for expr in join.keys:
        for asked in _columns(expr):
            yield from _nodes(project, view, asked, "key")
    yield from ((Node("column", f"{other.name}.{c}"), "filter") for c in _columns(other.deleted))
    for when in (other.time, other.available_at, other.valid_to):
        yield from ((Node("column", f"{other.name}.{c}"), "time") for c in _columns(when))
    yield from ((Node("column", f"{other.name}.{c}"), "order") for c in (*other.id, *other.key, *other.tie_break))


def _row_columns(view: View, source: Source, feature: Feature) -> Iterator[tuple[str, EdgeKind]]:
    """(source column, how) for everything that decides a feature which reads rows of its source."""
    for ref in feature.expr.refs:
        match ref:
            case AggregateRef(name):
                yield from _argument_columns(view, view.aggregation(name))
            case StateRef(column):
                yield column, "value"
            case ColumnRef() | FeatureRef() | RequestRef() | KeyRef() | AsOfRef() | CompleteRef():
                pass
    for expr in (view.where, source.deleted):
        yield from ((c, "filter") for c in _columns(expr))
    for key in view.keys:
        yield from ((c, "key") for c in _columns(key.expr))
    for expr in (source.time, source.available_at, source.valid_to):
        yield from ((c, "time") for c in _columns(expr))
    yield from ((c, "order") for c in (*source.told_by, *source.key, *source.tie_break))


def _argument_columns(view: View, aggregation: Aggregation) -> Iterator[tuple[str, EdgeKind]]:
    begins = aggregation.window.since
    for slot in (view.slot(name) for name in (*aggregation.slots, *([begins] if begins else []))):
        yield from ((c, "value") for c in _columns(slot.value))
        yield from ((c, "filter") for c in _columns(slot.filter))


def _columns(expr: Expr | None) -> Iterator[str]:
    if expr is not None:
        yield from (r.column for r in expr.refs if isinstance(r, ColumnRef))
