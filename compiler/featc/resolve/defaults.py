"""`default:` as SQL text of the feature's type (semantics.md, "Aggregates")."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from featc.errors import Findings
from featc.load.model import Literal
from featc.types import collection_parts, decimal_parts, family

_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}
_UNSIGNED = {"UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32, "UBIGINT": 64}


def default_sql(literal: Literal | None, type_: str, feature: str, findings: Findings) -> str | None:
    """The literal as SQL of type `type_`; None when there is none, or it does not fit, which is reported."""
    if literal is None or literal.value is None:
        return None
    try:
        return _spelled(literal, type_)
    except (ValueError, InvalidOperation) as error:
        findings.error(
            "F315", f"the default of {feature} is no {type_}: {error}", literal.text.span, _hint(type_)
        )
        return None


def _spelled(literal: Literal, type_: str) -> str:
    value, text = literal.value, literal.text.value.strip()
    parts = collection_parts(type_)
    if parts:
        empty: object = () if parts[0] is None else {}
        spelled = "[]" if parts[0] is None else "MAP {}"
        if value != empty:
            raise ValueError(f"it must be the empty {'list' if parts[0] is None else 'map'}")
        return f"{spelled}::{type_}"
    if isinstance(value, tuple | dict) or not isinstance(value, bool | int | Decimal | float | str):
        raise ValueError("it must be one value")
    match family(type_):
        case "integer":
            return _integer(value, type_)
        case "decimal":
            return _decimal(value, text, type_)
        case "float":
            return f"{_quoted(_float(value, text))}::{type_}"
        case "boolean":
            if not isinstance(value, bool):
                raise ValueError(f"'{text}' is neither true nor false")
            return "true" if value else "false"
        case "text":
            return _quoted(literal.text.value)
        case "date":
            return f"{_quoted(date.fromisoformat(text).isoformat())}::DATE"
        case "timestamp":
            return f"{_quoted(_instant(text))}::TIMESTAMP"
        case "uuid":
            return f"{_quoted(str(UUID(text)))}::UUID"
        case _:
            raise ValueError("features of this type have no default")


def _integer(value: object, type_: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float) or value != int(value):
        raise ValueError(f"'{value}' is not a whole number")
    number = int(value)
    bits = _BITS.get(type_)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if bits else (0, 2 ** _UNSIGNED.get(type_, 64) - 1)
    if not low <= number <= high:
        raise ValueError(f"{number} is out of its range")
    return f"{_quoted(str(number)) if number < 0 else number}::{type_}"


def _decimal(value: object, text: str, type_: str) -> str:
    parts = decimal_parts(type_)
    if isinstance(value, bool | str) or parts is None:
        raise ValueError(f"'{text}' is not a number")
    number = Decimal(text)
    precision, scale = parts
    if number != round(number, scale) or abs(number) >= Decimal(10) ** (precision - scale):
        raise ValueError(f"{text} has more digits")
    return f"{_quoted(f'{number:f}')}::{type_}"


def _float(value: object, text: str) -> str:
    special = {
        "nan": "nan",
        "inf": "inf",
        "-inf": "-inf",
        "infinity": "inf",
        "-infinity": "-inf",
        ".nan": "nan",
        ".inf": "inf",
        "-.inf": "-inf",
    }
    if isinstance(value, str) and text.lower() in special:
        return special[text.lower()]
    if isinstance(value, bool | str):
        raise ValueError(f"'{text}' is not a number")
    return text.lower()


def _instant(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _hint(type_: str) -> str:
    parts = collection_parts(type_)
    if parts:
        return "write []" if parts[0] is None else "write {}"
    match family(type_):
        case "date":
            return "write it as 2026-01-31"
        case "timestamp":
            return "write it as 2026-01-31 12:00:00, in UTC"
        case "boolean":
            return "write true or false"
        case "integer" | "decimal" | "float":
            return "write a number without quotes, or cast the feature, as in coalesce(x::varchar, 'none')"
        case _:
            return "remove the default, or cast the feature"
