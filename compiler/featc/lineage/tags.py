"""Tags along the lineage: what a value carries because of what it is made of.

A tag goes from what is read to what is computed with it, by edges of kind `value`: through `let`, expressions,
aggregates, derived features and those of services, and labels. What decides only which rows count, for whom, when or in
what order (`filter`, `key`, `time`, `order`) hands on nothing by itself; a policy may ask for it.

| tags of | are carried by |
|---|---|
| a column | what is computed with it, and a key that it is |
| a source | every feature that reads its rows, `count(*)` too |
| an entity | its keys, where an expression reads them (`key.x`) |
| a request column | what is computed with it |
| a view, a feature, a label | itself and what is computed with it |
| a service's derived feature | itself, and the service's features that are computed with it |

Services', windows' and tests' own tags are of no value, and go nowhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from featc.lineage.graph import Edge, EdgeKind, Graph, Node, project_graph
from featc.resolve.model import ColumnRef, FeatureRef, Output, Project, Source, View

VALUE: frozenset[EdgeKind] = frozenset({"value"})


@dataclass(frozen=True, slots=True)
class Step:
    """A node on the way from where a tag stands to a value; `kind` is how the node before it decides it."""

    node: Node
    kind: EdgeKind = "value"


@dataclass(frozen=True)
class Tags:
    """The project's lineage with `own`, the tags that stand at its nodes. Sources and keys are nodes of it, too."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    own: Mapping[Node, tuple[str, ...]]

    @cached_property
    def parents(self) -> Mapping[Node, tuple[Edge, ...]]:
        found: dict[Node, list[Edge]] = {}
        for edge in self.edges:
            found.setdefault(edge.child, []).append(edge)
        return {node: tuple(edges) for node, edges in found.items()}

    @cached_property
    def carried(self) -> Mapping[Node, tuple[str, ...]]:
        """The tags that each node carries by value, its own among them, in alphabetical order."""
        found: dict[Node, tuple[str, ...]] = {}
        for node in self.nodes:
            tags = set(self.own.get(node, ()))
            for edge in self.parents.get(node, ()):
                tags |= set(found.get(edge.parent, ())) if edge.kind == "value" else set()
            found[node] = tuple(sorted(tags))
        return found

    @property
    def known(self) -> frozenset[str]:
        """All tags that stand anywhere a value can have them from."""
        return frozenset(tag for tags in self.own.values() for tag in tags)

    def way(
        self, to: Node, wanted: Callable[[str], bool], kinds: Collection[EdgeKind] = VALUE,
        ends: Collection[Node] = (),
    ) -> tuple[str, tuple[Step, ...]] | None:
        """A tag that `wanted` takes and a shortest way by edges of `kinds` from where it stands to a node; None where
        there is none. No way leads through the nodes `ends`."""
        before: dict[Node, tuple[Node, EdgeKind] | None] = {to: None}
        queue = deque([to] if to not in ends else [])
        while queue:
            node = queue.popleft()
            tag = next((t for t in self.own.get(node, ()) if wanted(t)), None)
            if tag is not None:
                return tag, _steps(node, before)
            for edge in self.parents.get(node, ()):
                if edge.kind in kinds and edge.parent not in before and edge.parent not in ends:
                    before[edge.parent] = (node, edge.kind)
                    queue.append(edge.parent)
        return None


def _steps(start: Node, before: Mapping[Node, tuple[Node, EdgeKind] | None]) -> tuple[Step, ...]:
    steps = [Step(start)]
    following = before[start]
    while following is not None:
        node, kind = following
        steps.append(Step(node, kind))
        following = before[node]
    return tuple(steps)


def spoken_way(steps: tuple[Step, ...]) -> str:
    """A way in words: `orders.email → user_orders.domain → ads.domain`, with what is not by value said so."""
    first, *rest = steps
    words = [first.node.name]
    words += [f"{'→' if step.kind == 'value' else f'→ ({step.kind})'} {step.node.name}" for step in rest]
    return " ".join(words)


def project_tags(project: Project, known: Graph | None = None) -> Tags:
    """The tags of a whole project, and the ways they can go. `known` is its whole graph, where somebody has it."""
    graph = known if known is not None else project_graph(project)
    edges = list(graph.edges)
    own: dict[Node, tuple[str, ...]] = {Node(_kind_of(n), n): tags for n, tags in project.tags.items()}
    for source in project.sources.values():
        own[Node("source", source.name)] = _listed(source.meta)
        edges += [Edge(Node("source", m.source.name), Node("source", source.name), "value") for m in source.members]
        own |= {Node("column", f"{source.name}.{c.name}"): c.tags for c in source.columns if c.tags}
    own |= {Node("source", made.name): _listed(made.meta) for made in project.attributed.values()}
    for view in (*project.views.values(), *project.labels.values()):
        for feature in view.features:
            here = Node("label" if view.ahead else "feature", f"{view.origin}.{feature.name}")
            own[here] = _listed(feature.meta)
            if view.source is not None and feature.reads_rows:
                edges.append(Edge(Node("source", view.source), here, "value"))
            if view.attributed is not None and feature.reads_rows:
                edges.append(Edge(Node("source", view.attributed), here, "value"))
        edges += _key_edges(view, project.sources[view.source]) if view.source is not None else []
    for service in project.services.values():
        for output in service.training:
            own[Node("output", f"{service.name}.{output.name}")] = _of_expressions(project, service.own, output)
    first = dict.fromkeys(n for n in own if n.kind in ("source", "column", "request"))
    first |= dict.fromkeys(e.parent for e in edges if e.parent.kind in ("source", "column", "request"))
    unions = {name for name, source in project.sources.items() if source.members}
    united = [n for n in first if n.kind in ("source", "column") and n.group in unions]
    first = {n: None for n in first if n not in united} | dict.fromkeys(united)
    keys = dict.fromkeys(n for n in own if n.kind == "key") | dict.fromkeys(
        n for e in edges for n in (e.parent, e.child) if n.kind == "key"
    )
    nodes = dict.fromkeys((*first, *keys, *graph.nodes))
    return Tags(tuple(nodes), tuple(dict.fromkeys(edges)), {n: tags for n, tags in own.items() if tags})


def _kind_of(name: str) -> Literal["key", "request"]:
    return "key" if name.startswith("key.") else "request"


def _listed(meta: Mapping[str, object]) -> tuple[str, ...]:
    tags = meta.get("tags") or ()
    return tuple(str(t) for t in tags) if isinstance(tags, (list, tuple)) else ()


def _key_edges(view: View, source: Source) -> list[Edge]:
    """What a key is: the columns that say so in each view. Of the source's rows it tells nothing."""
    edges = []
    for key in view.keys:
        here = Node("key", f"key.{key.name}")
        columns = [r.column for r in key.expr.refs if isinstance(r, ColumnRef)] if key.expr is not None else []
        edges += [Edge(Node("column", f"{source.name}.{c}"), here, "value") for c in columns]
    return edges


def _of_expressions(project: Project, own: str, output: Output) -> tuple[str, ...]:
    """The tags of a service's own expressions behind one of its outputs: they are no nodes."""
    found: list[str] = []
    stack = [FeatureRef(output.view, output.feature)]
    seen: set[FeatureRef] = set()
    while stack:
        ref = stack.pop()
        if ref in seen or ref.view not in project.asked:
            continue
        seen.add(ref)
        feature = project.asked[ref.view].feature(ref.feature)
        found += _listed(feature.meta) if ref.view == own else ()
        stack += [r for r in feature.expr.refs if isinstance(r, FeatureRef)]
    return tuple(dict.fromkeys(found))
