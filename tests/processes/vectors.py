"""JSON that `featc get` prints, as the values it stands for: nothing passes through a DOUBLE that is not one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from oracle import Value


class Number(str):
    """A JSON number with a fraction or an exponent, by its digits."""

    __slots__ = ()


def read_vectors(text: str, types: Mapping[str, str]) -> list[dict[str, Value]]:
    """The answer's rows. `types`: output -> its type as the oracle names it; another kind of JSON value raises."""
    rows = json.loads(text, parse_float=Number, parse_constant=_refuse)
    return [{name: _value(types[name], v) for name, v in row.items()} for row in rows]


def _value(type_: str, given: Any) -> Value:
    """A value of a type, `list T` and `map K V` item by item; keys of a JSON object are texts."""
    if given is None:
        return None
    form, _, rest = type_.partition(" ")
    if form == "list":
        return [_value(rest, item) for item in _kept(list)(given)]
    if form == "map":
        key, _, item = rest.partition(" ")
        return {_key(key, k): _value(item, v) for k, v in _kept(dict)(given).items()}
    return _READERS[type_](given)


def _key(type_: str, text: str) -> Value:
    return _value(type_, text if type_ in ("text", "timestamp", "decimal") else json.loads(text))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _kept(type_: type) -> Callable[[Any], Any]:
    def value(given: Any) -> Any:
        if type(given) is not type_:
            raise TypeError(f"{given!r} is not {type_.__name__}")
        return given

    return value


def _double(given: Any) -> float:
    if isinstance(given, Number) or given in ("NaN", "Infinity", "-Infinity"):
        return float(given)
    raise TypeError(f"{given!r} is no DOUBLE")


def _decimal(given: Any) -> Decimal:
    if isinstance(given, bool):
        raise TypeError(f"{given!r} is no decimal")
    return Decimal(given)


def _instant(given: Any) -> datetime:
    text = _kept(str)(given)
    if not text.endswith("Z"):
        raise ValueError(f"{text} does not say its zone")
    return datetime.fromisoformat(text[:-1])


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "bigint": _kept(int),
    "boolean": _kept(bool),
    "text": _kept(str),
    "double": _double,
    "decimal": _decimal,
    "timestamp": _instant,
}
