"""Values between people and Python: text from the command line by type, and values as text or JSON.

JSON has one kind of number, and most readers keep it as a DOUBLE. So a decimal is written as a number when a
DOUBLE gives its digits back, else as text, so that no digit is ever lost; integers are written in full. NaN
and infinities, which JSON lacks, are the texts "NaN", "Infinity", "-Infinity". Instants are ISO 8601 in UTC,
with a Z.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from math import isfinite, isnan
from typing import Any
from uuid import UUID

from featc.runtime.texts import format_double as format_double
from featc.runtime.texts import to_text as to_text
from featc.types import family

_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def from_text(text: str, type_: str) -> Any:
    """A value of a DuckDB type from what a user typed; naive instants are UTC. Raises ValueError with why."""
    try:
        return _from_text(text.strip() if family(type_) != "text" else text, type_)
    except (ValueError, KeyError, InvalidOperation, OverflowError):
        raise ValueError(f"'{text}' is not a {type_}") from None


def _from_text(text: str, type_: str) -> Any:
    if family(type_) in ("integer", "decimal", "float") and ("_" in text or not text.isascii()):
        raise ValueError(text)  # Python would take them
    match family(type_):
        case "integer":
            return int(text)
        case "decimal":
            found = Decimal(text)
            if not found.is_finite():
                raise ValueError(text)
            return found
        case "float":
            return float(text)
        case "boolean":
            return _BOOLEANS[text.lower()]
        case "timestamp":
            moment = datetime.fromisoformat(text)
            return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        case "date":
            return date.fromisoformat(text)
        case "uuid":
            return UUID(text)
        case _:
            return text


def to_json(value: Any) -> str:
    """Any answer as JSON text."""
    return json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False)


def plain(value: Any) -> Any:
    """A value as JSON's own kinds, by the rules at the head of this module."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if isfinite(value) else _odd(value)
        case Decimal():
            return _decimal(value)
        case datetime():
            naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            return naive.isoformat() + "Z"
        case date() | time():
            return value.isoformat()
        case Mapping():
            return {_key(k): plain(v) for k, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(v) for v in value]
        case _:
            return str(value)


def _key(value: Any) -> str:
    """A map's key, which JSON has as text only."""
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False).strip('"')


def _odd(value: float) -> str:
    return "NaN" if isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _decimal(value: Decimal) -> int | float | str:
    if not value.is_finite():
        return str(value)
    if value == value.to_integral_value() and value.as_tuple().exponent == 0:
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)
