"""Unions: the rows of several event sources as those of one.

A union is resolved to a source of its own. Its columns are those of its members by name, and their `let` names; where a
member has none of a name, it is NULL. Beside them stand columns that every member computes by its own rules: when a row
happened, when it was known, whether it is dead, what identifies it and what orders rows of one instant. So all that
reads sources reads unions, and only the lowering knows that their rows lie elsewhere (`Source.members`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from featc.catalog import Catalog, TypeProblem
from featc.errors import Findings, did_you_mean
from featc.load.model import Definitions, SourceDef
from featc.load.text import Text
from featc.parse import Fragment, Name
from featc.resolve.asking import RowBatch
from featc.resolve.model import DEAD, HAPPENED, KNOWN, MEMBER, Column, ColumnRef, Expr, Location, Member, Source
from featc.resolve.scope import Let, RowScope
from featc.resolve.sources import OpenSource, lets_of, meta_of, read_lets
from featc.types import family

EVENT, TIE, PLAIN = "_event", "_tie", "_plain"
"""With a number, the columns of what identifies a row and orders rows of one instant, where members name others; and of
what the data of some have under a name that is a `let` of others: by that versions are ordered, as in the member."""
_TAKEN = re.compile(rf"({MEMBER}|{HAPPENED}|{KNOWN}|{DEAD}|{EVENT}_\d+|{TIE}_\d+|{PLAIN}_\d+)", re.IGNORECASE)
_NUMBERS = ("integer", "decimal", "float")
_NOTHING: Mapping[str, str] = {"integer": "0", "text": "''", "boolean": "false", "date": "DATE '1970-01-01'"}
"""By family of types, what stands at the end of an id that has fewer columns than another."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A name that rows of a member have: a column of its data, or a `let`."""

    name: str
    expr: Expr
    column: Column | None = None


def open_union(
    definition: SourceDef,
    sources: Mapping[str, OpenSource | None],
    definitions: Definitions,
    catalog: Catalog,
    findings: Findings,
) -> OpenSource | None:
    """A union with the columns that row expressions may name; None where a member has errors, which were reported."""
    members = _members(definition, sources, definitions, findings)
    if members is None:
        return None
    columns, lost = _columns(definition, members, catalog, findings)
    scope = RowScope.over(definition.name, [c for c in columns if not c.hidden])
    scope.lets.update({name.casefold(): Let(name, None) for name in lost})
    batch = RowBatch(columns)
    read_lets(definition.name, definition.let, scope, batch, findings)
    time = Fragment((Name((HAPPENED,), 0, len(HAPPENED)),), 0, len(HAPPENED))
    happened = Column(HAPPENED, "BIGINT", "BIGINT", computed=True, hidden=True)
    source = Source(
        definition.name,
        "event",
        Location("union", definition.location.value.value),
        columns,
        time=Expr((ColumnRef(HAPPENED),), "BIGINT"),
        meta=meta_of(definition.meta),
        span=definition.span,
    )
    batch.columns = (*columns, happened)
    texts = {"time": batch.ask((ColumnRef(HAPPENED),), definition.time, time)}
    return OpenSource(definition, source, scope, batch, texts)


def _members(
    definition: SourceDef, sources: Mapping[str, OpenSource | None], definitions: Definitions, findings: Findings
) -> list[OpenSource] | None:
    """The sources that are united, in the author's order."""
    found: list[OpenSource] = []
    broken = False
    for text in definition.union:
        name = text.value
        if name in [m.source.name for m in found]:
            findings.error("F397", f"{definition.name} names {name} twice", text.span, "name each source once")
            broken = True
        elif name in definitions.attributed or (name in definitions.sources and definitions.sources[name].union):
            message = f"{definition.name} unites {name}, which is made of other sources itself"
            made = definitions.attributed.get(name)
            parts = made.base.value if made is not None else ", ".join(map(str, definitions.sources[name].union))
            findings.error("F397", message, text.span, f"name what it is made of: {parts}")
            broken = True
        elif name not in sources:
            if name not in definitions.broken:
                known = [n for n, d in definitions.sources.items() if not d.union]
                hint = did_you_mean(name, known) or "declare it under sources:"
                findings.error("F308", f"there is no source '{name}'", text.span, hint)
            broken = True
        else:
            opened = sources[name]
            broken = broken or opened is None or _is_refused(definition, text, opened.source, findings)
            found += [opened] if opened is not None else []
    return None if broken else found


def _is_refused(definition: SourceDef, text: Text, source: Source, findings: Findings) -> bool:
    """Whether a source cannot be part of a union, which is reported."""
    if source.kind != "event":
        message = f"{definition.name} unites {source.name}, whose rows hold for a time, and are no events"
        findings.error("F397", message, text.span, "unite sources of events; look states up with join:")
        return True
    own = next((c.name for c in source.columns if _TAKEN.fullmatch(c.name)), None)
    if own is not None:
        message = f"{source.name} has a column {own}, which in a union is what featc says of a row"
        findings.error("F397", message, text.span, f"rename it in the sql: of {source.name}")
        return True
    return False


def _columns(
    definition: SourceDef, members: Sequence[OpenSource], catalog: Catalog, findings: Findings
) -> tuple[tuple[Column, ...], list[str]]:
    """The columns that authors name, and the names whose types have errors."""
    having: dict[str, list[tuple[OpenSource, _Given]]] = {}
    lost: list[str] = []
    for member in members:
        given = _given(member, catalog)
        for one in given:
            having.setdefault(one.name.casefold(), []).append((member, one))
        known = {one.name.casefold() for one in given}
        lost += [entry.name for folded, entry in member.scope.lets.items() if folded not in known]
    columns = [Column(MEMBER, "VARCHAR", "VARCHAR", computed=True)]
    for found in having.values():
        name = found[0][1].name
        type_ = _common(definition, found, catalog, findings)
        if type_ is None:
            lost.append(name)
            continue
        plain = [one.column for _, one in found if one.column is not None]
        tags = tuple(dict.fromkeys(t for c in plain for t in c.tags))
        mixed = 0 < len(plain) < len(found)
        columns.append(Column(name, type_, type_, tags, _known_after(found), computed=len(plain) < len(found)))
        if mixed:
            columns.append(Column(f"{PLAIN}_{len(columns)}", type_, type_, hidden=True, stands_for=name))
    return tuple(columns), lost


def _given(member: OpenSource, catalog: Catalog) -> list[_Given]:
    """The names that rows of a member have. The types of its `let` names are asked for here already."""
    found = [_Given(c.name, Expr((ColumnRef(c.name),), c.type), c) for c in member.source.columns]
    member.batch.settle(catalog, Findings())
    return [*found, *(_Given(name, expr) for name, expr in lets_of(member))]


def _known_after(having: Iterable[tuple[OpenSource, _Given]]) -> str | None:
    """The column after which a value is known, where a member's rows come before it is."""
    for member, one in having:
        after = one.column.known_after if one.column is not None else None
        arrival = member.definition.available_at
        if after is not None and (arrival is None or arrival.value.casefold() != after.casefold()):
            return after
    return None


def _common(
    definition: SourceDef, having: Sequence[tuple[OpenSource, _Given]], catalog: Catalog, findings: Findings
) -> str | None:
    """The type that values of a name have in all members; None where there is none, which is reported."""
    types = [one.expr.type for _, one in having]
    found = common_type(types, catalog)
    if found is None:
        name = having[0][1].name
        said = ", and ".join(f"{one.expr.type} in {member.source.name}" for member, one in having)
        message = f"{definition.name} unites columns {name} of types that do not go together: {said}"
        hint = "columns come by name: bring one to the type of the other in its source's sql:, or rename it there"
        findings.error("F396", message, definition.union[0].span, hint)
    return found


def common_type(types: Sequence[str], catalog: Catalog) -> str | None:
    """The type to which values of all these go without becoming something else: numbers the wider number, a DATE with
    a TIMESTAMP its midnight; None where there is none."""
    distinct = list(dict.fromkeys(types))
    if len(distinct) == 1:
        return distinct[0]
    families = {family(t) for t in distinct}
    if families == {"date", "timestamp"}:
        return "TIMESTAMP"
    if not families <= set(_NUMBERS):
        return None
    branches = " ".join(f"WHEN {n} THEN NULL::{t}" for n, t in enumerate(distinct))
    answer = catalog.types([], [f"CASE 0 {branches} END"])[0]
    return None if isinstance(answer, TypeProblem) or "HUGEINT" in answer else answer


# ── finishing ─────────────────────────────────────────────────────────────────────────────────────────────────────


def finished_union(
    opened: OpenSource, sources: Mapping[str, Source], catalog: Catalog, findings: Findings
) -> Source | None:
    """The union with what its members say of their rows, once these are finished; None where one is not."""
    names = [text.value for text in opened.definition.union]
    if any(name not in sources for name in names):
        return None
    made = [sources[name] for name in names]
    if not _final_alike(opened.definition, made, findings):
        return None
    identity = _aligned(opened, made, "id", EVENT, catalog, findings)
    ties = _aligned(opened, made, "tie_break", TIE, catalog, findings)
    if identity is None or ties is None:
        return None
    computed = [Column(HAPPENED, "BIGINT", "BIGINT", computed=True, hidden=True)]
    late = any(m.available_at is not None for m in made) or len({m.delay for m in made}) > 1
    computed += [Column(KNOWN, "BIGINT", "BIGINT", computed=True, hidden=True)] if late else []
    dies = any(m.deleted is not None for m in made)
    computed += [Column(DEAD, "BOOLEAN", "BOOLEAN", computed=True, hidden=True)] if dies else []
    known = {c.name for c in opened.source.columns}
    made_up = [(n, t) for n, t in (*identity.columns, *ties.columns) if n not in known]
    more = [Column(n, t, t, computed=True, hidden=True) for n, t in made_up]
    columns = (*opened.source.columns, *computed, *more)
    by_name = [_values(m, opened.source.columns) for m in made]
    values = [{**v, **i, **t} for v, i, t in zip(by_name, identity.values, ties.values, strict=True)]
    return replace(
        opened.source,
        columns=columns,
        available_at=Expr((ColumnRef(KNOWN),), "BIGINT") if late else None,
        delay=0 if late else made[0].delay,
        id=(MEMBER, *(n for n, _ in identity.columns)) if identity.columns else (),
        deleted=Expr((ColumnRef(DEAD),), "BOOLEAN") if dies else None,
        tie_break=tuple(n for n, _ in ties.columns),
        final_after=made[0].final_after,
        lets=lets_of(opened),
        members=tuple(Member(m, tuple(v.items())) for m, v in zip(made, values, strict=True)),
    )


def _values(member: Source, columns: Sequence[Column]) -> dict[str, Expr]:
    """What rows of a member have in the columns of the union that authors name, and in what stands for them."""
    plain = {c.name.casefold(): Expr((ColumnRef(c.name),), c.type) for c in member.columns}
    named = plain | {n.casefold(): e for n, e in member.lets}
    found = {c.name: named.get(c.name.casefold()) for c in columns if c.stands_for is None}
    found |= {c.name: plain.get(c.stands_for.casefold()) for c in columns if c.stands_for is not None}
    return {name: e for name, e in found.items() if e is not None}


def _final_alike(definition: SourceDef, members: Sequence[Source], findings: Findings) -> bool:
    """Whether events of all members become final equally late; an error where they do not."""
    if len({m.final_after for m in members}) == 1:
        return True
    said = " and ".join(m.name for m in members if m.final_after is not None)
    message = f"{definition.name} unites sources whose events become final at different ages: {said}"
    message += " has a final_after of its own" if " and " not in said else " have each their own final_after"
    findings.error("F397", message, definition.union[0].span, "give all of them the same final_after:, or none")
    return False


@dataclass(frozen=True, slots=True)
class _Aligned:
    """Columns of the union that stand for a list of each member's, by place: (name, type), and what each member has
    there."""

    columns: tuple[tuple[str, str], ...]
    values: tuple[Mapping[str, Expr], ...]


def _aligned(
    opened: OpenSource, members: Sequence[Source], word: str, prefix: str, catalog: Catalog, findings: Findings
) -> _Aligned | None:
    """The lists of all members under one name for each place. Where all members give the same list, the columns stand
    for themselves; else they get names of their own, NULL where a member has none there."""
    lists = [m.id if word == "id" else m.tie_break for m in members]
    if len({tuple(c.casefold() for c in listed) for listed in lists}) == 1:
        own = {c.name.casefold(): c for c in opened.source.columns}
        columns = [own.get(c.casefold()) for c in lists[0]]
        if any(c is None for c in columns):
            return None  # its types do not go together, which was reported
        return _Aligned(tuple((c.name, c.type) for c in columns if c is not None), tuple({} for _ in members))
    found: list[tuple[str, str]] = []
    values: list[dict[str, Expr]] = [{} for _ in members]
    for place in range(max(map(len, lists))):
        given = [(m, m.column(listed[place]), v) for m, listed, v in zip(members, lists, values, strict=True)
                 if place < len(listed)]
        type_ = common_type([c.type for _, c, _ in given], catalog)
        if type_ is None and word == "id":
            type_ = "VARCHAR"  # an id has to be equal to itself, and to compare with those of its own source
        if type_ is None:
            said = " and ".join(f"{m.name}.{c.name}, {c.type}," for m, c, _ in given)
            message = f"{opened.definition.name} unites sources whose {word} columns do not go together: {said} are"
            message += " of types that do not compare"
            hint = "bring one to the type of the other in its source's sql:"
            findings.error("F396", message, opened.definition.union[0].span, hint)
            return None
        if word == "id" and family(type_) not in _NOTHING:
            type_ = "VARCHAR"
        name = f"{prefix}_{place + 1}"
        found.append((name, type_))
        for _, column, value in given:
            value[name] = Expr((ColumnRef(column.name),), column.type)
        for listed, value in zip(lists, values, strict=True):
            if word == "id" and 0 < len(listed) <= place:  # a shorter id is whole all the same
                value[name] = Expr((f"{_NOTHING[family(type_)]}::{type_}",), type_)
    return _Aligned(tuple(found), tuple(values))
