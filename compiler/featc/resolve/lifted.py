"""Slots and aggregations of a view: what its rows bring to its aggregates, each made once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from featc.algebra import Constant, lookup
from featc.errors import Findings
from featc.load.text import Text
from featc.parse import AggregateCall, Fragment
from featc.resolve.model import Aggregation, Expr, Ref, Slot, Source, Window
from featc.resolve.openview import OpenView, Template
from featc.resolve.pieces import joined
from featc.resolve.slugs import slug, unused
from featc.resolve.sources import OpenSource, check_known, is_boolean, time_of
from featc.resolve.standing import may_stand
from featc.resolve.view_rows import AskedCall, ViewRows, shown
from featc.resolve.windows import suffix_of
from featc.types import family

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
    if row.lifts is not None:
        values = [_made_of(v, row.lifts.sql(v.type)) for v in values]
    made = f"_{row.lifts.name}" if row.lifts else ""
    slots = tuple(_slot(lifted, v, f, condition, call.filter, made) for v, f in zip(values, fragments, strict=True))
    if row.timed:
        slots = (*slots, _time_slot(lifted, source))
    return row.name, slots, type_


def _made_of(value: Expr, template: str) -> Expr:
    """What rows are lifted to in the place of a value: the template with the value for `{x}`."""
    first, *rest = template.split("{x}")
    pieces: list[str | Ref] = [first]
    for text in rest:
        pieces += [*value.parts, text]
    return Expr(joined(pieces), "BIGINT", value.span)


def _time_slot(lifted: Lifted, source: Source) -> str:
    """Each row's τ as a slot, for aggregates that weigh rows by it."""
    key = (time_of(source), None)
    if key not in lifted.slots:
        lifted.slots[key] = Slot(unused("row_time", lifted.taken), key[0], None, "TIMESTAMP")
    return lifted.slots[key].name


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
    lifted: Lifted,
    value: Expr,
    fragment: Fragment | None,
    condition: Expr | None,
    filter_: Fragment | None,
    made: str = "",
) -> str:
    """The name of the slot of a value, which is made where there is none; `made` says in it what was made of the
    argument."""
    key = (value, condition)
    if key not in lifted.slots:
        if fragment is None:
            base = f"is_{slug(filter_)}" if filter_ else "is_row"
        else:
            base = slug(fragment) + made + (f"_where_{slug(filter_)}" if filter_ else "")
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
