"""Who uses which definition: features and labels, views, and services, each use with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from featc.errors import Span
from featc.load.model import Definitions, FeatureDef, ServiceDef, ViewDef
from featc.resolve.model import (
    COMPLETE,
    AggregateRef,
    ColumnRef,
    Expr,
    Feature,
    FeatureRef,
    Project,
    RequestRef,
    Service,
    StateRef,
    View,
    ViewJoin,
    join_column,
)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Use:
    """`user` (in words) uses at `span` the definition (`kind`, `definition`), there called `name`. `within` are the
    definitions that the user is or is part of."""

    kind: str
    definition: str
    name: str
    user: str
    span: Span | None
    within: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class _User:
    """Who uses: in words, and the definitions it is or is part of."""

    spoken: str
    within: tuple[Key, ...]

    def uses(self, kind: str, definition: str, span: Span | None, name: str | None = None) -> Use:
        return Use(kind, definition, name or definition, self.spoken, span, self.within)


def uses(definitions: Definitions, project: Project) -> Iterator[Use]:
    """All uses of definitions in a project that was resolved without errors."""
    written = {v.name: _written(v) for v in definitions.views.values()}
    for view in project.own_views.values():
        yield from _of_view(project, written, definitions.views[view.name], view)
    for definition in (d for d in definitions.sources.values() if d.union):
        user = _User(f"the union {definition.name}", (("source", definition.name),))
        yield from (user.uses("source", member.value, member.span) for member in definition.union)
    for view in (*project.own_views.values(), *project.own_labels.values()):
        for feature in view.features:
            if not (view.ahead and feature.name.endswith(COMPLETE)):
                yield from _of_feature(project, written, view, feature)
    for service in project.services.values():
        yield from _of_service(project, written, definitions.services[service.name], service)


Written = dict[str, dict[Span, FeatureDef]]
"""The features and labels of each view as written, by the place of their name."""


def _written(view: ViewDef) -> dict[Span, FeatureDef]:
    return {f.span: f for f in (*view.features, *view.labels)}


def _target(project: Project, written: Written, ref: FeatureRef) -> tuple[str, str, str]:
    """The kind and definition of the feature or label that is meant, and its own name."""
    view = project.view(ref.view)
    name = ref.feature.removesuffix(COMPLETE) if view.ahead else ref.feature
    feature = view.feature(name)
    definition = written.get(view.origin, {}).get(feature.span) if feature.span is not None else None
    kind = "label" if view.ahead else "feature"
    return kind, f"{view.origin}.{definition.name if definition else name}", f"{view.origin}.{name}"


def _of_view(project: Project, written: Written, definition: ViewDef, view: View) -> Iterator[Use]:
    user = _User(f"the view {view.name}", (("view", view.name),))
    for entity in definition.entity or ():
        yield user.uses("entity", entity.value, entity.span)
    if view.source is None:
        return
    span = definition.source.span if definition.source else view.span
    yield user.uses("source", view.source, span)
    if view.attributed is not None:
        yield user.uses("source", view.attributed, span)
    if definition.of_view and definition.source is not None:
        yield user.uses("view", definition.source.value, span)
    placed = {j.name: j.span for j in definition.joins}
    for join in view.joins:
        beside = ("view", join.view) if isinstance(join, ViewJoin) else ("source", join.source.name)
        yield user.uses(*beside, placed.get(join.name, span))
    for expr in (view.where, *(k.expr for k in view.keys)):
        yield from _of_columns(project, written, user, view, expr, expr.span if expr is not None else None)


def _of_columns(
    project: Project, written: Written, user: _User, view: View, expr: Expr | None, span: Span | None
) -> Iterator[Use]:
    """The columns of a view's rows that an expression reads: its source's own, or what a join brings."""
    brought = {column: (join, column.removeprefix(join_column(join.name, ""))) for join in view.joins
               for column in join.columns}  # fmt: skip
    for ref in expr.refs if expr is not None else ():
        if not isinstance(ref, ColumnRef):
            continue
        join, name = brought.get(ref.column, (None, ref.column))
        if isinstance(join, ViewJoin):
            kind, of, name = _target(project, written, FeatureRef(join.view, name))
            yield user.uses(kind, of, span, name)
        else:
            yield user.uses("column", f"{join.source.name if join is not None else view.source}.{name}", span)


def _of_feature(project: Project, written: Written, view: View, feature: Feature) -> Iterator[Use]:
    kind, definition, name = _target(project, written, FeatureRef(view.name, feature.name))
    user = _User(name, ((kind, definition), ("view", view.origin)))
    span = feature.expr.span or feature.span
    for ref in feature.expr.refs:
        match ref:
            case FeatureRef() if not ref.feature.endswith(COMPLETE):
                meant = _target(project, written, ref)
                yield user.uses(meant[0], meant[1], span, meant[2])
            case RequestRef(column):
                yield user.uses("request column", f"{view.origin} request.{column}", span, f"request.{column}")
            case StateRef(column):
                yield user.uses("column", f"{view.source}.{column}", span)
            case AggregateRef(aggregation):
                yield from _of_aggregation(project, written, user, view, aggregation, span)
            case _:
                pass


def _of_aggregation(
    project: Project, written: Written, user: _User, view: View, name: str, span: Span | None
) -> Iterator[Use]:
    aggregation = view.aggregation(name)
    window = aggregation.window
    yield user.uses("window", window.name, span)
    for slot in (view.slot(n) for n in (*aggregation.slots, *([window.since] if window.since else []))):
        for expr in (slot.value, slot.filter):
            yield from _of_columns(project, written, user, view, expr, span)


def _of_service(project: Project, written: Written, definition: ServiceDef, service: Service) -> Iterator[Use]:
    user = _User(service.name, (("service", service.name),))
    for output in (o for o in service.training if o.view != service.own):
        kind, of, name = _target(project, written, FeatureRef(output.view, output.feature))
        yield user.uses(kind, of, output.span, name)
    own = project.asked.get(service.own)
    derived = {f.span: f for f in definition.derived}
    for feature in own.features if own is not None else ():
        mine = derived.get(feature.span) if feature.span is not None else None
        within = (("derived feature", f"{service.name}.{mine.name}"),) if mine is not None else ()
        spoken = f"{service.name}.{feature.name}" if mine is not None else service.name
        using = _User(spoken, (*within, *user.within))
        span = feature.expr.span or feature.span
        for ref in feature.expr.refs:
            if isinstance(ref, FeatureRef) and ref.view != service.own:
                kind, of, name = _target(project, written, ref)
                yield using.uses(kind, of, span, name)
            elif isinstance(ref, FeatureRef) and "." not in ref.feature:
                yield using.uses("derived feature", f"{service.name}.{ref.feature}", span)
            elif isinstance(ref, RequestRef):
                yield using.uses("request column", f"{service.name} request.{ref.name}", span, f"request.{ref.name}")
