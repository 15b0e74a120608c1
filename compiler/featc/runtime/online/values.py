"""Python values of a batch, column by column, as DuckDB is given them: one value's type never changes another's.

DuckDB gives a list one type, and a float among integers would turn them all into DOUBLE. So every value is brought to
its column's physical type by itself, losing nothing, and what does not fit is refused with its row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any
from uuid import UUID

from featc.encoding import RANGES, as_integer, as_scaled, as_single, is_wide, micros_of, scaled_to_decimal
from featc.errors import Diagnostic, FeatcError
from featc.lower.source import literal
from featc.resolve.model import Column, Source
from featc.types import FLOATS, INTEGERS, decimal_parts

ZONED = "TIMESTAMP WITH TIME ZONE"
ZONED_NS = "TIMESTAMPTZ_NS"
NAIVE = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S")

_PLAIN = frozenset({type(None), bool, int, float, Decimal, str, bytes, datetime, date, time, timedelta, UUID})
_PLAIN |= frozenset({list, tuple, dict})


def plain(value: Any) -> Any:
    """A value of the standard library for one of numpy or pandas; their NaT and NA are None."""
    if type(value) in _PLAIN:
        return value
    name, module = type(value).__name__, type(value).__module__.partition(".")[0]
    if name in ("NAType", "NaTType"):
        return None
    if module == "pandas" and name == "Timestamp":
        return value.to_pydatetime(warn=False)  # its nanoseconds count from the microsecond before
    if module != "numpy" or not hasattr(value, "item"):
        return value
    if value.dtype.kind == "M":
        return value.astype("datetime64[us]").item()  # numpy floors, also before 1970
    return value.item() if value.ndim == 0 else value.tolist()


@dataclass(frozen=True, slots=True)
class Given:
    """A column of Python values: lists to bind, SQL over them (`{0}` …: the parameters), and the SQL's DuckDB type.

    `type` is None where DuckDB finds it.
    """

    lists: tuple[list[Any], ...]
    sql: str
    type: str | None


def given(source: Source, column: Column, values: Sequence[Any]) -> Given:
    """The values as DuckDB is given them. Raises FeatcError F612, naming row and value, where one does not fit."""
    found = [plain(v) for v in values]
    kinds = {type(v) for v in found if v is not None}
    if str in kinds and len(kinds) > 1:
        other = next(k.__name__ for k in kinds if k is not str)
        raise refusal("F612", f"{source.name}.{column.name} has both text and {other} values")
    if not kinds:
        return Given((found,), f"unnest({{0}}::{column.physical}[])", column.physical)
    if kinds == {str}:
        return Given((found,), "unnest({0}::VARCHAR[])", "VARCHAR")
    fitting = _fitting(column.physical)
    if fitting and any(issubclass(k, fitting) and not _is_bool(k, column) for k in kinds):
        return _exact(source, column, found)
    return Given((found,), "unnest({0})", None)


def _is_bool(kind: type, column: Column) -> bool:
    return kind is bool and column.physical != "BOOLEAN"


def refusal(code: str, message: str, hint: str = "nothing was written") -> FeatcError:
    return FeatcError(Diagnostic(code, message, hint=hint))


def way_out(physical: str, value: Any) -> str:
    """What to do about a value that a column of a physical type cannot hold."""
    hint = "put the row right, or leave it out; nothing was written"
    is_number = decimal_parts(physical) is not None or physical in FLOATS
    return f"decimals use a point, as in 12.50; {hint}" if is_number and "," in str(value) else hint


def _fitting(physical: str) -> tuple[type, ...]:
    """The Python types whose values can be brought to a physical type; none where DuckDB converts."""
    if physical in INTEGERS or physical in FLOATS or decimal_parts(physical):
        return (int, float, Decimal)
    if physical in (*NAIVE, ZONED, ZONED_NS, "DATE"):
        return (date,)
    return (bool,) if physical == "BOOLEAN" else ()


def _exact(source: Source, column: Column, values: list[Any]) -> Given:
    """Every value by itself to the physical type."""
    physical = column.physical
    if physical in (*NAIVE, ZONED, ZONED_NS, "DATE"):
        return _instants(source, column, values)
    convert, sql = _conversion(physical)
    return Given((_each(source, column, values, convert),), sql, physical)


def _each(source: Source, column: Column, values: list[Any], convert: Callable[[Any], Any]) -> list[Any]:
    found = []
    for row, value in enumerate(values, 1):
        try:
            found.append(None if value is None else convert(value))
        except (ValueError, TypeError, AttributeError, OverflowError, InvalidOperation):
            message = f"row {row}: {source.name}.{column.name} is {column.physical}, and it cannot hold {value}"
            raise refusal("F612", message, way_out(column.physical, value)) from None
    return found


def _conversion(physical: str) -> tuple[Callable[[Any], Any], str]:
    """(one value to what is bound, SQL over the list bound)."""
    parts = decimal_parts(physical)
    if parts:
        precision, scale = parts
        return (
            lambda v: format(scaled_to_decimal(as_scaled(v, precision, scale), scale), "f"),
            f"unnest({{0}}::VARCHAR[])::{physical}",
        )
    if physical in FLOATS:
        return (lambda v: as_float(v, physical)), f"unnest({{0}}::DOUBLE[])::{physical}"
    if physical in INTEGERS:
        low, high = RANGES[physical]
        if is_wide(physical):
            return (lambda v: str(_in_range(v, low, high))), f"unnest({{0}}::VARCHAR[])::{physical}"
        return (lambda v: _in_range(v, low, high)), f"unnest({{0}}::{physical}[])"
    return _as_bool, "unnest({0}::BOOLEAN[])"


def _as_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _in_range(value: Any, low: int, high: int) -> int:
    whole = value if type(value) is int else as_integer(value)
    if not low <= whole < high:
        raise ValueError
    return whole


def as_float(value: Any, physical: str) -> float:
    """A number as FLOAT or DOUBLE. Raises ValueError or OverflowError where it holds another one."""
    if isinstance(value, bool):
        raise ValueError
    found = float(value)
    if physical == "FLOAT":
        found = as_single(found)
    if isinstance(value, Decimal) and value.is_finite():  # 0.1 is meant by the number nearest to it
        with localcontext(prec=1000):
            fits = Decimal(found).quantize(value) == value
    else:
        fits = found == value or found != found
    if not fits:
        raise ValueError
    return found


def _instants(source: Source, column: Column, values: list[Any]) -> Given:
    """Instants with a zone as TIMESTAMPTZ, naive ones as TIMESTAMP; both together with naive ones in the source's."""
    for row, value in enumerate(values, 1):
        if value is not None and not isinstance(value, date):
            kind = type(value).__name__
            raise refusal("F612", f"row {row}: {source.name}.{column.name} is {column.physical}, not {kind}: {value}")
    local = [None if v is None or _is_zoned(v) else _micros(v) for v in values]
    zoned = [_micros(v) if v is not None and _is_zoned(v) else None for v in values]
    naive, aware = "make_timestamp(unnest({0}::BIGINT[]))", "make_timestamp(unnest({0}::BIGINT[])) AT TIME ZONE 'UTC'"
    if all(v is None for v in zoned):
        return Given((local,), naive, "TIMESTAMP")
    if all(v is None for v in local):
        return Given((zoned,), aware, ZONED)
    zone = literal(source.timezone or "UTC")
    sql = f"coalesce({aware}, {naive.replace('{0}', '{1}')} AT TIME ZONE {zone})"
    return Given((zoned, local), sql, ZONED)


def _is_zoned(value: date) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _micros(value: date) -> int:
    return micros_of(value if isinstance(value, datetime) else datetime(value.year, value.month, value.day))
