"""Aggregates that describe how a window's values are distributed, and how two of them go together."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, exp, floor, inf, isnan, log, nan, sqrt

from featc.algebra import rounding
from featc.algebra.returns import double, whole
from featc.algebra.row import Aggregate, Finish, Given, Param
from featc.algebra.series import (
    DOUBLES,
    VALUES,
    Series,
    added,
    added_sql,
    divided,
    let,
    over_doubles,
    pairs,
    place_of,
    plain_sum,
    rows,
    top,
    written,
)

# ── statistics ────────────────────────────────────────────────────────────────────────────────────────────────────


def _mean_sql(values: str) -> str:
    return added_sql(values, "len(z)")


def _centred(values: list[float]) -> list[float]:
    """What is left of the mean."""
    mean = added(values, len(values))
    return [v - mean for v in values]


def _spread(rest: list[float]) -> float:
    found = 0.0
    for value in rest:
        found = top(found, abs(value))
    return found


def _in_unit(values: list[float]) -> tuple[list[float], float]:
    """What is left of the mean in units of the greatest of it, so that no power of it leaves DOUBLE; the unit."""
    rest = _centred(values)
    unit = _spread(rest)
    return [divided(v, unit) for v in rest], unit


def _power_sum(rest: list[float], power: int) -> float:
    found = 0.0
    for value in rest:
        term = value
        for _ in range(power - 1):
            term *= value
        found += term
    return found


def _powers(power: int) -> str:
    return f"list_sum(list_transform(c, lambda e: {' * '.join(['e'] * power)}))"


def _skewness(values: list[float]) -> float | None:
    n = len(values)
    if n < 3 or _constant(values):
        return None
    rest, _ = _in_unit(values)
    m2, m3 = _power_sum(rest, 2) / n, _power_sum(rest, 3) / n
    return sqrt(n * (n - 1)) / (n - 2) * divided(m3, m2 * sqrt(m2))


def _kurtosis(values: list[float]) -> float | None:
    n = len(values)
    if n < 4 or _constant(values):
        return None
    rest, _ = _in_unit(values)
    m2, m4 = _power_sum(rest, 2) / n, _power_sum(rest, 4) / n
    return (n - 1) * ((n + 1) * divided(m4, m2 * m2) - 3 * (n - 1)) / ((n - 2) * (n - 3))


def _constant(values: list[float]) -> bool:
    """Whether all are equal, NaN to NaN."""
    return all(v == values[0] or (isnan(v) and isnan(values[0])) for v in values)


def _shape_sql(least: int, body: str) -> str:
    rest = let(_mean_sql("x"), "m", "list_transform(x, lambda e: e - m)")
    unit = "list_max(list_transform(d, lambda e: abs(e)))"
    in_unit = let(rest, "d", let(unit, "u", "list_transform(d, lambda e: e / u)"))
    guarded = f"CASE WHEN len(x) >= {least} AND list_min(x) <> list_max(x) THEN {let(in_unit, 'c', body)} END"
    return let(DOUBLES, "x", guarded)


_SKEWNESS = _shape_sql(
    3,
    "sqrt(len(x) * (len(x) - 1)) / (len(x) - 2) * ("
    f"{_powers(3)} / len(x) / ({_powers(2)} / len(x) * sqrt({_powers(2)} / len(x))))",
)
_KURTOSIS = _shape_sql(
    4,
    f"(len(x) - 1) * ((len(x) + 1) * ({_powers(4)} / len(x) / ({_powers(2)} / len(x) * ({_powers(2)} / len(x))))"
    " - 3 * (len(x) - 1)) / ((len(x) - 2) * (len(x) - 3))",
)


# ── pairs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _covariance(least: int, less: int) -> Finish:
    def finish(given: Given, v: Series) -> float | None:
        if not v or len(v) < least:
            return None
        first, second = (_centred(values) for values in pairs(given, v))
        return plain_sum(a * b for a, b in zip(first, second, strict=True)) / (len(v) - less)

    return finish


def _correlation(given: Given, v: Series) -> float | None:
    if not v or len(v) < 2:
        return None
    first, second = pairs(given, v)
    if _constant(first) or _constant(second):
        return None
    a, b = _in_unit(first)[0], _in_unit(second)[0]
    ab = plain_sum(p * q for p, q in zip(a, b, strict=True))
    return divided(ab, sqrt(_power_sum(a, 2)) * sqrt(_power_sum(b, 2)))


def _slope(given: Given, v: Series) -> float | None:
    if not v or len(v) < 2:
        return None
    first, second = pairs(given, v)
    if _constant(second):
        return None
    b, unit = _in_unit(second)
    ab = plain_sum(p * q for p, q in zip(_centred(first), b, strict=True))
    return divided(divided(ab, _power_sum(b, 2)), unit)


def _slot_mean(slot: str) -> str:
    return _mean_sql(f"list_transform(v, lambda e: e.{slot}::DOUBLE)")


def _slot_unit(slot: str) -> str:
    return f"list_max(list_transform(d, lambda e: abs(e.{slot})))"


_RESTS = let(
    f"struct_pack(a := {_slot_mean('a')}, b := {_slot_mean('b')})",
    "m",
    "list_transform(v, lambda r: struct_pack(a := r.a::DOUBLE - m.a, b := r.b::DOUBLE - m.b))",
)
_UNITS = f"struct_pack(a := {_slot_unit('a')}, b := {_slot_unit('b')})"
_IN_UNITS = "list_transform(d, lambda r: struct_pack(a := r.a / u.a, b := r.b / u.b))"


def _products(rows_: str, a: str, b: str) -> str:
    return f"list_sum(list_transform({rows_}, lambda r: r.{a} * r.{b}))"


def _pairs_sql(condition: str, body: str) -> str:
    """`body` over `v`, and `d`, what is left of the means."""
    return let("{v}", "v", f"CASE WHEN {condition} THEN {let(_RESTS, 'd', body)} END")


def _differs(slot: str) -> str:
    # as DOUBLEs: integers beyond 2^53 may differ and leave nothing of their mean
    values = f"list_transform(v, lambda r: r.{slot}::DOUBLE)"
    return f"list_min({values}) <> list_max({values})"


_CORRELATION = _pairs_sql(
    f"len(v) > 1 AND {_differs('a')} AND {_differs('b')}",
    let(
        let(_UNITS, "u", _IN_UNITS),
        "c",
        f"{_products('c', 'a', 'b')} / (sqrt({_products('c', 'a', 'a')}) * sqrt({_products('c', 'b', 'b')}))",
    ),
)
_SLOPE = _pairs_sql(
    f"len(v) > 1 AND {_differs('b')}",
    let(
        _slot_unit("b"),
        "u",
        let(
            "list_transform(d, lambda r: struct_pack(a := r.a, b := r.b / u))",
            "c",
            f"{_products('c', 'a', 'b')} / {_products('c', 'b', 'b')} / u",
        ),
    ),
)


def _geometric(values: list[float]) -> float:
    total = plain_sum(nan if v < 0 else -inf if v == 0 else log(v) if not isnan(v) else v for v in values)
    try:
        return exp(total / len(values))
    except OverflowError:
        return inf


def _product(values: list[float]) -> float:
    found = 1.0
    for value in values:
        found *= value
    return found


def _weighted(given: Given, v: Series) -> float | None:
    if not v:
        return None
    values, weights = pairs(given, v)
    weight = added(weights)
    total = added(a * b for a, b in zip(values, weights, strict=True))
    return total / weight if weight else None


def _bits(name: str, merge: Callable[[int, int], int], sql: str, summary: str) -> Aggregate:
    def finish(given: Given, v: Series) -> int | None:
        if not v:
            return None
        found: int = v[0][1]
        for row in v[1:]:
            found = merge(found, row[1])
        return found

    return Aggregate(
        name, 1, rows(1), f"list_reduce({VALUES}, lambda p, x: {sql})", finish, whole(name), summary
    )


STATISTICS = (
    Aggregate(
        "skewness", 1, rows(1), _SKEWNESS, over_doubles(_skewness), double("skewness"),
        "the sample skewness; NULL below three values and where all are equal", rounding=rounding.SHAPE,
    ),
    Aggregate(
        "kurtosis", 1, rows(1), _KURTOSIS, over_doubles(_kurtosis), double("kurtosis"),
        "the sample excess kurtosis; NULL below four values and where all are equal", rounding=rounding.SHAPE,
    ),
    Aggregate(
        "covar_samp", 2, rows(2), _pairs_sql("len(v) > 1", f"{_products('d', 'a', 'b')} / (len(d) - 1)"),
        _covariance(2, 1), double("covar_samp", 2), "the sample covariance; NULL below two rows with both",
        rounding=rounding.RELATIVE,
    ),
    Aggregate(
        "covar_pop", 2, rows(2), _pairs_sql("len(v) > 0", f"{_products('d', 'a', 'b')} / len(d)"), _covariance(1, 0),
        double("covar_pop", 2), "the population covariance", rounding=rounding.RELATIVE,
    ),
    Aggregate(
        "corr", 2, rows(2), _CORRELATION, _correlation, double("corr", 2),
        "Pearson's correlation; NULL below two rows with both, and where either is always the same",
        rounding=rounding.UNITS,
    ),
    Aggregate(
        "regr_slope", 2, rows(2), _SLOPE, _slope, double("regr_slope", 2),
        "how much the first argument rises with the second, by least squares; NULL where the second is always the same",
        rounding=rounding.RELATIVE,
    ),
    Aggregate(
        "geomean", 1, rows(1),
        let(
            "list_transform(" + DOUBLES + ", lambda e:"
            " CASE WHEN e > 0 THEN ln(e) WHEN e = 0 THEN '-Infinity'::DOUBLE ELSE 'NaN'::DOUBLE END)",
            "x", "exp(list_sum(x) / len(x))",
        ),
        over_doubles(_geometric), double("geomean"), "the geometric mean; NaN where a value is negative",
        rounding=rounding.RELATIVE,
    ),
    Aggregate(
        "product", 1, rows(1), "list_reduce(" + DOUBLES + ", lambda p, x: p * x)", over_doubles(_product),
        double("product"), "the product, as DOUBLE", rounding=rounding.RELATIVE,
    ),
    Aggregate(
        "weighted_avg", 2, rows(2),
        added_sql("list_transform({v}, lambda r: r.a::DOUBLE * r.b::DOUBLE)")
        + " / nullif(" + added_sql("list_transform({v}, lambda r: r.b::DOUBLE)") + ", 0)",
        _weighted, double("weighted_avg", 2), "the mean of the first argument, each weighted by the second",
        rounding=rounding.RELATIVE,
    ),
    _bits("bit_and", lambda a, b: a & b, "p & x", "the bits that all values have"),
    _bits("bit_or", lambda a, b: a | b, "p | x", "the bits that any value has"),
    _bits("bit_xor", lambda a, b: a ^ b, "xor(p, x)", "the bits that an odd number of values have"),
)  # fmt: skip


# ── quantiles ─────────────────────────────────────────────────────────────────────────────────────────────────────

_SHARE = "{p:.15f}"
"""A share as the decimal that was written: places among values are exact, which 0.07 * 100 as DOUBLEs is not."""


def _between(values: list[float], share: Fraction) -> float:
    """The quantile between two neighbours, `values` being sorted."""
    place = (len(values) - 1) * share
    low, high = values[floor(place)], values[ceil(place)]
    part = float(place - floor(place))
    return low if low == high else low * (1 - part) + high * part


def _quantile(share: Callable[[Given], float]) -> Finish:
    def finish(given: Given, v: Series) -> float | None:
        if not v:
            return None
        return _between([given.number(x) for x in sorted(r[1] for r in v)], written(share(given)))

    return finish


def _quantile_sql(share: str) -> str:
    place = f"(len(x) - 1) * {share}"
    low, high = f"x[floor({place})::BIGINT + 1]", f"x[ceil({place})::BIGINT + 1]"
    part = f"({place} - floor({place}))::DOUBLE"
    between = f"CASE WHEN {low} = {high} THEN {low} ELSE {low} * (1 - {part}) + {high} * {part} END"
    return let("list_sort(" + DOUBLES + ")", "x", between)


def _discrete(given: Given, v: Series) -> float | None:
    if not v:
        return None
    values = sorted(r[1] for r in v)
    return given.number(values[place_of(given.params["p"], len(values)) - 1])


_P = Param("p", "share")

QUANTILES = (
    Aggregate(
        "median", 1, rows(1), _quantile_sql("0.5"), _quantile(lambda given: 0.5), double("median"),
        "the value in the middle, or half way between the two there", rounding=rounding.RELATIVE,
    ),
    Aggregate(
        "quantile_cont", 1, rows(1), _quantile_sql(_SHARE), _quantile(lambda given: given.params["p"]),
        double("quantile_cont"), "the value below which the share p lies, between two values where need be",
        params=(_P,), rounding=rounding.RELATIVE,
    ),
    Aggregate(
        "quantile_disc", 1, rows(1),
        let("list_sort(" + DOUBLES + ")", "x", f"x[greatest(ceil({_SHARE} * len(x)), 1)::BIGINT]"),
        _discrete, double("quantile_disc"), "the least value up to which at least the share p lies", params=(_P,),
        rounding=rounding.RELATIVE,
    ),
)  # fmt: skip
