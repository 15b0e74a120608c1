"""A typed expression, ready to be written as Python, and DuckDB's rules for the type two operands meet in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from featc.closures.kernels import INTEGER_BITS, decimal_kernel
from featc.closures.syntax import Refused
from featc.types import decimal_parts

NULL = '"NULL"'
PLAIN = frozenset({*INTEGER_BITS, "DOUBLE", "FLOAT", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP"})
_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19}
MAX_DIGITS = 38

_RAISING = re.compile(
    r"\b(tinyint|smallint|integer|bigint|quotient|int_remainder|dec_remainder|dec_\d+_\d+|square_root|in_timestamp)\("
)

Form = Literal[
    "ref",
    "constant",
    "strict",
    "and",
    "or",
    "coalesce",
    "case",
    "is null",
    "distinct",
    "extremum",
    "between",
    "in",
]


@dataclass(frozen=True, slots=True, eq=False)
class Typed:
    """An operand with its DuckDB type.

    `form` says how NULLs and laziness go; `template` is Python over `{0}`, `{1}` … for operands that are
    not NULL (a comparison, for `distinct`, `extremum`, `between` and `in`). `value` is a constant's value
    inside closures or a reference's index. `adopts` marks an integer literal, whose type follows the other
    operand.
    """

    form: Form
    type: str
    args: tuple[Typed, ...] = ()
    template: str = ""
    value: object = None
    adopts: bool = False

    # Whether it can be NULL, and whether DuckDB can raise while it computes it (and the closure falls back).
    # Kept, because trees share operands: asking again at every level would take exponential time.
    nullable: bool = field(init=False)
    may_raise: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nullable", self._can_be_null())
        raises = bool(_RAISING.search(self.template)) or any(a.may_raise for a in self.args)
        object.__setattr__(self, "may_raise", raises)

    def _can_be_null(self) -> bool:
        match self.form:
            case "constant":
                return self.value is None
            case "ref":
                return True
            case "is null" | "distinct":
                return False
            case "coalesce" | "extremum":
                return all(a.nullable for a in self.args)
            case "case":
                return any(a.nullable for a in (*self.args[1::2], self.args[-1]))
            case _:
                return any(a.nullable for a in self.args)


def strict(type_: str, template: str, *args: Typed) -> Typed:
    """An operation that is NULL when an operand is, and `template` otherwise."""
    return Typed("strict", type_, args, template)


def integer_literal(value: int) -> Typed:
    """A whole number without sign as DuckDB types it standing alone: INTEGER when it fits, else BIGINT."""
    for type_ in ("INTEGER", "BIGINT"):
        if fits(value, type_):
            return Typed("constant", type_, value=value, adopts=True)
    raise Refused(f"the number {value} is beyond BIGINT")


def fits(value: int, type_: str) -> bool:
    half = 1 << (INTEGER_BITS[type_] - 1)
    return -half <= value < half


def check_type(type_: str) -> str:
    """The type, when values of it can enter a closure."""
    if type_ in PLAIN or decimal_parts(type_):
        return type_
    raise Refused(f"the type {type_} is not on the list")


def common_type(args: Sequence[Typed]) -> str:
    """The type DuckDB brings the operands of COALESCE, CASE, a comparison … to; refuses pairs that are not
    proven.
    """
    known = [a for a in args if a.type != NULL]
    if not known:
        raise Refused("only NULLs")
    types = {a.type for a in known}
    if len(types) == 1:
        return known[0].type
    if types <= set(INTEGER_BITS):
        return _common_integer(known)
    if "DOUBLE" in types and all(
        t in INTEGER_BITS or t in ("DOUBLE", "FLOAT") or decimal_parts(t) for t in types
    ):
        return "DOUBLE"
    if types == {"DATE", "TIMESTAMP"}:
        return "TIMESTAMP"
    if all(t in INTEGER_BITS or decimal_parts(t) for t in types):
        return _common_decimal(types)
    raise Refused(f"{' and '.join(sorted(types))} together are not on the list")


def _common_integer(args: Sequence[Typed]) -> str:
    widest = {a.type for a in args if not a.adopts}
    if not widest:
        return max((a.type for a in args), key=INTEGER_BITS.__getitem__)
    base = max(widest, key=INTEGER_BITS.__getitem__)
    beyond = [a for a in args if a.adopts and not fits(_int(a.value), base)]
    if not beyond:
        return base
    if len(args) > 2:
        raise Refused(f"a number too large for {base}")
    return max((base, beyond[0].type), key=INTEGER_BITS.__getitem__)


def _common_decimal(types: set[str]) -> str:
    shapes = [decimal_shape(t) for t in types]
    scale = max(s for _, s in shapes)
    digits = max(p - s for p, s in shapes) + scale
    if digits > MAX_DIGITS:
        raise Refused("decimals that need more than 38 digits together")
    return f"DECIMAL({digits},{scale})"


def decimal_shape(type_: str) -> tuple[int, int]:
    """(precision, scale) of a DECIMAL, or of an integer type where it meets one."""
    return decimal_parts(type_) or (_DIGITS[type_], 0)


def coerce(arg: Typed, to: str) -> Typed:
    """The operand as DuckDB casts it implicitly to a type that `common_type` gave."""
    if arg.type == to:
        return replace(arg, adopts=False) if arg.adopts else arg
    if arg.type == NULL:
        return Typed("constant", to)
    template = _conversion(arg.type, to)
    if arg.form == "constant":
        return Typed("constant", to, value=None if arg.value is None else _constant(arg, to))
    return replace(arg, type=to, adopts=False) if template == "{0}" else strict(to, template, arg)


def _conversion(from_: str, to: str) -> str:
    shape, source = decimal_parts(to), decimal_parts(from_)
    if from_ in INTEGER_BITS and to in INTEGER_BITS:
        return "{0}" if INTEGER_BITS[from_] <= INTEGER_BITS[to] else f"{to.lower()}({{0}})"
    if to == "DOUBLE" and from_ in INTEGER_BITS:
        return "float({0})"
    if to == "DOUBLE" and from_ == "FLOAT":
        return "{0}"
    if to == "DOUBLE" and source and source[1] <= 22:  # 10^22 is the last power of ten that is a DOUBLE
        return f"dec_double_{source[0]}_{source[1]}({{0}})"
    if shape and from_ in INTEGER_BITS:
        return f"dec_{shape[0]}_{shape[1]}(Decimal({{0}}))"
    # to fewer digits after the point it would round
    if shape and source and source[1] <= shape[1]:
        return f"dec_{shape[0]}_{shape[1]}({{0}})"
    if from_ == "DATE" and to == "TIMESTAMP":
        return "in_timestamp({0} * 86400000000)"
    raise Refused(f"{from_} as {to} is not on the list")


def _constant(arg: Typed, to: str) -> object:
    shape = decimal_parts(to)
    value = arg.value
    if arg.type in INTEGER_BITS and to in INTEGER_BITS and fits(_int(value), to):
        return value
    if arg.type in INTEGER_BITS and to == "DOUBLE":
        return float(_int(value))
    if (
        to == "DOUBLE"
        and isinstance(value, Decimal)
        and _units(value) <= 2**53
        and decimal_shape(arg.type)[1] <= 22
    ):
        return float(value)
    if shape and isinstance(value, int | Decimal):
        fitted = Decimal(value)
        if decimal_shape(arg.type)[1] <= shape[1] and abs(fitted) < Decimal(10) ** (shape[0] - shape[1]):
            return decimal_kernel("dec", MAX_DIGITS, shape[1])(fitted)
    if arg.type == "DATE" and to == "TIMESTAMP":
        return _int(value) * 86_400_000_000
    raise Refused(f"{arg.type} as {to} is not on the list")


def _units(value: Decimal) -> int:
    return int("".join(map(str, value.as_tuple().digits)))


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
