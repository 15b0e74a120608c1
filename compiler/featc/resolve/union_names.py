"""The names of a union: what stands for each in its rows, and the type that all its members' values go to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from featc.catalog import Catalog, TypeProblem
from featc.errors import Findings
from featc.load.model import SourceDef
from featc.load.text import Text
from featc.resolve.columns import DIGITS
from featc.resolve.model import MEMBER, Column, ColumnRef, Expr, Ref
from featc.resolve.pieces import Parts, joined
from featc.resolve.sources import OpenSource, lets_of
from featc.types import decimal_parts, family

PLAIN = "_plain_"
"""Before a name, the columns of what the data of some have under it, where it is a `let` of others or holds them
rounded only. The number of a type follows where there are several: no other column has a say in how one is called."""
_NUMBERS = ("integer", "decimal", "float")


@dataclass(frozen=True, slots=True)
class Given:
    """A name that rows of a member have: a column of its data, or a `let`."""

    member: OpenSource
    name: str
    expr: Expr
    column: Column | None = None


@dataclass(slots=True)
class Names:
    """The names of a union under work. `lets` stand for names that are a `let` of some member; `lost` have errors."""

    columns: list[Column]
    lets: dict[str, tuple[Parts, Text]]
    lost: list[str]


def names_of(
    definition: SourceDef, members: Sequence[OpenSource], catalog: Catalog, findings: Findings
) -> Names:
    """The names that authors use, and what stands for them: a column, or where some member has a `let` of the name, an
    expression over the members' columns, which is evaluated on the rows that are asked only."""
    having: dict[str, list[Given]] = {}
    found = Names([Column(MEMBER, "VARCHAR", "VARCHAR", computed=True)], {}, [])
    for member in members:
        given = _given(member, catalog)
        for one in given:
            having.setdefault(one.name.casefold(), []).append(one)
        known = {one.name.casefold() for one in given}
        found.lost += [entry.name for folded, entry in member.scope.lets.items() if folded not in known]
    types: dict[str, str] = {}
    for folded, listed in having.items():
        type_ = _common(definition, listed, catalog, findings)
        if type_ is None:
            found.lost.append(listed[0].name)
            continue
        types[folded] = type_
        _add_columns(found, listed, type_, catalog)
    for folded, listed in having.items():
        if folded in types and any(one.column is None for one in listed):
            found.lets[listed[0].name] = (_by_source(found, listed, types[folded]), _text_of(listed))
    return found


def _add_columns(names: Names, listed: Sequence[Given], type_: str, catalog: Catalog) -> None:
    """The columns that hold what the data of members have under one name: one that all see, and one more for each type
    whose values it cannot hold as they are. Their tags come along the lineage."""
    plain = [one for one in listed if one.column is not None]
    named = len(plain) == len(listed)
    after = _known_after(plain)
    if named:
        names.columns.append(Column(listed[0].name, type_, type_, (), after, computed=_tells_nothing(plain)))
    for number, own in enumerate(dict.fromkeys(one.expr.type for one in plain), 1):
        if named and (own == type_ or (own != "DATE" and exact_type([own, type_], catalog) == type_)):
            continue
        nothing = _tells_nothing([one for one in plain if one.expr.type == own])
        name = f"{PLAIN}{listed[0].name}" + (f"__{number}" if number > 1 else "")
        hidden = Column(name, own, own, (), after, computed=nothing, hidden=True, stands_for=listed[0].name)
        names.columns.append(hidden)


def _tells_nothing(listed: Sequence[Given]) -> bool:
    """Whether a column tells no two versions apart: no source has it whose rows are versions."""
    return not any(one.member.definition.id for one in listed)


def _by_source(names: Names, listed: Sequence[Given], type_: str) -> Parts:
    """A name that is a `let` of some members: what the row's own source says."""
    parts: list[str | Ref] = ["CASE ", ColumnRef(MEMBER)]
    for one in listed:
        literal = "'" + one.member.source.name.replace("'", "''") + "'"
        cast = "" if one.expr.type == type_ else f"::{type_}"
        parts += [f" WHEN {literal} THEN (", *_over_union(names, one), f"){cast}"]
    return joined([*parts, " END"])


def _over_union(names: Names, one: Given) -> Parts:
    """An expression over a member's columns as one over the union's."""
    types = {c.name.casefold(): c.type for c in one.member.source.columns}
    found: list[str | Ref] = []
    for part in one.expr.parts:
        if isinstance(part, ColumnRef):
            found += _column_of(names, part.column, types[part.column.casefold()])
        else:
            found.append(part)
    return joined(found)


def _column_of(names: Names, name: str, type_: str) -> Parts:
    """A member's column of a type, as the union has it."""
    mine = [c for c in names.columns if (c.stands_for or c.name).casefold() == name.casefold()]
    exact = next((c for c in sorted(mine, key=lambda c: not c.hidden) if c.type == type_), None)
    if exact is not None:
        return (ColumnRef(exact.name),)
    wider = next((c for c in mine if not c.hidden), None)
    return ("(", ColumnRef(wider.name), f")::{type_}") if wider is not None else (f"NULL::{type_}",)


def _text_of(listed: Sequence[Given]) -> Text:
    """The author's text of the first `let` of a name."""
    one = next(one for one in listed if one.column is None)
    texts = {name.casefold(): text for name, text in one.member.definition.let.items()}
    return texts[one.name.casefold()]


def _given(member: OpenSource, catalog: Catalog) -> list[Given]:
    """The names that rows of a member have. The types of its `let` names are asked for here already."""
    found = [Given(member, c.name, Expr((ColumnRef(c.name),), c.type), c) for c in member.source.columns]
    member.batch.settle(catalog, Findings())
    return [*found, *(Given(member, name, expr) for name, expr in lets_of(member))]


def _known_after(having: Iterable[Given]) -> str | None:
    """The column after which a value is known, where a member's rows come before it is."""
    for one in having:
        after = one.column.known_after if one.column is not None else None
        arrival = one.member.definition.available_at
        if after is not None and (arrival is None or arrival.value.casefold() != after.casefold()):
            return after
    return None


def _common(
    definition: SourceDef, having: Sequence[Given], catalog: Catalog, findings: Findings
) -> str | None:
    """The type that values of a name have in all members; None where there is none, which is reported."""
    found = common_type([one.expr.type for one in having], catalog)
    if found is None:
        name = having[0].name
        said = ", and ".join(f"{one.expr.type} in {one.member.source.name}" for one in having)
        message = f"{definition.name} unites columns {name} of types that do not go together: {said}"
        hint = "columns come by name: bring one to the type of the other in its source's sql:, or rename it there"
        findings.error("F396", message, definition.union[0].span, hint)
    return found


def common_type(types: Sequence[str], catalog: Catalog) -> str | None:
    """The type to which values of all these go: one that holds them as they are, else DOUBLE of numbers with floats
    among them, and a TIMESTAMP of dates with timestamps; None where there is none."""
    families = {family(t) for t in types}
    if families <= set(_NUMBERS) and "float" in families and len(set(types)) > 1:
        return "DOUBLE"
    if families == {"date", "timestamp"}:
        return "TIMESTAMP"
    return exact_type(types, catalog)


def exact_type(types: Sequence[str], catalog: Catalog) -> str | None:
    """The type that holds values of all these as they are; None where there is none."""
    distinct = list(dict.fromkeys(types))
    families = {family(t) for t in distinct}
    if len(distinct) == 1:
        return distinct[0]
    if families == {"float"}:
        return "DOUBLE"
    if families <= {"integer", "decimal"} and "decimal" in families:
        parts = [decimal_parts(t) or (DIGITS.get(t, 99), 0) for t in distinct]
        whole, scale = max(p - s for p, s in parts), max(s for _, s in parts)
        return f"DECIMAL({whole + scale},{scale})" if whole + scale <= 38 else None
    if families != {"integer"}:
        return None
    branches = " ".join(f"WHEN {n} THEN NULL::{t}" for n, t in enumerate(distinct))
    answer = catalog.types([], [f"CASE 0 {branches} END"])[0]
    return None if isinstance(answer, TypeProblem) or "HUGEINT" in answer else answer
