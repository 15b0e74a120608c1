"""Row expressions of views: `where`, keys, and aggregates' arguments, which become slots and aggregations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from featc.algebra import AGGREGATES, Aggregate, Constant, lookup
from featc.errors import Findings, nearest
from featc.load.text import Text
from featc.parse import AggregateCall, Fragment, Name
from featc.resolve.asking import Asked
from featc.resolve.families import Families
from featc.resolve.model import Aggregation, Expr, Key, Slot, Source, Window
from featc.resolve.openview import OpenView, Template
from featc.resolve.slugs import slug, unused
from featc.resolve.sources import OpenSource, ask_fragment, check_known, is_boolean, parsed, time_of
from featc.resolve.standing import may_stand
from featc.resolve.windows import WindowBook, suffix_of
from featc.types import family


@dataclass(frozen=True, slots=True)
class AskedCall:
    """An aggregate call whose arguments were asked for their types."""

    row: Aggregate
    args: tuple[Asked, ...]
    condition: Asked | None
    window: Window | None


@dataclass(slots=True, eq=False)
class ViewRows:
    """Everything of one view that is evaluated on a row of its source."""

    view: OpenView
    where: Asked | None = None
    where_text: Text | None = None
    keys: dict[str, tuple[Asked, Text]] = field(default_factory=dict)
    calls: dict[tuple[Template, AggregateCall], AskedCall] = field(default_factory=dict)
    since: dict[str, tuple[Asked, Fragment]] = field(default_factory=dict)
    broken: bool = False


def ask_view(view: OpenView, opened: OpenSource, families: Families, findings: Findings) -> ViewRows:
    """Asks for the types of all row expressions of a view. Labels have the keys and the `where` of their view."""
    rows = ViewRows(view)
    opened = _beside_features(opened, view)
    if view.base is None:
        _ask_where(rows, opened, findings)
        _ask_keys(rows, opened, findings)
    for template in view.templates:
        if template.broken:
            continue
        for call in template.calls:
            asked = _ask_call(template, call, opened, families.book, findings)
            if asked is None:
                template.broken = True
            else:
                rows.calls[template, call] = asked
                for window in filter(None, (asked.window, *template.windows, *template.over)):
                    template.broken |= not _ask_since(rows, window, opened, families.book, findings)
    return rows


def _beside_features(opened: OpenSource, view: OpenView) -> OpenSource:
    """The source as this view sees it: the same columns, with the names that are the view's features."""
    features = frozenset(f.name.casefold() for f in view.definition.features)
    return replace(opened, scope=replace(opened.scope, features=features))


def _ask_since(
    rows: ViewRows, window: Window, opened: OpenSource, book: WindowBook, findings: Findings
) -> bool:
    """Asks what the events are that a window begins with, where it is such a window; False where that is no row
    expression of the source, which is reported."""
    text = book.since.get(window.name) if window.since else None
    if text is None or window.name in rows.since:
        return True
    fragment = parsed(text, findings)
    asked = _ask(fragment, text, f"since of the window {window.name}", opened, findings)
    if fragment is None or asked is None:
        return False
    rows.since[window.name] = (asked, fragment)
    return True


def _ask_where(rows: ViewRows, opened: OpenSource, findings: Findings) -> None:
    where = rows.view.definition.where
    if where is not None:
        rows.where_text = where
        rows.where = _ask(parsed(where, findings), where, "where", opened, findings)
        rows.broken |= rows.where is None


def _ask(
    fragment: Fragment | None, text: Text, place: str, opened: OpenSource, findings: Findings
) -> Asked | None:
    return (
        None
        if fragment is None
        else ask_fragment(fragment, text, place, opened.scope, opened.batch, findings)
    )


def _ask_keys(rows: ViewRows, opened: OpenSource, findings: Findings) -> None:
    view = rows.view
    given = {name.casefold(): (name, text) for name, text in view.definition.keys.items()}
    known = {k.casefold() for k in view.key_names}
    for folded, (name, text) in given.items():
        if folded not in known:
            close = nearest(name, view.key_names)
            findings.error(
                "F309",
                f"{view.name} has no key '{name}'",
                text.span,
                f"did you mean '{close}'?"
                if close
                else f"its entity has: {', '.join(view.key_names) or 'no keys'}",
            )
    for key in view.key_names:
        if key.casefold() in given:
            text = given[key.casefold()][1]
            asked = _ask(parsed(text, findings), text, f"the key {key}", opened, findings)
        else:
            text = Text(key, view.definition.source.span if view.definition.source else view.definition.span)
            asked = _default_key(key, text, view, opened, findings)
        if asked is None:
            rows.broken = True
        else:
            rows.keys[key] = (asked, text)


def _default_key(
    key: str, text: Text, view: OpenView, opened: OpenSource, findings: Findings
) -> Asked | None:
    """The column of the key's own name."""
    if key.casefold() not in opened.scope.columns:
        names = [c.name for c in opened.scope.columns.values()]
        close = nearest(key, names)
        findings.error(
            "F309",
            f"the source {opened.source.name} has no column '{key}', which {view.name} needs as its key",
            view.definition.span,
            (f"did you mean '{close}'? Put the entity's key right, or s" if close else "s")
            + f"ay which column it is, as in keys: {{{key}: {close or '<column>'}}}",
        )
        return None
    fragment = Fragment((Name((key,), 0, len(key)),), 0, len(key))
    return ask_fragment(fragment, text, f"the key {key}", opened.scope, opened.batch, findings)


def _ask_call(
    template: Template, call: AggregateCall, opened: OpenSource, book: WindowBook, findings: Findings
) -> AskedCall | None:
    row = AGGREGATES[call.row]
    text = template.text
    args = [_ask(a, text, call.name, opened, findings) for a in call.args]
    condition = _ask(call.filter, text, f"the FILTER of {call.name}", opened, findings)
    window = None
    if call.over is not None:
        over = call.over
        window = book.named(over.name, text.span_at(over.start, over.end - over.start))
    ready = [a for a in args if a is not None]
    if len(ready) < len(args) or (call.filter and condition is None) or (call.over and window is None):
        return None
    return AskedCall(row, tuple(ready), condition, window)


# ── slots ───────────────────────────────────────────────────────────────────────────────────────────────────


Named = tuple[str, tuple[str, ...], Window, tuple[tuple[str, Constant], ...]]
"""What makes two aggregations one: row of the algebra, slots, window, parameters."""


@dataclass(slots=True)
class Lifted:
    """The slots and aggregations of one view, each made once."""

    taken: set[str]
    slots: dict[tuple[Expr, Expr | None], Slot] = field(default_factory=dict)
    aggregations: dict[Named, Aggregation] = field(default_factory=dict)
    names: dict[tuple[Template, AggregateCall, Window | None], str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)


def lift(rows: ViewRows, opened: OpenSource, findings: Findings) -> Lifted:
    """Slots and aggregations of a view's features; those with errors are left out, their features broken."""
    view = rows.view
    lifted = Lifted({k.casefold() for k in view.key_names})
    wanted: list[tuple[Template, AggregateCall, Window | None, Named, str]] = []
    for template in view.templates:
        for call in () if template.broken else template.calls:
            asked = rows.calls[template, call]
            windows = [asked.window] if asked.window else template.over or template.windows
            made = (
                _slots_of(lifted, template, call, asked, opened, findings)
                if may_stand(view, template, call, asked.row, windows, findings)
                else None
            )
            if made is None:
                template.broken = True
                break
            name, slots, type_ = made
            for window in template.over or [w for _, w in template.members]:
                own = _begun(lifted, rows, asked.window or window, opened, findings)
                if own is None:
                    template.broken = True
                    break
                wanted.append((template, call, window, (name, slots, own, call.constants), type_))
    _name_aggregations(view, lifted, [w for w in wanted if not w[0].broken])
    return lifted


def _begun(
    lifted: Lifted, rows: ViewRows, window: Window | None, opened: OpenSource, findings: Findings
) -> Window | None:
    """The window, of a `since` window with the slot that can begin it; None where that has an error, which is
    reported."""
    assert window is not None
    if window.since is None:
        return window
    asked, fragment = rows.since[window.name]
    condition, place = asked.expr, f"since of the window {window.name}"
    if condition is None or not is_boolean(condition, asked.text, place, findings):
        return None
    if not check_known(condition, opened.source, asked.text, place, findings):
        return None
    value = Expr(("true",), "BOOLEAN", condition.span)
    return replace(window, since=_slot(lifted, value, None, condition, fragment))


def _slots_of(
    lifted: Lifted,
    template: Template,
    call: AggregateCall,
    asked: AskedCall,
    opened: OpenSource,
    findings: Findings,
) -> tuple[str, tuple[str, ...], str] | None:
    """(aggregate, slots, type) of a call; None when its arguments do not fit, which is reported."""
    text, source = template.text, opened.source
    values = [a.expr for a in asked.args if a.expr is not None]
    condition = asked.condition.expr if asked.condition else None
    if len(values) < len(asked.args) or (asked.condition and condition is None):
        return None
    if condition is not None and not is_boolean(condition, text, f"the FILTER of {call.name}", findings):
        return None
    row = asked.row
    if row.arity == 0 and condition is not None:
        # counting rows that pass is counting a TRUE that is there only then
        row = lookup(call.name, given=1, named=bool(row.named)) or row
        values = [Expr(("true",), "BOOLEAN", condition.span)]
    try:
        type_ = row.returns(tuple(v.type for v in values)) if values else row.returns(())
    except TypeError as error:
        _refuse_type(call, text, values, str(error), findings)
        return None
    for value in values:
        if family(value.type) == "other":
            findings.error(
                "F313",
                f"{call.name} over values of type {shown(value.type)} is not built yet",
                value.span or text.span,
                "take a part of it, or cast it, as in x::varchar",
            )
            return None
    # every expression is checked, so that each column known too late is named; labels may know it
    known = [
        template.is_label or check_known(e, source, text, f"{template.name}", findings)
        for e in (*values, *((condition,) if condition else ()))
    ]
    if not all(known):
        return None
    fragments = call.args if call.args else (None,) * len(values)
    slots = tuple(_slot(lifted, v, f, condition, call.filter) for v, f in zip(values, fragments, strict=True))
    if row.timed:
        slots = (*slots, _time_slot(lifted, source))
    return row.name, slots, type_


def _time_slot(lifted: Lifted, source: Source) -> str:
    """Each row's τ as a slot, for aggregates that weigh rows by it."""
    key = (time_of(source), None)
    if key not in lifted.slots:
        lifted.slots[key] = Slot(unused("row_time", lifted.taken), key[0], None, "TIMESTAMP")
    return lifted.slots[key].name


def shown(type_: str) -> str:
    return "NULL" if type_ == '"NULL"' else type_


def _refuse_type(
    call: AggregateCall, text: Text, values: list[Expr], reason: str, findings: Findings
) -> None:
    first = next((v for v in values if reason.endswith(f" {v.type}")), values[0])
    hint = {
        "BOOLEAN": "to count where it holds write count(*) filter (where …)",
        "VARCHAR": "cast it, as in x::double, or try_cast(x as double)",
        "TIMESTAMP": "write epoch(x) for seconds, or seconds_since(last(x) over lifetime)",
        "DATE": "write epoch(x) for seconds",
    }.get(first.type, "write a comparison, such as x > 0" if call.name.startswith("bool") else None)
    findings.error("F313", reason, first.span or text.span_at(call.start, call.end - call.start), hint)


def _slot(
    lifted: Lifted, value: Expr, fragment: Fragment | None, condition: Expr | None, filter_: Fragment | None
) -> str:
    key = (value, condition)
    if key not in lifted.slots:
        if fragment is None:
            base = f"is_{slug(filter_)}" if filter_ else "is_row"
        else:
            base = slug(fragment) + (f"_where_{slug(filter_)}" if filter_ else "")
        lifted.slots[key] = Slot(unused(base, lifted.taken), value, condition, value.type)
    return lifted.slots[key].name


def _name_aggregations(
    view: OpenView,
    lifted: Lifted,
    wanted: list[tuple[Template, AggregateCall, Window | None, Named, str]],
) -> None:
    """Names each aggregation: as the feature that is nothing else, or after what it does."""
    own: dict[Named, str] = {}
    for template, call, window, key, _ in wanted:
        if template.bare_call is call and not template.definition.series:
            own.setdefault(key, template.member(window if template.family else None))
    taken = {m.casefold() for t in view.templates for m, _ in t.members} | {
        k.casefold() for k in view.key_names
    }
    for template, call, window, key, type_ in wanted:
        if key not in lifted.aggregations:
            aggregate, slots, over, params = key
            name = own.get(key) or unused("_".join((aggregate, *slots, suffix_of(over))), taken)
            span = template.text.span_at(call.start, call.end - call.start)
            lifted.aggregations[key] = Aggregation(name, aggregate, slots, over, type_, span, params)
            lifted.types[name] = type_
        lifted.names[template, call, window] = lifted.aggregations[key].name


# ── where and keys ──────────────────────────────────────────────────────────────────────────────────────────

_KEY_FAMILIES = frozenset({"integer", "text", "boolean", "date", "timestamp", "uuid", "decimal"})


def checked_where(rows: ViewRows, opened: OpenSource, findings: Findings) -> Expr | None:
    """The view's `where`; an error makes the view broken."""
    if rows.where is None or rows.where_text is None:
        return None
    expr = rows.where.expr
    if (
        expr is None
        or not is_boolean(expr, rows.where_text, "where", findings)
        or not check_known(expr, opened.source, rows.where_text, "where", findings)
    ):
        rows.broken = True
        return None
    return expr


def checked_keys(rows: ViewRows, opened: OpenSource, findings: Findings) -> tuple[Key, ...]:
    """The view's keys with their types (semantics.md, "Types"); an error makes the view broken."""
    found = []
    for name, (asked, text) in rows.keys.items():
        expr = asked.expr
        if expr is None:
            rows.broken = True
            continue
        if family(expr.type) not in _KEY_FAMILIES:
            _refuse_key(name, expr, text, findings)
            rows.broken = True
        elif not check_known(expr, opened.source, text, f"the key {name}", findings):
            rows.broken = True
        else:
            found.append(Key(name, expr.type, expr))
    return tuple(found)


def _refuse_key(name: str, expr: Expr, text: Text, findings: Findings) -> None:
    column = getattr(expr.parts[0], "column", None) if expr.is_bare else None
    if family(expr.type) == "float":
        hint = (
            f"if its values are whole, declare it: columns: {{{column}: bigint}}"
            if column
            else "cast it to bigint or to a decimal"
        )
        findings.error(
            "F310", f"the key {name} is {expr.type}, and keys must compare exactly", text.span, hint
        )
    else:
        findings.error(
            "F310",
            f"the key {name} is {shown(expr.type)}, which keys cannot be",
            text.span,
            "use an integer, text, a boolean, date, timestamp, UUID or decimal",
        )


def with_types(keys: tuple[str, ...], types: Mapping[str, str]) -> tuple[Key, ...]:
    """Keys of a view without source, of the types its parents give them."""
    return tuple(Key(k, types[k]) for k in keys if k in types)
