"""Attributed sources: the events of one source, each with the row of another that follows it (semantics.md,
"Enrichment joins": attribution).

A view over such a source reads the source of the events (`View.source`), and its matches are joins that look ahead
(`Join.match`): their columns are columns of the event's row. What the source is called stays in `View.attributed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from featc.errors import Findings, did_you_mean
from featc.load.model import AttributedDef, Definitions, MatchDef
from featc.parse import Fragment, Name, read, walk
from featc.resolve.asking import RowBatch
from featc.resolve.joins import OpenJoin, come_back, extended, finished_key, look_up, open_join, source_of
from featc.resolve.model import ColumnRef, Expr, Join, Match, Source, join_column
from featc.resolve.scope import RowScope
from featc.resolve.sources import OpenSource, broken_lets, read_lets


@dataclass(frozen=True, slots=True)
class OpenMatch:
    """A match under work."""

    definition: MatchDef
    join: OpenJoin


def open_attributed(
    definition: AttributedDef,
    sources: Mapping[str, OpenSource | None],
    definitions: Definitions,
    findings: Findings,
) -> OpenSource | None:
    """The source of the events with the columns that its matches bring, under its own name; None where it has errors,
    which were reported."""
    base = _base(definition, sources, definitions, findings)
    if base is None:
        return None
    found = replace(base, scope=_own_scope(definition, base), batch=RowBatch(base.batch.columns))
    matches: list[OpenMatch] = []
    for match in definition.matches:
        if _by_others(match, [m.definition.join.name for m in matches], base, findings):
            continue
        other = _matched(definition, match, base, sources, definitions, findings)
        # keys are of the event alone: what it may match does not change with what else matches it
        event = replace(found, scope=_own_scope(definition, base))
        made = open_join(match.join, event, other, findings) if other is not None else None
        if made is None:
            continue
        matches.append(OpenMatch(match, made))
        found = extended(found, made)
    if len(matches) < len(definition.matches):
        return None
    _check_lets(definition, base, findings)
    read_lets(definition.name, definition.let, found.scope, found.batch, findings)
    return replace(found, matches=tuple(matches), attributed=definition.name)


def _by_others(match: MatchDef, before: Sequence[str], base: OpenSource, findings: Findings) -> bool:
    """Whether the keys of a match go by what else matches the event, which is reported."""
    folded = {name.casefold() for name in before}
    for text in match.join.keys.values():
        fragment = read(text.value)
        names = [n for n in walk(fragment) if isinstance(n, Name)] if isinstance(fragment, Fragment) else []
        for name in names:
            if len(name.parts) > 1 and name.parts[0].casefold() in folded:
                message = f"'{name}': what may match an event does not depend on what else matches it"
                hint = f"a key of a match is made of columns of {base.source.name}"
                findings.error("F301", message, text.span_at(name.start, name.end - name.start), hint)
                return True
    return False


def _own_scope(definition: AttributedDef, base: OpenSource) -> RowScope:
    return replace(base.scope, source=definition.name, lets=dict(base.scope.lets))


def _base(
    definition: AttributedDef,
    sources: Mapping[str, OpenSource | None],
    definitions: Definitions,
    findings: Findings,
) -> OpenSource | None:
    name = definition.base.value
    known = [n for n in definitions.sources if n != definition.name]
    if name in definitions.attributed:
        message = f"{definition.name} is made from {name}, which is made of other sources itself"
        hint = f"name the events: from: {definitions.attributed[name].base.value}"
        findings.error("F385", message, definition.base.span, hint)
        return None
    if name not in sources:
        if name not in definitions.broken:
            hint = did_you_mean(name, known) or "declare it under sources:"
            findings.error("F308", f"there is no source '{name}'", definition.base.span, hint)
        return None
    opened = sources[name]
    if opened is not None and opened.definition.union:
        message = f"{definition.name} is made from {name}, which is made of other sources itself"
        hint = f"give each of them matches of its own: {', '.join(map(str, opened.definition.union))}"
        findings.error("F385", message, definition.base.span, hint)
        return None
    if opened is not None and opened.source.kind != "event":
        message = f"{definition.name} is made from {name}, which holds states"
        findings.error("F385", message, definition.base.span, "matches follow events: name an event source")
        return None
    return opened


def _matched(
    definition: AttributedDef,
    match: MatchDef,
    base: OpenSource,
    sources: Mapping[str, OpenSource | None],
    definitions: Definitions,
    findings: Findings,
) -> OpenSource | None:
    """The source that a match looks into: events of another source than the events themselves."""
    other = source_of(match.join, sources, definitions, findings)
    if other is None:
        return None
    span = match.join.source.span if match.join.source is not None else match.join.span
    if other.source.kind != "event":
        message = f"the match '{match.join.name}' looks into {other.source.name}, which holds states"
        hint = f"states are looked up at the event's own time: give the view join: {{{other.source.name}: {{…}}}}"
        findings.error("F386", message, span, hint)
        return None
    if other.source.name == base.source.name:
        message = f"the match '{match.join.name}' looks into {base.source.name}, whose events it is for"
        findings.error("F386", message, span, "match the events of another source")
        return None
    return other


def _check_lets(definition: AttributedDef, base: OpenSource, findings: Findings) -> None:
    for name, text in definition.let.items():
        if name.casefold() in base.scope.lets:
            message = f"let '{name}' has the name of a let of {base.source.name}"
            findings.error("F307", message, text.span, f"call it something else, such as {name}_matched")


def settle_attributed(opened: OpenSource, base: OpenSource, source: Source | None) -> None:
    """Gives an attributed source what became of the source of its events; its own expressions are asked before."""
    opened.batch.broken_lets = broken_lets(opened) | base.batch.broken_lets
    if source is not None:
        columns = tuple(c for folded, c in opened.scope.columns.items() if folded not in base.scope.columns)
        opened.source = replace(source, columns=(*source.columns, *columns))


def finished_matches(
    view: str,
    opened: OpenSource,
    used: Iterable[Expr | None],
    sources: Mapping[str, Source],
    findings: Findings,
) -> tuple[Join, ...] | None:
    """The matches of a view's source: all of them, since each decides when a row counts; None where one has errors
    (reported)."""
    wanted = {r.column for e in used if e is not None for r in e.refs if isinstance(r, ColumnRef)}
    own = sources[opened.source.name]
    span = opened.matches[0].join.definition.span
    if not come_back(view, own, [c.name for c in own.columns if c.name in wanted], span, findings):
        return None
    found: list[Join] = []
    for match in reversed(opened.matches):  # what the keys of a match need, an earlier one brings
        join, name = match.join, match.join.definition.name
        source = sources.get(join.opened.source.name)
        columns = tuple(c.name for c in join.opened.scope.columns.values() if join_column(name, c.name) in wanted)
        if source is None or not come_back(view, source, columns, join.definition.span, findings):
            return None
        keys = [finished_key(join, column, asked, text, opened, findings) for column, asked, text in join.keys]
        whole = [k for k in keys if k is not None]
        if len(whole) < len(keys):
            return None
        rows = look_up(f"{view} {name}", source, tuple(k for k, _ in whole), columns, None)
        how = Match(match.definition.within.us, match.definition.take, match.definition.mature)
        found.insert(0, Join(name, source, rows, tuple(e for _, e in whole), how))
        wanted |= {r.column for _, e in whole for r in e.refs if isinstance(r, ColumnRef)}
    return tuple(found)
