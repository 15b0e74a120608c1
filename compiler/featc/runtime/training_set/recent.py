"""The spine of a preview: the entities that something happened to last, each just after that was known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from featc.lower import source as src
from featc.lower.ctes import indent, named, select
from featc.lower.source import ARRIVAL, TIME, quoted

if TYPE_CHECKING:
    from featc.resolve.model import Output, Project, View


def recent_spine(project: Project, outputs: Sequence[Output], limit: int) -> str:
    """A SELECT of `limit` spine rows for `outputs`: keys, `as_of`, and NULL request columns.

    The view with most keys leads; keys that it lacks are taken from other views, row by row.
    """
    from featc.resolve.model import feature_closure
    from featc.resolve.needs import spine_columns

    keys, request = spine_columns(project, outputs)
    names = dict.fromkeys(v for v, _ in feature_closure(project, tuple((o.view, o.feature) for o in outputs)))
    views = [project.view(n) for n in names if project.view(n).source is not None]
    views.sort(key=lambda view: -len(view.keys))
    missing = {name for name, _ in keys}
    parts: list[str] = []
    for view in views:
        fresh = [k.name for k in view.keys if k.name in missing]
        if fresh or not parts:
            columns = [*(quoted(n) for n in fresh), *(["as_of"] if not parts else [])]
            parts.append(select(columns, f"FROM (\n{indent(_latest(project, view, limit))}\n)"))
            missing -= set(fresh)
    asked = [f"NULL::{type_} AS {quoted(name)}" for name, type_ in request]
    if not parts:
        return select(["now() AT TIME ZONE 'UTC' AS as_of", *asked], "")
    joined = "\nPOSITIONAL JOIN ".join(f"(\n{indent(part)}\n)" for part in parts)
    return select(["*", *asked], f"FROM {joined}\nLIMIT {limit}")


def _latest(project: Project, view: View, limit: int) -> str:
    """The keys of a view with the instant just after the last row of each became known, newest first."""
    from featc.lower.training.views import joined_keys_sql

    source = project.sources[view.source or ""]
    plain = [named(src.normalised_column(source, c.name), quoted(c.name)) for c in source.columns]
    times = [f"{sql} AS {name}" for sql, name in src.instants_select(source, ())]
    rows = select(["*", *times], f"FROM (\n{indent(select(plain, f'FROM {src.relation_of(source)}'))}\n)")
    keys = [f"{src.key_sql(k)} AS {quoted(k.name)}" for k in view.keys]
    mature = "" if view.maturity is None else f", {TIME} + {view.maturity}"
    known = f"greatest({TIME}, {ARRIVAL}{mature})"
    seen = select([*keys, f"{known} AS known"], f"FROM (\n{indent(rows)}\n)")
    if view.finds_keys:  # joins say whom a row is about
        found = joined_keys_sql(project, view)
        names = [quoted(k.name) for k in view.keys]
        seen = select([*names, f"{known} AS known"], f"FROM (\n{indent(found)}\n)")
    present = " AND ".join(f"{quoted(n)} IS NOT NULL" for n in ("known", *(k.name for k in view.keys)))
    names = [quoted(k.name) for k in view.keys]
    group = f"\nGROUP BY {', '.join(names)}" if names else ""
    order = ", ".join(["as_of DESC", *names])
    tail = f"FROM (\n{indent(seen)}\n)\nWHERE {present}{group}\nORDER BY {order}\nLIMIT {limit}"
    return select([*names, "make_timestamp(max(known) + 1) AS as_of"], tail)
