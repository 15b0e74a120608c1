"""What the pages of a catalogue say of features, views, sources and services: plain data for the templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from featc.durations import format_duration
from featc.fingerprint import Layers, service_fingerprint, view_fingerprint
from featc.lineage.graph import Graph, Node, project_graph
from featc.lineage.tags import project_tags
from featc.lower.source import render
from featc.resolve.model import (
    AggregateRef,
    Expr,
    Feature,
    Output,
    Project,
    Service,
    Source,
    View,
    ViewJoin,
)
from featc.site import places
from featc.site.living import Living, Proven
from featc.site.places import Kind, Places
from featc.site.written import Written
from featc.words import Meanings

_MOST = 40
"""Names of one list that are shown."""

_STATES = {
    "proven": "proven",
    "thin": "too little data to prove",
    "different": "plans differ",
    "moved": "changed since it was proven",
    "never": "not proven yet",
}
_SERVED = _STATES | {"never": "not all proven yet", "moved": "not all proven as they are now"}


@dataclass(frozen=True, slots=True)
class Facts:
    """A project with all that pages ask of it, computed once."""

    project: Project
    written: Written
    living: Living
    places: Places
    graph: Graph
    meanings: Meanings
    layers: Layers
    carried: Mapping[Node, tuple[str, ...]]
    windows: Mapping[str, Mapping[str, str]]
    """By view, the window of each aggregation."""

    @staticmethod
    def of(project: Project, written: Written, living: Living) -> Facts:
        graph = project_graph(project)
        carried = project_tags(project, graph).carried
        views = (*project.views.values(), *project.labels.values())
        windows = {v.name: {a.name: a.window.name for a in v.aggregations} for v in views}
        said = Meanings(project), Layers(project)
        return Facts(project, written, living, Places(project), graph, *said, carried, windows)

    # ── features ──────────────────────────────────────────────────────────────────────────────────────────────────

    def feature(self, view: View, kind: Kind, feature: Feature) -> dict[str, Any]:
        """A feature or label. Links are seen from the root."""
        name = f"{view.name}.{feature.name}"
        node = Node(kind, name)
        refs = (r.name for r in feature.expr.refs if isinstance(r, AggregateRef))
        windows = dict.fromkeys(self.windows[feature.view][r] for r in refs)
        said = about(feature.meta)
        if said["description"] == about(view.meta)["description"]:
            said["description"] = None  # inherited: the view says it
        return {
            "kind": kind,
            "name": feature.name,
            "qualified": name,
            "type": feature.type,
            "meaning": self.meanings.features[name],
            "default": feature.default,
            "windows": list(windows),
            "version": f"v{feature.version}",
            "fingerprint": self.layers.feature(feature.view, feature.name),
            "tiles": self.layers.whole_tile(feature.view, feature.name) if kind == "feature" else None,
            "carries": [t for t in self.carried.get(node, ()) if t not in said["tags"]],
            "proof": self.proof(name) if kind == "feature" else None,
            "sketch": self.living.sketches.get(name),
            "yaml": self.written.at(feature.span),
            "place": place(feature.span),
            "upstream": self._neighbours(self.graph.parents.get(node, ()), node),
            "downstream": self._neighbours(self.graph.children.get(node, ()), node),
            **said,
        }

    def proof(self, feature: str) -> dict[str, Any]:
        """What is proven of a feature."""
        found = self.living.proofs.get(feature, Proven("never"))
        return {"state": found.state, "words": _STATES[found.state], "found": found}

    def _neighbours(self, nodes: Iterable[Node], here: Node) -> dict[str, Any]:
        listed = [self.node(n) for n in nodes]
        values = [n for n in listed if n is not None]
        return {"shown": values[:_MOST], "more": len(values[_MOST:])}

    def node(self, node: Node) -> dict[str, str | None] | None:
        """A node of the lineage with its link; None for a column that featc makes itself."""
        match node.kind:
            case "feature" | "label":
                href = self.places.feature(node.kind, node.name)
            case "column":
                source, _, column = node.name.partition(".")
                if self.project.sources[source].column(column).hidden:
                    return None
                href = f"{places.link(places.source_page(source))}#{places.link(column)}"
            case "output":
                service, _, output = node.name.partition(".")
                href = f"{places.link(places.service_page(service))}#{places.link(output)}"
            case _:
                href = None
        return {"kind": node.kind, "name": node.name, "href": href}

    # ── views ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def view(self, view: View) -> dict[str, Any]:
        keys = [f"{k.name} {k.type}" + (f" = {text(k.expr)}" if _computed(k.expr, k.name) else "") for k in view.keys]
        asked = {v.name for v in self.project.asked.values() if v.of == view.name} | {view.name}
        used = [s.name for s in self.project.services.values() if any(o.view in asked for o in s.training)]
        return {
            "name": view.name,
            "entity": list(view.entity),
            "keyed": keys,
            "source": view.attributed or view.source,
            "sources": [_source_link(s) for s in dict.fromkeys([view.attributed or "", *view.sources]) if s],
            "where": text(view.where),
            "closed": view.closed,
            "ttl": _duration(view.ttl),
            "joins": [_join(join) for join in view.joins],
            "request": [f"{name} {type_}" for name, type_ in view.request],
            "services": [{"name": s, "href": places.link(places.service_page(s))} for s in used],
            "version": f"v{view.version}",
            "fingerprint": view_fingerprint(self.project, view.name),
            "place": place(view.span),
            "yaml": self.written.head(view.span, ("features", "labels")),
            "fresh": [(s, self.living.sources[s]) for s in view.sources if s in self.living.sources],
            **about(view.meta),
        }

    # ── services ──────────────────────────────────────────────────────────────────────────────────────────────────

    def service(self, service: Service) -> dict[str, Any]:
        served = self.living.services.get(service.name)
        return {
            "name": service.name,
            "outputs": [self._output(service, o) for o in service.outputs],
            "labels": [self._output(service, o) for o in service.labels if not o.name.endswith("__complete")],
            "keyed": [f"{name} {type_}" for name, type_ in service.keys],
            "request": [f"{name} {type_}" for name, type_ in service.request],
            "ask": _ask(service),
            "roles": [{"name": r.name, "view": r.view, "own": ", ".join(r.keys)} for r in service.roles],
            "version": f"v{service.version}",
            "fingerprint": service_fingerprint(self.project, service),
            "place": place(service.span),
            "yaml": self.written.at(service.span),
            "served": served,
            "proof": None if served is None else {"state": served.proof, "words": _SERVED[served.proof]},
            **about(service.meta),
        }

    def _output(self, service: Service, output: Output) -> dict[str, Any]:
        view = self.project.view(output.view)
        kind = "label" if output.view in self.project.labels else "feature"
        name = f"{view.origin}.{output.feature}"
        own = output.view == service.own
        return {
            "name": output.name,
            "type": output.type,
            "meaning": self.meanings.output(service, output),
            "of": None if own else name,
            "href": None if own else self.places.feature(kind, name),
            "sql": view.feature(output.feature).text if own else None,
            "proof": self.proof(f"{output.view}.{output.feature}") if kind == "feature" else None,
        }

    # ── sources ───────────────────────────────────────────────────────────────────────────────────────────────────

    def source(self, source: Source) -> dict[str, Any]:
        views = [v for v in self.project.views.values() if source.name in v.sources]
        return {
            "name": source.name,
            "kind": "union" if source.members else source.kind,
            "where": f"{source.location.kind}: {source.location.value}",
            "members": [_source_link(m.source.name) for m in source.members],
            "time": text(source.time) if not source.members else None,
            "known": _known(source),
            "id": list(source.id),
            "key": list(source.key),
            "deleted": text(source.deleted) if not source.members else None,
            "valid_to": text(source.valid_to) if not source.members else None,
            "tie_break": list(source.tie_break),
            "final_after": _duration(source.final_after),
            "lets": [{"name": name, "sql": text(let)} for name, let in source.lets] if not source.members else [],
            "columns": [self._column(source, c.name) for c in source.columns if not c.hidden],
            "views": [{"name": v.name, "href": places.link(places.view_page(v.name))} for v in views],
            "fresh": self.living.sources.get(source.name),
            "place": place(source.span),
            "yaml": self.written.at(source.span),
            **about(source.meta),
        }

    def _column(self, source: Source, name: str) -> dict[str, Any]:
        column = source.column(name)
        node = Node("column", f"{source.name}.{name}")
        used = self._neighbours(self.graph.children.get(node, ()), node)
        return {"name": name, "type": column.type, "tags": list(column.tags), "known": column.known_after, "used": used}


def about(meta: Mapping[str, object]) -> dict[str, Any]:
    """What an author says of a definition."""
    tags = meta.get("tags") or ()
    says = meta.get("deprecated")
    deprecated = None
    if says is not None:
        said: Mapping[str, object] = says if isinstance(says, Mapping) else {}
        parts = [f"{word} {said[word]}" for word in ("since", "until") if word in said]
        deprecated = " ".join(["deprecated", *parts]) + (f": use {said['use']}" if "use" in said else "")
    return {
        "description": _text(meta.get("description")),
        "owner": _text(meta.get("owner")),
        "tags": [str(t) for t in tags] if isinstance(tags, (list, tuple)) else [str(tags)],
        "deprecated": deprecated,
    }


def place(span: object) -> str | None:
    """`file:line` of a definition."""
    return None if span is None else str(span).rpartition(":")[0]


def text(expr: Expr | None) -> str | None:
    return None if expr is None else render(expr)


def _text(value: object) -> str | None:
    return None if value is None else " ".join(str(value).split())


def _duration(us: int | None) -> str | None:
    return None if us is None else format_duration(us)


def _computed(expr: Expr | None, name: str) -> bool:
    return expr is not None and text(expr) not in (name, f'"{name}"')


def _source_link(name: str) -> dict[str, str]:
    return {"name": name, "href": places.link(places.source_page(name))}


def _join(join: Any) -> str:
    of = join.view if isinstance(join, ViewJoin) else join.source.name
    keys = join.keys_of if isinstance(join, ViewJoin) else join.rows.keys
    asked = ", ".join(f"{k.name} = {render(e)}" for k, e in zip(keys, join.keys, strict=True))
    called = "" if of == join.name else f" as {join.name}"
    return f"{of}{called} by {asked}" if asked else f"{of}{called}"


def _known(source: Source) -> str:
    if source.members:
        return "each row as its own source says"
    if source.available_at is not None:
        return f"by {text(source.available_at)}"
    return f"{format_duration(source.delay)} after it happened" if source.delay else "as soon as it happens"


def _ask(service: Service) -> str:
    keys = [f"--key {name}=…" for name, _ in service.keys]
    return " ".join(["featc get", service.name, *keys, *(f"--request {name}=…" for name, _ in service.request)])
