"""Definitions as JSON and back: what an author wrote, rendered, without places."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, cast

from featc.durations import parse_duration
from featc.errors import Span
from featc.load.model import Duration, Literal
from featc.load.text import Text

LOCK_FILE = "featc.lock"
HERE = Span(LOCK_FILE, 1, 1)

T = TypeVar("T")


def to_plain(value: object) -> Any:
    """A definition, or a part of one, as JSON. What is as by default is left out, and so are places."""
    match value:
        case Text():
            return value.value
        case Duration():
            return value.text.value
        case Literal():
            return {"is": _constant(value.value), "quoted": value.quoted, "text": value.text.value}
        case Mapping():
            return {str(k): definition(v) if is_dataclass(v) else to_plain(v) for k, v in value.items()}
        case tuple() | list():
            return [to_plain(v) for v in value]
        case Decimal():
            return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        said = ((f.name, getattr(value, f.name)) for f in fields(value) if _is_said(value, f))
        return {name: plain for name, one in said if (plain := to_plain(one)) != {}}
    return value


def definition(value: object) -> Any:
    """The same of what has its name beside it: without it."""
    found = to_plain(value)
    if isinstance(found, dict) and not isinstance(value, Literal):
        found.pop("name", None)
    return found


def _is_said(owner: object, field: Field[Any]) -> bool:
    value = getattr(owner, field.name)
    if field.name == "span" or value is None:
        return False
    if value in ((), {}) and value == _empty(_hints(cast(Any, type(owner)))[field.name]):
        return False
    if field.default is not MISSING:
        return bool(value != field.default)
    return field.default_factory is MISSING or value != field.default_factory()


def _constant(value: object) -> Any:
    """A literal's value with its kind."""
    match value:
        case tuple():
            return ["list", [to_plain(v) for v in value]]
        case Mapping():
            return ["map", {str(k): to_plain(v) for k, v in value.items()}]
        case Decimal():
            return ["decimal", str(value)]
        case float():
            return ["float", repr(value)]
    return ["plain", value]


def from_plain(kind: type[T], data: Any, name: str = "") -> T:
    """A definition of `kind` out of its JSON; `name` is that of definitions that have one.

    Raises ValueError, KeyError or TypeError for what `to_plain` did not write.
    """
    given: dict[str, Any] = {}
    key: Any = kind
    for field_name, hint in _hints(key).items():
        if field_name == "span":
            given["span"] = HERE
        elif field_name == "name" and name:
            given["name"] = name
        elif field_name in data:
            given[field_name] = _value(hint, data[field_name])
        elif (empty := _empty(hint)) is not MISSING and field_name in _needed(key):
            given[field_name] = empty
    unknown = set(data) - set(_hints(key))
    if unknown:
        raise KeyError(f"{kind.__name__}: {', '.join(sorted(unknown))}")
    return kind(**given)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@cache
def _needed(kind: Any) -> frozenset[str]:
    return frozenset(f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING)


def _empty(hint: Any) -> Any:
    """What a field without word of it holds."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union) and type(None) in args:
        return None
    if origin is tuple:
        return ()
    if isinstance(hint, type) and is_dataclass(hint) and not _needed(hint):
        return hint()
    return {} if origin is Mapping else MISSING


def _value(hint: Any, data: Any) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Text:
        return Text.plain(data, LOCK_FILE)
    if hint is Duration:
        length = parse_duration(data, allow_zero=True)
        return Duration(length, Text.plain(data, LOCK_FILE))
    if hint is Literal:
        return Literal(Text.plain(data["text"], LOCK_FILE), _constant_of(*data["is"]), data["quoted"])
    if origin in (types.UnionType, typing.Union):
        return _chosen([a for a in args if a is not type(None)], data)
    if origin is tuple:
        return tuple(_value(args[0], item) for item in data)
    if origin is Mapping:
        return {k: _named(args[1], v, k) for k, v in data.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        return from_plain(typing.cast(Any, hint), data, data.get("name", "") if isinstance(data, dict) else "")
    return data


def _named(hint: Any, data: Any, name: str) -> Any:
    if isinstance(hint, type) and is_dataclass(hint) and hint not in (Text, Duration, Literal):
        return from_plain(typing.cast(Any, hint), data, name if "name" in _hints(hint) else "")
    return _value(hint, data)


def _chosen(kinds: list[Any], data: Any) -> Any:
    """One of several kinds of definition by the fields that are there."""
    for kind in kinds:
        if isinstance(kind, type) and is_dataclass(kind) and len(kinds) > 1:
            if set(data) <= set(_hints(kind)):
                return _value(kind, data)
        else:
            return _value(kind, data)
    raise ValueError(str(data))


def _constant_of(kind: str, data: Any) -> Any:
    match kind:
        case "list":
            return tuple(_value(Literal, item) for item in data)
        case "map":
            return {k: _value(Literal, v) for k, v in data.items()}
        case "decimal":
            return Decimal(data)
        case "float":
            return float(data)
    return data
