"""Joins of a view: columns of other sources beside each of its events (semantics.md, "Enrichment joins").

A view with joins sees its source with more columns: `products.category` is the column `category` of the row that the
join `products` finds for an event. Which row that is, is a lookup of the other source as a state at the event's own
time, a view of its own (`Join.rows`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from featc.errors import Findings, Span, did_you_mean
from featc.load.model import Definitions, JoinDef, ViewDef
from featc.load.text import Text
from featc.parse import Fragment
from featc.resolve.asking import Asked, RowBatch
from featc.resolve.features import Drafts
from featc.resolve.model import Column, ColumnRef, Expr, Join, Key, Source, View, ViewJoin, join_column
from featc.resolve.openview import OpenView
from featc.resolve.pieces import joined as pieces_joined
from featc.resolve.sources import OpenSource, ask_fragment, check_known, parsed
from featc.resolve.view_joins import OpenViewJoin, Upstream, finished_view_join
from featc.resolve.view_joins import extended as with_features
from featc.types import KEY_FAMILIES, common_type, family


@dataclass(frozen=True, slots=True)
class OpenJoin:
    """A join under work: the source it looks into, and what each of its columns has to equal."""

    definition: JoinDef
    opened: OpenSource
    keys: tuple[tuple[Column, Asked | None, Text], ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """A source as a view with joins sees it. `broken`: a join has errors, which were reported."""

    opened: OpenSource
    joins: tuple[OpenJoin | OpenViewJoin, ...]
    broken: bool = False


def join_view(
    view: OpenView,
    sources: Mapping[str, OpenSource | None],
    definitions: Definitions,
    findings: Findings,
    upstream: Upstream | None = None,
) -> None:
    """Opens the joins of a view that has some, for its labels too; with errors in them it is left out."""
    if view.opened is None or view.blind or not view.definition.joins:
        return
    found = open_joins(view.definition, view.opened, sources, definitions, findings, upstream)
    joins = (*view.joins, *found.joins)  # after those of the view whose rows it reads
    for same in (view, view.labels):
        if same is None:
            continue
        same.opened, same.joins = found.opened, joins
        if found.broken:
            same.leave_out()


def open_joins(
    view: ViewDef,
    opened: OpenSource,
    sources: Mapping[str, OpenSource | None],
    definitions: Definitions,
    findings: Findings,
    upstream: Upstream | None = None,
) -> Joined:
    """The source of a view with the columns that its joins bring; each join may use those before it in its keys.
    `upstream` has the other views where it joins such."""
    found = replace(opened, batch=RowBatch(opened.batch.columns))
    joins: list[OpenJoin | OpenViewJoin] = []
    if opened.source.holds:
        hint = "join where events are aggregated; a state is looked up at an instant of its own"
        findings.error("F371", f"{view.name} reads states, which are not joined", view.joins[0].span, hint)
        return Joined(found, (), broken=True)
    broken = False
    for definition in view.joins:
        made: OpenJoin | OpenViewJoin | None
        if definition.view is not None and upstream is not None:
            free = _is_free(definition, found, definition.view.value, findings)
            made = upstream.open(definition, found, findings) if free else None
        else:
            other = source_of(definition, sources, definitions, findings)
            made = open_join(definition, found, other, findings) if other is not None else None
        if made is None:
            broken = True
            continue
        joins.append(made)
        found = extended(found, made) if isinstance(made, OpenJoin) else with_features(found, made)
    return Joined(found, tuple(joins), broken)


def _is_free(definition: JoinDef, opened: OpenSource, other: str, findings: Findings) -> bool:
    """Whether a join's name is no other's among the event's; an error where it is."""
    folded = definition.name.casefold()
    if folded not in opened.scope.columns and folded not in opened.scope.lets:
        return True
    message = f"the join '{definition.name}' has the name of a column or let of {opened.source.name}"
    hint = f"name it otherwise, and say {'source' if definition.view is None else 'view'}: {other}"
    findings.error("F375", message, definition.span, hint)
    return False


def source_of(
    definition: JoinDef, sources: Mapping[str, OpenSource | None], definitions: Definitions, findings: Findings
) -> OpenSource | None:
    name = definition.source.value if definition.source is not None else definition.name
    span = definition.source.span if definition.source is not None else definition.span
    if name not in sources and name not in definitions.broken:
        hint = did_you_mean(name, sources) or "declare it under sources:"
        findings.error("F308", f"there is no source '{name}'", span, hint)
    if name in definitions.attributed:
        hint = f"look into the source of its events: {definitions.attributed[name].base.value}"
        findings.error("F387", f"{name} is made of other sources, and nothing looks into it", span, hint)
        return None
    if name in definitions.sources and definitions.sources[name].union:
        hint = f"look into each of its sources: {', '.join(map(str, definitions.sources[name].union))}"
        findings.error("F387", f"{name} is made of other sources, and nothing looks into it", span, hint)
        return None
    return sources.get(name)


def open_join(
    definition: JoinDef, opened: OpenSource, other: OpenSource, findings: Findings
) -> OpenJoin | None:
    if not _is_free(definition, opened, other.source.name, findings):
        return None
    if other.source.in_dumps:
        message = f"{other.source.name} is a snapshot, and events are not joined with whole dumps"
        hint = "look it up in a view of its own, at as_of; or join a state source with a row for each change"
        findings.error("F393", message, definition.span, hint)
        return None
    given = _given_keys(definition, other, findings)
    if given is None:
        return None
    keys = []
    for column, text in given:
        fragment = parsed(text, findings)
        place = f"the key {column.name} of the join {definition.name}"
        asked = None if fragment is None else _ask(fragment, text, place, opened, findings)
        keys.append((column, asked, text))
    return OpenJoin(definition, other, tuple(keys)) if all(a is not None for _, a, _ in keys) else None


def _ask(fragment: Fragment, text: Text, place: str, opened: OpenSource, findings: Findings) -> Asked | None:
    return ask_fragment(fragment, text, place, opened.scope, opened.batch, findings)


def _given_keys(
    definition: JoinDef, other: OpenSource, findings: Findings
) -> list[tuple[Column, Text]] | None:
    """The columns of the other source that find a row, and what each has to equal."""
    source, name = other.source, definition.name
    if not definition.keys:
        if source.kind == "state" and source.key:
            return [(source.column(c), Text(c, definition.span)) for c in source.key]
        message = f"the join '{name}' does not say which rows of {source.name} belong to an event"
        hint = f"name them: {name}: {{keys: {{<column of {source.name}>: <expression over the event>}}}}"
        if source.kind == "state":
            hint = f"give {source.name} a key:, or n{hint[1:]}"
        findings.error("F372", message, definition.span, hint)
        return None
    found = []
    for column, text in sorted(definition.keys.items()):  # the order of a mapping says nothing
        known = other.column(column)
        if known is None:
            near = did_you_mean(column, [c.name for c in other.scope.columns.values()])
            findings.error("F301", f"the data of {source.name} has no column '{column}'", text.span, near)
            return None
        found.append((known, text))
    if source.kind == "state" and {c.name for c, _ in found} != set(source.key or [c.name for c, _ in found]):
        message = f"{source.name} keeps one row per {', '.join(source.key)}, and the join '{name}' names other columns"
        findings.error("F373", message, definition.span, f"give keys: {', '.join(source.key)}")
        return None
    return found


def extended(opened: OpenSource, made: OpenJoin) -> OpenSource:
    """The source with the columns that a join brings."""
    name, other = made.definition.name, made.opened
    columns = [_beside(name, c, other.source) for c in other.scope.columns.values()]
    scope = replace(
        opened.scope,
        columns={**opened.scope.columns, **{c.name.casefold(): c for c in columns}},
        joins={**opened.scope.joins, name.casefold(): (name, other.source.name)},
    )
    batch = RowBatch((*opened.batch.columns, *columns), opened.batch.asked)
    return replace(opened, scope=scope, batch=batch)


def _beside(name: str, column: Column, source: Source) -> Column:
    """A joined column. What its own rows do not know when they arrive, no event may see: it keeps that."""
    arrival = source.available_at
    known = {r.column for r in arrival.refs if isinstance(r, ColumnRef)} if arrival is not None else set()
    late = column.known_after if column.known_after not in known else None
    return Column(join_column(name, column.name), column.type, column.type, column.tags, late)


def finished_joins(
    view: str,
    joins: Iterable[OpenJoin | OpenViewJoin],
    used: Iterable[Expr | None],
    sources: Mapping[str, Source],
    opened: OpenSource,
    drafts: Drafts,
    findings: Findings,
    quiet: Collection[str] = (),
) -> tuple[Join | ViewJoin, ...] | None:
    """The joins whose columns `used` reads, and those that their keys need; None where one has errors (reported).
    Of the others it warns, but for those that are `quiet`."""
    wanted = {r.column for e in used if e is not None for r in e.refs if isinstance(r, ColumnRef)}
    found: list[Join | ViewJoin] = []
    listed = list(joins)
    own = [c.name for c in sources[opened.source.name].columns if c.name in wanted]
    if not come_back(view, sources[opened.source.name], own, listed[0].definition.span, findings):
        return None
    for join in reversed(listed):  # what the keys of a join need, an earlier one brings
        columns = tuple(c for c in _names_of(join) if join_column(join.definition.name, c) in wanted)
        if not columns and join.definition.name in quiet:
            continue
        if not columns:
            message = f"{view} joins {join.definition.name}, and no feature uses a column of it"
            hint = f"use one, such as {join_column(join.definition.name, '<column>')}, or delete the join"
            findings.warn("F376", message, join.definition.span, hint)
            continue
        if isinstance(join, OpenViewJoin):
            made = finished_view_join(view, join, wanted, opened, drafts, findings)
            if made is None:
                return None
            found.insert(0, made)
            wanted |= {r.column for e in made.keys for r in e.refs if isinstance(r, ColumnRef)}
            continue
        lookup = _finished(view, join, columns, sources, opened, findings)
        if lookup is None:
            return None
        found.insert(0, lookup)
        wanted |= {r.column for e in lookup.keys for r in e.refs if isinstance(r, ColumnRef)}
    return tuple(found)


def _finished(
    view: str,
    join: OpenJoin,
    columns: tuple[str, ...],
    sources: Mapping[str, Source],
    opened: OpenSource,
    findings: Findings,
) -> Join | None:
    """The join with a source, for the columns of it that are used; None where it has errors, which are reported."""
    source = sources.get(join.opened.source.name)
    if source is not None and not come_back(view, source, columns, join.definition.span, findings):
        return None
    keys = [finished_key(join, column, asked, text, opened, findings) for column, asked, text in join.keys]
    whole = [k for k in keys if k is not None]
    if source is None or len(whole) < len(keys):
        return None
    within = join.definition.within.us if join.definition.within else None
    rows = look_up(f"{view} {join.definition.name}", source, tuple(k for k, _ in whole), columns, within)
    return Join(join.definition.name, source, rows, tuple(e for _, e in whole))


def _names_of(join: OpenJoin | OpenViewJoin) -> list[str]:
    """What a join can bring."""
    if isinstance(join, OpenViewJoin):
        return list(join.features)
    return [c.name for c in join.opened.scope.columns.values()]


def come_back(view: str, source: Source, columns: Iterable[str], span: Span, findings: Findings) -> bool:
    """Whether an online store can give the columns' values back, which it keeps to lift events again."""
    for column in map(source.column, columns):
        if family(column.type) == "other":
            message = f"{view} joins, and reads {source.name}.{column.name}, which is {column.type}"
            hint = "an online store cannot give such values back: take a field of it under the source's sql:"
            findings.error("F377", message, span, hint)
            return False
    return True


def finished_key(
    join: OpenJoin, column: Column, asked: Asked | None, text: Text, opened: OpenSource, findings: Findings
) -> tuple[Key, Expr] | None:
    """A key of the other source, and what it has to equal, in a type that holds both."""
    expr = asked.expr if asked is not None else None
    if expr is None or not check_known(expr, opened.source, text, f"the key {column.name}", findings):
        return None
    type_ = common_type(column.type, expr.type)
    if type_ is None or family(type_) not in KEY_FAMILIES:
        message = f"{join.opened.source.name}.{column.name} is {column.type}, and what it has to equal is {expr.type}"
        hint = "cast the expression to the column's type" if type_ is None else "keys must compare exactly"
        findings.error("F374", message, expr.span or text.span, hint)
        return None
    if expr.type != type_:
        expr = Expr(pieces_joined(("(", *expr.parts, f")::{type_}")), type_, expr.span)
    return Key(column.name, type_, Expr((ColumnRef(column.name),), column.type)), expr


def look_up(name: str, source: Source, keys: tuple[Key, ...], columns: tuple[str, ...], within: int | None) -> View:
    """The view that finds the row of a join: both edges belong to it, whatever the view that joins has."""
    return View(
        name=name,
        keys=keys,
        entity=(),
        source=source.name,
        where=None,
        closed="both",
        ttl=within,
        request=(),
        slots=(),
        aggregations=(),
        state_columns=columns,
        features=(),
        beside=True,
    )
