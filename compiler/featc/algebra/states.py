"""The partial states aggregates are made of, and how they merge in process.

A state summarises a set of lifted rows; merging the states of two disjoint sets gives the state of their union. The
same kinds are spelled in SQL by each dialect; the functions here are the reference the spellings are tested against,
and what the online read uses after the store has returned its raw states.

In-process values are *encoded*: integers, booleans (0/1), instants (µs) and decimals (scaled) are `int`; text `str`;
a DOUBLE is a `float` in sums and moments and an order-preserving `int` in min, max, first, last and sets (see
`featc.encoding`). Absent is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import fsum, isfinite
from typing import Any

State = Any
Row = tuple[Any, ...]
"""A lifted row as a state sees it: (order key, slot value, …); the order key sorts rows in event order."""


class Kind(Enum):
    """A kind of partial state. The value is the prefix its SQL columns are named with (a DOUBLE sum's is `sum`)."""

    ROWS = "rows"  # how many rows
    COUNT = "n"  # how many rows whose slot is not NULL
    SUM = "sum"  # exact sum of integers or decimals
    FSUM = "fsum"  # sum of DOUBLEs as (members below HUGE, the others ÷ UNIT); NaN and ±inf as IEEE 754 has them
    MIN = "min"
    MAX = "max"
    MOMENTS = "moments"  # (n, mean, m2) of the finite values, and how many were not finite
    DISTINCT = "distinct"  # the set of values
    FIRST = "first"  # value of the first row in event order whose slot is not NULL
    LAST = "last"
    PICK_MIN = "at_min"  # slot 0 at the least slot 1; the first in event order among equals
    PICK_MAX = "at_max"
    SERIES = "series"  # the slots of all rows whose slots are not NULL, in event order
    SAMPLE = "sample"  # of a set of hashes, the least SAMPLE + 1: enough to know how many lie below a threshold
    BUCKETS = "buckets"  # how often each of a bounded number of integers occurs


@dataclass(frozen=True, slots=True)
class Law:
    """What a kind of state guarantees.

    `ordered`: depends on event order. `idempotent`: merging a state with itself changes nothing.
    `invertible`: a row can be taken out again exactly. `tiled`: bounded in size, so worth storing per tile.
    `fields`: the SQL columns of one state, in order.
    """

    arity: int
    ordered: bool
    idempotent: bool
    invertible: bool
    tiled: bool
    fields: tuple[str, ...]
    fold: Callable[[Sequence[Row]], State]
    merge: Callable[[State, State], State]


def _either(combine: Callable[[State, State], State]) -> Callable[[State, State], State]:
    """`combine` where both sides are present; the present one where one is absent."""

    def merge(a: State, b: State) -> State:
        if a is None:
            return b
        return a if b is None else combine(a, b)

    return merge


def _values(rows: Iterable[Row]) -> list[Any]:
    return [row[1] for row in rows if row[1] is not None]


def _sum(rows: Sequence[Row]) -> State:
    found = _values(rows)
    return sum(found) if found else None


HUGE, UNIT = 2.0**900, 2.0**64
"""DOUBLEs of at least HUGE are added up divided by UNIT, so that a sum leaves DOUBLE only if its value does."""


def _fsum(rows: Sequence[Row]) -> State:
    found = _values(rows)
    if not found:
        return None
    huge = [v for v in found if abs(v) >= HUGE and isfinite(v)]
    small = [v for v in found if not (abs(v) >= HUGE and isfinite(v))] if huge else found
    return (_added(small), _added([v / UNIT for v in huge]))


def float_total(state: State, n: int = 1) -> float:
    """The sum a FSUM state stands for, divided by `n`."""
    small, huge = state
    if huge == 0 or not isfinite(small):
        return float(small / n)
    return float((huge / n + small / UNIT / n) * UNIT)


def _added(found: list[float]) -> float:
    try:
        return fsum(found)
    except (OverflowError, ValueError):  # an intermediate beyond DOUBLE, or inf with -inf
        return sum(found)


def _moments(rows: Sequence[Row]) -> State:
    found = _values(rows)
    finite = [float(v) for v in found if isfinite(v)]
    odd = len(found) - len(finite)
    if not finite:
        return (0, 0.0, 0.0, odd) if odd else None
    mean = _added(finite) / len(finite)
    return (len(finite), mean, _added([(v - mean) * (v - mean) for v in finite]), odd)


def merge_moments(a: State, b: State) -> State:
    """Chan's parallel update: moments of the union of two disjoint sets."""
    (na, ma, qa, oa), (nb, mb, qb, ob) = a, b
    n = na + nb
    if na == 0 or nb == 0:
        kept = b if na == 0 else a
        return (*kept[:3], oa + ob)
    delta = mb - ma
    return (n, ma + delta * (nb / n), qa + qb + delta * delta * (na * nb / n), oa + ob)


def _extreme(best: Callable[..., Any]) -> Callable[[Sequence[Row]], State]:
    return lambda rows: best(_values(rows), default=None)


def _end(best: Callable[..., Any]) -> Callable[[Sequence[Row]], State]:
    """(order, value) of the first or last row whose slot is present. The value breaks what the order leaves tied."""
    return lambda rows: best(((r[0], r[1]) for r in rows if r[1] is not None), default=None)


def _at_min(rows: Sequence[Row]) -> State:
    found = [(r[2], r[0], r[1]) for r in rows if r[1] is not None and r[2] is not None]
    return min(found, default=None)


def _at_max(rows: Sequence[Row]) -> State:
    found = [(r[2], r[0], r[1]) for r in rows if r[1] is not None and r[2] is not None]
    if not found:
        return None
    top = max(f[0] for f in found)
    return min(f for f in found if f[0] == top)


def _merge_at_max(a: State, b: State) -> State:
    if a[0] == b[0]:
        return min(a, b)
    return max(a, b, key=lambda s: s[0])


def _series(rows: Sequence[Row]) -> State:
    return sorted(row for row in rows if None not in row[1:]) or None


SAMPLE, LEVELS = 4096, 8
"""Of a set of hashes of 63 bits, the first share of 1/4^level, up to level LEVELS, that has at most SAMPLE members is
counted."""


def thresholds() -> tuple[int, ...]:
    """What the hashes of each level are below."""
    return tuple(2 ** (63 - 2 * level) for level in range(LEVELS + 1))


def _least(hashes: Iterable[int]) -> State:
    return tuple(sorted(set(hashes))[: SAMPLE + 1]) or None


_ONE = ("",)

LAWS: dict[Kind, Law] = {
    Kind.ROWS: Law(0, False, False, True, True, _ONE, len, lambda a, b: (a or 0) + (b or 0)),
    Kind.COUNT: Law(
        1, False, False, True, True, _ONE, lambda rows: len(_values(rows)), lambda a, b: (a or 0) + (b or 0)
    ),
    Kind.SUM: Law(1, False, False, True, True, _ONE, _sum, _either(lambda a, b: a + b)),
    Kind.FSUM: Law(1, False, False, False, True, ("", "huge"), _fsum, _either(lambda a, b: (a[0] + b[0], a[1] + b[1]))),
    Kind.MIN: Law(1, False, True, False, True, _ONE, _extreme(min), _either(min)),
    Kind.MAX: Law(1, False, True, False, True, _ONE, _extreme(max), _either(max)),
    Kind.MOMENTS: Law(1, False, False, False, True, ("n", "mean", "m2", "odd"), _moments, _either(merge_moments)),
    Kind.DISTINCT: Law(
        1,
        False,
        True,
        False,
        False,
        _ONE,
        lambda rows: frozenset(_values(rows)),
        lambda a, b: (a or frozenset()) | (b or frozenset()),
    ),
    Kind.FIRST: Law(1, True, True, False, False, _ONE, _end(min), _either(min)),
    Kind.LAST: Law(1, True, True, False, False, _ONE, _end(max), _either(max)),
    Kind.PICK_MIN: Law(2, True, True, False, False, _ONE, _at_min, _either(min)),
    Kind.PICK_MAX: Law(2, True, True, False, False, _ONE, _at_max, _either(_merge_at_max)),
    Kind.SERIES: Law(1, True, False, False, False, _ONE, _series, _either(lambda a, b: sorted([*a, *b]))),
    Kind.SAMPLE: Law(
        1, False, True, False, True, _ONE, lambda rows: _least(_values(rows)), _either(lambda a, b: _least((*a, *b)))
    ),
    Kind.BUCKETS: Law(
        1,
        False,
        False,
        False,
        True,
        _ONE,
        lambda rows: Counter(_values(rows)) or None,
        _either(lambda a, b: Counter(a) + Counter(b)),
    ),
}
