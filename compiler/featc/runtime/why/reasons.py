"""Why a feature has no value, as far as that can be known: of its rows, its inputs, its expression."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from featc.lower.source import quoted
from featc.resolve.model import COMPLETE, AggregateRef, CompleteRef, Feature, FeatureRef, Ref, View
from featc.runtime.texts import exact_text, to_text
from featc.runtime.verify.history import Failed
from featc.runtime.why.model import Counted, LookedUp
from featc.types import collection_parts

if TYPE_CHECKING:
    import duckdb

_NULLIF = re.compile(r"\bnullif\s*\(", re.I)


def why_null(
    view: View,
    feature: Feature,
    inputs: Mapping[Ref, tuple[str, str, Any]],
    counted: Sequence[Counted],
    state: LookedUp | None,
    connection: duckdb.DuckDBPyConnection,
) -> str:
    """Why the expression of a feature is NULL. `inputs`: each with its name, type and value."""
    if any(_is_end(ref) and value is False for ref, (_, _, value) in inputs.items()):
        return "the data does not reach far enough beyond the instant, so the label is not complete"
    nulls = [ref for ref, (_, _, value) in inputs.items() if value is None]
    if nulls and state is not None and state.because is not None:
        return f"no row of {state.source} holds: {state.because}"
    reasons = []
    for ref in nulls:
        own = next((c for c in counted if isinstance(ref, AggregateRef) and c.name == ref.name), None)
        reasons.append(_of_aggregate(own) if own is not None else f"{inputs[ref][0]} is NULL")
    zero = next(iter(_zeroes(feature, inputs, connection)), None)
    if reasons:
        return "; ".join(dict.fromkeys(reasons))
    if zero is not None:
        return zero
    return "none of its inputs is NULL; the expression itself gives NULL"


def _is_end(ref: Ref) -> bool:
    """Whether a reference says if a label is complete."""
    return isinstance(ref, CompleteRef) or (isinstance(ref, FeatureRef) and ref.feature.endswith(COMPLETE))


def _of_aggregate(found: Counted) -> str:
    """Why an aggregate over a window is NULL."""
    if found.counts.get("counted", 0) == 0:
        left = [f"{n} {what}" for what, n in _left_out(found)]
        if not left and found.entity_rows == 0:
            return f"{found.source} has no row with these keys"
        tail = f" ({', '.join(left)})" if left else ""
        return f"no row counts in {found.window}{tail}"
    if found.nulls >= found.counts["counted"]:
        return f"all {found.nulls} rows in {found.window} bring NULL" if found.nulls > 1 else "its only row brings NULL"
    number = found.counts["counted"]
    return f"{found.text} gives NULL for {'its only row' if number == 1 else f'{number} rows'}"


def _left_out(found: Counted) -> list[tuple[str, int]]:
    words = {"filtered": "fail FILTER", "where": "fail where", "unknown": "not known yet", "superseded": "superseded"}
    return [(words[s], n) for s, n in found.counts.items() if s in words]


def _zeroes(
    feature: Feature, inputs: Mapping[Ref, tuple[str, str, Any]], connection: duckdb.DuckDBPyConnection
) -> list[str]:
    """What is to say of each `nullif(…)` of an expression that is NULL for its inputs."""
    import duckdb

    listed = {ref: n for n, ref in enumerate(feature.expr.refs)}
    if any(ref not in inputs or isinstance(inputs[ref][2], Failed) for ref in listed):
        return []
    if any(collection_parts(type_) for _, type_, _ in inputs.values()):
        return []
    text = feature.expr.render(lambda ref: quoted(f"input_{listed[ref]}"))
    items = [f"(?)::{inputs[ref][1]} AS {quoted(f'input_{n}')}" for ref, n in listed.items()]
    given = [exact_text(inputs[ref][2]) for ref in listed]
    found = []
    for call in _calls(text):
        try:
            row = connection.execute(f"SELECT {call} FROM (SELECT {', '.join(items)})", given).fetchall()
        except duckdb.Error:
            continue
        if row[0][0] is None:
            shown, values = call, []
            for ref, n in listed.items():
                column, (name, _, value) = quoted(f"input_{n}"), inputs[ref]
                if re.search(rf"\b{column}\b", shown):
                    shown = re.sub(rf"\b{column}\b", lambda _, name=name: name, shown)  # type: ignore[misc]
                    values.append(f"{name} = {to_text(value)}")
            found.append(f"{shown} is NULL, with {', '.join(values)}")
    return found


def _calls(text: str) -> list[str]:
    """The calls of nullif in an expression, whole."""
    found = []
    for match in _NULLIF.finditer(text):
        depth, place = 0, match.end() - 1
        for place in range(match.end() - 1, len(text)):
            depth += {"(": 1, ")": -1}.get(text[place], 0)
            if depth == 0:
                break
        found.append(text[match.start() : place + 1])
    return found
