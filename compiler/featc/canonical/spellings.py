"""Words that say the same: types, functions and units by their several names. Tests compare each pair in DuckDB."""

from __future__ import annotations

import re

from featc.canonical.words import Unreadable
from featc.types import TYPE_NAMES

TYPES = TYPE_NAMES | {
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "double precision": "DOUBLE",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
}
"""Each spelling of a type that may stand in a cast, and the type."""

CALLS = {
    "ifnull": "coalesce",
    "char_length": "length",
    "character_length": "length",
    "len": "length",
    "lcase": "lower",
    "ucase": "upper",
    "power": "pow",
    "ceiling": "ceil",
    "substr": "substring",
    "datepart": "date_part",
    "datetrunc": "date_trunc",
    "datediff": "date_diff",
    "prefix": "starts_with",
    "suffix": "ends_with",
    "strpos": "instr",
    "list_value": "list",
}
"""Functions that are others by another name."""

_UNITS = """
    microsecond millisecond second minute hour day week month quarter year decade century millennium
""".split()  # noqa: SIM905
_ODD = ("centurys", "millenniums")
INTERVALS = {unit + s: unit for unit in _UNITS for s in ("", "s") if unit + s not in _ODD}
_AMOUNT = re.compile(r"\s*([-+]?\d+)\s*([a-z]+)?\s*\Z")


def type_named(name: str, numbers: tuple[str, ...]) -> str:
    """A type by one of its spellings. Lengths of text mean nothing; a DECIMAL has 18 digits, three of them after the
    point, where none are given."""
    found = TYPES[name]
    if found == "DECIMAL":
        precision, scale = (*numbers, "18", "3")[:2] if len(numbers) != 1 else (numbers[0], "0")
        return f"DECIMAL({precision},{scale})"
    if numbers and found != "VARCHAR":
        raise Unreadable(name)
    return found


def called(name: str) -> str:
    return CALLS.get(name, name)


def interval(amount: str, unit: str) -> str:
    """A length of time: `7 day` however it is written; text of several units stays as it is."""
    found = _AMOUNT.match(amount.lower())
    if found is None:
        return f"{amount} {unit}"
    said = found[2] or unit
    if said not in INTERVALS or (found[2] and unit):
        return f"{amount} {unit}"
    return f"{int(found[1])} {INTERVALS[said]}"
