"""`manifest.json`: every definition, version, edge and file of a build, as deterministic text.

Nothing in it depends on when, where or by whom it was built. Where data lies is not part of any version and
stands apart, under `locations`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from featc import fingerprint
from featc.decompose import decompose
from featc.durations import format_duration
from featc.lineage.graph import Node, project_graph
from featc.lineage.tags import project_tags
from featc.lower.source import render
from featc.resolve.model import (
    COMPLETE,
    AggregateRef,
    Attributed,
    Expr,
    Feature,
    Join,
    Output,
    Project,
    Service,
    Source,
    View,
    ViewJoin,
    Window,
)
from featc.words import Meanings

SCHEMA = 1
"""Raised when a reader of the manifest would have to change."""


def manifest_text(project: Project, files: Mapping[str, str]) -> str:
    """The manifest of a project whose other artefacts are `files`."""
    return json.dumps(manifest(project, files), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def manifest(project: Project, files: Mapping[str, str]) -> dict[str, Any]:
    """The manifest as plain data."""
    features = [f for view in project.views.values() for f in view.features]
    graph = project_graph(project)
    carried = project_tags(project, graph).carried
    meanings, layers = Meanings(project), fingerprint.Layers(project)
    return {
        "schema": SCHEMA,
        "ir_version": fingerprint.IR_VERSION,
        "project": project.name,
        "entities": {name: {"keys": list(keys)} for name, keys in project.entities.items()},
        "sources": {name: _source(source) for name, source in project.sources.items()},
        "attributed": {name: _attributed(made) for name, made in project.attributed.items()},
        "locations": {
            name: {"kind": s.location.kind, "value": s.location.value} for name, s in project.sources.items()
        },
        "windows": _windows(project),
        "views": {name: _view(project, view) for name, view in project.views.items()},
        "features": {f.qualified: _feature(project, f, carried, meanings, layers) for f in features},
        "labels": {
            f"{v.origin}.{f.name}": _label(project, v, f, carried, meanings)
            for v in project.labels.values()
            for f in _named(v)
        },
        "services": {name: _service(project, service, carried, meanings) for name, service in project.services.items()},
        "edges": [
            {
                "from": edge.parent.name,
                "from_kind": edge.parent.kind,
                "to": edge.child.name,
                "to_kind": edge.child.kind,
                "kind": edge.kind,
            }
            for edge in graph.edges
        ],
        "files": {
            path: {"sha256": hashlib.sha256(text.encode()).hexdigest()} for path, text in files.items()
        },
    }


def _text(expr: Expr | None) -> str | None:
    return None if expr is None else render(expr)


def _duration(us: int | None) -> str | None:
    return None if us is None else format_duration(us)


def _about(meta: Mapping[str, object]) -> dict[str, Any]:
    """What people are told about a definition. Owners, tags and the like never enter a fingerprint."""
    tags = meta.get("tags") or ()
    return {
        "description": meta.get("description"),
        "owner": meta.get("owner"),
        "tags": list(tags) if isinstance(tags, (list, tuple)) else [tags],
        "meta": _plain(meta.get("meta") or {}),
        "deprecated": _plain(meta.get("deprecated")),
    }


def _plain(value: object) -> Any:
    """The author's own words as JSON: mappings, lists and scalars, anything else as text."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def _source(source: Source) -> dict[str, Any]:
    return {
        "kind": source.kind,
        "time": _text(source.time),
        "available_at": _text(source.available_at),
        "delay": _duration(source.delay),
        "timezone": source.timezone or "UTC",
        "id": list(source.id),
        "key": list(source.key),
        "deleted": _text(source.deleted),
        "valid_to": _text(source.valid_to),
        "tie_break": list(source.tie_break),
        "columns": {c.name: {"type": c.type, "tags": list(c.tags)} for c in source.columns if not c.hidden},
        **({"union": [m.source.name for m in source.members]} if source.members else {}),
        **_about(source.meta),
    }


def _attributed(made: Attributed) -> dict[str, Any]:
    """A source made of others; what matches, and how, is with the views that read it."""
    return {"from": made.base, "matched": list(made.matched), **_about(made.meta)}


def _windows(project: Project) -> dict[str, Any]:
    views = (*project.views.values(), *project.labels.values())
    used = {a.window.name: (view, a.window) for view in views for a in view.aggregations}
    return {name: _window(view, window) for name, (view, window) in used.items()}


def _window(view: View, window: Window) -> dict[str, Any]:
    calendar = window.calendar
    return {
        "range": None if window.is_ahead else _duration(window.length),
        "next": _duration(window.length) if window.is_ahead else None,
        "offset": _duration(max(window.offset, 0)),
        "rows": window.rows,
        "hop": _duration(window.hop),
        "align": window.align,
        "lifetime": not window.bounded and window.by_time,
        "calendar": None if calendar is None else calendar.unit,
        "timezone": None if calendar is None else calendar.zone,
        "previous": None if calendar is None else calendar.previous,
        "since": None if window.since is None else _text(view.slot(window.since).filter),
        "current": window.current,
    }


def _view(project: Project, view: View) -> dict[str, Any]:
    return {
        "version": f"v{view.version}",
        "fingerprint": fingerprint.view_fingerprint(project, view.name),
        "entity": list(view.entity),
        "keys": [{"name": k.name, "type": k.type, "sql": _text(k.expr)} for k in view.keys],
        "source": view.source,
        "attributed": view.attributed,
        "joins": [_join(join) for join in view.joins],
        "where": _text(view.where),
        "closed": view.closed,
        "ttl": _duration(view.ttl),
        "request": _columns(view.request),
        "features": [f.name for f in view.features],
        "aggregations": _aggregations(view),
        **_about(view.meta),
    }


def _join(join: Join | ViewJoin) -> dict[str, Any]:
    if isinstance(join, ViewJoin):
        asked = zip(join.keys_of, join.keys, strict=True)
        return {
            "name": join.name,
            "view": join.view,
            "keys": [{"key": k.name, "type": k.type, "sql": _text(e)} for k, e in asked],
            "features": [f.feature for f in join.features],
        }
    keys = zip(join.rows.keys, join.keys, strict=True)
    return {
        "name": join.name,
        "source": join.source.name,
        "keys": [{"column": k.name, "type": k.type, "sql": _text(e)} for k, e in keys],
        "within": _duration(join.rows.ttl if join.match is None else join.match.within),
        "match": None if join.match is None else {"take": join.match.take, "mature": join.match.mature},
        "columns": list(join.rows.state_columns),
    }


def _columns(columns: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "type": type_} for name, type_ in columns]


def _aggregations(view: View) -> dict[str, Any]:
    """Each aggregation: the finisher, and the states it reads by the names the finisher gives them."""
    return {
        finish.aggregation.name: {
            "finisher": finish.aggregation.aggregate,
            "window": finish.aggregation.window.name,
            "slots": list(finish.aggregation.slots),
            "states": {label: cell.name for label, cell in finish.states.items()},
            "type": finish.aggregation.type,
        }
        for finish in decompose(view).finishes
    }


Carried = Mapping[Node, tuple[str, ...]]
"""The tags that each node of the lineage carries."""


def _feature(
    project: Project, feature: Feature, carried: Carried, meanings: Meanings, layers: fingerprint.Layers
) -> dict[str, Any]:
    view = project.views[feature.view]
    read = [view.aggregation(r.name) for r in feature.expr.refs if isinstance(r, AggregateRef)]
    return {
        "version": f"v{feature.version}",
        "fingerprint": layers.feature(view.name, feature.name),
        "tile_fingerprint": layers.whole_tile(view.name, feature.name),
        "contract_fingerprint": fingerprint.contract_fingerprint(project, view.name, feature.name),
        "view": feature.view,
        "name": feature.name,
        "type": feature.type,
        "meaning": meanings.features[feature.qualified],
        "sql": feature.text,
        "default": feature.default,
        "aggregations": [a.name for a in read],
        "windows": list(dict.fromkeys(a.window.name for a in read)),
        "carries": list(carried[Node("feature", feature.qualified)]),
        **_about(feature.meta),
    }


def _named(labels: View) -> list[Feature]:
    """A view's labels, without the columns that say which are complete."""
    return [f for f in labels.features if not f.name.endswith(COMPLETE)]


def _label(
    project: Project, view: View, label: Feature, carried: Carried, meanings: Meanings
) -> dict[str, Any]:
    """A label: it is in training sets only, so it has no tiles and no contract."""
    read = [view.aggregation(r.name) for r in label.expr.refs if isinstance(r, AggregateRef)]
    return {
        "version": f"v{label.version}",
        "fingerprint": fingerprint.feature_fingerprint(project, view.name, label.name),
        "view": view.origin,
        "name": label.name,
        "type": label.type,
        "meaning": meanings.features[f"{view.origin}.{label.name}"],
        "sql": label.text,
        "source": view.source,
        "closed": view.closed,
        "windows": list(dict.fromkeys(a.window.name for a in read)),
        "carries": list(carried[Node("label", f"{view.origin}.{label.name}")]),
        **_about(label.meta),
    }


def _service(project: Project, service: Service, carried: Carried, meanings: Meanings) -> dict[str, Any]:
    return {
        "version": f"v{service.version}",
        "fingerprint": fingerprint.service_fingerprint(project, service),
        "outputs": [_output(project, service, o, carried, meanings) for o in service.outputs],
        "labels": [_output(project, service, o, carried, meanings) for o in service.labels],
        "keys": _columns(service.keys),
        "request": _columns(service.request),
        "roles": {role.name: {"view": role.view, "keys": list(role.keys)} for role in service.roles},
        "expressions": {
            f.name: {"sql": f.text, "type": f.type, "default": f.default}
            for f in (project.asked[service.own].features if service.own in project.asked else ())
        },
        **_about(service.meta),
    }


def _output(
    project: Project, service: Service, output: Output, carried: Carried, meanings: Meanings
) -> dict[str, Any]:
    """An output: the feature of a view, perhaps in a role, or with no view one of the service's own expressions."""
    view = project.view(output.view)
    roles = (r.name for r in service.roles if r.asked == output.view and output.name == f"{r.name}_{output.feature}")
    return {
        "name": output.name,
        "view": None if output.view == service.own else view.origin,
        "feature": output.feature,
        "role": next(roles, None),
        "type": output.type,
        "meaning": meanings.output(service, output),
        "carries": list(carried.get(Node("output", f"{service.name}.{output.name}"), ())),
    }
