"""Random calls of the aggregates over a whole series, with their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oracle import Value, Window

from .calls import Call, filtered
from .choices import Draw
from .expressions import Expr, scalar
from .timeline import Timeline, duration

ANY = ("bigint", "double", "text", "decimal", "boolean", "timestamp")
NUMERIC = ("bigint", "double", "decimal")
COUNTS, SHARES = (1, 2, 3, 5, 100), ("0", "0.25", "0.5", "0.9", "1", "0.07")


@dataclass(frozen=True, slots=True)
class Row:
    """An aggregate: the oracle's name and the author's word, the types of each argument, parameters, and the result,
    in which `0` and `1` stand for the types of the arguments and `sum` for that of their sum."""

    fn: str
    word: str
    args: tuple[tuple[str, ...], ...]
    type: str
    params: tuple[str, ...] = ()


def _plain(fn: str, args: tuple[tuple[str, ...], ...], type: str, *params: str) -> Row:
    return Row(fn, fn, args, type, params)


ROWS = (
    Row("first_n", "first", (ANY,), "list 0", ("n",)),
    Row("last_n", "last", (ANY,), "list 0", ("n",)),
    _plain("list", (ANY,), "list 0", "n"),
    Row("list_distinct", "list", (ANY,), "list 0", ("n",)),
    _plain("nth", (ANY,), "0", "n"),
    _plain("lag", (ANY,), "0", "n"),
    Row("arg_min_n", "arg_min", (ANY, ANY), "list 0", ("n",)),
    Row("arg_max_n", "arg_max", (ANY, ANY), "list 0", ("n",)),
    _plain("streak", (("boolean",),), "bigint"),
    _plain("drawdown", (NUMERIC,), "double"),
    _plain("ewma", (NUMERIC,), "double", "alpha"),
    _plain("decay_sum", (NUMERIC,), "double", "half_life"),
    _plain("decay_count", (ANY,), "double", "half_life"),
    _plain("decay_count", (), "double", "half_life"),
    _plain("decay_avg", (NUMERIC,), "double", "half_life"),
    _plain("rate_per_hour", (ANY,), "double"),
    _plain("rate_per_hour", (), "double"),
    *(_plain(fn, (NUMERIC,), "double") for fn in ("skewness", "kurtosis", "geomean", "product", "median")),
    *(
        _plain(fn, (NUMERIC, NUMERIC), "double")
        for fn in ("covar_samp", "covar_pop", "corr", "regr_slope", "weighted_avg")
    ),
    *(_plain(fn, (("bigint",),), "0") for fn in ("bit_and", "bit_or", "bit_xor")),
    _plain("quantile_cont", (NUMERIC,), "double", "p"),
    _plain("quantile_disc", (NUMERIC,), "double", "p"),
    _plain("mode", (ANY,), "0"),
    _plain("top_k", (ANY,), "list 0", "k"),
    _plain("top_ratio", (ANY,), "double"),
    _plain("entropy", (ANY,), "double"),
    _plain("histogram", (ANY,), "map 0 bigint"),
    _plain("count_by", (ANY,), "map 0 bigint", "max_keys"),
    _plain("sum_by", (NUMERIC, ANY), "map 1 0", "max_keys"),
    _plain("avg_by", (NUMERIC, ANY), "map 1 double", "max_keys"),
    _plain("min_by", (ANY, ANY), "map 1 0", "max_keys"),
    _plain("max_by", (ANY, ANY), "map 1 0", "max_keys"),
    _plain("approx_count_distinct", (ANY,), "bigint"),
    _plain("approx_quantile", (NUMERIC,), "double", "p"),
)


def has_one_length(window: Window) -> bool:
    """Whether all its windows are as long."""
    return window.range is not None and window.rows is None and (window.hop is None or window.align)


def draw_series_call(
    draw: Draw, names: Sequence[Expr], windows: Sequence[Window], line: Timeline, condition: Expr | None
) -> Call:
    """Any of them that may stand over all these windows."""
    ranged = all(map(has_one_length, windows))
    row = draw.one([r for r in ROWS if r.fn != "rate_per_hour" or ranged])
    args = tuple(argument(draw, names, types) for types in row.args)
    words = [a.sql for a in args] or ["*"]
    params: dict[str, Value] = {}
    for name in row.params:
        params[name], word = parameter(draw, name, line)
        words.append(word)
    sql = f"{row.word}({'distinct ' * (row.fn == 'list_distinct')}{', '.join(words)})"
    result = row.type
    for place, arg in enumerate(args):
        result = " ".join(arg.type if part == str(place) else part for part in result.split(" "))
    return Call(filtered(sql, condition), row.fn, args, condition, result, params)


def argument(draw: Draw, names: Sequence[Expr], types: Sequence[str]) -> Expr:
    """An expression of one of the types, of those the names have."""
    present = [t for t in types if t == "boolean" or any(e.type == t for e in names)]
    return scalar(draw, names, draw.one(present))


def parameter(draw: Draw, name: str, line: Timeline) -> tuple[Value, str]:
    """A parameter's value and how it is given."""
    match name:
        case "n" | "k":
            count = draw.one(COUNTS)
            return count, str(count)
        case "max_keys":
            count = draw.one((1, 2, 3, 50))
            return count, f"max_keys => {count}"
        case "half_life":
            us = line.length(draw, 1, 12)
            return us, f"half_life => '{duration(us)}'"
        case "alpha":
            share = draw.one(("0.3", "0.5", "1", "0"))
            return share, f"alpha => {share}"
        case _:
            share = draw.one(SHARES)
            return share, share
