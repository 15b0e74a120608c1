"""Text → type, losing nothing: the one rule by which CSV and JSON files are read (semantics.md, "Types").

A reader's own conversion rounds `1.4` into a BIGINT, drops `+02:00`, and takes `13/01/2026` for whatever its sniffer
thought. So values come as text and are converted here; text that a type cannot hold is an error naming the value.

| type | text |
|---|---|
| integers | an integral number, as in 7 or 7.00 |
| DECIMAL(p,s) | a number without digits beyond s places; an exponent is how a DOUBLE is written, and stands for it |
| DOUBLE, FLOAT | a number, of which the nearest is taken; an integer of JSON has to be held exactly |
| TIMESTAMP | as in 2026-01-31 10:00:00, perhaps with a zone, to which it is converted; else it is in the source's |
| DATE | as in 2026-01-31; a time beside it has to be midnight |
"""

from __future__ import annotations

from featc.types import FLOATS, INTEGERS, decimal_parts

ZONED = "TIMESTAMP WITH TIME ZONE"
_HAS_ZONE = r"':.*[-+a-zA-Z]'"


def in_utc(naive: str, zone: str | None) -> str:
    """A naive time of a zone as one of UTC."""
    if zone is None or zone.upper() == "UTC":
        return naive
    return f"{naive} AT TIME ZONE {_literal(zone)} AT TIME ZONE 'UTC'"


def seen(raw: str, type_: str, problem: str, zone: str | None, *, json: bool = False) -> str:
    """What expressions see of a text column: `type_`, instants as naive UTC.

    `problem` is the error for text that is not of the type; the text itself is added. NULL stays NULL, since an
    `error` of NULL is NULL.
    """
    if type_ == "VARCHAR":
        return raw
    checked = f"coalesce({value(raw, type_, zone, json=json)}, error({_literal(problem)} || {raw}))"
    finite = type_ in ("DATE", "TIMESTAMP", ZONED)
    return f"nullif(nullif({checked}, 'infinity'), '-infinity')" if finite else checked


def held(raw: str, type_: str, problem: str, zone: str | None, *, json: bool = False) -> str:
    """The same in the source's physical type: what a batch's column holds, where naive times are in the zone."""
    sql = seen(raw, type_, problem, zone, json=json)
    if type_ == ZONED:
        return f"({sql}) AT TIME ZONE 'UTC'"
    if type_ == "TIMESTAMP" and in_utc(sql, zone) != sql:
        return f"({sql}) AT TIME ZONE 'UTC' AT TIME ZONE {_literal(zone or 'UTC')}"
    return sql


def value(raw: str, type_: str, zone: str | None, *, json: bool = False) -> str:
    """SQL of the value, NULL where the text is not of the type."""
    cast = f"try_cast({raw} AS {type_})"
    if type_ in INTEGERS:
        return rf"try_cast(regexp_extract({raw}, '^\s*[-+]?\d+([.]0*)?\s*$') AS {type_})"
    if parts := decimal_parts(type_):
        same = f"{cast}::VARCHAR::DOUBLE = try_cast({raw} AS DOUBLE)"
        return rf"CASE WHEN {same} AND NOT regexp_matches({raw}, '[.]\d{{{parts[1]}}}\d*[1-9]\d*\s*$') THEN {cast} END"
    if type_ in FLOATS:
        return _exact_integer(raw, cast) if json else f"{cast} + 0.0::{type_}"  # no −0.0
    if type_ in ("TIMESTAMP", ZONED):
        naive = in_utc(f"try_cast({raw} AS TIMESTAMP)", zone)
        zoned = f"try_cast({raw} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
        return f"CASE WHEN regexp_matches({raw}, {_HAS_ZONE}) THEN {zoned} ELSE {naive} END"
    if type_ == "DATE":
        same = f"{cast} = try_cast({raw} AS TIMESTAMP)"
        return f"CASE WHEN {same} AND NOT regexp_matches({raw}, {_HAS_ZONE}) THEN {cast} END"
    return cast


def _exact_integer(raw: str, cast: str) -> str:
    """A DOUBLE of JSON, whose integers are numbers of their own: 9007199254740993 is not rounded."""
    same = f"try_cast({cast} AS HUGEINT) = try_cast({raw} AS HUGEINT)"
    return rf"CASE WHEN {same} OR NOT regexp_matches({raw}, '^-?\d{{16,}}$') THEN {cast} + 0.0 END"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
