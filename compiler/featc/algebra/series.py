"""Aggregates over the whole series of a window's rows, in event order.

Their state is the rows themselves (`Kind.SERIES`), so that they are exact and cost what the window holds. In SQL a
series is a list of structs, by `nth` in event order, with the slots `a`, `b` …; in process it is a sorted list of
(order, slot …). Where DOUBLEs are added or multiplied both go through the rows in event order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil, exp, floor, inf, isnan, log, log2, nan, sqrt
from typing import Any

from featc.algebra import rounding
from featc.algebra.row import Aggregate, Finish, Given, Need, Param
from featc.algebra.states import Kind
from featc.types import INTEGERS, family, is_number, sum_type

Series = Sequence[tuple[Any, ...]] | None
Returns = Callable[[tuple[str, ...]], str]

_N = Param("n", "count")
_MAX_KEYS = Param("max_keys", "count", named=True)
_HALF_LIFE = Param("half_life", "duration", named=True)


def _rows(slots: int) -> Callable[[tuple[str, ...]], Mapping[str, Need]]:
    return lambda types: {"v": Need(Kind.SERIES, tuple(range(slots)))}


def _let(value: str, name: str, body: str) -> str:
    """`body` with `name` for a value that is computed once."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"


_A = "list_transform({v}, lambda r: r.a)"
_DOUBLES = "list_transform({v}, lambda r: r.a::DOUBLE)"


def _over_doubles(finish: Callable[[list[float]], float | None]) -> Finish:
    """A finisher over the first slot as DOUBLEs in event order; NULL for no rows."""
    return lambda given, v: finish([given.number(r[1]) for r in v]) if v else None


# ── types ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _numbers(name: str, result: Callable[[str], str], places: int = 1) -> Returns:
    def returns(types: tuple[str, ...]) -> str:
        for type_ in types[:places]:
            if not is_number(type_):
                raise TypeError(f"{name} needs a number, and this is {type_}")
        return result(types[0])

    return returns


def _double(name: str, places: int = 1) -> Returns:
    return _numbers(name, lambda type_: "DOUBLE", places)


def _each(name: str, result: Callable[[tuple[str, ...]], str], places: int = 1) -> Returns:
    """For values that come out as they are."""

    def returns(types: tuple[str, ...]) -> str:
        for type_ in types[:places]:
            if family(type_) == "other":
                raise TypeError(f"{name} cannot keep values of type {type_}")
        return result(types)

    return returns


def _whole(name: str) -> Returns:
    def returns(types: tuple[str, ...]) -> str:
        if types[0] not in INTEGERS[:7]:
            raise TypeError(f"{name} needs an integer of at most 64 bits, and this is {types[0]}")
        return types[0]

    return returns


def _truth(name: str) -> Returns:
    def returns(types: tuple[str, ...]) -> str:
        if types[0] != "BOOLEAN":
            raise TypeError(f"{name} needs a BOOLEAN, and this is {types[0]}")
        return "BIGINT"

    return returns


# ── order ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _some(choose: Callable[[Any, Mapping[str, Any]], Any]) -> Finish:
    """A list of the first slot of chosen rows."""

    def finish(given: Given, v: Series) -> list[Any] | None:
        return [given.shown(r[1]) for r in choose(v, given.params)] if v else None

    return finish


def _one(choose: Callable[[Any, Mapping[str, Any]], int]) -> Finish:
    """The first slot of the row at a place, counted from 0; NULL where there is none."""

    def finish(given: Given, v: Series) -> Any:
        place = choose(v, given.params) if v else -1
        return v[place][1] if v and 0 <= place < len(v) else None

    return finish


def _by(greatest: bool) -> Finish:
    """Values of the first slot in order of the second, equal ones in event order."""

    def finish(given: Given, v: Series) -> list[Any] | None:
        if not v:
            return None
        placed = sorted(v, key=lambda r: r[2], reverse=greatest)
        return [given.shown(r[1]) for r in placed[: given.params["n"]]]

    return finish


def _by_sql(greatest: bool) -> str:
    # a sort by two directions: places by the second slot's rank among its values, then event order
    way = "'DESC'" if greatest else "'ASC'"
    keys = f"list_sort(list_distinct(list_transform(v, lambda r: r.b)), {way})"
    placed = "struct_pack(place := list_position(k, r.b), nth := r.nth, a := r.a)"
    chosen = f"list_sort(list_transform(v, lambda r: {placed}))[1:{{n}}]"
    return _let("{v}", "v", _let(keys, "k", f"list_transform({chosen}, lambda r: r.a)"))


def _newest_distinct(given: Given, v: Series) -> list[Any] | None:
    if not v:
        return None
    kept = dict.fromkeys(r[1] for r in reversed(v))
    return [given.shown(x) for x in reversed(list(kept)[: given.params["n"]])]


def _streak(given: Given, v: Series) -> int:
    found = 0
    for row in reversed(v or ()):
        if not row[1]:
            break
        found += 1
    return found


def _top(a: float, b: float) -> float:
    """The greater of two, NaN being greatest."""
    return a if isnan(a) or a > b else b


def _drawdown(values: list[float]) -> float:
    peak, fall = values[0], values[0] - values[0]
    for value in values[1:]:
        peak = _top(peak, value)
        fall = _top(fall, peak - value)
    return fall


_DRAWDOWN = (
    "list_reduce(list_transform({v}, lambda r:"
    " struct_pack(peak := r.a::DOUBLE, fall := r.a::DOUBLE - r.a::DOUBLE)), lambda p, r: struct_pack("
    "peak := greatest(p.peak, r.peak), fall := greatest(p.fall, greatest(p.peak, r.peak) - r.peak))).fall"
)


def _ewma(given: Given, v: Series) -> float | None:
    if not v:
        return None
    alpha, found = given.params["alpha"], given.number(v[0][1])
    for row in v[1:]:
        found = found + alpha * (given.number(row[1]) - found)
    return found


ORDERED = (
    Aggregate(
        "first_n", 1, _rows(1), "list_transform(({v})[1:{n}], lambda r: r.a)",
        _some(lambda v, p: v[: p["n"]]), _each("first", lambda t: f"{t[0]}[]"),
        "the first n values in event order, as a list", spelled="first", params=(_N,),
    ),
    Aggregate(
        "last_n", 1, _rows(1), "list_transform(({v})[-{n}:], lambda r: r.a)",
        _some(lambda v, p: v[-p["n"] :]), _each("last", lambda t: f"{t[0]}[]"),
        "the last n values in event order, as a list, the newest last", spelled="last", params=(_N,),
    ),
    Aggregate(
        "list", 1, _rows(1), "list_transform(({v})[-{n}:], lambda r: r.a)",
        _some(lambda v, p: v[-p["n"] :]), _each("list", lambda t: f"{t[0]}[]"),
        "the values in event order, as a list of at most n, the oldest left out", params=(_N,),
    ),
    Aggregate(
        "list_distinct", 1, _rows(1),
        _let(_A, "x", "list_filter(x, lambda e, i: list_position(x[i + 1:], e) IS NULL)[-{n}:]"),
        _newest_distinct, _each("list", lambda t: f"{t[0]}[]"),
        "the different values in order of when each was last seen, as a list of at most n, the oldest left out",
        distinct=True, spelled="list", params=(_N,),
    ),
    Aggregate(
        "nth", 1, _rows(1), "({v})[{n}].a", _one(lambda v, p: p["n"] - 1), _each("nth", lambda t: t[0]),
        "the nth value in event order", params=(_N,),
    ),
    Aggregate(
        "lag", 1, _rows(1), "({v})[-{n} - 1].a", _one(lambda v, p: len(v) - 1 - p["n"]), _each("lag", lambda t: t[0]),
        "the value n before the last; lag(x, 1) is the one before it", params=(_N,),
    ),
    Aggregate(
        "arg_min_n", 2, _rows(2), _by_sql(False), _by(False), _each("arg_min", lambda t: f"{t[0]}[]", 2),
        "the first argument of the n rows where the second is least, as a list", spelled="arg_min", params=(_N,),
    ),
    Aggregate(
        "arg_max_n", 2, _rows(2), _by_sql(True), _by(True), _each("arg_max", lambda t: f"{t[0]}[]", 2),
        "the first argument of the n rows where the second is greatest, as a list", spelled="arg_max", params=(_N,),
    ),
    Aggregate(
        "streak", 1, _rows(1),
        f"coalesce({_let(_A, 'x', 'coalesce(list_position(list_reverse(x), false) - 1, len(x))')}, 0)",
        _streak, _truth("streak"), "how many of the newest values in a row are true", empty=0,
    ),
    Aggregate(
        "drawdown", 1, _rows(1), _DRAWDOWN, _over_doubles(_drawdown), _double("drawdown"),
        "the deepest fall from a value to a later one", rounding=rounding.NEAR,
    ),
    Aggregate(
        "ewma", 1, _rows(1), "list_reduce(" + _DOUBLES + ", lambda p, x: p + {alpha}::DOUBLE * (x - p))",
        _ewma, _double("ewma"), "the mean in which each value moves the former mean by the share alpha toward it",
        params=(Param("alpha", "share", named=True),), rounding=rounding.NEAR,
    ),
)  # fmt: skip


# ── decay ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def _weight_sql(time: str) -> str:
    return f"2 ** (-({{as_of}} - epoch_us(r.{time})) / {{half_life}}.0)"


def _weights(given: Given, v: Sequence[tuple[Any, ...]], as_of: int) -> list[float]:
    half_life = float(given.params["half_life"])
    return [2.0 ** (-(as_of - row[-1]) / half_life) for row in v]


def _added(values: Iterable[float]) -> float:
    found = 0.0
    for value in values:
        found += value
    return found


def _decayed(given: Given, v: Series, as_of: int) -> float | None:
    if not v:
        return None
    return _added(given.number(r[1]) * w for r, w in zip(v, _weights(given, v, as_of), strict=True))


def _decayed_count(given: Given, v: Series, as_of: int) -> float:
    return _added(_weights(given, v, as_of)) if v else 0.0


def _decayed_mean(given: Given, v: Series, as_of: int) -> float | None:
    total = _decayed(given, v, as_of)
    weight = _decayed_count(given, v, as_of)
    return None if total is None else total / weight if weight else nan


_DECAYED = f"list_sum(list_transform({{v}}, lambda r: r.a::DOUBLE * {_weight_sql('b')}))"
_DECAYED_WEIGHT = f"list_sum(list_transform({{v}}, lambda r: {_weight_sql('b')}))"

DECAYED = (
    Aggregate(
        "decay_sum", 1, _rows(2), _DECAYED, _decayed, _double("decay_sum"),
        "the sum of values, each halved for every half_life since it happened",
        params=(_HALF_LIFE,), timed=True, rounding=rounding.SUM,
    ),
    Aggregate(
        "decay_count", 1, _rows(2), f"coalesce({_DECAYED_WEIGHT}, 0)", _decayed_count,
        _each("decay_count", lambda t: "DOUBLE"),
        "how many values there are, each halved for every half_life since it happened", empty=0,
        params=(_HALF_LIFE,), timed=True, rounding=rounding.NEAR,
    ),
    Aggregate(
        "decay_count_rows", 0, _rows(1), f"coalesce({_DECAYED_WEIGHT.replace('r.b', 'r.a')}, 0)", _decayed_count,
        lambda types: "DOUBLE", "decay_count(*): how many rows, each halved for every half_life since it happened",
        empty=0, spelled="decay_count", params=(_HALF_LIFE,), timed=True, rounding=rounding.NEAR,
    ),
    Aggregate(
        "decay_avg", 1, _rows(2), f"{_DECAYED} / {_DECAYED_WEIGHT}", _decayed_mean, _double("decay_avg"),
        "the mean of values, each of half the weight for every half_life since it happened",
        params=(_HALF_LIFE,), timed=True, rounding=rounding.MEAN,
    ),
)  # fmt: skip


# ── statistics ────────────────────────────────────────────────────────────────────────────────────────────────────


def _centred(values: list[float]) -> list[float]:
    mean = _added(values) / len(values)
    return [v - mean for v in values]


_MEAN = "list_sum(x) / len(x)"


def _powers(power: int) -> str:
    """The sum of powers of what is left of the mean."""
    return f"list_sum(list_transform(x, lambda e: {' * '.join(['(e - m)'] * power)}))"


def _divided(a: float, b: float) -> float:
    return a / b if b else nan


def _skewness(values: list[float]) -> float | None:
    n = len(values)
    if n < 3 or min(values) == max(values):
        return None
    rest = _centred(values)
    m2, m3 = _added(v * v for v in rest) / n, _added(v * v * v for v in rest) / n
    return sqrt(n * (n - 1)) / (n - 2) * _divided(m3, m2 * sqrt(m2))


def _kurtosis(values: list[float]) -> float | None:
    n = len(values)
    if n < 4 or min(values) == max(values):
        return None
    rest = _centred(values)
    m2, m4 = _added(v * v for v in rest) / n, _added(v * v * v * v for v in rest) / n
    return (n - 1) * ((n + 1) * _divided(m4, m2 * m2) - 3 * (n - 1)) / ((n - 2) * (n - 3))


def _shape_sql(least: int, body: str) -> str:
    inner = _let(_MEAN, "m", body)
    guarded = f"CASE WHEN len(x) >= {least} AND list_min(x) <> list_max(x) THEN {inner} END"
    return _let(_DOUBLES, "x", guarded)


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


def _pairs(given: Given, v: Sequence[tuple[Any, ...]]) -> tuple[list[float], list[float]]:
    return [given.number(r[1], 0) for r in v], [given.number(r[2], 1) for r in v]


def _covariance(least: int, less: int) -> Finish:
    def finish(given: Given, v: Series) -> float | None:
        if not v or len(v) < least:
            return None
        first, second = (_centred(values) for values in _pairs(given, v))
        return _added(a * b for a, b in zip(first, second, strict=True)) / (len(v) - less)

    return finish


def _correlated(divide: Callable[[float, float, float], float]) -> Finish:
    """Over Σab, Σaa, Σbb of centred values; NULL below two rows or where the values of either are all equal."""

    def finish(given: Given, v: Series) -> float | None:
        if not v or len(v) < 2:
            return None
        first, second = _pairs(given, v)
        if min(second) == max(second) or min(first) == max(first):
            return None
        first, second = _centred(first), _centred(second)
        ab = _added(a * b for a, b in zip(first, second, strict=True))
        return divide(ab, _added(a * a for a in first), _added(b * b for b in second))

    return finish


def _mean(slot: str) -> str:
    return f"list_sum(list_transform(v, lambda e: e.{slot}::DOUBLE)) / len(v)"


_CENTRED = _let(
    f"struct_pack(a := {_mean('a')}, b := {_mean('b')})",
    "m",
    "list_transform(v, lambda r: struct_pack(a := r.a::DOUBLE - m.a, b := r.b::DOUBLE - m.b))",
)


def _products(a: str, b: str) -> str:
    return f"list_sum(list_transform(c, lambda r: r.{a} * r.{b}))"


def _pairs_sql(condition: str, body: str) -> str:
    return _let("{v}", "v", f"CASE WHEN {condition} THEN {_let(_CENTRED, 'c', body)} END")


def _differs(slot: str) -> str:
    values = f"list_transform(v, lambda r: r.{slot})"
    return f"list_min({values}) <> list_max({values})"


_BOTH_DIFFER = f"len(v) > 1 AND {_differs('a')} AND {_differs('b')}"


def _geometric(values: list[float]) -> float:
    total = _added(nan if v < 0 else -inf if v == 0 else log(v) if not isnan(v) else v for v in values)
    mean = total / len(values)
    return exp(mean) if mean < 709.7 or isnan(mean) else inf


def _product(values: list[float]) -> float:
    found = 1.0
    for value in values:
        found *= value
    return found


def _weighted(given: Given, v: Series) -> float | None:
    if not v:
        return None
    values, weights = _pairs(given, v)
    total = _added(a * b for a, b in zip(values, weights, strict=True))
    weight = _added(weights)
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
        name, 1, _rows(1), f"list_reduce({_A}, lambda p, x: {sql})", finish, _whole(name), summary
    )


STATISTICS = (
    Aggregate(
        "skewness", 1, _rows(1), _SKEWNESS, _over_doubles(_skewness), _double("skewness"),
        "the sample skewness; NULL below three values and where all are equal", rounding=rounding.SHAPE,
    ),
    Aggregate(
        "kurtosis", 1, _rows(1), _KURTOSIS, _over_doubles(_kurtosis), _double("kurtosis"),
        "the sample excess kurtosis; NULL below four values and where all are equal", rounding=rounding.SHAPE,
    ),
    Aggregate(
        "covar_samp", 2, _rows(2), _pairs_sql("len(v) > 1", f"{_products('a', 'b')} / (len(c) - 1)"),
        _covariance(2, 1), _double("covar_samp", 2), "the sample covariance; NULL below two rows with both",
        rounding=rounding.NEAR,
    ),
    Aggregate(
        "covar_pop", 2, _rows(2), _pairs_sql("len(v) > 0", f"{_products('a', 'b')} / len(c)"), _covariance(1, 0),
        _double("covar_pop", 2), "the population covariance", rounding=rounding.NEAR,
    ),
    Aggregate(
        "corr", 2, _rows(2),
        _pairs_sql(
            _BOTH_DIFFER, f"{_products('a', 'b')} / (sqrt({_products('a', 'a')}) * sqrt({_products('b', 'b')}))"
        ),
        _correlated(lambda ab, aa, bb: _divided(ab, sqrt(aa) * sqrt(bb))), _double("corr", 2),
        "Pearson's correlation; NULL below two rows with both, and where either is always the same",
        rounding=rounding.NEAR,
    ),
    Aggregate(
        "regr_slope", 2, _rows(2),
        _pairs_sql(f"len(v) > 1 AND {_differs('b')}", f"{_products('a', 'b')} / {_products('b', 'b')}"),
        _correlated(lambda ab, aa, bb: _divided(ab, bb)), _double("regr_slope", 2),
        "how much the first argument rises with the second, by least squares; NULL where the second is always the same",
        rounding=rounding.NEAR,
    ),
    Aggregate(
        "geomean", 1, _rows(1),
        _let(
            "list_transform(" + _DOUBLES + ", lambda e:"
            " CASE WHEN e > 0 THEN ln(e) WHEN e = 0 THEN '-Infinity'::DOUBLE ELSE 'NaN'::DOUBLE END)",
            "x", "exp(list_sum(x) / len(x))",
        ),
        _over_doubles(_geometric), _double("geomean"), "the geometric mean; NaN where a value is negative",
        rounding=rounding.NEAR,
    ),
    Aggregate(
        "product", 1, _rows(1), "list_reduce(" + _DOUBLES + ", lambda p, x: p * x)", _over_doubles(_product),
        _double("product"), "the product, as DOUBLE", rounding=rounding.NEAR,
    ),
    Aggregate(
        "weighted_avg", 2, _rows(2),
        "list_sum(list_transform({v}, lambda r: r.a::DOUBLE * r.b::DOUBLE))"
        " / nullif(list_sum(list_transform({v}, lambda r: r.b::DOUBLE)), 0)",
        _weighted, _double("weighted_avg", 2), "the mean of the first argument, each weighted by the second",
        rounding=rounding.NEAR,
    ),
    _bits("bit_and", lambda a, b: a & b, "p & x", "the bits that all values have"),
    _bits("bit_or", lambda a, b: a | b, "p | x", "the bits that any value has"),
    _bits("bit_xor", lambda a, b: a ^ b, "xor(p, x)", "the bits that an odd number of values have"),
)  # fmt: skip


# ── quantiles ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _between(values: list[float], share: float) -> float:
    """The quantile between two neighbours, `values` being sorted."""
    place = (len(values) - 1) * share
    low, high = values[floor(place)], values[ceil(place)]
    return low if low == high else low + (high - low) * (place - floor(place))


def _quantile(share: Callable[[Given], float]) -> Finish:
    def finish(given: Given, v: Series) -> float | None:
        if not v:
            return None
        return _between([given.number(x) for x in sorted(r[1] for r in v)], share(given))

    return finish


def _quantile_sql(share: str) -> str:
    place = f"(len(x) - 1) * {share}"
    low, high = f"x[floor({place})::BIGINT + 1]", f"x[ceil({place})::BIGINT + 1]"
    between = f"CASE WHEN {low} = {high} THEN {low} ELSE {low} + ({high} - {low}) * ({place} - floor({place})) END"
    return _let("list_sort(" + _DOUBLES + ")", "x", between)


def _discrete(given: Given, v: Series) -> float | None:
    if not v:
        return None
    values = sorted(r[1] for r in v)
    return given.number(values[max(ceil(given.params["p"] * len(values)), 1) - 1])


_P = Param("p", "share")

QUANTILES = (
    Aggregate(
        "median", 1, _rows(1), _quantile_sql("0.5::DOUBLE"), _quantile(lambda given: 0.5), _double("median"),
        "the value in the middle, or half way between the two there",
    ),
    Aggregate(
        "quantile_cont", 1, _rows(1), _quantile_sql("{p}::DOUBLE"), _quantile(lambda given: given.params["p"]),
        _double("quantile_cont"), "the value below which the share p lies, between two values where need be",
        params=(_P,),
    ),
    Aggregate(
        "quantile_disc", 1, _rows(1),
        _let("list_sort(" + _DOUBLES + ")", "x", "x[greatest(ceil({p}::DOUBLE * len(x)), 1)::BIGINT]"),
        _discrete, _double("quantile_disc"), "the least value up to which at least the share p lies", params=(_P,),
    ),
)  # fmt: skip


# ── frequencies ───────────────────────────────────────────────────────────────────────────────────────────────────


def _frequent(values: Iterable[Any]) -> list[tuple[Any, int]]:
    """(value, how often), the most frequent first, equally frequent ones by value."""
    return sorted(Counter(values).items(), key=lambda e: (-e[1], e[0]))


def _counts(slot: str) -> str:
    values = f"list_transform({{v}}, lambda r: r.{slot})"
    return f"map_entries(list_aggregate({values}, 'histogram'))"


def _frequent_sql(slot: str) -> str:
    placed = "lambda e: struct_pack(n := -e.value::BIGINT, v := e.key)"
    return f"list_sort(list_transform({_counts(slot)}, {placed}))"


def _top_k(given: Given, v: Series) -> list[Any] | None:
    if not v:
        return None
    return [given.shown(x) for x, _ in _frequent(r[1] for r in v)[: given.params["k"]]]


def _entropy(given: Given, v: Series) -> float | None:
    if not v:
        return None
    counts = [n for _, n in sorted(Counter(r[1] for r in v).items())]
    return -_added(n / len(v) * log2(n / len(v)) for n in counts) + 0.0


def _histogram(given: Given, v: Series) -> dict[Any, int] | None:
    if not v:
        return None
    return {given.shown(x): n for x, n in sorted(Counter(r[1] for r in v).items())}


FREQUENCIES = (
    Aggregate(
        "mode", 1, _rows(1), f"({_frequent_sql('a')})[1].v",
        lambda given, v: _frequent(r[1] for r in v)[0][0] if v else None, _each("mode", lambda t: t[0]),
        "the most frequent value, the least of equally frequent ones",
    ),
    Aggregate(
        "top_k", 1, _rows(1), f"list_transform(({_frequent_sql('a')})[1:{{k}}], lambda e: e.v)", _top_k,
        _each("top_k", lambda t: f"{t[0]}[]"),
        "the k most frequent values, as a list, the most frequent first, equally frequent ones by value",
        params=(Param("k", "count"),),
    ),
    Aggregate(
        "top_ratio", 1, _rows(1), f"-({_frequent_sql('a')})[1].n / len({{v}})",
        lambda given, v: _frequent(r[1] for r in v)[0][1] / len(v) if v else None,
        _each("top_ratio", lambda t: "DOUBLE"), "the share of the most frequent value",
    ),
    Aggregate(
        "entropy", 1, _rows(1),
        _let(
            f"list_transform({_counts('a')}, lambda e: e.value / len({{v}}))", "x",
            "-list_sum(list_transform(x, lambda p: p * log2(p))) + 0.0::DOUBLE",
        ),
        _entropy, _each("entropy", lambda t: "DOUBLE"), "the entropy of the values' frequencies, in bits",
        rounding=rounding.NEAR,
    ),
    Aggregate(
        "histogram", 1, _rows(1),
        _let(
            _counts("a"), "x",
            "map(list_transform(x, lambda e: e.key), list_transform(x, lambda e: e.value::BIGINT))",
        ),
        _histogram, _each("histogram", lambda t: f"MAP({t[0]}, BIGINT)"),
        "how often each value occurs, as a map",
    ),
)  # fmt: skip


# ── by key ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _groups(given: Given, v: Sequence[tuple[Any, ...]], key: int) -> list[tuple[Any, list[tuple[Any, ...]]]]:
    """(key, its rows) of the `max_keys` most frequent keys, by key."""
    kept = sorted(k for k, _ in _frequent(r[key] for r in v)[: given.params["max_keys"]])
    return [(k, [r for r in v if r[key] == k]) for k in kept]


def _keyed(key: int, value: Callable[[Given, list[tuple[Any, ...]]], Any]) -> Finish:
    def finish(given: Given, v: Series) -> dict[Any, Any] | None:
        if not v:
            return None
        return {given.shown(k, key - 1): value(given, rows) for k, rows in _groups(given, v, key)}

    return finish


def _keyed_sql(slot: str, value: str) -> str:
    kept = f"list_sort(list_transform(({_frequent_sql(slot)})[1:{{max_keys}}], lambda e: e.v))"
    rows = f"list_filter({{v}}, lambda r: r.{slot} = k)"
    return _let(kept, "x", f"map(x, list_transform(x, lambda k: {value.replace('ROWS', rows)}))")


def _of_rows(function: str, type_: str = "") -> str:
    return f"{function}(list_transform(ROWS, lambda r: r.a{type_}))"


def _sum_of(given: Given, rows: list[tuple[Any, ...]]) -> Any:
    if sum_type(given.types[0]) == "DOUBLE":
        return _added(given.number(r[1]) for r in rows)
    return given.summed([r[1] for r in rows])


def _keyed_row(name: str, value: Finish, sql: str, result: Callable[[str], str], summary: str) -> Aggregate:
    def returns(types: tuple[str, ...]) -> str:
        if name in ("sum_by", "avg_by") and not is_number(types[0]):
            raise TypeError(f"{name} needs a number, and this is {types[0]}")
        if "other" in (family(types[0]), family(types[1])) or family(types[1]) == "float":
            raise TypeError(f"{name} cannot keep values of type {types[0]} by keys of type {types[1]}")
        return f"MAP({types[1]}, {result(types[0])})"

    return Aggregate(
        f"{name}_key", 2, _rows(2), _keyed_sql("b", sql), _keyed(2, value), returns,
        f"{summary} for each value of the second argument, as a map of the max_keys most frequent ones",
        spelled=name, params=(_MAX_KEYS,), rounding=rounding.NEAR if name in ("sum_by", "avg_by") else None,
    )  # fmt: skip


def _integral_sum(type_: str) -> str:
    return sum_type(type_)


KEYED = (
    Aggregate(
        "count_by_key", 1, _rows(1), _keyed_sql("a", "len(ROWS)::BIGINT"), _keyed(1, lambda given, rows: len(rows)),
        _each("count_by", lambda t: f"MAP({t[0]}, BIGINT)"),
        "how often each value occurs, as a map of the max_keys most frequent ones",
        spelled="count_by", params=(_MAX_KEYS,),
    ),
    _keyed_row("sum_by", _sum_of, _of_rows("list_sum"), _integral_sum, "the sum of the first argument"),
    _keyed_row(
        "avg_by", lambda given, rows: _added(given.number(r[1]) for r in rows) / len(rows),
        _of_rows("list_sum", "::DOUBLE") + " / len(ROWS)", lambda type_: "DOUBLE", "the mean of the first argument",
    ),
    _keyed_row(
        "min_by", lambda given, rows: given.shown(min(r[1] for r in rows)), _of_rows("list_min"), lambda type_: type_,
        "the least first argument",
    ),
    _keyed_row(
        "max_by", lambda given, rows: given.shown(max(r[1] for r in rows)), _of_rows("list_max"), lambda type_: type_,
        "the greatest first argument",
    ),
)  # fmt: skip

ROWS = (*ORDERED, *DECAYED, *STATISTICS, *QUANTILES, *FREQUENCIES, *KEYED)
