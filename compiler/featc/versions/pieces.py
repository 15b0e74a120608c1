"""What of a definition an edit can change: pieces, each with its canonical value and with words for people.

Pieces are compared by their values, so that a piece written in another way has not changed; the words are what is shown
of the old and the new one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass

from featc.canonical import Leaf
from featc.digests import Value
from featc.durations import format_duration
from featc.fingerprint import Canonical
from featc.lower.source import render
from featc.names import written
from featc.resolve.model import (
    AggregateRef,
    Aggregation,
    AsOfRef,
    ColumnRef,
    CompleteRef,
    Expr,
    Feature,
    FeatureRef,
    Join,
    KeyRef,
    Ref,
    RequestRef,
    Service,
    Source,
    StateRef,
    View,
    ViewJoin,
    Window,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """`value` decides whether it changed; `words` show it; `""` where there is none."""

    value: Value
    words: str


Pieces = Mapping[str, Piece]
"""By what people call them: `where`, `filter of sum`, `window of sum` …"""


def _said(value: object) -> str:
    return "" if value is None or value == () else str(value)


def _plainly(value: Value, words: object | None = None) -> Piece:
    return Piece(value, _said(value if words is None else words))


def _duration(us: int | None) -> Piece:
    return Piece(us, "" if us is None else format_duration(us))


# ── sources ────────────────────────────────────────────────────────────────────────────────────────────


def source_pieces(forms: Canonical, source: Source) -> Pieces:
    """What a source says of its rows, each of its `let` names, and the types of its columns."""
    if source.members:
        found = {"union": _plainly(tuple(m.source.name for m in source.members))}
        return found | {f"let {n}": _row(forms, source, e) for n, e in source.lets}
    found = {
        "kind": _plainly(source.kind),
        "sql": _plainly(source.query),
        "time": _row(forms, source, source.time),
        "available_at": _row(forms, source, source.available_at),
        "delay": _duration(source.delay or None),
        "timezone": _plainly(None if (source.timezone or "UTC").upper() == "UTC" else source.timezone, source.timezone),
        "id": _plainly(source.id, ", ".join(source.id)),
        "key": _plainly(source.key, ", ".join(source.key)),
        "deleted": _row(forms, source, source.deleted),
        "valid_to": _row(forms, source, source.valid_to),
        "tie_break": _plainly(source.tie_break, ", ".join(source.tie_break)),
        "final_after": _duration(source.final_after),
    }
    found |= {f"let {name}": _row(forms, source, expr) for name, expr in source.lets}
    return found | {f"column {c.name}": _plainly(c.type) for c in source.columns if not c.hidden}


def _row(forms: Canonical, source: Source, expr: Expr | None) -> Piece:
    return Piece(None, "") if expr is None else Piece(forms.row(source, expr), shown(expr))


def shown(expr: Expr | None) -> str:
    """A row expression for people, on one line."""
    return "" if expr is None else " ".join(render(expr).split())


# ── views ──────────────────────────────────────────────────────────────────────────────────────────────


def view_pieces(forms: Canonical, view: View) -> Pieces:
    """What a view says for all its features."""
    found = {
        "entity": _plainly(view.entity, ", ".join(view.entity)),
        "source": _plainly(view.attributed or view.source),
        "closed": _plainly(view.closed),
        "ttl": _duration(view.ttl),
        "request": _plainly(view.request, ", ".join(f"{n} {t}" for n, t in view.request)),
    }
    if view.source is None:
        return found
    source = forms.project.source_of(view)
    found["where"] = _row(forms, source, view.where)
    for key in view.keys:
        found[f"key {key.name}"] = Piece((key.type, forms.row(source, key.expr)), shown(key.expr))
    for join in view.joins:
        how = "match" if isinstance(join, Join) and join.match else "join"
        found[f"{how} {join.name}"] = _join(forms, source, join)
    return found


def _join(forms: Canonical, source: Source, join: Join | ViewJoin) -> Piece:
    keys = [f"{name} = {shown(e)}" for name, e in zip(_names(join), join.keys, strict=True)]
    values = tuple(forms.row(source, e) for e in join.keys)
    if isinstance(join, ViewJoin):
        return Piece((join.view, values), f"{join.view} by {', '.join(keys)}")
    within = join.rows.ttl if join.match is None else join.match.within
    taken = None if join.match is None else (join.match.take, join.match.mature)
    words = f"{join.source.name} by {', '.join(keys)}"
    words += f", within {format_duration(within)}" if within is not None else ""
    words += f", {taken[0]}{'' if taken[1] else ', at once'}" if taken is not None else ""
    return Piece((join.source.name, tuple(_names(join)), values, within, taken), words)


def _names(join: Join | ViewJoin) -> list[str]:
    return [k.name for k in (join.keys_of if isinstance(join, ViewJoin) else join.rows.keys)]


# ── features ───────────────────────────────────────────────────────────────────────────────────────────


def feature_pieces(forms: Canonical, view: View, feature: Feature) -> Pieces:
    """What a feature is made of: its expression over what it reads, and of each aggregate the arguments, the filter and
    the window."""
    numbers = {ref: number for number, ref in enumerate(feature.expr.refs)}
    leaves = {ref: Leaf(number, forms.type(view, ref)) for ref, number in numbers.items()}
    found = {
        "type": _plainly(feature.type),
        "default": _plainly(feature.default),
        "expression": Piece(forms.over(feature.expr, leaves), feature.text),
    }
    several = sum(isinstance(r, AggregateRef) for r in feature.expr.refs) > 1
    for ref in feature.expr.refs:
        found |= _read(forms, view, ref, str(numbers[ref] + 1) if several else "")
    return found


def _read(forms: Canonical, view: View, ref: Ref, number: str) -> Pieces:
    match ref:
        case AggregateRef(name):
            return _aggregate(forms, view, view.aggregation(name), f" {number}" if number else "")
        case StateRef(column):
            return {f"column {column}": _plainly(column)}
        case FeatureRef(other, name):
            return {f"reads {other}.{name}": _plainly((other, name), f"{other}.{name}")}
        case RequestRef(name):
            return {f"request {name}": _plainly(dict(view.request).get(name))}
        case KeyRef(name):
            return {f"key {name}": _plainly(name)}
        case CompleteRef(reach):
            return {"completeness": _duration(reach)}
        case AsOfRef() | ColumnRef():
            return {}


def _aggregate(forms: Canonical, view: View, made: Aggregation, number: str) -> Pieces:
    source = forms.project.source_of(view)
    slots = [view.slot(s) for s in made.slots]
    params = ", ".join(f"{name} => {value}" for name, value in made.params)
    filters = list(dict.fromkeys(shown(s.filter) for s in slots if s.filter is not None))
    return {
        f"aggregate{number}": Piece((made.aggregate, params), f"{made.aggregate} {params}".strip()),
        f"argument{number}": Piece(
            tuple((s.type, forms.row(source, s.value)) for s in slots), ", ".join(shown(s.value) for s in slots)
        ),
        f"filter{number}": Piece(tuple(forms.row(source, s.filter) for s in slots), "; ".join(filters)),
        f"window{number}": Piece(forms.window(view, made.window), window_words(view, made.window)),
    }


def window_words(view: View, window: Window) -> str:
    """A window for people: its name, and what it is where the name is the author's own."""
    if window.calendar is not None:
        before = f"{window.calendar.previous} before " if window.calendar.previous else ""
        extent = f"{before}the current {window.calendar.unit}, {window.calendar.zone}"
    elif window.since is not None:
        extent = f"since {shown(view.slot(window.since).filter)}"
    elif window.rows is not None:
        extent = f"last {window.rows} rows"
    elif window.length is not None:
        extent = format_duration(abs(window.length))
    else:
        extent = ""
    extent += f", {format_duration(window.offset)} before" if window.offset > 0 else ""
    extent += f", in steps of {format_duration(window.hop)}" if window.hop else ""
    return window.name if not extent or _BUILT_IN.match(window.name) else f"{window.name} ({extent})"


_BUILT_IN = re.compile(r"(last|prev|next)_\d|lifetime|current")
"""Windows whose names say what they are; no author gives such names."""


# ── services ───────────────────────────────────────────────────────────────────────────────────────────


def service_pieces(forms: Canonical, service: Service) -> Pieces:
    """A service's contract: what it gives, in order, and what it has to be asked with; and its own expressions."""
    project = forms.project
    found = {
        "keys": _plainly(service.keys, ", ".join(f"{n} {t}" for n, t in service.keys)),
        "request": _plainly(service.request, ", ".join(f"{n} {t}" for n, t in service.request)),
    }
    for number, output in enumerate(service.training):
        found[f"place of {output.name}"] = Piece(number, f"{number + 1}")
        origin = f"{written(project.view(output.view).origin)}.{output.feature}"
        words = output.type if output.view == service.own else f"{origin} {output.type}"
        found[f"output {output.name}"] = Piece((origin, output.type), words)
    return {**found, **own_pieces(forms, service)}


def own_pieces(forms: Canonical, service: Service) -> Pieces:
    """The expressions of a service's own: the keys it computes, for itself and for roles, and its derived features.
    What they read stands for itself by its name."""
    asked = forms.project.asked.get(service.own)
    found: dict[str, Piece] = {}
    if asked is None:
        return found
    for feature in asked.features:
        leaves = {ref: Leaf((type(ref).__name__, *astuple(ref)), forms.type(asked, ref)) for ref in feature.expr.refs}
        value = (forms.over(feature.expr, leaves), feature.default)
        what = "expression" if "." in feature.name else "derived"
        found[f"{what} {feature.name}"] = Piece(value, feature.text)
    return found
