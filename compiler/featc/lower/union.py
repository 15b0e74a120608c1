"""Lowering a union: the rows of its members in the columns of the union.

Each member's row is computed by the member's own rules (zone, delay, types); what comes out is plain, so that the rest
of the lowering treats a union as any source. Training reads `union_relation`. Online, a batch that was pushed to a
member is brought to the union's columns by `member_batch_sql`, and then taken in as a batch of the union.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from featc.lower import source as src
from featc.lower.ctes import indent, named, select
from featc.lower.online_lift import BATCH, pushed
from featc.lower.source import quoted
from featc.lower.text_columns import in_utc
from featc.names import written
from featc.resolve.model import DEAD, HAPPENED, KNOWN, MEMBER, ColumnRef, Expr, Member, Source


def member_select(
    union: Source, member: Member, origin: str, normalised: Callable[[str], str], lead: Sequence[str] = ()
) -> str:
    """SELECT of a member's rows from `origin`, in the columns of the union. `normalised` spells a column of `origin` as
    expressions see it; `lead` are columns that are handed on."""
    source = member.source
    values = dict(member.values)
    items = []
    for column in union.columns:
        if column.brought is not None:
            continue
        expr = values.get(column.name)
        if column.name == MEMBER:
            sql = src.literal(written(source.name))
        elif expr is not None:
            sql = src.render(expr)
            bare = sql if expr.is_bare else f"({sql})"
            sql = sql if expr.type == column.type else f"{bare}::{column.type}"
            if expr.type == "DATE" and column.type == "TIMESTAMP":
                sql = in_utc(sql, source.timezone)
        else:
            sql = _instants(source).get(column.name) or f"NULL::{column.type}"
        items.append(named(sql, quoted(column.name)))
    read = {r.column for e in _read(source, values.values()) for r in e.refs if isinstance(r, ColumnRef)}
    used = [c.name for c in source.columns if c.name in read]
    inner = [named(normalised(n), quoted(n)) for n in used]
    if inner != [quoted(n) for n in used]:
        origin = f"(\n{indent(select([*lead, *inner], f'FROM {origin}'))}\n)"
    return select([*lead, *items], f"FROM {origin}")


def _instants(source: Source) -> dict[str, str]:
    """When a row of a member happened and was known, in µs, and whether it is dead, by the union's column."""
    found = {name: sql for sql, name in src.instants_select(source, ())}
    known = found[src.ARRIVAL].replace(src.TIME, found[src.TIME]) if source.available_at is None else found[src.ARRIVAL]
    return {HAPPENED: found[src.TIME], KNOWN: known, DEAD: found.get(src.DELETED, "false")}


def _read(source: Source, values: Iterable[Expr]) -> Iterator[Expr]:
    yield from values
    yield from (e for e in (source.time, source.available_at, source.deleted) if e is not None)


def union_relation(union: Source) -> str:
    """The rows of a union as a subquery's text, from where those of its members lie."""
    parts = []
    for member in union.members:
        source = member.source
        select_ = member_select(union, member, src.relation_of(source), partial(src.normalised_column, source))
        parts.append(f"-- {source.name}\n{select_}")
    return "(\n" + indent("\nUNION ALL\n".join(parts)) + "\n)"


def member_batch_sql(union: Source, member: Member) -> str:
    """SELECT that brings a batch of a member, as it was pushed, to the columns of a batch of the union."""
    batch = pushed(member.source)
    normalised = partial(src.normalised_batch_column, batch)
    return member_select(union, member, BATCH, normalised, lead=("_row",)) + "\nORDER BY _row;\n"
