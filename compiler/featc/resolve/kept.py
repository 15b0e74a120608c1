"""Earlier versions of views beside a project's own: views like any others, under names with an `@`.

A version is resolved by itself, as the project it was part of. Here it gets its place in the project of now: the view
as `user_orders@v2`; what it is made of under the names of now where that means the same, else under names of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from featc.names import variant
from featc.resolve.model import (
    Attributed,
    Expr,
    Feature,
    FeatureRef,
    Join,
    Project,
    Source,
    View,
    ViewJoin,
    label_view,
)
from featc.resolve.upstream import behind


@dataclass(frozen=True, slots=True)
class Kept:
    """Versions of views that stand beside a project's own views. `named` says what a pin such as `user_orders@v2` is
    called in the project: the view itself where that is its version now. `lost` are pins with errors, which were
    reported."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    attributed: Mapping[str, Attributed] = field(default_factory=dict)
    views: Mapping[str, View] = field(default_factory=dict)
    labels: Mapping[str, View] = field(default_factory=dict)
    order: tuple[tuple[str, str], ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()

    def plus(self, other: Kept) -> Kept:
        """Both."""
        return Kept(
            {**self.sources, **other.sources},
            {**self.attributed, **other.attributed},
            {**self.views, **other.views},
            {**self.labels, **other.labels},
            tuple(dict.fromkeys((*self.order, *other.order))),
            {**self.named, **other.named},
            self.lost | other.lost,
        )

    def beside(self, project: Project) -> Project:
        """The project with these versions."""
        return replace(
            project,
            sources=dict(sorted({**project.sources, **self.sources}.items())),
            attributed=dict(sorted({**project.attributed, **self.attributed}.items())),
            views=dict(sorted({**project.views, **self.views}.items())),
            labels=dict(sorted({**project.labels, **self.labels}.items())),
            order=tuple(dict.fromkeys((*project.order, *self.order))),
            pins={**project.pins, **self.named},
        )


@dataclass(frozen=True, slots=True)
class Names:
    """What the parts of a version are in the project of now: `views` and `attributed` by name, `sources` whole."""

    views: Mapping[str, str]
    sources: Mapping[str, Source]
    attributed: Mapping[str, str]

    def view(self, view: View) -> View:
        """A view under its name of now."""
        name = self.name(view.name)
        return replace(
            view,
            name=name,
            source=None if view.source is None else self.sources[view.source].name,
            of=None if view.of is None else self.views[view.of],
            attributed=None if view.attributed is None else self.attributed[view.attributed],
            features=tuple(self._feature(f, name) for f in view.features),
            joins=tuple(self._join(j, view.name, name) for j in view.joins),
        )

    def name(self, view: str) -> str:
        """The name of a view, or of that of a view's labels."""
        if view in self.views:
            return self.views[view]
        return next(label_view(now) for was, now in self.views.items() if label_view(was) == view)

    def pair(self, pair: tuple[str, str]) -> tuple[str, str]:
        """A (view, feature)."""
        return self.name(pair[0]), pair[1]

    def _feature(self, feature: Feature, view: str) -> Feature:
        return replace(feature, view=view, expr=self._expr(feature.expr))

    def _expr(self, expr: Expr) -> Expr:
        parts = (replace(p, view=self.name(p.view)) if isinstance(p, FeatureRef) else p for p in expr.parts)
        return replace(expr, parts=tuple(parts))

    def _join(self, join: Join | ViewJoin, was: str, now: str) -> Join | ViewJoin:
        if isinstance(join, ViewJoin):
            return replace(join, view=self.name(join.view))
        source = self.sources[join.source.name]
        rows = replace(join.rows, name=f"{now}{join.rows.name.removeprefix(was)}", source=source.name)
        return replace(join, source=source, rows=rows)


def named_apart(sources: Iterable[Source], made: Mapping[str, Source], pin: str) -> dict[str, Source]:
    """Sources of a version under names of its own; unions with the members that are `made` already."""
    found = dict(made)
    for source in sorted(sources, key=lambda s: bool(s.members)):
        members = tuple(replace(m, source=found[m.source.name]) for m in source.members)
        found[source.name] = replace(source, name=variant(source.name, pin), members=members)
    return found


def parts_of(project: Project, view: str, stays: Mapping[str, str]) -> tuple[list[View], list[str]]:
    """The views that a version is made of, itself first and its labels among them, and the sources whose rows they
    read; of views that `stays` names nothing is needed."""
    found: dict[str, View] = {}
    stack = [view, label_view(view)] if label_view(view) in project.labels else [view]
    while stack:
        name = stack.pop(0)
        if name in found or name in stays:
            continue
        found[name] = project.view(name)
        stack += [v for v, _ in needs(found[name])]
    names = dict.fromkeys(s for v in found.values() for s in v.sources)
    listed = [*names, *(m.source.name for n in names for m in project.sources[n].members)]
    return list(found.values()), list(dict.fromkeys(listed))


def needs(view: View) -> list[tuple[str, str]]:
    """The features of other views that a view's own are made of, or that lie beside its rows."""
    found = [(r.view, r.feature) for f in view.features for r in view.needs_first(f) if r.view != view.name]
    return list(dict.fromkeys((*found, *(pair for join in view.view_joins for pair in join.pairs))))


def upstream(project: Project, view: str) -> dict[str, list[str]]:
    """The features of other views that a version comes from, by view."""
    own = [(v.name, f.name) for v in (project.views.get(view), project.labels.get(label_view(view))) if v is not None
           for f in v.features]  # fmt: skip
    found: dict[str, list[str]] = {}
    for name, feature in behind(project, own):
        if name not in (view, label_view(view)):
            found.setdefault(name, []).append(feature)
    return found
