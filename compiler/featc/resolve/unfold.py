"""Views over unions as views over each of their members: for those who make up rows or choose among them, and have to
know what a member's columns are read for."""

from __future__ import annotations

from dataclasses import replace

from featc.resolve.model import DEAD, HAPPENED, KNOWN, MEMBER, ColumnRef, Expr, Member, Project, Ref, Source, View
from featc.resolve.pieces import Parts, joined


def unfolded(project: Project) -> Project:
    """The project with the views over unions once for each member, over its columns, and without the unions. What joins
    bring stays as it is. It is good for looking at expressions, not for computing."""
    views: dict[str, View] = {}
    for name, view in project.views.items():
        union = project.sources[view.source] if view.source is not None else None
        if union is None or not union.members:
            views[name] = view
            continue
        for member in union.members:
            views[f"{name} of {member.source.name}"] = _over(view, union, member)
    return replace(project, views=views, sources=project.stored)


def _over(view: View, union: Source, member: Member) -> View:
    def own(expr: Expr | None) -> Expr | None:
        return None if expr is None else over_member(expr, union, member)

    slots = tuple(replace(s, value=over_member(s.value, union, member), filter=own(s.filter)) for s in view.slots)
    keys = tuple(replace(k, expr=own(k.expr)) for k in view.keys)
    joins = tuple(replace(j, keys=tuple(over_member(e, union, member) for e in j.keys)) for j in view.joins)
    where = own(view.where)
    return replace(view, source=member.source.name, where=where, slots=slots, keys=keys, joins=joins)


def over_member(expr: Expr, union: Source, member: Member) -> Expr:
    """An expression over a union's row as one over the row of a member."""
    values, types = dict(member.values), {c.name: c.type for c in union.columns}
    if expr.is_bare and isinstance(ref := expr.parts[0], ColumnRef) and ref.column in values:
        return values[ref.column]  # a plain column stays one
    parts: list[str | Ref] = []
    for part in expr.parts:
        parts += _spelled(part, values, types, member) if isinstance(part, ColumnRef) else [part]
    return replace(expr, parts=joined(parts))


def _spelled(ref: ColumnRef, values: dict[str, Expr], types: dict[str, str], member: Member) -> Parts:
    if ref.column not in types:
        return (ref,)  # of a join
    if ref.column == MEMBER:
        return ("'" + member.source.name.replace("'", "''") + "'",)
    value = values.get(ref.column)
    return ("(", *(value.parts if value is not None else ("NULL",)), f")::{types[ref.column]}")


def columns_behind(union: Source, member: Member) -> dict[str, frozenset[str]]:
    """The columns of a member that each column of the union is made of."""
    source = member.source
    made: dict[str, tuple[Expr | None, ...]] = {HAPPENED: (source.time,), DEAD: (source.deleted,)}
    made[KNOWN] = (source.available_at or source.time,)
    made |= {name: (value,) for name, value in member.values}
    return {
        c.name: frozenset(r.column for e in made.get(c.name, ()) if e for r in e.refs if isinstance(r, ColumnRef))
        for c in union.columns
        if c.brought is None
    }
