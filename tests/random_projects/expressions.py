"""A small closed language of expressions: each is SQL text (DuckDB's) and the Python function it means.

Types: integer and bigint share `bigint`; `double`, `decimal`, `text`, `boolean`, `timestamp` (µs). A test
evaluates the text in DuckDB and compares, so the two halves cannot drift.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from oracle import Row, Value, moment, rank

from .choices import Draw


@dataclass(frozen=True, slots=True)
class Expr:
    """SQL text, result type, and the function of a row (a mapping of names to values)."""

    sql: str
    type: str
    fn: Callable[[Row], Value]

    def __call__(self, row: Row) -> Value:
        return self.fn(row)


Names = Sequence[Expr]
"""What an expression may mention: columns, let names, features."""


def column(name: str, type: str) -> Expr:
    """A plain name."""
    return Expr(name, type, lambda row: row[name])


def named(name: str, meaning: Expr) -> Expr:
    """A name for an expression, as `let` gives."""
    return Expr(name, meaning.type, meaning.fn)


def as_key(expr: Expr) -> Expr:
    """The expression as a key: of an integer the widest, since any may be asked for."""
    return Expr(f"({expr.sql})::bigint", expr.type, expr.fn) if expr.type == "bigint" else expr


def literal(value: Value, type: str) -> Expr:
    """A constant as SQL text."""
    return Expr(literal_sql(value, type), type, lambda row: value)


def literal_sql(value: Value, type: str) -> str:
    """The constant's spelling."""
    if value is None:
        return "null"
    if type == "text":
        return "'" + str(value).replace("'", "''") + "'"
    if type == "boolean":
        return "true" if value else "false"
    if type == "timestamp":
        return f"timestamp '{moment(value).isoformat(' ', 'microseconds')}'"
    return str(value)


def strict(fn: Callable[..., Value]) -> Callable[..., Value]:
    """NULL in, NULL out."""
    return lambda *args: None if any(a is None for a in args) else fn(*args)


COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: rank(a) == rank(b),
    "<>": lambda a, b: rank(a) != rank(b),
    "<": lambda a, b: rank(a) < rank(b),
    "<=": lambda a, b: rank(a) <= rank(b),
    ">": lambda a, b: rank(a) > rank(b),
    ">=": lambda a, b: rank(a) >= rank(b),
}


def compare(op: str, a: Expr, b: Expr) -> Expr:
    """A comparison; NaN equals NaN and is greatest."""
    fn = strict(COMPARE[op])
    return Expr(f"{a.sql} {op} {b.sql}", "boolean", lambda row: fn(a(row), b(row)))


def both(a: Expr, b: Expr) -> Expr:
    """AND, three-valued."""

    def fn(row: Row) -> Value:
        x, y = a(row), b(row)
        if x is False or y is False:
            return False
        return None if x is None or y is None else True

    return Expr(f"({a.sql}) and ({b.sql})", "boolean", fn)


def either(a: Expr, b: Expr) -> Expr:
    """OR, three-valued."""

    def fn(row: Row) -> Value:
        x, y = a(row), b(row)
        if x is True or y is True:
            return True
        return None if x is None or y is None else False

    return Expr(f"({a.sql}) or ({b.sql})", "boolean", fn)


def negation(a: Expr) -> Expr:
    """NOT, three-valued."""
    fn = strict(lambda x: not x)
    return Expr(f"not ({a.sql})", "boolean", lambda row: fn(a(row)))


def is_null(a: Expr, *, wanted: bool = True) -> Expr:
    """IS [NOT] NULL."""
    words = "is null" if wanted else "is not null"
    return Expr(f"{a.sql} {words}", "boolean", lambda row: (a(row) is None) is wanted)


def distinct_from(a: Expr, b: Expr) -> Expr:
    """IS DISTINCT FROM."""
    return Expr(f"{a.sql} is distinct from {b.sql}", "boolean", lambda row: rank(a(row)) != rank(b(row)))


def one_of(a: Expr, values: list[Expr]) -> Expr:
    """IN over constants that are not NULL."""
    fn = strict(lambda x: any(rank(x) == rank(v({})) for v in values))
    return Expr(f"{a.sql} in ({', '.join(v.sql for v in values)})", "boolean", lambda row: fn(a(row)))


def coalesce(a: Expr, b: Expr) -> Expr:
    """COALESCE of two."""

    def fn(row: Row) -> Value:
        x = a(row)
        return b(row) if x is None else x

    return Expr(f"coalesce({a.sql}, {b.sql})", a.type, fn)


def nullif(a: Expr, b: Expr) -> Expr:
    """NULLIF."""

    def fn(row: Row) -> Value:
        x, y = a(row), b(row)
        return None if x is not None and y is not None and rank(x) == rank(y) else x

    return Expr(f"nullif({a.sql}, {b.sql})", a.type, fn)


def case(when: Expr, then: Expr, other: Expr) -> Expr:
    """CASE WHEN … THEN … ELSE … END."""
    return Expr(
        f"case when {when.sql} then {then.sql} else {other.sql} end",
        then.type,
        lambda row: then(row) if when(row) is True else other(row),
    )


def arithmetic(op: str, a: Expr, b: Expr) -> Expr:
    """+, - and * on ints, decimals, doubles of one type."""
    fn = strict({"+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y}[op])
    return Expr(f"{a.sql} {op} {b.sql}", a.type, lambda row: fn(a(row), b(row)))


def quotient(x: float, y: float) -> float:
    """IEEE division: x/0 is ±inf or NaN."""
    if y != 0.0:
        return x / y
    return math.nan if x == 0.0 or math.isnan(x) else math.copysign(math.inf, x) * math.copysign(1.0, y)


def divide(a: Expr, b: Expr) -> Expr:
    """`/`: both sides become DOUBLE first."""
    fn = strict(lambda x, y: quotient(float(x), float(y)))
    return Expr(f"{a.sql} / {b.sql}", "double", lambda row: fn(a(row), b(row)))


def seconds_since(a: Expr) -> Expr:
    """(as_of - a) in µs / 1e6."""
    fn = strict(lambda t, x: float(t - x) / 1e6)
    return Expr(f"seconds_since({a.sql})", "double", lambda row: fn(row["as_of"], a(row)))


# -------------------------------------------------------------------------------- random expressions

CONSTANTS: Mapping[str, tuple[Value, ...]] = {
    "bigint": (0, 1, 2, -1, 3),
    "double": (0.0, 1.0, 0.5, -1.5, 2.0),
    "decimal": (Decimal("0"), Decimal("1.5"), Decimal("-2.25")),
    "text": ("a", "b", "é", "it's", "", "Z"),
    "boolean": (False, True),
}


def of_type(names: Names, type: str) -> list[Expr]:
    """The names that have a type."""
    return [e for e in names if e.type == type]


def constant(draw: Draw, type: str) -> Expr:
    """A constant the columns often hold."""
    return literal(draw.one(CONSTANTS[type]), type)


def scalar(draw: Draw, names: Names, type: str) -> Expr:
    """An expression of a type over the names; a plain one more often than not."""
    fitting = of_type(names, type)
    if not fitting:
        return predicate(draw, names) if type == "boolean" else constant(draw, type)
    plain = draw.one(fitting)
    if draw.below(100) < 65 or type == "timestamp":
        return plain
    match draw.below(4):
        case 0:
            return coalesce(plain, constant(draw, type))
        case 1:
            return nullif(plain, constant(draw, type))
        case 2:
            return case(predicate(draw, names), plain, draw.one(fitting))
        case _:
            return reshaped(draw, plain)


def reshaped(draw: Draw, plain: Expr) -> Expr:
    """A column through one operation of its type."""
    match plain.type:
        case "bigint":
            return arithmetic(draw.one("+-*"), plain, literal(draw.one((1, 2)), "bigint"))
        case "double":
            return arithmetic(draw.one("+-*"), plain, literal(draw.one((1.0, 2.0, 0.5)), "double"))
        case "decimal":
            return arithmetic("*", plain, literal(2, "decimal"))
        case "text":
            fn = strict(lambda x: x + "_x")
            return Expr(f"{plain.sql} || '_x'", "text", lambda row: fn(plain(row)))
        case _:
            return negation(plain)


def predicate(draw: Draw, names: Names, depth: int = 1) -> Expr:
    """A boolean expression, NULL when SQL says so."""
    if depth and draw.chance(20):
        joined = draw.one((both, either))
        return joined(predicate(draw, names, 0), predicate(draw, names, 0))
    plain = draw.one([e for e in names if e.type != "timestamp"])
    match draw.below(6):
        case 0 if plain.type == "boolean":
            return plain
        case 0 | 1:
            return compare(draw.one(tuple(COMPARE)), plain, constant(draw, plain.type))
        case 2:
            return is_null(plain, wanted=draw.chance(50))
        case 3:
            return distinct_from(plain, constant(draw, plain.type))
        case 4 if plain.type in ("bigint", "text"):
            return one_of(plain, [constant(draw, plain.type) for _ in range(draw.between(1, 3))])
        case _:
            inner = plain if plain.type == "boolean" else compare(">", plain, constant(draw, plain.type))
            return negation(inner) if draw.chance(40) else inner
