"""Aggregates that count how often values occur, or have one value for each key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import log2
from typing import Any

from featc.algebra import rounding
from featc.algebra.returns import each
from featc.algebra.row import Aggregate, Finish, Given, Param
from featc.algebra.series import Series, added, added_sql, let, plain_sum, rows
from featc.types import family, is_number, sum_type

_MAX_KEYS = Param("max_keys", "count", named=True)


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
    return -plain_sum(n / len(v) * log2(n / len(v)) for n in counts) + 0.0


def _histogram(given: Given, v: Series) -> dict[Any, int] | None:
    if not v:
        return None
    return {given.shown(x): n for x, n in sorted(Counter(r[1] for r in v).items())}


FREQUENCIES = (
    Aggregate(
        "mode", 1, rows(1), f"({_frequent_sql('a')})[1].v",
        lambda given, v: _frequent(r[1] for r in v)[0][0] if v else None, each("mode", lambda t: t[0]),
        "the most frequent value, the least of equally frequent ones",
    ),
    Aggregate(
        "top_k", 1, rows(1), f"list_transform(({_frequent_sql('a')})[1:{{k}}], lambda e: e.v)", _top_k,
        each("top_k", lambda t: f"{t[0]}[]"),
        "the k most frequent values, as a list, the most frequent first, equally frequent ones by value",
        params=(Param("k", "count"),),
    ),
    Aggregate(
        "top_ratio", 1, rows(1), f"-({_frequent_sql('a')})[1].n / len({{v}})",
        lambda given, v: _frequent(r[1] for r in v)[0][1] / len(v) if v else None,
        each("top_ratio", lambda t: "DOUBLE"), "the share of the most frequent value",
    ),
    Aggregate(
        "entropy", 1, rows(1),
        let(
            f"list_transform({_counts('a')}, lambda e: e.value / len({{v}}))", "x",
            "-list_sum(list_transform(x, lambda p: p * log2(p))) + 0.0::DOUBLE",
        ),
        _entropy, each("entropy", lambda t: "DOUBLE"), "the entropy of the values' frequencies, in bits",
        rounding=rounding.UNITS,
    ),
    Aggregate(
        "histogram", 1, rows(1),
        let(
            _counts("a"), "x",
            "map(list_transform(x, lambda e: e.key), list_transform(x, lambda e: e.value::BIGINT))",
        ),
        _histogram, each("histogram", lambda t: f"MAP({t[0]}, BIGINT)"),
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
    by_key = let(kept, "x", f"map(x, list_transform(x, lambda k: {value.replace('ROWS', rows)}))")
    return let("{v}", "v", by_key.replace("{v}", "v"))  # the rows are sorted once


def _of_rows(function: str) -> str:
    return f"{function}(list_transform(ROWS, lambda r: r.a))"


def _sum_of(given: Given, rows: list[tuple[Any, ...]]) -> Any:
    if sum_type(given.types[0]) == "DOUBLE":
        return plain_sum(given.number(r[1]) for r in rows)
    return given.summed([r[1] for r in rows])


def _keyed_row(name: str, value: Finish, sql: str, result: Callable[[str], str], summary: str) -> Aggregate:
    def returns(types: tuple[str, ...]) -> str:
        if name in ("sum_by", "avg_by") and not is_number(types[0]):
            raise TypeError(f"{name} needs a number, and this is {types[0]}")
        if "other" in (family(types[0]), family(types[1])):
            raise TypeError(f"{name} cannot keep values of type {types[0]} by keys of type {types[1]}")
        return f"MAP({types[1]}, {result(types[0])})"

    return Aggregate(
        f"{name}_key", 2, rows(2), _keyed_sql("b", sql), _keyed(2, value), returns,
        f"{summary} for each value of the second argument, as a map of the max_keys most frequent ones",
        spelled=name, params=(_MAX_KEYS,), rounding=rounding.RELATIVE if name in ("sum_by", "avg_by") else None,
    )  # fmt: skip


KEYED = (
    Aggregate(
        "count_by_key", 1, rows(1), _keyed_sql("a", "len(ROWS)::BIGINT"), _keyed(1, lambda given, rows: len(rows)),
        each("count_by", lambda t: f"MAP({t[0]}, BIGINT)"),
        "how often each value occurs, as a map of the max_keys most frequent ones",
        spelled="count_by", params=(_MAX_KEYS,),
    ),
    _keyed_row(
        "sum_by", _sum_of, "{v:list_transform(ROWS, lambda r: r.a)}", sum_type, "the sum of the first argument"
    ),
    _keyed_row(
        "avg_by", lambda given, rows: added((given.number(r[1]) for r in rows), len(rows)),
        added_sql("list_transform(ROWS, lambda r: r.a::DOUBLE)", "len(z)"), lambda type_: "DOUBLE",
        "the mean of the first argument",
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
