"""Aggregates that depend on the order of a window's rows, or on how long ago they happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from featc.algebra import rounding
from featc.algebra.returns import double, each, truth
from featc.algebra.row import Aggregate, Finish, Given, Param
from featc.algebra.series import DOUBLES, VALUES, Series, added, added_sql, let, over_doubles, plain_sum, rows, top

_N = Param("n", "count")
_HALF_LIFE = Param("half_life", "duration", named=True)


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
    return let("{v}", "v", let(keys, "k", f"list_transform({chosen}, lambda r: r.a)"))


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


def _drawdown(values: list[float]) -> float:
    peak, fall = values[0], values[0] - values[0]
    for value in values[1:]:
        peak = top(peak, value)
        fall = top(fall, peak - value)
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
        found = (1 - alpha) * found + alpha * given.number(row[1])
    return found


ORDERED = (
    Aggregate(
        "first_n", 1, rows(1), "list_transform(({v})[1:{n}], lambda r: r.a)",
        _some(lambda v, p: v[: p["n"]]), each("first", lambda t: f"{t[0]}[]"),
        "the first n values in event order, as a list", spelled="first", params=(_N,),
    ),
    Aggregate(
        "last_n", 1, rows(1), "list_transform(({v})[-{n}:], lambda r: r.a)",
        _some(lambda v, p: v[-p["n"] :]), each("last", lambda t: f"{t[0]}[]"),
        "the last n values in event order, as a list, the newest last", spelled="last", params=(_N,),
    ),
    Aggregate(
        "list", 1, rows(1), "list_transform(({v})[-{n}:], lambda r: r.a)",
        _some(lambda v, p: v[-p["n"] :]), each("list", lambda t: f"{t[0]}[]"),
        "the values in event order, as a list of at most n, the oldest left out", params=(_N,),
    ),
    Aggregate(
        "list_distinct", 1, rows(1),
        let(VALUES, "x", "list_filter(x, lambda e, i: list_position(x[i + 1:], e) IS NULL)[-{n}:]"),
        _newest_distinct, each("list", lambda t: f"{t[0]}[]"),
        "the different values in order of when each was last seen, as a list of at most n, the oldest left out",
        distinct=True, spelled="list", params=(_N,),
    ),
    Aggregate(
        "nth", 1, rows(1), "({v})[{n}].a", _one(lambda v, p: p["n"] - 1), each("nth", lambda t: t[0]),
        "the nth value in event order", params=(_N,),
    ),
    Aggregate(
        "lag", 1, rows(1), "({v})[-{n} - 1].a", _one(lambda v, p: len(v) - 1 - p["n"]), each("lag", lambda t: t[0]),
        "the value n before the last; lag(x, 1) is the one before it", params=(_N,),
    ),
    Aggregate(
        "arg_min_n", 2, rows(2), _by_sql(False), _by(False), each("arg_min", lambda t: f"{t[0]}[]", 2),
        "the first argument of the n rows where the second is least, as a list", spelled="arg_min", params=(_N,),
    ),
    Aggregate(
        "arg_max_n", 2, rows(2), _by_sql(True), _by(True), each("arg_max", lambda t: f"{t[0]}[]", 2),
        "the first argument of the n rows where the second is greatest, as a list", spelled="arg_max", params=(_N,),
    ),
    Aggregate(
        "streak", 1, rows(1),
        f"coalesce({let(VALUES, 'x', 'coalesce(list_position(list_reverse(x), false) - 1, len(x))')}, 0)",
        _streak, truth("streak"), "how many of the newest values in a row are true", empty=0,
    ),
    Aggregate(
        "drawdown", 1, rows(1), _DRAWDOWN, over_doubles(_drawdown), double("drawdown"),
        "the deepest fall from a value to a later one", rounding=rounding.SUM,
    ),
    Aggregate(
        "ewma", 1, rows(1),
        "list_reduce(" + DOUBLES + ", lambda p, x: (1 - {alpha}::DOUBLE) * p + {alpha}::DOUBLE * x)",
        _ewma, double("ewma"), "the mean in which each value moves the former mean by the share alpha toward it",
        params=(Param("alpha", "share", named=True),), rounding=rounding.SUM,
    ),
)  # fmt: skip


# ── decay ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _weight_sql(since: str, time: str) -> str:
    return f"2 ** (-({since} - epoch_us({time})) / {{half_life}}.0)"


def _weights(given: Given, v: Sequence[tuple[Any, ...]], since: int) -> list[float]:
    half_life = float(given.params["half_life"])
    return [2.0 ** (-(since - row[-1]) / half_life) for row in v]


def _decayed(given: Given, v: Series, as_of: int) -> float | None:
    if not v:
        return None
    return added(_weighed(given.number(r[1]), w) for r, w in zip(v, _weights(given, v, as_of), strict=True))


def _decayed_count(given: Given, v: Series, as_of: int) -> float:
    return plain_sum(_weights(given, v, as_of)) if v else 0.0


def _decayed_mean(given: Given, v: Series, as_of: int) -> float | None:
    # seen from the newest row: the mean is the same, and its weight is 1, however long ago that is
    if not v:
        return None
    weights = _weights(given, v, v[-1][-1])
    return added(_weighed(given.number(r[1]), w) for r, w in zip(v, weights, strict=True)) / plain_sum(weights)


def _weighed(x: float, weight: float) -> float:
    """A value's part. What is infinite stays so however little it weighs, also below the least DOUBLE."""
    return x * weight if isfinite(x) else x


def _decayed_sql(since: str) -> str:
    part = f"CASE WHEN isfinite(r.a::DOUBLE) THEN r.a::DOUBLE * {_weight_sql(since, 'r.b')} ELSE r.a::DOUBLE END"
    return added_sql(f"list_transform({{v}}, lambda r: {part})")


def _count_sql(since: str, slot: str) -> str:
    return f"list_sum(list_transform({{v}}, lambda r: {_weight_sql(since, f'r.{slot}')}))"


_NEWEST = "epoch_us(({v})[-1].b)"

DECAYED = (
    Aggregate(
        "decay_sum", 1, rows(2), _decayed_sql("{as_of}"), _decayed, double("decay_sum"),
        "the sum of values, each halved for every half_life since it happened",
        params=(_HALF_LIFE,), timed=True, rounding=rounding.SUM,
    ),
    Aggregate(
        "decay_count", 1, rows(2), f"coalesce({_count_sql('{as_of}', 'b')}, 0)", _decayed_count,
        each("decay_count", lambda t: "DOUBLE"),
        "how many values there are, each halved for every half_life since it happened", empty=0,
        params=(_HALF_LIFE,), timed=True, rounding=rounding.RELATIVE,
    ),
    Aggregate(
        "decay_count_rows", 0, rows(1), f"coalesce({_count_sql('{as_of}', 'a')}, 0)", _decayed_count,
        lambda types: "DOUBLE", "decay_count(*): how many rows, each halved for every half_life since it happened",
        empty=0, spelled="decay_count", params=(_HALF_LIFE,), timed=True, rounding=rounding.RELATIVE,
    ),
    Aggregate(
        "decay_avg", 1, rows(2), f"{_decayed_sql(_NEWEST)} / {_count_sql(_NEWEST, 'b')}", _decayed_mean,
        double("decay_avg"),
        "the mean of values, each of half the weight for every half_life since it happened",
        params=(_HALF_LIFE,), timed=True, rounding=rounding.SUM,
    ),
)  # fmt: skip
