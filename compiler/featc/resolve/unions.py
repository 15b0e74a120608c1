"""Unions: the rows of several event sources as those of one.

A union is resolved to a source of its own. Its columns are those of its members by name, and their `let` names; where a
member has none of a name, it is NULL. Beside them stand columns that every member computes by its own rules: when a row
happened, when it was known, whether it is dead, what identifies it and what orders rows of one instant. So all that
reads sources reads unions, and only the lowering knows that their rows lie elsewhere (`Source.members`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from featc.catalog import Catalog
from featc.errors import Findings, did_you_mean
from featc.load.model import Definitions, SourceDef
from featc.load.text import Text
from featc.parse import Fragment, Name
from featc.resolve.asking import RowBatch
from featc.resolve.model import DEAD, HAPPENED, KNOWN, MEMBER, Column, ColumnRef, Expr, Location, Member, Source
from featc.resolve.scope import Let, RowScope
from featc.resolve.sources import OpenSource, lets_of, meta_of, parsed, read_lets
from featc.resolve.union_names import PLAIN, exact_type, names_of
from featc.types import family

EVENT, TIE = "_event", "_tie"
"""With a number, the columns of what identifies a row and orders rows of one instant, where members name others."""
_TAKEN = re.compile(rf"({MEMBER}|{HAPPENED}|{KNOWN}|{DEAD}|{EVENT}_\d+|{TIE}_\d+|{PLAIN}.+)", re.IGNORECASE)
_NOTHING: Mapping[str, str] = {"integer": "0", "text": "''", "boolean": "false", "date": "DATE '1970-01-01'"}
"""By family of types, what stands at the end of an id that has fewer columns than another."""


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
    names = names_of(definition, members, catalog, findings)
    columns = tuple(names.columns)
    scope = RowScope.over(definition.name, [c for c in columns if not c.hidden])
    scope.lets.update({name.casefold(): Let(name, None) for name in names.lost})
    scope.lets.update({name.casefold(): Let(name, parts) for name, (parts, _) in names.lets.items()})
    batch = RowBatch(columns)
    _check_lets(definition, scope, findings)
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
    for parts, text in names.lets.values():
        fragment = parsed(text, Findings())
        if fragment is not None:  # by which a row that makes it fail is told
            batch.ask(parts, text, fragment)
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
        if name == definition.name:
            findings.error("F397", f"{name} unites itself", text.span, "name other sources")
            broken = True
        elif name in [m.source.name for m in found]:
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
            broken = broken or opened is None or _is_refused(definition, text, opened, findings)
            found += [opened] if opened is not None else []
    return None if broken else found


def _is_refused(definition: SourceDef, text: Text, opened: OpenSource, findings: Findings) -> bool:
    """Whether a source cannot be part of a union, which is reported."""
    source = opened.source
    if source.kind != "event":
        message = f"{definition.name} unites {source.name}, whose rows hold for a time, and are no events"
        findings.error("F397", message, text.span, "unite sources of events; look states up with join:")
        return True
    own = next((c.name for c in source.columns if _TAKEN.fullmatch(c.name)), None)
    let = next((name for name in opened.definition.let if _TAKEN.fullmatch(name)), None)
    if own is not None:
        message = f"{source.name} has a column {own}, which in a union is what featc says of a row"
        findings.error("F397", message, text.span, f"rename it in the sql: of {source.name}")
    elif let is not None:
        message = f"{source.name} has a let {let}, which in the union {definition.name} is what featc says of a row"
        findings.error("F397", message, opened.definition.let[let].span, "call it something else")
    return own is not None or let is not None


def _check_lets(definition: SourceDef, scope: RowScope, findings: Findings) -> None:
    """Names of the union's own `let` that its members have, or that featc has for what they compute."""
    for name, text in definition.let.items():
        if name.casefold() in scope.lets or _TAKEN.fullmatch(name):
            message = f"let '{name}' has the name of what the sources of {definition.name} have"
            findings.error("F307", message, text.span, f"call it something else, such as {name.strip('_')}_of_all")


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
    """What the data of a member have in the columns of the union that are known by name."""
    plain = {c.name.casefold(): Expr((ColumnRef(c.name),), c.type) for c in member.columns}
    found: dict[str, Expr] = {}
    for column in columns:
        expr = plain.get((column.stands_for or column.name).casefold())
        if expr is not None and (column.stands_for is None or expr.type == column.type):
            found[column.name] = expr
    return found


def _final_alike(definition: SourceDef, members: Sequence[Source], findings: Findings) -> bool:
    """Whether events of all members become final equally late; an error where they do not."""
    if len({m.final_after for m in members}) == 1:
        return True
    said = " and ".join(m.name for m in members if m.final_after is not None)
    message = f"{definition.name} unites sources whose events become final at different ages: {said}"
    message += " has a final_after of its own" if " and " not in said else " have each their own final_after"
    findings.error("F397", message, definition.union[0].span, "give all of them the same final_after:, or none")
    return False


def _alike(members: Sequence[Source], names: Sequence[str], catalog: Catalog) -> bool:
    """Whether columns of all members hold each other's values as they are."""
    columns = [[c for m in members for c in m.columns if c.name.casefold() == n.casefold()] for n in names]
    return all(exact_type([c.type for c in listed], catalog) is not None for listed in columns)


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
    if len({tuple(c.casefold() for c in listed) for listed in lists}) == 1 and _alike(members, lists[0], catalog):
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
        type_ = exact_type([c.type for _, c, _ in given], catalog)
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
