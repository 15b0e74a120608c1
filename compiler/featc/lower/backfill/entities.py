"""Which entities a view knows at an instant, and what a snapshot of it holds."""

from __future__ import annotations

from collections.abc import Iterable

from featc.lower import source as src
from featc.lower.ctes import Ctes, conjunction, indent, named, select
from featc.lower.source import ARRIVAL, DELETED, ENTER, SUPERSEDED, TIME, quoted
from featc.lower.training import rows as versions
from featc.lower.training.views import bases_of, with_beside
from featc.resolve.model import Output, Project, RequestRef, View, feature_closure
from featc.visibility import visible_sql

SNAPSHOTS = "featc_snapshots"
"""The schema of tables of snapshots."""


def snapshot_outputs(project: Project, view: View, wanted: Iterable[tuple[str, str]]) -> tuple[Output, ...]:
    """The features of a view that have a value without a request, of those that are wanted."""
    chosen = frozenset(wanted)
    return tuple(
        Output(f.name, view.name, f.name, f.type)
        for f in view.features
        if (view.name, f.name) in chosen and not _asks(project, view.name, f.name)
    )


def _asks(project: Project, view: str, feature: str) -> bool:
    closure = feature_closure(project, ((view, feature),))
    return any(isinstance(r, RequestRef) for pair in closure for r in project.feature(*pair).expr.refs)


def entity_views(project: Project, view: View) -> tuple[View, ...]:
    """The views with a source whose rows make a view's entities: itself, or those it derives from that have all its
    keys. None where it is a cross of entities that no rows bring together."""
    if view.source is not None:
        return (view,)
    closure = feature_closure(project, tuple((view.name, f.name) for f in view.features))
    names = dict.fromkeys(v for v, _ in closure)
    keys = {k.name for k in view.keys}
    parents = (project.views[name] for name in names)
    return tuple(p for p in parents if p.source is not None and {k.name for k in p.keys} == keys)


def entities_sql(project: Project, views: Iterable[View], t: int) -> str:
    """SELECT of the keys known at `t` µs, and `as_of`: those of the rows of `views` that were visible at `t` or before.

    A row that fails a view's `where` makes no entity, save where the view looks states up.
    """
    parts = [f"(\n{indent(_known(project, view, t))}\n)" for view in views]
    body = "\nUNION BY NAME\n".join(parts)
    return select(["*", f"make_timestamp({t}) AS as_of"], f"FROM (\n{indent(body)}\n)")


def entity_range_sql(project: Project, views: Iterable[View], instants: range) -> str:
    """SELECT of the keys known at each of `instants` (µs), and `as_of`, ordered by instant and key: as `entities_sql`
    has them at one of them."""
    series = f"unnest(range({instants.start}, {instants.stop}, {instants.step})) AS _as_of"
    each = f"(SELECT {series})"
    listed = list(views)
    if not listed:
        return f"SELECT make_timestamp(_as_of) AS as_of FROM {each} ORDER BY as_of"
    keys = [quoted(k) for k in sorted(k.name for k in listed[0].keys)]
    parts = []
    for view in listed:
        first = select([*keys, f"min({ENTER}) AS _first"], f"FROM (\n{indent(_rows(project, view))}\n)\nGROUP BY ALL")
        known = visible_sql("_first", None, "_as_of", view.closed)
        parts.append(select([*keys, "_as_of"], f"FROM {each} JOIN (\n{indent(first)}\n) ON {known}"))
    items = [*keys, "make_timestamp(_as_of) AS as_of"]
    body = "\nUNION\n".join(parts)
    return select(items, f"FROM (\n{indent(body)}\n)\nORDER BY as_of, {', '.join(keys)}")


def _known(project: Project, view: View, t: int) -> str:
    if view.source is not None and not view.keys:
        return "SELECT DISTINCT 1 AS _all"
    keys = [quoted(k.name) for k in view.keys]
    known = visible_sql(ENTER, None, str(t), view.closed)
    return select(keys, f"FROM (\n{indent(_rows(project, view))}\n)\nWHERE {known}", distinct=True)


def _rows(project: Project, view: View) -> str:
    """SELECT of the keys and `_enter` of the rows of a view that were visible for a moment."""
    if view.source is None:
        raise AssertionError(f"{view.name} has no rows")
    source = project.sources[view.source]
    ctes = Ctes()
    bases = bases_of(ctes, project, view)
    relation = versions.versions(ctes, source, view, bases[source.name])
    if view.joins:  # keys and `where` may need what they bring
        relation = with_beside(ctes, project, view, relation, bases)
    if view.state_columns:
        conditions = versions.row_conditions(source, view)
        conditions += [f"NOT {DELETED}"] if source.deleted is not None and source.id else []
    else:
        conditions = versions.event_conditions(source, view)
    enter = f"greatest({TIME}, {ARRIVAL})" if view.attributed is None else ENTER
    if view.attributed is not None or src.identity(source, view) is not None:
        conditions.append(f"({SUPERSEDED} IS NULL OR {SUPERSEDED} > {enter})")
    items = [*(named(src.key_sql(k), quoted(k.name)) for k in view.keys), named(enter, ENTER)]
    return ctes.query(select(items, f"FROM {relation}\n{conjunction(conditions)}"))
