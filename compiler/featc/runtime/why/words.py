"""Aggregates and lengths of time in words, as the report has them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from featc.algebra import AGGREGATES
from featc.lower.source import quoted
from featc.resolve.model import JOINED, Aggregation, ColumnRef, Expr, Ref, View

_PLAIN = re.compile(r"[A-Za-z_]\w*")
_EPOCH = datetime(1970, 1, 1)
_UNITS = (("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000))


def _written(expr: Expr) -> str:
    """An expression over a row, as its author writes names: without quotes that no one needs, a join's with a dot."""

    def name(ref: Ref) -> str:
        if not isinstance(ref, ColumnRef):
            raise TypeError(f"not a column of a source: {ref}")
        return ref.column if JOINED in ref.column or _PLAIN.fullmatch(ref.column) else quoted(ref.column)

    return " ".join(expr.render(name).split())


def argument_text(view: View, slot: str) -> str:
    """A lifted argument over the columns of the source, `let` names written out; `*` for what every row brings."""
    text = _written(view.slot(slot).value)
    return "*" if text.strip("()").lower() == "true" else text


def filter_text(view: View, aggregation: Aggregation) -> str | None:
    """The FILTER of an aggregation; None where it has none."""
    filters = [view.slot(s).filter for s in aggregation.slots]
    found = dict.fromkeys(_written(f) for f in filters if f is not None)
    return " and ".join(found) or None


def where_text(view: View) -> str | None:
    """The `where` of a view over the columns of its source; None where it has none."""
    return None if view.where is None else _written(view.where)


def aggregate_text(view: View, aggregation: Aggregation) -> str:
    """An aggregation as its author could have written it."""
    row = AGGREGATES[aggregation.aggregate]
    arguments = [argument_text(view, s) for s in aggregation.slots] or ["*"]
    params = [f"{name} => {value}" for name, value in aggregation.params]
    inside = ("distinct " if row.distinct else "") + ", ".join([*arguments, *params])
    kept = filter_text(view, aggregation)
    only = f" filter (where {kept})" if kept else ""
    return f"{row.spelled or aggregation.aggregate}({inside}){only} over {aggregation.window.name}"


def span_words(us: int) -> str:
    """How long, by its two greatest units: `3d 4h`, `250ms`, `1us`."""
    left, found = abs(us), list[str]()
    for name, size in _UNITS:
        if left >= size:
            found.append(f"{left // size}{name}")
            left %= size
        elif found:
            break
        if len(found) == 2:
            break
    if found:
        return " ".join(found)
    return f"{left / 1000:g}ms" if left >= 1000 else f"{left}us"


def instant_words(us: int) -> str:
    """An instant in UTC: `2026-04-10 12:00:00`, with its fraction where it has one."""
    try:
        return str(_EPOCH + timedelta(microseconds=us))
    except OverflowError:
        return f"{us}us"
