"""Where a query reads a union: that its rows are those of its sources, each with the instants and the identity that the
definition of that source says.

| column | what it has to be, in the part of each source |
|---|---|
| `_source` | the source's name |
| `_happened`, `_known_at` | τ and α as the source says them, in µs |
| the id | the source's own, or NULL where it has none |

All else may be whatever is made of the same row.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featc.leakage.query import line_of
from featc.leakage.values import Refused
from featc.names import written
from featc.resolve.model import HAPPENED, KNOWN, MEMBER, Expr, Member, Source


def parts_of(start: exp.Expr, union: Source) -> list[tuple[exp.Select, Member]]:
    """The part of each source. Raises Refused F577 where they are not there, one after the other."""
    body = start.this if isinstance(start, exp.Subquery) else start
    parts = list(_flat(body, union))
    if len(parts) != len(union.members):
        names = ", ".join(m.source.name for m in union.members)
        raise Refused(line_of(start), f"the rows of {union.name} are not those of {names}, each once", "F577")
    return list(zip(parts, union.members, strict=True))


def _flat(body: exp.Expr, union: Source) -> Iterator[exp.Select]:
    if isinstance(body, exp.Union):
        if body.args.get("distinct") or {k for k, v in body.args.items() if v} - {"this", "expression", "distinct"}:
            raise Refused(line_of(body), f"the check cannot follow how {union.name} is read", "F577")
        yield from _flat(body.this, union)
        yield from _flat(body.expression, union)
    elif isinstance(body, exp.Select) and not {k for k, v in body.args.items() if v} - {"expressions", "from_"}:
        yield body
    else:
        raise Refused(line_of(body), f"the check cannot follow how {union.name} is read", "F577")


def check_part(part: exp.Select, union: Source, member: Member) -> dict[str, Expr]:
    """Checks the columns that say what a row of a source is; gives the definitions of its instants, by column, for the
    caller to compare. Raises Refused F577."""
    source, values = member.source, dict(member.values)
    names = [(item.alias or item.name).lower() for item in part.expressions]
    wanted = [c.name.lower() for c in union.columns if c.brought is None]
    if names != wanted:
        message = f"the columns of {source.name} in {union.name} are not {', '.join(wanted)}"
        raise Refused(line_of(part), message, "F577")
    for item, name in zip(part.expressions, names, strict=True):
        inner = item.this if isinstance(item, exp.Alias) else item
        said = inner.this if isinstance(inner, exp.Literal) and inner.is_string else None
        if name == MEMBER and said != written(source.name):
            raise Refused(line_of(item), f"rows of {source.name} in {union.name} have another name", "F577")
        if name in [c.lower() for c in union.id if c != MEMBER]:
            value = next((v for n, v in values.items() if n.lower() == name), None)
            _check_id(inner, value, name, union, source)
    return {HAPPENED: source.time} | ({KNOWN: source.available_at} if source.available_at is not None else {})


def _check_id(inner: exp.Expr, value: Expr | None, name: str, union: Source, source: Source) -> None:
    bare = inner.this if isinstance(inner, exp.Cast) else inner
    if value is not None and not value.refs:
        right = isinstance(bare, (exp.Literal, exp.Boolean))
    elif value is None:
        right = isinstance(bare, exp.Null)
    else:
        wanted = value.render(lambda ref: getattr(ref, "column", "")).lower()
        right = isinstance(bare, exp.Column) and bare.name.lower() == wanted
    if not right:
        message = f"{name} of rows of {source.name} in {union.name} is not their id"
        raise Refused(line_of(inner), message, "F577")

