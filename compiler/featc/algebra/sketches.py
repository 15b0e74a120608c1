"""Approximate aggregates: states of bounded size, the same value in every plan, and a stated error (decision 0025).

Both are exact functions of a set or a bag of small integers that rows are lifted to, so that no order of merging, no
cut into tiles and no engine changes them. What rows are lifted to is part of the definition, and spelled with
functions that do not change between versions of the engine.

* `approx_count_distinct`: of 63 bits of the MD5 of each different value, those below 2^63 / 4^level are a sample of
  1 in 4^level values. The level is the least with at most SAMPLE of them; their number times 4^level is the estimate.
  Up to SAMPLE different values it is exact; beyond, its relative standard error is at most 3.2 %.
* `approx_quantile`: each value is counted in the bucket (1.02^(i-1), 1.02^i] its magnitude lies in; the bucket of the
  value that `quantile_disc` gives answers with the number nearest, relatively, to all it holds: within 1 %.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from math import copysign, inf, log, nan

from featc.algebra import rounding
from featc.algebra.returns import double
from featc.algebra.row import Aggregate, Given, Lift, Need, Param
from featc.algebra.series import let, place_of
from featc.algebra.states import LEVELS, SAMPLE, Kind, thresholds
from featc.types import FLOATS, family

# ── different values ──────────────────────────────────────────────────────────────────────────────────────────────


def hash_sql(type_: str) -> str:
    """63 bits of the MD5 of a value's canonical text: equal values have one, whatever they came as."""
    match family(type_):
        case "float":
            bits = "(({x})::DOUBLE + 0.0::DOUBLE)::BIT::BIGINT::VARCHAR"  # -0.0 becomes 0.0
            text = f"CASE WHEN isnan({{x}}) THEN 'NaN' ELSE {bits} END"
        case "text":
            text = "{x}"
        case "timestamp":
            text = "epoch_us({x})::VARCHAR"
        case "date":
            text = "(({x}) - DATE '1970-01-01')::VARCHAR"
        case _:
            text = "({x})::VARCHAR"
    return f"(md5_number_lower({text}) >> 1)::BIGINT"


def _estimate(given: Given, n: Sequence[int] | None) -> int:
    """From the least hashes: how many lie below the first threshold that leaves few enough, times its share."""
    hashes = n or ()
    counts = (bisect_left(hashes, threshold) for threshold in thresholds())
    level, found = next(((n, c) for n, c in enumerate(counts) if c <= SAMPLE), (LEVELS, SAMPLE + 1))
    return found << 2 * level


def _estimate_sql() -> str:
    counts = ["coalesce({n}, 0)", *(f"{{n.below_{level}}}" for level in range(1, LEVELS))]
    steps = [f"WHEN {count} <= {SAMPLE} THEN {count} * {4**level}" for level, count in enumerate(counts)]
    steps[0] = f"WHEN {counts[0]} <= {SAMPLE} THEN {counts[0]}"
    return f"CASE {' '.join(steps)} ELSE least({{n.below_{LEVELS}}}, {SAMPLE + 1}) * {4**LEVELS} END"


# ── quantiles ─────────────────────────────────────────────────────────────────────────────────────────────────────

_BASE = 1.02
_NEAREST = 2 * _BASE / (1 + _BASE)
"""Times a bucket's lower edge: as far from it as from the upper one, 1/101 of either."""
_ONE, _INFINITE, _NAN = 40_000, 80_000, 90_000
"""The codes of the bucket that ends in 1.0, of infinity, and of NaN. Codes are in the order of what they hold."""
_GREATEST = 1.7976931348623157e308
_LEAST = "1e-300"  # what is nearer to 0 counts as 0: DOUBLEs there have too few digits for 1 %


def bucket_sql(type_: str) -> str:
    """The code of the bucket a number lies in, negative ones below zero."""
    real = "({x})" if type_ == "DOUBLE" else "({x})::DOUBLE"
    logarithm = f"ceil(ln(abs({real})) / {log(_BASE)!r}e0)::BIGINT"
    finite = f"WHEN abs({real}) < {_LEAST} THEN 0 ELSE sign({real})::BIGINT * ({_ONE} + {logarithm}) END"
    if type_ not in FLOATS:
        return f"CASE {finite}"
    odd = f"WHEN isnan({real}) THEN {_NAN} WHEN isinf({real}) THEN sign({real})::BIGINT * {_INFINITE}"
    return f"CASE {odd} {finite}"


def _represented(code: int) -> float:
    """The number that stands for a bucket."""
    if code == _NAN:
        return nan
    if abs(code) == _INFINITE:
        return copysign(inf, code)
    if code == 0:
        return 0.0
    return copysign(min(_BASE ** (abs(code) - _ONE - 1) * _NEAREST, _GREATEST), code)


def _quantile(given: Given, v: Mapping[int, int] | None) -> float | None:
    if not v:
        return None
    place = place_of(given.params["p"], sum(v.values()))
    for code in sorted(v):
        place -= v[code]
        if place <= 0:
            return _represented(code)
    raise AssertionError("a share of 1 is the last place")


_REPRESENTED = (
    f"CASE WHEN c = {_NAN} THEN 'NaN'::DOUBLE WHEN abs(c) = {_INFINITE} THEN sign(c) * 'Infinity'::DOUBLE"
    f" WHEN c = 0 THEN 0.0::DOUBLE"
    f" ELSE sign(c) * least({_BASE}e0 ** (abs(c) - {_ONE + 1}) * {_NEAREST!r}e0, {_GREATEST!r}) END"
)

SKETCHES = (
    Aggregate(
        "approx_count_distinct", 1, lambda types: {"n": Need(Kind.SAMPLE)}, _estimate_sql(), _estimate,
        lambda types: "BIGINT",
        "about how many different values; exact up to 4,096, then with a relative standard error of at most 3.2 %",
        empty=0, lifts=Lift("hash", hash_sql),
    ),
    Aggregate(
        "approx_quantile", 1, lambda types: {"v": Need(Kind.BUCKETS, share="p")},
        let("list_aggregate({v}, 'quantile_disc', {p:.15f})", "c", _REPRESENTED), _quantile,
        double("approx_quantile"), "a number within 1 % of quantile_disc(x, p)",
        params=(Param("p", "share"),), rounding=rounding.RELATIVE, lifts=Lift("bucket", bucket_sql),
    ),
)  # fmt: skip
