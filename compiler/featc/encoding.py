"""How values are kept in an online store, exactly (architecture.md, "Storage").

An *encoded* value is an integer, a text or a blob whose order in the store is DuckDB's order of the values, so that
comparing, min, max and sorting mean the same in the store, in process and in the training query:

| type | encoded |
|---|---|
| integers up to 64 bits | INTEGER |
| BOOLEAN | INTEGER 0 or 1 |
| DECIMAL(p ≤ 18, s) | INTEGER, value · 10^s |
| TIMESTAMP | INTEGER, µs since the epoch, UTC |
| DATE | INTEGER, days since the epoch |
| FLOAT, DOUBLE | INTEGER, the bits in the values' order; −0.0 is 0.0, NaN is greatest |
| VARCHAR, UUID | TEXT, in order of UTF-8 bytes |
| UBIGINT, HUGEINT, UHUGEINT, DECIMAL(p > 18, s) | BLOB of 17 bytes: DuckDB's sort key of the (scaled) integer |
| anything else | BLOB: DuckDB's sort key; equality and order, but no way back |

DuckDB encodes (`encoded_sql`); Python decodes (`decode`), and encodes the keys of a request (`encode`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any, Literal
from uuid import UUID

from featc.types import FLOATS, INTEGERS, decimal_parts, family

Storage = Literal["INTEGER", "TEXT", "BLOB"]

_WIDE_INTEGERS = ("UBIGINT", "HUGEINT", "UHUGEINT")
_SIGN = 2**127
_MASK = 2**63 - 1
NAN_CODE = _MASK
_EPOCH = datetime(1970, 1, 1)
_EPOCH_DAY = date(1970, 1, 1)
_ALL_POSITIVE = struct.Struct(">d")
_SIGNED = struct.Struct(">q")
_SINGLE = struct.Struct(">f")

SORT_ORDER = "'ASC NULLS FIRST'"


def is_wide(type_: str) -> bool:
    """Whether values need more than 64 bits, so that the store cannot add them up."""
    parts = decimal_parts(type_)
    return type_ in _WIDE_INTEGERS or (parts is not None and parts[0] > 18)


def storage(type_: str) -> Storage:
    """The store's type for encoded values of a DuckDB type."""
    if is_wide(type_):
        return "BLOB"
    match family(type_):
        case "text" | "uuid":
            return "TEXT"
        case "other":
            return "BLOB"
        case _:
            return "INTEGER"


def has_way_back(type_: str) -> bool:
    """Whether an encoded value can be decoded."""
    return family(type_) != "other"


# ── DuckDB encodes ────────────────────────────────────────────────────────────────────────────────────────────────


def sort_key_sql(items: list[str]) -> str:
    """A BLOB whose order is that of the items in turn, NULLs first.

    DuckDB gives an integer instead of a blob where all items together are narrow; the empty text at the end of such
    keys keeps them blobs.
    """
    return f"create_sort_key({', '.join(f'{i}, {SORT_ORDER}' for i in items)})"


def double_code_sql(sql: str) -> str:
    """An order-preserving BIGINT for a DOUBLE: negative numbers have the bits below the sign turned round."""
    return (
        f"CASE WHEN isnan({sql}) THEN {NAN_CODE} WHEN {sql} = 0 THEN 0 WHEN {sql} < 0"
        f" THEN xor({sql}::BIT::BIGINT, {_MASK}) ELSE {sql}::BIT::BIGINT END"
    )


def encoded_sql(sql: str, type_: str) -> str:
    """DuckDB SQL for the encoded value of an expression of `type_`. NULL stays NULL."""
    parts = decimal_parts(type_)
    if is_wide(type_):
        wide = sql if type_ == "UHUGEINT" else f"({sql})::{f'DECIMAL(38,{parts[1]})' if parts else 'HUGEINT'}"
        return f"CASE WHEN {sql} IS NOT NULL THEN {sort_key_sql([wide])} END"
    if parts:
        # widened first: DECIMAL(18) has no room for the product
        return f"(({sql})::DECIMAL(38,{parts[1]}) * {10 ** parts[1]})::BIGINT" if parts[1] else f"({sql})::BIGINT"
    match family(type_):
        case "float":
            return double_code_sql(f"({sql})::DOUBLE" if type_ != "DOUBLE" else f"({sql})")
        case "boolean":
            return f"({sql})::TINYINT"
        case "timestamp":
            return f"epoch_us({sql})"
        case "date":
            return f"({sql}) - DATE '1970-01-01'"
        case "uuid":
            return f"({sql})::VARCHAR"
        case "other":
            return f"CASE WHEN {sql} IS NOT NULL THEN {sort_key_sql([sql, chr(39) * 2])} END"
        case _:
            return sql


def real_sql(sql: str, type_: str) -> str:
    """DuckDB SQL for the value as a finite DOUBLE, in the value's own unit; NULL where it is not finite."""
    as_double = f"({sql})::DOUBLE" if type_ != "DOUBLE" else sql
    if type_ not in FLOATS:
        return as_double
    return f"CASE WHEN isfinite({sql}) THEN {as_double} END"


# ── Python decodes ────────────────────────────────────────────────────────────────────────────────────────────────


def code_to_double(code: int) -> float:
    """The DOUBLE an order-preserving integer stands for."""
    if code == NAN_CODE:
        return float("nan")
    bits = code if code >= 0 else code ^ _MASK
    value: float = _ALL_POSITIVE.unpack(_SIGNED.pack(bits))[0]
    return value


def double_to_code(value: float) -> int:
    """The order-preserving integer of a DOUBLE, as `double_code_sql` has it."""
    if value != value:
        return NAN_CODE
    if value == 0:
        return 0
    bits: int = _SIGNED.unpack(_ALL_POSITIVE.pack(value))[0]
    return bits if bits >= 0 else bits ^ _MASK


def wide_to_int(blob: bytes, type_: str) -> int:
    """The integer (scaled, for decimals) a wide blob stands for."""
    return int.from_bytes(blob[1:], "big") - (0 if type_ == "UHUGEINT" else _SIGN)


def int_to_wide(value: int, type_: str) -> bytes:
    return b"\x02" + (value + (0 if type_ == "UHUGEINT" else _SIGN)).to_bytes(16, "big")


def scaled_to_decimal(value: int, scale: int) -> Decimal:
    """value · 10^−scale, exactly."""
    sign, digits = (1, str(-value)) if value < 0 else (0, str(value))
    return Decimal((sign, tuple(map(int, digits)), -scale))


def decoder(type_: str) -> Callable[[Any], Any]:
    """A function from an encoded value, not None, to the Python value users see.

    Floats pass through, so that finished sums, means and deviations need no encoding. Raises OverflowError for an
    instant that Python's datetime cannot hold, TypeError for a type without a way back.
    """
    parts = decimal_parts(type_)
    if parts:
        scale = parts[1]
        if parts[0] > 18:
            return lambda v: scaled_to_decimal(wide_to_int(v, type_) if isinstance(v, bytes) else v, scale)
        return lambda v: scaled_to_decimal(v, scale)
    if type_ in _WIDE_INTEGERS:
        return lambda v: wide_to_int(v, type_) if isinstance(v, bytes) else v
    match family(type_):
        case "integer" | "text":
            return lambda v: v
        case "boolean":
            return bool
        case "timestamp":
            return lambda v: _EPOCH + timedelta(microseconds=v)
        case "date":
            return lambda v: _EPOCH_DAY + timedelta(days=v)
        case "uuid":
            return UUID
        case "float":
            return lambda v: v if isinstance(v, float) else code_to_double(v)
        case _:
            raise TypeError(f"values of type {type_} cannot be read back from an online store")


def arithmetic(value: Any, type_: str) -> Any:
    """An encoded value as the algebra adds it up: wide blobs and DOUBLE codes become numbers."""
    if isinstance(value, bytes):
        return wide_to_int(value, type_)
    return code_to_double(value) if type_ in FLOATS else value


# ── Python encodes the values of a request ────────────────────────────────────────────────────────────────────────


def micros_of(value: datetime) -> int:
    """A datetime as µs since the epoch; naive is UTC."""
    naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return (naive - _EPOCH) // timedelta(microseconds=1)


def as_single(value: float) -> float:
    """The FLOAT nearest to a number. Raises OverflowError for a finite one beyond all of them."""
    found: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    return found


def as_integer(value: Any) -> int:
    """The integer a value is, losing nothing. Raises ValueError, TypeError or OverflowError where it is none."""
    if isinstance(value, bool):
        raise ValueError("a BOOLEAN")
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return int(value)
    if isinstance(value, (float, Decimal)) and value == int(value):
        return int(value)
    return int(value.__index__())


def as_scaled(value: Any, precision: int, scale: int) -> int:
    """value · 10^scale of a DECIMAL(precision, scale); a float means its shortest text. Raises as `as_integer`."""
    if isinstance(value, bool):
        raise ValueError("a BOOLEAN")
    with localcontext(prec=100):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        scaled = number.scaleb(scale)
        whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"it has more than {scale} digits after the point")
    if abs(whole) >= 10**precision:
        raise ValueError("it is too large")
    return whole


def _as_boolean(value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    named = {"true": 1, "false": 0, "t": 1, "f": 0}
    if isinstance(value, str) and value.lower() in named:
        return named[value.lower()]
    raise ValueError("neither true nor false")


def _as_micros(value: Any) -> int:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return micros_of(value)
    if isinstance(value, date):
        return micros_of(datetime(value.year, value.month, value.day))
    raise ValueError("not an instant")


def _as_days(value: Any) -> int:
    if isinstance(value, date) and not isinstance(value, datetime):
        return (value - _EPOCH_DAY).days
    whole, rest = divmod(_as_micros(value), 86_400_000_000)
    if rest:
        raise ValueError("it has a time of day")
    return whole


RANGES = {  # [low, high) of each integer type
    "TINYINT": (-(2**7), 2**7),
    "SMALLINT": (-(2**15), 2**15),
    "INTEGER": (-(2**31), 2**31),
    "BIGINT": (-(2**63), 2**63),
    "HUGEINT": (-(2**127), 2**127),
    "UTINYINT": (0, 2**8),
    "USMALLINT": (0, 2**16),
    "UINTEGER": (0, 2**32),
    "UBIGINT": (0, 2**64),
    "UHUGEINT": (0, 2**128),
}


def encode(value: Any, type_: str) -> Any:
    """A Python value (or its text) as the store keeps it; None stays None.

    Raises ValueError with the reason when it is not a value of `type_` or converting it would lose something.
    """
    if value is None:
        return None
    try:
        return _encode(value, type_)
    except (InvalidOperation, TypeError, AttributeError, OverflowError) as wrong:
        raise ValueError(f"{value!r} is not a {type_}") from wrong


def _encode(value: Any, type_: str) -> Any:
    parts = decimal_parts(type_)
    if parts:
        scaled = as_scaled(value, *parts)
        return int_to_wide(scaled, type_) if parts[0] > 18 else scaled
    if type_ in INTEGERS:
        whole = as_integer(value)
        low, high = RANGES[type_]
        if not low <= whole < high:
            raise ValueError(f"{whole} is outside {type_}")
        return int_to_wide(whole, type_) if type_ in _WIDE_INTEGERS else whole
    match family(type_):
        case "boolean":
            return _as_boolean(value)
        case "timestamp":
            return _as_micros(value)
        case "date":
            return _as_days(value)
        case "uuid":
            return str(value if isinstance(value, UUID) else UUID(value))
        case "float":
            return double_to_code(float(value))
        case "text":
            if not isinstance(value, str):
                raise ValueError("not text")
            if not value.isascii():
                value.encode()  # half of a surrogate pair is no text, and UnicodeError is a ValueError
            return value
        case _:
            raise ValueError(f"a {type_} cannot be given")
