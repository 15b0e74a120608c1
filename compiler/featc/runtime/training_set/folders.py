"""What a folder of files is partitioned by: columns, or the year, month or day of an instant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from featc.errors import Diagnostic, FeatcError, did_you_mean
from featc.lower.source import literal, quoted

_OF_INSTANT = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}
_CALL = re.compile(r"(\w+)\((.+)\)\Z")


@dataclass(frozen=True, slots=True)
class Part:
    """One level of folders, `name=value`, and the SQL of its value."""

    name: str
    sql: str


def parts_of(given: Sequence[str], columns: Sequence[tuple[str, str]]) -> tuple[Part, ...]:
    """The levels that `given` names: columns, or `month(as_of)` and the like, which make a level `month=2026-01`.

    `columns`: the set's (name, type). Raises FeatcError F524 (exit code 2) for what is no column, no instant, or a
    name that is taken.
    """
    types = dict(columns)
    found = tuple(_part(text.strip(), types) for text in given)
    names = [p.name.lower() for p in found]
    double = next((n for n in names if names.count(n) > 1), None)
    if double is not None:
        raise _refused(f"'{double}' stands twice in what to partition by", "name each column once")
    if len(found) == len(types):
        raise _refused("nothing would be left to write into the files", "partition by fewer columns")
    return found


def _part(text: str, types: dict[str, str]) -> Part:
    call = _CALL.match(text)
    if call is None:
        name = _column(text, types)
        return Part(name, quoted(name))
    unit, inner = call[1].lower(), call[2].strip()
    if unit not in _OF_INSTANT:
        raise _refused(f"cannot partition by {text}", "name a column, or year(c), month(c) or day(c)")
    column = _column(inner, types)
    kind = types[column]
    if not kind.startswith(("TIMESTAMP", "DATE")):
        raise _refused(f"{column} is {kind}, and {unit}(…) takes an instant", "name a column of instants")
    if unit in {name.lower() for name in types}:
        raise _refused(f"the set has a column '{unit}' already", f"partition by {unit}, or rename that column")
    naive = "AT TIME ZONE 'UTC'" if kind in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS") else "::TIMESTAMP"
    return Part(unit, f"strftime({quoted(column)} {naive}, {literal(_OF_INSTANT[unit])})")


def _column(name: str, types: dict[str, str]) -> str:
    actual = next((t for t in types if t.lower() == name.lower()), None)
    if actual is None:
        hint = did_you_mean(name, types) or "name a column"
        raise _refused(f"the set has no column '{name}' to partition by", hint)
    return actual


def _refused(message: str, hint: str) -> FeatcError:
    return FeatcError(Diagnostic("F524", message, hint=hint), exit_code=2)
