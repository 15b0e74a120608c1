"""The project as the online store keeps it: what a column holds decides what it is called, not how that is written.

Tables of the store carry columns for slots and joins, whose names in a project follow from the author's words. If the
store's did, other words for the same would need other tables. So views are brought to one form before they are lowered:

* a slot is called after its canonical form (`online_words`), and slots that mean the same are one;
* a join is called after what it looks into, and joins that find the same are one, in an order that follows from it;
* columns that lookups bring stand in the order of their names.

Aggregations, features, keys and windows keep their names: tables have none of them, or they are the view's contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from featc.fingerprint import Fingerprint, Layers, join_fingerprint, slot_fingerprints
from featc.lower.online_words import slot_name, told_apart
from featc.resolve.model import (
    Aggregation,
    Beside,
    ColumnRef,
    Expr,
    Join,
    Project,
    Source,
    View,
    ViewJoin,
    join_column,
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A project as it is kept, and as it was `given`. `feature` gives the fingerprints of its features."""

    given: Project
    project: Project
    feature: Fingerprint

    def view(self, name: str) -> View:
        """A view of the project, as it is kept."""
        return self.project.views[name]


def keep(project: Project) -> Kept:
    """The project as it is kept. Takes some time for large ones: once for all that is lowered."""
    feature = Layers(project).feature
    views = {n: kept_view(project, v, feature) for n, v in project.views.items() if v.source is not None}
    return Kept(project, project.with_views(views), feature)


def kept_view(project: Project, view: View, feature: Fingerprint) -> View:
    """A view that has a source, as it is kept; as it is, if it is so already."""
    columns = tuple(sorted(view.state_columns))
    return _with_slots(project, _with_joins(project, replace(view, state_columns=columns), feature), feature)


# ── slots ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _with_slots(project: Project, view: View, feature: Fingerprint) -> View:
    source = project.source_of(view)
    marks = slot_fingerprints(project, view, feature)
    names = told_apart(zip((slot_name(source, s) for s in view.slots), marks, strict=True))
    own = {s.name: names[mark] for s, mark in zip(view.slots, marks, strict=True)}
    slots = {own[s.name]: replace(s, name=own[s.name]) for s in reversed(view.slots)}
    return replace(
        view,
        slots=tuple(reversed(slots.values())),
        aggregations=tuple(_over_slots(a, own) for a in view.aggregations),
    )


def _over_slots(aggregation: Aggregation, names: Mapping[str, str]) -> Aggregation:
    window = aggregation.window
    if window.since is not None:
        window = replace(window, since=names[window.since])
    return replace(aggregation, slots=tuple(names[s] for s in aggregation.slots), window=window)


# ── joins ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _with_joins(project: Project, view: View, feature: Fingerprint) -> View:
    if not view.joins:
        return view
    source = project.sources[view.source or ""]
    marks = [join_fingerprint(project, view, join, feature) for join in view.joins]
    into = [j.source.name if isinstance(j, Join) else j.view for j in view.joins]
    names = told_apart(zip(into, marks, strict=True), _prefixes(source))
    columns: dict[str, str] = {}
    found: dict[str, Join | ViewJoin] = {}
    for join, mark in zip(view.joins, marks, strict=True):
        name = names[mark]
        own = join.rows.state_columns if isinstance(join, Join) else [f.feature for f in join.features]
        columns |= zip(join.columns, (join_column(name, c) for c in own), strict=True)
        keys = tuple(_over_columns(e, columns) for e in join.keys)
        found[name] = _merged(replace(join, name=name, keys=keys), found.get(name), f"{view.name} {name}")

    def over(expr: Expr | None) -> Expr | None:
        return None if expr is None else _over_columns(expr, columns)

    slots = (replace(s, value=_over_columns(s.value, columns), filter=over(s.filter)) for s in view.slots)
    return replace(
        view,
        joins=_ordered(found),
        where=over(view.where),
        keys=tuple(replace(k, expr=over(k.expr)) for k in view.keys),
        slots=tuple(slots),
    )


def _prefixes(source: Source) -> list[str]:
    """Names of joins that would bring a column the source has."""
    return [c.name.rpartition(".")[0] for c in source.columns if "." in c.name]


def _merged(join: Join | ViewJoin, other: Join | ViewJoin | None, rows: str) -> Join | ViewJoin:
    """A join with all columns of another one that finds the same; `rows` is what its lookup is called."""
    if isinstance(join, ViewJoin):
        more = other.features if isinstance(other, ViewJoin) else ()
        named: dict[str, Beside] = {f.feature: f for f in (*join.features, *more)}
        return replace(join, features=tuple(named[n] for n in sorted(named)))
    had = other.rows.state_columns if isinstance(other, Join) else ()
    columns = tuple(sorted({*join.rows.state_columns, *had}))
    return replace(join, rows=replace(join.rows, name=rows, state_columns=columns))


def _ordered(joins: Mapping[str, Join | ViewJoin]) -> tuple[Join | ViewJoin, ...]:
    """Joins in the order of their names, but after those whose columns their keys need."""
    brings = {column: name for name, join in joins.items() for column in join.columns}
    left = dict(joins)
    found: list[Join | ViewJoin] = []
    while left:
        needs = {n: {brings[c] for e in j.keys for c in _columns(e) if c in brings} for n, j in left.items()}
        found.append(left.pop(min(n for n in left if not needs[n] & left.keys())))
    return tuple(found)


def _columns(expr: Expr) -> list[str]:
    return [r.column for r in expr.refs if isinstance(r, ColumnRef)]


def _over_columns(expr: Expr, names: Mapping[str, str]) -> Expr:
    """An expression over columns that are called otherwise."""
    parts = tuple(
        ColumnRef(names[p.column]) if isinstance(p, ColumnRef) and p.column in names else p for p in expr.parts
    )
    return replace(expr, parts=parts)
