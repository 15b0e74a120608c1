"""Aggregates over the whole series of a window's rows: what their rows in the algebra share.

Their state is the rows themselves (`Kind.SERIES`), so that they are exact and cost what the window holds. In SQL a
series is a list of structs, by `nth` in event order, with the slots `a`, `b` …; in process it is a sorted list of
(order, slot …). Where DOUBLEs are added or multiplied both go through the rows in event order, so that the two plans
give the same bits but for the last ones of powers and logarithms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from math import ceil, isnan, nan
from typing import Any

from featc.algebra.row import Finish, Given, Need
from featc.algebra.states import HUGE, UNIT, Kind

Series = Sequence[tuple[Any, ...]] | None


def rows(slots: int) -> Callable[[tuple[str, ...]], Mapping[str, Need]]:
    """The one state: the rows, with so many slots."""
    return lambda types: {"v": Need(Kind.SERIES, tuple(range(slots)))}


def let(value: str, name: str, body: str) -> str:
    """SQL for `body` with `name` for a value that is computed once."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"


VALUES = "list_transform({v}, lambda r: r.a)"
DOUBLES = "list_transform({v}, lambda r: r.a::DOUBLE)"


def over_doubles(finish: Callable[[list[float]], float | None]) -> Finish:
    """A finisher over the first slot as DOUBLEs in event order; NULL for no rows."""
    return lambda given, v: finish([given.number(r[1]) for r in v]) if v else None


def pairs(given: Given, v: Sequence[tuple[Any, ...]]) -> tuple[list[float], list[float]]:
    """The first two slots as DOUBLEs."""
    return [given.number(r[1], 0) for r in v], [given.number(r[2], 1) for r in v]


# ── DOUBLEs ───────────────────────────────────────────────────────────────────────────────────────────────────────


def plain_sum(values: Iterable[float]) -> float:
    """What the engine's list_sum gives: one after the other."""
    found = 0.0
    for value in values:
        found += value
    return found


def added(values: Iterable[float], n: int = 1) -> float:
    """The sum divided by `n`. It leaves DOUBLE only where the value does: great values are added in another unit."""
    found = list(values)
    if all(abs(v) < HUGE for v in found):
        return plain_sum(found) / n
    return plain_sum(v / UNIT for v in found) / n * UNIT


def added_sql(values: str, n: str | None = None) -> str:
    """The same in SQL, over a list of the name `z`."""
    part = "" if n is None else f" / {n}"
    small = "list_max(z) < 2.0 ** 900 AND list_min(z) > -(2.0 ** 900)"
    scaled = f"list_sum(list_transform(z, lambda e: e / 2.0 ** 64)){part} * 2.0 ** 64"
    return let(values, "z", f"CASE WHEN {small} THEN list_sum(z){part} ELSE {scaled} END")


def written(share: float) -> Fraction:
    """A share as the decimal that was written."""
    return Fraction(f"{share:.15f}")


def place_of(share: float, n: int) -> int:
    """The place, from 1, of the least of n values in order up to which at least a share lies."""
    return max(ceil(written(share) * n), 1)


def divided(a: float, b: float) -> float:
    """a / b, NaN where b is 0."""
    return a / b if b else nan


def top(a: float, b: float) -> float:
    """The greater of two, NaN being greatest."""
    return a if isnan(a) or a > b else b
