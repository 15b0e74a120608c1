"""Values as authors write them: reading them by a column's type, and comparing them with what a plan gave."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import yaml

from featc.encoding import encode
from featc.runtime.online.values import as_float
from featc.runtime.verify.history import Failed
from featc.runtime.verify.rows import STAMPS, ZONED
from featc.types import FLOATS, INTEGERS, collection_parts, decimal_parts, family

CLOSE = 1e-9
_FLOAT_CLOSE = 1e-6


def read(text: str, type_: str, zone: str | None = None) -> Any:
    """A value's text as a value of a physical column type. `zone` is that of naive instants in the column.

    Raises ValueError with the reason when the text is no such value or would lose something.
    """
    if type_ in INTEGERS:
        number = int(text)
        encode(number, type_)
        return number
    parts = decimal_parts(type_)
    if parts:
        encode(text, type_)
        return Decimal(text)
    if type_ in FLOATS:
        return as_float(Decimal(text), type_) if type_ == "FLOAT" else float(text)
    if type_ in STAMPS:
        return _stamp(text, type_, zone)
    match family(type_):
        case "boolean":
            found = {"true": True, "false": False, "t": True, "f": False, "1": True, "0": False}.get(text.lower())
            if found is None:
                raise ValueError("neither true nor false")
            return found
        case "date":
            return date.fromisoformat(text)
        case "uuid":
            return UUID(text)
        case _:
            return text


def _stamp(text: str, type_: str, zone: str | None) -> datetime:
    made = datetime.fromisoformat(text)
    if made.tzinfo is None:
        return made
    if zone is None or type_ in ZONED:
        return made.astimezone(UTC).replace(tzinfo=None)
    return made.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def refused(text: str, type_: str, error: Exception) -> str:
    """Why `read` refused, for people."""
    reason = "" if isinstance(error, (InvalidOperation, OverflowError)) else str(error)
    plain = (
        reason and "isoformat" not in reason and "invalid literal" not in reason and "could not convert" not in reason
    )
    return f"'{text}' is not a {type_}" + (f": {reason}" if plain and text not in reason else "")


def as_expected(value: Any, expected: Any, type_: str) -> bool:
    """Whether a plan's value is the expected one: DOUBLE to one part in 10⁹, all else exactly.

    Integers and decimals compare as decimal numbers, so 30 equals 30.00 and 30.005 does not.
    """
    if isinstance(value, Failed) or isinstance(expected, Failed):
        return False
    if value is None or expected is None:
        return value is expected
    parts = collection_parts(type_)
    if parts:
        return _items_as_expected(value, expected, *parts)
    if type_ in FLOATS:
        return _close(value, expected, _FLOAT_CLOSE if type_ == "FLOAT" else CLOSE)
    if type_ in INTEGERS or decimal_parts(type_):
        if isinstance(value, (bool, float)) or not isinstance(value, (int, Decimal)):
            return False
        return Decimal(value) == Decimal(expected)
    if isinstance(value, bool) != isinstance(expected, bool):
        return False
    return bool(value == expected)


def _items_as_expected(value: Any, expected: Any, key: str | None, item: str) -> bool:
    """A list's items in their order, a map's by key in any."""
    if isinstance(value, list) and isinstance(expected, list) and key is None:
        return len(value) == len(expected) and all(map(as_expected, value, expected, [item] * len(value)))
    if not isinstance(value, dict) or not isinstance(expected, dict) or key is None or len(value) != len(expected):
        return False
    wanted = list(expected.items())
    return all(any(as_expected(k, w, key) and as_expected(v, x, item) for w, x in wanted) for k, v in value.items())


def _close(value: Any, expected: Any, relative: float) -> bool:
    if not isinstance(value, float) or not isinstance(expected, (int, float, Decimal)):
        return False
    wanted = float(expected)
    if math.isnan(value) or math.isnan(wanted):
        return math.isnan(value) and math.isnan(wanted)
    return math.isclose(value, wanted, rel_tol=relative)


def expectation(text: str, type_: str) -> Any:
    """An expected value's text by the feature's type; a decimal keeps all its digits. A list is written [1, 2] and a
    map {a: 1}, in YAML or in a CSV file. Raises ValueError."""
    parts = collection_parts(type_)
    if parts:
        return _collection(text, *parts)
    if type_ in INTEGERS or decimal_parts(type_):
        try:
            return Decimal(text)
        except InvalidOperation:
            raise ValueError("not a number") from None
    return float(text) if type_ in FLOATS else read(text, type_)


def _collection(text: str, key: str | None, item: str) -> Any:
    try:
        found = yaml.compose(text, Loader=yaml.SafeLoader)  # every scalar stays text
    except yaml.YAMLError:
        found = None
    if key is None:
        if not isinstance(found, yaml.SequenceNode):
            raise ValueError("write a list, such as [1, 2]")
        return [_item(v, item) for v in found.value]
    if not isinstance(found, yaml.MappingNode):
        raise ValueError("write a map, such as {a: 1}")
    return {expectation(_one(k), key): _item(v, item) for k, v in found.value}


def _item(node: yaml.Node, type_: str) -> Any:
    text = _one(node)
    unquoted = isinstance(node, yaml.ScalarNode) and node.style is None
    return None if unquoted and is_null(text) else expectation(text, type_)


def is_null(text: str) -> bool:
    """Whether an item's text, if it stands without quotes, is no value."""
    return text.lower() in ("null", "~", "")


def _one(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError("its items are plain values")
    return str(node.value)
