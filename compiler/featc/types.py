"""Questions about DuckDB type names, in the canonical spelling the resolved project uses (semantics.md, "Types")."""

from __future__ import annotations

import re
from typing import Literal

INTEGERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "HUGEINT",
    "UHUGEINT",
)
FLOATS = ("FLOAT", "DOUBLE")
INSTANTS = ("TIMESTAMP", "DATE")

TYPE_NAMES: dict[str, str] = {
    word: name
    for name, words in {
        "TINYINT": "tinyint int1",
        "SMALLINT": "smallint int2 int16 short",
        "INTEGER": "integer int int4 int32 signed",
        "BIGINT": "bigint int8 int64 long",
        "HUGEINT": "hugeint int128",
        "UTINYINT": "utinyint uint8",
        "USMALLINT": "usmallint uint16",
        "UINTEGER": "uinteger uint32",
        "UBIGINT": "ubigint uint64",
        "UHUGEINT": "uhugeint uint128",
        "FLOAT": "float float4 real",
        "DOUBLE": "double float8",
        "DECIMAL": "decimal numeric dec",
        "VARCHAR": "varchar text string char bpchar",
        "BOOLEAN": "boolean bool logical",
        "DATE": "date",
        "TIME": "time",
        "TIMESTAMP": "timestamp datetime timestamp_us",
        "TIMESTAMP_S": "timestamp_s",
        "TIMESTAMP_MS": "timestamp_ms",
        "TIMESTAMP_NS": "timestamp_ns",
        "UUID": "uuid guid",
        "INTERVAL": "interval",
        "BLOB": "blob bytea binary varbinary",
        "JSON": "json",
    }.items()
    for word in words.split()
}
"""DuckDB's one-word names of a type, and the type. Tests compare them with the engine."""

Family = Literal["integer", "decimal", "float", "text", "boolean", "timestamp", "date", "uuid", "other"]

_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def decimal_parts(type_: str) -> tuple[int, int] | None:
    """(precision, scale) of a DECIMAL type, else None."""
    found = _DECIMAL.fullmatch(type_.replace(" ", ""))
    return (int(found[1]), int(found[2])) if found else None


def family(type_: str) -> Family:
    """The family a type belongs to, for rules that treat its members alike."""
    if type_ in INTEGERS:
        return "integer"
    if decimal_parts(type_):
        return "decimal"
    if type_ in FLOATS:
        return "float"
    named: dict[str, Family] = {
        "VARCHAR": "text",
        "BOOLEAN": "boolean",
        "TIMESTAMP": "timestamp",
        "DATE": "date",
        "UUID": "uuid",
    }
    return named.get(type_, "other")


_COLLECTION = re.compile(r"(?:MAP\((?P<key>.+), (?P<value>[^()]+(?:\([\d,]+\))?)\)|(?P<item>.+)\[\])\Z")


def collection_parts(type_: str) -> tuple[str | None, str] | None:
    """(type of keys, type of values) of a map, (None, type of items) of a list, of plain values both; else None. Some
    aggregates give such."""
    found = _COLLECTION.match(type_)
    if found is None:
        return None
    key, item = found["key"], found["value"] or found["item"]
    return None if "other" in (family(item), family(key or item)) else (key, item)


def has_doubles(type_: str) -> bool:
    """Whether values of a type are DOUBLEs, or hold such as items."""
    parts = collection_parts(type_)
    return (parts[1] if parts else type_) in FLOATS


def is_number(type_: str) -> bool:
    return family(type_) in ("integer", "decimal", "float")


def sum_type(type_: str) -> str:
    """The type of `sum` over a number type: BIGINT, DECIMAL(38,s) or DOUBLE."""
    parts = decimal_parts(type_)
    if parts:
        return f"DECIMAL(38,{parts[1]})"
    return "DOUBLE" if type_ in FLOATS else "BIGINT"


def sum_bounds(type_: str) -> tuple[int, int] | None:
    """The least and greatest encoded value of a sum's type; None where it has none."""
    parts = decimal_parts(type_)
    if parts:
        return 1 - 10 ** parts[0], 10 ** parts[0] - 1
    return (-(2**63), 2**63 - 1) if type_ == "BIGINT" else None


KEY_FAMILIES = frozenset({"integer", "text", "boolean", "date", "timestamp", "uuid", "decimal"})
"""The families of types that keys may have: their values compare exactly."""


def common_type(a: str, b: str) -> str | None:
    """The type that holds the keys of both, None when they are not comparable."""
    if a == b:
        return a
    if a in INTEGERS and b in INTEGERS:
        return max(a, b, key=INTEGERS.index) if (a[0] == "U") == (b[0] == "U") else "BIGINT"
    one, two = decimal_parts(a), decimal_parts(b)
    if one and two:
        scale = max(one[1], two[1])
        precision = max(one[0] - one[1], two[0] - two[1]) + scale
        return f"DECIMAL({precision},{scale})" if precision <= 38 else None
    return None
