"""Random views of events with joins: columns of other sources, or features of other views, beside them."""

from __future__ import annotations

from collections.abc import Sequence

import oracle

from .choices import Draw
from .definitions import ViewMaker, is_exact
from .histories import History, abstract_type
from .joins import Upstream
from .model import Case, ViewSpec
from .windows import Windows


def with_view_joins(draw: Draw, case: Case, histories: Sequence[History], windows: Windows) -> Case:
    """The case, now and then with one view more, of events beside which features of other views lie; and another that
    joins that one. Drawn after everything else, for the same reason."""
    for letter in ("w", "x"):
        if not draw.chance(40):
            return case
        events = [h for h in histories if h.spec.meaning.kind == "event"]
        entities = [(v.yaml["entity"], v) for v in case.views if v.source is not None]
        upstream = {v.name: joinable(v, case) for v in case.views}
        upstream = {name: found for name, found in upstream.items() if found.features}
        if not events or not entities or not upstream:
            return case
        if letter == "x":
            upstream = {name: found for name, found in upstream.items() if name == "vw"} or upstream
        entity, like = draw.one(entities)
        types = {k: t for keys in case.entities.values() for k, t in keys.items()}
        others = histories if draw.chance(30) else ()
        maker = ViewMaker(draw, letter, draw.one(events), windows, {}, others, upstream)
        view = maker.view(entity, {k: types[k] for k in like.keys}, case.defaults.get("closed", "left"))
        picks = tuple((f.name, f"{view.name}.{f.name}") for s in view.features for f in s.outputs)
        service = case.service_yaml
        case = case.with_(
            views=(*case.views, view),
            picks=(*case.picks, *picks),
            service_yaml=None if service is None else (*service, view.name),
            library=windows.library,
            vars=windows.vars,
        )
    return case


SCALARS = ("bigint", "text", "boolean", "timestamp", "decimal", "double")


def joinable(view: ViewSpec, case: Case) -> Upstream:
    """What of a view can lie beside events: scalars without tolerance that need no request."""
    every = {f"{v.name}.{f.name}": f for v in case.views for s in v.features for f in (*s.outputs, *s.hidden)}

    def stands(name: str) -> bool:
        kind = name.partition(".")[0]
        feature = every.get(name)
        if feature is None:
            return kind != "request"
        if isinstance(feature, oracle.Aggregate) and feature.window.current:
            return False  # what held at an event's time lies beside none
        inputs = feature.inputs if isinstance(feature, oracle.Derived) else ()
        return is_exact(feature) and all(map(stands, inputs))

    types = {k: abstract_type(t) for keys in case.entities.values() for k, t in keys.items()}
    if view.source is not None and case.source(view.source).meaning.kind == "snapshot":
        return Upstream({k: types[k] for k in view.keys}, {})
    names = (f for s in view.features for f in s.outputs if f.type in SCALARS)
    found = {f.name: f.type for f in names if stands(f"{view.name}.{f.name}")}
    return Upstream({k: types[k] for k in view.keys}, found)


def with_joins(draw: Draw, case: Case, histories: Sequence[History], windows: Windows) -> Case:
    """The case, now and then with one more view, of events with joins, for an entity that another view has. It is drawn
    last, so that a case is the same with and without it."""
    events = [h for h in histories if h.spec.meaning.kind == "event"]
    entities = [(v.yaml["entity"], v) for v in case.views if v.source is not None]
    if not events or not entities or not draw.chance(55):
        return case
    entity, like = draw.one(entities)
    types = {k: t for keys in case.entities.values() for k, t in keys.items()}
    maker = ViewMaker(draw, "j", draw.one(events), windows, {}, histories)
    view = maker.view(entity, {k: types[k] for k in like.keys}, case.defaults.get("closed", "left"))
    picks = tuple((f.name, f"{view.name}.{f.name}") for s in view.features for f in s.outputs)
    service = case.service_yaml
    return case.with_(
        views=(*case.views, view),
        picks=(*case.picks, *picks),
        service_yaml=None if service is None else (*service, view.name),
        library=windows.library,
        vars=windows.vars,
    )
