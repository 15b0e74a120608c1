"""Whether two columns of DOUBLE are equal as far as equality goes (semantics.md, "What "equal" means").

Threads add the same numbers in another order each time, so the last digits of a sum differ between runs, and no hash of
them can be kept. What is kept instead: a hash of where NULL, NaN and infinities stand; and the finite values' sums over
four pseudo-random parts of the rows, with pseudo-random signs, beside the sum of their magnitudes. Two columns are
near when all of it agrees within 1e-9 of the magnitudes.

Of lists and maps of DOUBLEs it is the same, over each row's sum of its items times their places: where items are NULL,
NaN or infinite, how many there are, and a map's keys belong to the first hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from featc.lower.source import quoted
from featc.types import FLOATS

if TYPE_CHECKING:
    import duckdb

PARTS = 4
TOLERANCE = 1e-9
Near = Mapping[str, Any]


def nearness(connection: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]) -> dict[str, Near]:
    """What is kept of each of the columns `names`, all of them DOUBLE or FLOAT, or lists or maps of such, in the rows'
    order."""
    if not names:
        return {}
    described = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
    types = {str(name): str(type_) for name, type_, *_ in described}
    items = [sql for name in names for sql in _measures(quoted(name), types[name])]
    drawn = "('0x' || left(md5(_n::VARCHAR), 4))::INTEGER"
    numbered = f"(SELECT row_number() OVER () AS _n, {', '.join(quoted(n) for n in names)} FROM {relation})"
    parts = f"(SELECT *, {drawn} % {PARTS} AS _part, 1 - 2 * ({drawn} // {PARTS} % 2) AS _sign FROM {numbered})"
    found = connection.execute(f"SELECT {', '.join(items)} FROM {parts}").fetchall()[0]
    width = len(found) // len(names)
    return {name: _kept(found[i * width : (i + 1) * width]) for i, name in enumerate(names)}


def _measures(x: str, type_: str) -> list[str]:
    odd, value, size = _of_value(x) if type_ in FLOATS else _of_items(x, type_)
    marks = f"sum(('0x' || left(md5(_n || ':' || {odd}), 15))::BIGINT)"
    sums = [f"sum(_sign * {value}) FILTER (WHERE isfinite({value}) AND _part = {i})" for i in range(PARTS)]
    return [marks, f"sum({size}) FILTER (WHERE isfinite({value}))", *sums]


def _of_value(x: str) -> tuple[str, str, str]:
    """(text of what is no finite number, the number, its magnitude)."""
    return f"coalesce(CASE WHEN isfinite({x}) THEN '=' ELSE {x}::VARCHAR END, '-')", f"{x}::DOUBLE", f"abs({x}::DOUBLE)"


def _of_items(x: str, type_: str) -> tuple[str, str, str]:
    """The same of a list or a map."""
    is_map = type_.startswith("MAP(")
    items = f"map_values({x})" if is_map else x
    odd = f"list_transform({items}, lambda e: {_of_value('e')[0]})::VARCHAR"
    odd = f"coalesce({f'map_keys({x})::VARCHAR || ' if is_map else ''}{odd}, '-')"
    value, size = (
        f"list_sum(list_transform({items}, lambda e, i: CASE WHEN isfinite(e) THEN {of}::DOUBLE * i END))"
        for of in ("e", "abs(e)")
    )
    return odd, value, size


def _kept(found: Sequence[Any]) -> dict[str, Any]:
    marks, magnitude, *sums = found
    return {"odd": str(marks), "magnitude": _number(magnitude), "sums": [_number(s) for s in sums]}


def _number(value: float | None) -> float | str:
    """A sum as JSON can hold it; no values sum to 0."""
    return 0.0 if value is None else value if isfinite(value) else str(value)


def is_near(before: Near, now: Near) -> bool:
    """Whether two columns are equal within what the order of adding explains."""
    if before["odd"] != now["odd"] or len(before["sums"]) != len(now["sums"]):
        return False
    magnitude = before["magnitude"]
    if isinstance(magnitude, str) or isinstance(now["magnitude"], str):
        return bool(before == now)
    pairs = zip([magnitude, *before["sums"]], [now["magnitude"], *now["sums"]], strict=True)
    return all(abs(b - n) <= TOLERANCE * magnitude for b, n in pairs)
