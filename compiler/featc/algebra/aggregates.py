"""The algebra: every aggregate, one row each. Nothing else in featc knows an aggregate's name.

A row says which partial states an aggregate needs over which of its arguments, how the finished value comes from
them (in SQL and in process), what it gives for no rows, and its types. Training frames, tiles, online update and
online read are derived from it. To add an aggregate: add a row here and its cases to the conformance suite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, isfinite, nan, sqrt
from typing import Any

from featc.algebra import frequencies, ordered, returns, rounding, sketches, statistics
from featc.algebra.row import Aggregate, Finish, Given, Need
from featc.algebra.states import Kind, float_total
from featc.types import FLOATS, sum_type


def _sum_kind(types: tuple[str, ...]) -> Kind:
    return Kind.FSUM if types[0] in FLOATS else Kind.SUM


def _fixed(**needs: Need) -> Callable[[tuple[str, ...]], Mapping[str, Need]]:
    return lambda types: needs


def _sum(given: Given, total: Any) -> Any:
    return float_total(total) if isinstance(total, tuple) else total


def _avg(given: Given, total: Any, n: int | None) -> float | None:
    if not n:
        return None
    return float_total(total, n) if isinstance(total, tuple) else float(total / (n * 10 ** given.scale()))


def _variance(samp: bool, root: bool) -> Finish:
    def finish(given: Given, m: Any, low: Any, high: Any) -> float | None:
        if m is None or m[0] + m[3] <= samp:
            return None
        if m[3]:
            return nan
        # squares beyond DOUBLE: whether that shows as ±inf or NaN depends on the order of adding
        value = 0.0 if low == high else m[2] / (m[0] - samp) if isfinite(m[2]) else inf
        return sqrt(value) if root else value

    return finish


def _variance_row(name: str, samp: bool, root: bool, summary: str) -> Aggregate:
    spread = "{m.m2} / ({m.n} - 1)" if samp else "{m.m2} / {m.n}"
    spread = f"sqrt({spread})" if root else spread
    return Aggregate(
        name,
        1,
        _fixed(m=Need(Kind.MOMENTS), low=Need(Kind.MIN), high=Need(Kind.MAX)),
        # equal members give exactly 0: merged means may differ in the last bit, least and greatest do not
        f"CASE WHEN {{m.n}} + {{m.odd}} <= {int(samp)} THEN NULL WHEN {{m.odd}} > 0 THEN 'NaN'::DOUBLE"
        f" WHEN {{low}} = {{high}} THEN 0 WHEN NOT isfinite({{m.m2}}) THEN 'Infinity'::DOUBLE ELSE {spread} END",
        _variance(samp, root),
        returns.double(name),
        summary,
        rounding=rounding.DEVIATION if root else rounding.VARIANCE,
    )


def _value(given: Given, v: Any) -> Any:
    return v


def _last_of(given: Given, v: Any) -> Any:
    return None if v is None else v[-1]


_ROWS = (
    Aggregate(
        "count_rows",
        0,
        _fixed(n=Need(Kind.ROWS, ())),
        "coalesce({n}, 0)",
        lambda given, n: n or 0,
        lambda types: "BIGINT",
        "count(*): how many rows",
        empty=0,
        spelled="count",
    ),
    Aggregate(
        "count",
        1,
        _fixed(n=Need(Kind.COUNT)),
        "coalesce({n}, 0)",
        lambda given, n: n or 0,
        lambda types: "BIGINT",
        "how many rows whose argument is not NULL",
        empty=0,
    ),
    Aggregate(
        "count_distinct",
        1,
        _fixed(n=Need(Kind.DISTINCT)),
        "coalesce({n}, 0)",
        lambda given, n: len(n or ()),
        lambda types: "BIGINT",
        "how many different values",
        empty=0,
        distinct=True,
        spelled="count",
    ),
    Aggregate(
        "sum",
        1,
        lambda types: {"total": Need(_sum_kind(types))},
        "{total}",
        _sum,
        returns.numbers("sum", sum_type),
        "the sum; integers give BIGINT, decimals DECIMAL(38,s)",
        rounding=rounding.SUM,
    ),
    Aggregate(
        "avg",
        1,
        lambda types: {"total": Need(_sum_kind(types)), "n": Need(Kind.COUNT)},
        "{total:{n}}",
        _avg,
        returns.double("avg"),
        "the arithmetic mean, as DOUBLE",
        rounding=rounding.MEAN,
    ),
    Aggregate(
        "min",
        1,
        _fixed(v=Need(Kind.MIN)),
        "{v}",
        _value,
        returns.ordered("min"),
        "the least value; NaN is greatest",
    ),
    Aggregate(
        "max",
        1,
        _fixed(v=Need(Kind.MAX)),
        "{v}",
        _value,
        returns.ordered("max"),
        "the greatest value; NaN is greatest",
    ),
    Aggregate(
        "first",
        1,
        _fixed(v=Need(Kind.FIRST)),
        "{v}",
        _last_of,
        returns.ordered("first"),
        "the first value in event order, NULLs ignored",
    ),
    Aggregate(
        "last",
        1,
        _fixed(v=Need(Kind.LAST)),
        "{v}",
        _last_of,
        returns.ordered("last"),
        "the last value in event order, NULLs ignored",
    ),
    Aggregate(
        "arg_min",
        2,
        _fixed(v=Need(Kind.PICK_MIN, (0, 1))),
        "{v}",
        _last_of,
        returns.ordered("arg_min", 1),
        "the first argument where the second is least; the first in event order among equals",
    ),
    Aggregate(
        "arg_max",
        2,
        _fixed(v=Need(Kind.PICK_MAX, (0, 1))),
        "{v}",
        _last_of,
        returns.ordered("arg_max", 1),
        "the first argument where the second is greatest; the first in event order among equals",
    ),
    Aggregate(
        "bool_and",
        1,
        _fixed(v=Need(Kind.MIN)),
        "{v}",
        _value,
        returns.truth("bool_and", "BOOLEAN"),
        "whether all values are true, NULLs ignored",
    ),
    Aggregate(
        "bool_or",
        1,
        _fixed(v=Need(Kind.MAX)),
        "{v}",
        _value,
        returns.truth("bool_or", "BOOLEAN"),
        "whether any value is true, NULLs ignored",
    ),
    _variance_row("var_samp", True, False, "sample variance; NULL below two values"),
    _variance_row("var_pop", False, False, "population variance"),
    _variance_row("stddev_samp", True, True, "sample standard deviation; NULL below two values"),
    _variance_row("stddev_pop", False, True, "population standard deviation"),
)

_RATES = (
    Aggregate(
        "rate_per_hour_rows",
        0,
        _fixed(n=Need(Kind.ROWS, ())),
        "coalesce({n}, 0) * 3600000000.0::DOUBLE / {length}",
        lambda given, n: (n or 0) * 3600000000.0 / given.length,
        lambda types: "DOUBLE",
        "rate_per_hour(*): how many rows for every hour of the window",
        empty=0,
        spelled="rate_per_hour",
        ranged=True,
    ),
    Aggregate(
        "rate_per_hour",
        1,
        _fixed(n=Need(Kind.COUNT)),
        "coalesce({n}, 0) * 3600000000.0::DOUBLE / {length}",
        lambda given, n: (n or 0) * 3600000000.0 / given.length,
        lambda types: "DOUBLE",
        "how many values for every hour of the window",
        empty=0,
        ranged=True,
    ),
)

_OVER_SERIES = (
    *ordered.ORDERED,
    *ordered.DECAYED,
    *statistics.STATISTICS,
    *statistics.QUANTILES,
    *frequencies.FREQUENCIES,
    *frequencies.KEYED,
)

AGGREGATES: dict[str, Aggregate] = {row.name: row for row in (*_ROWS, *_RATES, *sketches.SKETCHES, *_OVER_SERIES)}

SPELLINGS: dict[str, str] = {
    "variance": "var_samp",
    "stddev": "stddev_samp",
    "mean": "avg",
    "max_by": "arg_max",
    "min_by": "arg_min",
    "argmax": "arg_max",
    "argmin": "arg_min",
}
"""Other names authors may use for a row above."""


def forms(name: str) -> tuple[Aggregate, ...]:
    """The rows that a word, in any case, may mean."""
    folded = name.lower()
    return tuple(r for r in AGGREGATES.values() if r.word in (folded, SPELLINGS.get(folded)))


def lookup(
    name: str, *, star: bool = False, distinct: bool = False, given: int | None = None, named: bool = False
) -> Aggregate | None:
    """The row for an aggregate as an author writes it: its name in any case, `*` for count, DISTINCT or not, how many
    arguments it has by place (None: whatever the first form takes), and whether it has any by name."""
    found = [r for r in forms(name) if r.distinct == distinct and _is_starred(r) == star]
    found = [r for r in found if bool(r.named) == named] or ([] if given is not None else found)
    fitting = [r for r in found if given is None or star or r.takes(given)]
    own = [r for r in fitting if r.word == name.lower()]
    return next(iter(own or fitting), None)


def _is_starred(row: Aggregate) -> bool:
    return row.arity == 0
