"""Sources: columns from the catalog, `let` names inlined, times and identities checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from featc.catalog import Catalog
from featc.errors import Diagnostic, FeatcError, Findings, did_you_mean
from featc.load.model import Meta, SourceDef, TargetDef, location_of
from featc.load.text import Text
from featc.parse import Fragment, Name, read, unsteady, walk
from featc.resolve.asking import Asked, RowBatch
from featc.resolve.columns import is_untyped, merged_columns
from featc.resolve.model import Column, ColumnRef, Expr, Location, Source
from featc.resolve.order import circle
from featc.resolve.scope import Let, RowReader, RowScope

if TYPE_CHECKING:
    from featc.resolve.matches import OpenMatch

_TIMES = ("TIMESTAMP", "DATE")


def parsed(text: Text, findings: Findings) -> Fragment | None:
    """The fragment of a text; None when it has errors, which are reported at the author's place."""
    found = read(text.value)
    if isinstance(found, Fragment):
        return found
    for problem in found:
        findings.error(
            problem.code, problem.message, text.span_at(problem.start, problem.length), problem.hint
        )
    return None


def meta_of(meta: Meta) -> dict[str, object]:
    """What the author says about a definition, without what he left out."""
    found: dict[str, object] = {
        "description": meta.description,
        "owner": meta.owner,
        "tags": meta.tags,
        "meta": dict(meta.meta),
    }
    if meta.deprecated is not None:
        old = {"since": meta.deprecated.since, "until": meta.deprecated.until, "use": meta.deprecated.use}
        found["deprecated"] = {k: v.value for k, v in old.items() if v is not None}
    return {k: v for k, v in found.items() if v}


@dataclass(slots=True)
class OpenSource:
    """A source under work. `batch` collects every row expression asked of it, also by views."""

    definition: SourceDef
    source: Source
    scope: RowScope
    batch: RowBatch
    texts: Mapping[str, Asked | None] = field(default_factory=dict)
    matches: tuple[OpenMatch, ...] = ()
    attributed: str | None = None
    """Of a source that is made of others: its name, where `source` is that of its events."""

    def column(self, name: str) -> Column | None:
        return self.scope.columns.get(name.casefold())


def open_source(
    definition: SourceDef, target: TargetDef, catalog: Catalog, findings: Findings
) -> OpenSource | None:
    """A source with its columns, its expressions asked; None when its data cannot be reached."""
    place = location_of(definition, target)
    location = Location(place.kind, place.value.value)
    for problem in unsteady(place.value.value) if place.kind == "sql" else ():
        span = place.value.span_at(problem.start, problem.length)
        findings.error(problem.code, problem.message, span, problem.hint)
    try:
        found = catalog.columns(definition.name, location)
    except FeatcError as error:
        for d in error.diagnostics:
            findings.items.append(
                d if d.span else Diagnostic(d.code, d.message, place.value.span, d.hint, d.severity)
            )
        check_texts(definition, findings)
        return None
    columns = merged_columns(definition, location, found, findings)
    scope = RowScope.over(definition.name, columns)
    batch = RowBatch(columns)
    read_lets(definition.name, definition.let, scope, batch, findings)
    ask = partial(ask_row, scope=scope, batch=batch, findings=findings)
    texts = {
        "time": ask(definition.time, "time"),
        "available_at": ask(definition.available_at, "available_at"),
        "deleted": ask(definition.deleted, "deleted"),
        "valid_to": ask(definition.valid_to, "valid_to"),
    }
    source = Source(
        definition.name,
        definition.kind,
        location,
        columns,
        time=Expr((), "TIMESTAMP"),
        delay=definition.delay.us if definition.delay and not definition.available_at else 0,
        timezone=definition.timezone.value if definition.timezone else None,
        id=_identity(definition, scope, findings),
        tie_break=_existing(definition.tie_break, "tie_break", scope, findings),
        key=_existing(definition.key, "key", scope, findings),
        final_after=_final_after(definition, findings),
        meta=meta_of(definition.meta),
        span=definition.span,
        query=definition.location.value.value.strip() if definition.location.kind == "sql" else None,
    )
    return OpenSource(definition, source, scope, batch, texts)


def _identity(definition: SourceDef, scope: RowScope, findings: Findings) -> tuple[str, ...]:
    """The columns of `id`, which rows of dumps have none of."""
    if definition.id and definition.kind == "snapshot":
        findings.error(
            "F391",
            f"{definition.name} is a snapshot, and has an id: a dump is replaced as a whole, not row by row",
            definition.id[0].span,
            "delete id; what a row is about is its key:, and a later arrival of the same time replaces the dump",
        )
        return ()
    return _existing(definition.id, "id", scope, findings)


def _final_after(definition: SourceDef, findings: Findings) -> int | None:
    """How late a version may be, in µs. Where all rows of a source would be later, it says nothing sensible."""
    given = definition.final_after
    if given is None:
        return None
    delay = definition.delay if not definition.available_at else None
    if delay is not None and given.us < delay.us:
        findings.error(
            "F340",
            f"final_after: {given.text.value} is shorter than delay: {delay.text.value},"
            f" so no row of {definition.name} would ever count",
            given.text.span,
            "it counts from an event's time to the arrival of its last correction; make it longer",
        )
    return given.us


def check_texts(definition: SourceDef, findings: Findings) -> None:
    """Reports what is wrong with the texts of a source whose data cannot be reached."""
    for text in (
        definition.time,
        definition.available_at,
        definition.deleted,
        definition.valid_to,
        *definition.let.values(),
    ):
        if text is not None:
            parsed(text, findings)


def ask_row(
    text: Text | None, place: str, *, scope: RowScope, batch: RowBatch, findings: Findings
) -> Asked | None:
    """Asks for the type of a row expression; None when there is none, or it has errors (reported)."""
    fragment = parsed(text, findings) if text is not None else None
    return (
        None
        if text is None or fragment is None
        else ask_fragment(fragment, text, place, scope, batch, findings)
    )


def ask_fragment(
    fragment: Fragment, text: Text, place: str, scope: RowScope, batch: RowBatch, findings: Findings
) -> Asked | None:
    """The same for a part of a text that has been read."""
    reader = RowReader(scope, text, place, findings)
    parts = reader.read(fragment)
    return None if parts is None else batch.ask(parts, text, fragment, reader.uses)


def _existing(names: tuple[Text, ...], word: str, scope: RowScope, findings: Findings) -> tuple[str, ...]:
    found = []
    for name in names:
        column = scope.columns.get(name.value.casefold())
        if column is None:
            is_let = name.value.casefold() in scope.lets
            hint = (
                f"{word} takes columns of the data"
                if is_let
                else did_you_mean(name.value, [c.name for c in scope.columns.values()])
            )
            findings.error(
                "F301", f"{word}: the data of {scope.source} has no column '{name.value}'", name.span, hint
            )
        else:
            found.append(column.name)
    return tuple(found)


def read_lets(source: str, lets: Mapping[str, Text], scope: RowScope, batch: RowBatch, findings: Findings) -> None:
    """Resolves `let` names in the order of their need, so that each is inlined where it is used."""
    fragments: dict[str, tuple[str, Text, Fragment]] = {}
    for name, text in lets.items():
        folded = name.casefold()
        if folded in scope.columns:
            findings.error(
                "F307",
                f"let '{name}' has the name of a column of {source}",
                text.span,
                f"call it something else, such as {name}_clean",
            )
            continue
        fragment = parsed(text, findings)
        scope.lets[folded] = Let(name, None)
        if fragment is not None:
            fragments[folded] = (name, text, fragment)
    needs = {
        folded: [p.parts[0].casefold() for p in walk(fragment) if isinstance(p, Name) and len(p.parts) == 1]
        for folded, (_, _, fragment) in fragments.items()
    }
    needs = {folded: [n for n in names if n in fragments] for folded, names in needs.items()}
    ordered, loops = circle(needs)
    for loop in loops:
        name, text, _ = fragments[loop[0]]
        way = " → ".join(fragments[n][0] for n in (*loop, loop[0]))
        findings.error(
            "F306",
            f"let names of {source} need each other: {way}",
            text.span,
            "write one of them over columns only",
        )
    for folded in ordered:
        name, text, fragment = fragments[folded]
        reader = RowReader(scope, text, f"let {name}", findings)
        parts = reader.read(fragment)
        scope.lets[folded] = Let(name, parts, frozenset(reader.uses))
        if parts is not None:
            batch.ask(parts, text, fragment, reader.uses)


def broken_lets(opened: OpenSource) -> set[str]:
    """The `let` names whose own expression has no type; what uses them is not reported again."""
    bad = set()
    for asked in opened.batch.asked:
        if asked.expr is None:
            bad |= {f for f, entry in opened.scope.lets.items() if entry.parts == asked.parts}
    return bad


def finished_source(opened: OpenSource, findings: Findings) -> Source | None:
    """The source with its expressions typed; None when its times have errors."""
    definition, texts = opened.definition, opened.texts

    def typed(
        word: str, text: Text | None, check: Callable[[Expr, Text, str, Findings], bool]
    ) -> tuple[Expr | None, bool]:
        asked = texts.get(word)
        if text is None:
            return None, True
        if asked is None or asked.expr is None:
            return None, False
        return asked.expr, check(asked.expr, text, word, findings)

    instant = partial(is_instant, untyped=is_untyped(opened.source.location))
    time, ok_time = typed("time", definition.time, instant)
    available, ok_available = typed("available_at", definition.available_at, instant)
    deleted, ok_deleted = typed("deleted", definition.deleted, is_boolean)
    valid_to, ok_valid = typed("valid_to", definition.valid_to, instant)
    if time is None or not (ok_time and ok_available and ok_deleted and ok_valid):
        return None
    source = replace(opened.source, time=time, available_at=available, deleted=deleted, valid_to=valid_to)
    source = replace(source, lets=lets_of(opened))
    _check_known_rows(definition, source, findings)
    if source.id and available is None:
        findings.warn(
            "F351",
            f"versions of one {', '.join(source.id)} in {source.name} are ordered by event time",
            definition.id[0].span,
            "name the column of arrival under available_at:, if there is one",
        )
    return source


def _check_known_rows(definition: SourceDef, source: Source, findings: Findings) -> None:
    """Refuses columns that are known later than their row where they say what the row is, when and in which order."""
    expressions = (
        ("time", source.time, definition.time),
        ("deleted", source.deleted, definition.deleted),
        ("valid_to", source.valid_to, definition.valid_to),
    )
    for word, expr, text in expressions:
        if expr is not None and text is not None:
            check_known(expr, source, text, word, findings)
    for word, names in (("id", definition.id), ("key", definition.key), ("tie_break", definition.tie_break)):
        for name in names:
            column = next((c for c in source.columns if c.name.casefold() == name.value.casefold()), None)
            if column is not None:
                check_known(Expr((ColumnRef(column.name),), column.type, name.span), source, name, word, findings)


def lets_of(opened: OpenSource) -> tuple[tuple[str, Expr], ...]:
    """The `let` names and what they stand for. They were asked first; what is one of them and no more came later."""
    names = {entry.parts: entry.name for entry in opened.scope.lets.values() if entry.parts is not None}
    asked = ((names.get(a.parts), a.expr) for a in opened.batch.asked)
    found: dict[str, Expr] = {}
    for name, expr in asked:
        if name is not None and expr is not None:
            found.setdefault(name, expr)
    return tuple(found.items())


def is_instant(expr: Expr, text: Text, word: str, findings: Findings, *, untyped: bool = False) -> bool:
    """Whether the expression is a time; otherwise reported. `untyped`: whether columns can be declared times."""
    if expr.type in _TIMES:
        return True
    hint = (
        f"if it is written as 2026-01-31 10:00:00, declare columns: {{{expr.parts[0].column}: timestamp}};"
        f" else read it, as in strptime({expr.parts[0].column}, '%d.%m.%Y')"
        if expr.type == "VARCHAR" and untyped and expr.is_bare and isinstance(expr.parts[0], ColumnRef)
        else "write it as a time, as in x::timestamp or strptime(x, '%d.%m.%Y')"
        if expr.type == "VARCHAR"
        else ("for seconds since 1970 write make_timestamp(x * 1000000), for milliseconds epoch_ms(x)")
    )
    findings.error(
        "F312", f"{word} must be a time, and this is {expr.type}", text.span_at(0, len(text.value)), hint
    )
    return False


def is_boolean(expr: Expr, text: Text, word: str, findings: Findings) -> bool:
    """Whether the expression is a condition; otherwise reported."""
    if expr.type == "BOOLEAN":
        return True
    findings.error(
        "F312",
        f"{word} must be true or false, and this is {expr.type}",
        expr.span or text.span,
        "write a comparison, such as x = 'D' or x <> 0",
    )
    return False


def check_known(expr: Expr, source: Source, text: Text, place: str, findings: Findings) -> bool:
    """Refuses columns that were not yet known when their row arrived (semantics.md, "Types")."""
    arrival = source.available_at
    by = arrival.parts[0] if arrival is not None and arrival.is_bare else None
    known = by.column if isinstance(by, ColumnRef) else None
    for ref in expr.refs:
        # a source with errors of its own lacks what joins bring
        column = next((c for c in source.columns if isinstance(ref, ColumnRef) and c.name == ref.column), None)
        if column is not None and column.known_after and column.known_after != known:
            findings.error(
                "F316",
                f"{column.name} is known only after {column.known_after}: {place} would look into the future",
                expr.span or text.span,
                f"use a source with available_at: {column.known_after}, or leave the column out",
            )
            return False
    return True


def time_of(source: Source) -> Expr:
    """τ of a row as a TIMESTAMP. A DATE of the data is its midnight in the source's zone (semantics.md, "Time")."""
    time = source.time
    if source.members:
        return Expr(("make_timestamp(", *time.parts, ")"), "TIMESTAMP", time.span)
    if time.type != "DATE":
        return Expr(time.parts, "TIMESTAMP", time.span)
    columns = [source.column(r.column) for r in time.refs if isinstance(r, ColumnRef)]
    local = bool(columns) and all(c.type == "DATE" for c in columns)
    zone = f" AT TIME ZONE '{source.timezone}' AT TIME ZONE 'UTC'" if local and source.timezone else ""
    return Expr(("(", *time.parts, f")::TIMESTAMP{zone}"), "TIMESTAMP", time.span)
