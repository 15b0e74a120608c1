"""What generated closures call: exact arithmetic on Python values, conversions at the boundary, `FallBack`.

Inside a closure a TIMESTAMP is an int (µs since 1970), a DATE an int (days since 1970), a DECIMAL a
`Decimal` with the type's own scale; everything else is the Python value itself. Nothing here guesses: a
value that might not be what DuckDB would make of it raises `FallBack`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, Inexact, InvalidOperation
from functools import cache


class FallBack(Exception):
    """The closure will not answer for these values: evaluate the expression in DuckDB, which gives the
    value or the error.
    """


INTEGER_BITS: Mapping[str, int] = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}

DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1)
_EPOCH_DAY = _EPOCH.toordinal()
# The years of Python's datetime. Further out values are plain ints, and only operations on ints are answered.
_FIRST_DAY, _LAST_DAY = date.min.toordinal() - _EPOCH_DAY, date.max.toordinal() - _EPOCH_DAY
# DuckDB's own limits are a little wider; beyond these it has the last word.
_INSTANT_LIMIT = 9_000_000_000_000_000_000
_DAY_LIMIT = _INSTANT_LIMIT // DAY
_EXACT_DOUBLE = 2**53

# Wide enough for every product of two DECIMAL(38): results are exact or raise, never rounded.
_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation])


# ── the boundary ──────────────────────────────────────────────────────────────────────────────────


def in_timestamp(value: object) -> int:
    """µs since 1970 of a naive UTC datetime; an int is taken to be µs already."""
    if value.__class__ is int and -_INSTANT_LIMIT <= value <= _INSTANT_LIMIT:
        return value
    if value.__class__ is not datetime or value.tzinfo is not None:
        raise FallBack
    passed: timedelta = value - _EPOCH
    return passed.days * DAY + passed.seconds * 1_000_000 + passed.microseconds


def in_date(value: object) -> int:
    """Days since 1970 of a date; an int is taken to be days already."""
    if value.__class__ is int and -_DAY_LIMIT <= value <= _DAY_LIMIT:
        return value
    if value.__class__ is not date:
        raise FallBack
    return value.toordinal() - _EPOCH_DAY


def in_text(value: object) -> str:
    """A str that has a UTF-8 form (a lone surrogate has none)."""
    if value.__class__ is not str:
        raise FallBack
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise FallBack from None
    return value


def in_bool(value: object) -> bool:
    if value.__class__ is not bool:
        raise FallBack
    return value


def in_double(value: object) -> float:
    if value.__class__ is not float:
        raise FallBack
    return value


def out_timestamp(value: int) -> datetime:
    """The datetime of µs since 1970. Outside the years 1 to 9999 there is none."""
    try:
        return _EPOCH + timedelta(microseconds=value)
    except OverflowError:
        raise FallBack from None


def out_date(value: int) -> date:
    if not _FIRST_DAY <= value <= _LAST_DAY:
        raise FallBack
    return date.fromordinal(value + _EPOCH_DAY)


# ── DOUBLE ────────────────────────────────────────────────────────────────────────────────────────


def divide_by_zero(a: float, b: float) -> float:
    """a / b for b = ±0.0, as IEEE has it."""
    if a == 0.0 or a != a:
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def modulo(a: float, b: float) -> float:
    """C's fmod, exact; NaN where C says so and Python raises."""
    return math.nan if b == 0.0 or math.isinf(a) else math.fmod(a, b)


def floor(a: float) -> float:
    return math.copysign(float(math.floor(a)), a) if abs(a) < _EXACT_DOUBLE else a


def ceil(a: float) -> float:
    return math.copysign(float(math.ceil(a)), a) if abs(a) < _EXACT_DOUBLE else a


def half_away(a: float) -> float:
    """C's round: to the nearest whole number, halves away from zero."""
    size = abs(a)
    if not size < _EXACT_DOUBLE:
        return a
    whole = math.floor(size)
    return math.copysign(float(whole + (size - whole >= 0.5)), a)


def round_to(a: float, power: float) -> float:
    """DuckDB's round(a, n) with power = 10^n, n from 0 to 15.

    The product is rounded to a DOUBLE and may so become a half that the value is short of, as 2.675 * 100 does:
    then it is not rounded away from zero.
    """
    scaled = a * power
    whole = half_away(scaled)
    if abs(whole - scaled) == 0.5 and _short_of_half(abs(a), power, abs(whole)):
        whole = math.copysign(abs(whole) - 1.0, a)
    rounded = whole / power
    return rounded if math.isfinite(rounded) else a


def _short_of_half(size: float, power: float, whole: float) -> bool:
    """Whether size * power, exactly, is less than whole - 0.5."""
    numerator, denominator = size.as_integer_ratio()
    return 2 * numerator * int(power) < (2 * int(whole) - 1) * denominator


def square_root(a: float) -> float:
    if a < 0.0:
        raise FallBack
    return math.sqrt(a)


# ── integers ──────────────────────────────────────────────────────────────────────────────────────


def quotient(a: int, b: int) -> int:
    """a // b towards zero."""
    if b == 0:
        raise FallBack
    return a // b if (a < 0) == (b < 0) else -(-a // b)


def int_remainder(a: int, b: int) -> int:
    """a % b with the sign of a. DuckDB refuses the least integer % -1; it has the word for every -1."""
    if b == 0 or b == -1:
        raise FallBack
    size = abs(a) % abs(b)
    return -size if a < 0 else size


def dec_remainder(a: Decimal, b: Decimal) -> Decimal:
    if not b:
        raise FallBack
    return _EXACT.remainder(a, b)


def to_integer(a: float) -> int:
    """A DOUBLE cast to an integer: to the nearest, halves to the even one."""
    if not math.isfinite(a):
        raise FallBack
    return round(a)


def calendar(days: int) -> date:
    return out_date(days)


def _integer_checks(bits: int) -> tuple[Callable[[object], int], Callable[[int], int]]:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def enter(value: object) -> int:
        if value.__class__ is int and low <= value <= high:
            return value
        raise FallBack

    def check(value: int) -> int:
        if low <= value <= high:
            return value
        raise FallBack

    return enter, check


# ── DECIMAL ───────────────────────────────────────────────────────────────────────────────────────


@cache
def decimal_kernel(name: str, precision: int, scale: int) -> Callable[[Decimal], object]:
    """The kernels that depend on a DECIMAL's precision and scale: `dec`, `in_dec`, `dec_double`,
    `dec_floor`, `dec_ceil`.
    """
    unit = Decimal(1).scaleb(-scale)
    zero = Decimal(0).scaleb(-scale)
    limit = Decimal(10) ** (precision - scale)
    exact = Decimal(_EXACT_DOUBLE).scaleb(-scale, _EXACT)
    floor_of, ceiling_of = Context(prec=100, rounding=ROUND_FLOOR), Context(prec=100, rounding=ROUND_CEILING)

    def fit(value: Decimal) -> Decimal:
        """The value with exactly this scale, or `FallBack` when it is too large."""
        if -limit < value < limit:
            return _EXACT.quantize(value, unit) if value else zero  # a DECIMAL has no -0
        raise FallBack

    def enter(value: object) -> Decimal:
        if value.__class__ is not Decimal:
            raise FallBack
        try:
            # quantising first refuses NaN, infinities and digits beyond the scale
            return fit(_EXACT.quantize(value, unit))
        except (Inexact, InvalidOperation):
            raise FallBack from None

    def to_double(value: Decimal) -> float:
        """Up to 2^53 units DuckDB's division by 10^scale is correctly rounded, as `float` is; beyond it is
        not.
        """
        if -exact <= value <= exact:
            return float(value)
        raise FallBack

    kernels: dict[str, Callable[..., object]] = {
        "dec": fit, "in_dec": enter, "dec_double": to_double,
        "dec_floor": lambda value: value.to_integral_value(context=floor_of),
        "dec_ceil": lambda value: value.to_integral_value(context=ceiling_of),
    }  # fmt: skip
    return kernels[name]


# ── names in generated code ───────────────────────────────────────────────────────────────────────

_PLAIN: dict[str, object] = {
    "FallBack": FallBack, "float": float, "abs": abs, "len": len, "str": str, "int": int, "round": round,
    "isfinite": math.isfinite, "isinf": math.isinf,
    **{
        f.__name__: f
        for f in (
            in_timestamp, in_date, in_text, in_bool, in_double, out_timestamp, out_date, divide_by_zero,
            modulo, floor,
            ceil, half_away, round_to, square_root, quotient, int_remainder, calendar,
            dec_remainder, to_integer,
        )
    },
    "add": _EXACT.add, "subtract": _EXACT.subtract, "multiply": _EXACT.multiply, "negate": _EXACT.minus,
    "Decimal": Decimal, "dec_abs": _EXACT.abs,
}  # fmt: skip
for _type, _bits in INTEGER_BITS.items():
    _PLAIN[f"in_{_type.lower()}"], _PLAIN[_type.lower()] = _integer_checks(_bits)

_DECIMAL_NAME = re.compile(r"(dec|in_dec|dec_double|dec_floor|dec_ceil)_(\d+)_(\d+)")


def namespace(source: str) -> dict[str, object]:
    """The globals of generated source: the kernels, and the decimal kernels it names."""
    found = {m[0]: decimal_kernel(m[1], int(m[2]), int(m[3])) for m in _DECIMAL_NAME.finditer(source)}
    return {"__builtins__": {}, **_PLAIN, **found}
