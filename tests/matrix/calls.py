"""One call of each aggregate, or two: with FILTER, over another type."""

from __future__ import annotations

from collections.abc import Iterator

from oracle import Value
from random_projects.calls import Call, filtered
from random_projects.definitions import AGGREGATES, DOUBLE_RESULT
from random_projects.expressions import Expr, column
from random_projects.series import ROWS, Row

HALF_LIFE = 2 * 3_600_000_000
BY_TYPE = {
    "bigint": ("i", "n"),
    "double": ("x", "y"),
    "decimal": ("d", "d"),
    "text": ("s", "s"),
    "boolean": ("b", "b"),
    "timestamp": ("m", "m"),
}
CONDITION = column("b", "boolean")
PARAMS: dict[str, tuple[Value, str]] = {
    "n": (2, "2"),
    "k": (2, "2"),
    "max_keys": (2, "max_keys => 2"),
    "half_life": (HALF_LIFE, "half_life => '2h'"),
    "alpha": ("0.3", "alpha => 0.3"),
    "p": ("0.25", "0.25"),
}


def argument(types: tuple[str, ...], turn: int, place: int) -> Expr:
    """A column of one of the types, another at each turn."""
    type_ = types[(turn + place) % len(types)]
    return column(BY_TYPE[type_][place], type_)


def plain_calls(turn: int, condition: Expr | None) -> Iterator[Call]:
    """The aggregates whose states are united."""
    for _, fn, types in AGGREGATES:
        args = (argument(types, turn, 0),) if types else ()
        if fn.startswith("arg_"):
            args = (*args, argument(types, turn, 1))
        inner = ", ".join(a.sql for a in args) or "*"
        sql = f"count(distinct {inner})" if fn == "count_distinct" else f"{fn}({inner})"
        type_ = "bigint" if fn.startswith("count") else "double" if fn in DOUBLE_RESULT else args[0].type
        yield Call(filtered(sql, condition), fn, args, condition, type_)


def series_call(row: Row, turn: int, condition: Expr | None) -> Call:
    """An aggregate over a series of rows."""
    args = tuple(argument(types, turn, place) for place, types in enumerate(row.args))
    words = [a.sql for a in args] or ["*"]
    words += [PARAMS[name][1] for name in row.params]
    sql = f"{row.word}({'distinct ' * (row.fn == 'list_distinct')}{', '.join(words)})"
    result = row.type
    for place, arg in enumerate(args):
        result = " ".join(arg.type if part == str(place) else part for part in result.split(" "))
    params = {name: PARAMS[name][0] for name in row.params}
    return Call(filtered(sql, condition), row.fn, args, condition, result, params)


def all_calls() -> tuple[Call, ...]:
    """Every aggregate without FILTER, and with it over another type."""
    found: list[Call] = []
    for turn, condition in ((0, None), (2, CONDITION)):
        found += plain_calls(turn, condition)
        found += [series_call(row, turn, condition) for row in ROWS]
    return tuple(found)
