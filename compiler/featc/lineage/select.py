"""Selectors: the small language every command shares to name definitions (interfaces.md, "Command line").

| term | selects |
|---|---|
| `view`, `view.feature`, `view.spend_*` | features and labels by name; `*` and `?` stand for anything |
| `service` | the outputs of a service |
| `tag:t` | features with the tag |
| `source:s` | the columns of a source and the features that read them |
| `state:changed` | what means something else than featc.lock says; commands replace it by its names |
| `+x`, `x+`, `+x+` | x with everything it comes from, that comes from it, or both |

Terms separated by spaces or commas add up. What lists definitions shows those that are named (`selected_features`,
`selected_outputs`); what computes or stores them takes all that these need, hidden ones too (`needed_features`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from featc.errors import Diagnostic, FeatcError, did_you_mean, nearest
from featc.lineage.graph import Graph, Node, project_graph
from featc.resolve.model import COMPLETE, Feature, Output, Project, feature_closure
from featc.resolve.naming import meant

SYNTAX = (
    "a selector is view, view.feature, view.spend_*, service, tag:t, source:s or state:changed; +x adds what x comes"
    " from, x+ what comes from x"
)


def selected_features(project: Project, selector: str | None) -> tuple[tuple[str, str], ...]:
    """The (view, feature) pairs a selector names, parents first; all of them without a selector.

    Raises FeatcError F801 (exit code 2) when a term names nothing.
    """
    if selector is None or not selector.strip():
        return tuple(pair for pair in project.order if pair[0] in project.views)
    kept = select(project, selector)
    return tuple(pair for pair in project.order if Node("feature", ".".join(pair)) in kept)


def selected_outputs(project: Project, selector: str | None) -> tuple[tuple[str, Output], ...]:
    """The (service, output) pairs that a selector names; all of them without a selector. Raises as above."""
    kept = select(project, selector) if selector is not None and selector.strip() else None
    return tuple(
        (s.name, o)
        for s in project.services.values()
        for o in s.outputs
        if kept is None or Node("output", f"{s.name}.{o.name}") in kept
    )


def selected_labels(project: Project, selector: str | None) -> tuple[Feature, ...]:
    """The labels that a selector names; all of them without a selector. Raises as above."""
    kept = select(project, selector) if selector is not None and selector.strip() else None
    labels = ((v, f) for v in project.labels.values() for f in v.features if not f.name.endswith(COMPLETE))
    return tuple(f for v, f in labels if kept is None or Node("label", f"{v.origin}.{f.name}") in kept)


def chosen_features(project: Project, selector: str | None) -> tuple[tuple[str, str], ...]:
    """The (view, feature) pairs a selector names, itself or by a service's outputs, parents first.

    Those of services may be of views as they ask them, and of their own expressions (`Project.asked`). Raises as above.
    """
    outputs = {(o.view, o.feature) for _, o in selected_outputs(project, selector)}
    found = outputs.union(selected_features(project, selector))
    return tuple(pair for pair in project.order if pair in found)


def needed_features(project: Project, selector: str | None) -> tuple[tuple[str, str], ...]:
    """The features of defined views that computing what a selector names takes, parents first: those named, those they
    are made of, and those that say which entity a service means. Raises as above."""
    closure = feature_closure(project, chosen_features(project, selector))
    found = {(project.view(view).origin, feature) for view, feature in closure}
    return tuple(pair for pair in project.order if pair in found and pair[0] in project.views)


def select(project: Project, selector: str, graph: Graph | None = None) -> set[Node]:
    """The nodes of the lineage graph that a selector names.

    Raises FeatcError F801 (exit code 2) when a term names nothing.
    """
    whole = graph if graph is not None else project_graph(project)
    terms = [term for term in re.split(r"[\s,]+", selector) if term]
    if not terms:
        raise _nothing(selector, SYNTAX)
    return set().union(*(_term(project, whole, term) for term in terms))


def _term(project: Project, graph: Graph, term: str) -> set[Node]:
    bare = term.removeprefix("+").removesuffix("+")
    found = _named(project, graph, bare)
    if not found:
        raise _nothing(term, _way_out(project, bare))
    kept = set(found)
    if term.startswith("+"):
        kept |= graph.upstream(found)
    if term.endswith("+"):
        kept |= graph.downstream(found)
    return kept


def _nothing(term: str, hint: str | None) -> FeatcError:
    return FeatcError(Diagnostic("F801", f"the selector '{term}' names nothing", hint=hint), exit_code=2)


def _named(project: Project, graph: Graph, name: str) -> set[Node]:
    method, colon, value = name.partition(":")
    if colon and method == "tag":
        return {_node(f) for f in _features(project) if _has_tag(f, value)}
    if colon and method == "source":
        columns = {n for n in graph.nodes if n.kind == "column" and fnmatchcase(n.group, value)}
        made = {v.name for v in project.views.values() if v.attributed is not None and fnmatchcase(v.attributed, value)}
        over = {_node(f) for f in _features(project) if f.view in made and f.reads_rows}
        return columns | over | {child for column in columns for child in graph.children[column]}
    if colon:
        return set()
    view, _, feature = name.partition(".")
    found = {
        _node(f)
        for f in _features(project)
        if fnmatchcase(f.view, view) and fnmatchcase(f.name, feature or "*")
    }
    found |= {n for n in graph.nodes if n.kind == "label" and _matches(n, view, feature)}
    if found:
        return found
    return {
        n for n in graph.nodes
        if n.kind == "output" and _matches(n, view, feature)
    }  # fmt: skip


def _matches(node: Node, view: str, name: str) -> bool:
    return fnmatchcase(node.group, view) and fnmatchcase(node.name, f"*.{name or '*'}")


def _features(project: Project) -> Iterable[Feature]:
    return (f for view in project.views.values() for f in view.features)


def _node(feature: Feature) -> Node:
    return Node("feature", feature.qualified)


def _has_tag(feature: Feature, tag: str) -> bool:
    tags = feature.meta.get("tags") or ()
    return isinstance(tags, (list, tuple)) and any(fnmatchcase(str(t), tag) for t in tags)


def _way_out(project: Project, name: str) -> str | None:
    method, colon, value = name.partition(":")
    if colon and method == "source":
        return did_you_mean(value, [*project.sources, *project.attributed])
    if colon and method == "tag":
        tags = {str(t) for f in _features(project) for t in _tags(f)}
        return did_you_mean(value, tags) or "no feature has a tag" if not tags else did_you_mean(value, tags)
    if colon:
        return SYNTAX
    view, dot, feature = name.partition(".")
    if dot and view in project.views:
        names = [f.name for f in project.views[view].features]
        close = nearest(feature, names)
        return did_you_mean(feature, names) if close is None else f"did you mean '{view}.{close}'?"
    if view in project.sources or view in project.attributed:
        return f"{view} is a source: write source:{view} for what comes from it"
    return meant(project, view) or SYNTAX


def _tags(feature: Feature) -> Iterable[object]:
    tags = feature.meta.get("tags") or ()
    return tags if isinstance(tags, (list, tuple)) else ()
