"""Calendars in DuckDB: where the days, weeks, months, quarters and years of a zone begin (semantics.md, "Windows").

A unit begins at the first instant whose local time is at or after the unit's own midnight and lies in its first day;
it ends where the next one begins. So units lie side by side, whatever a zone's clocks do: a midnight that they skip
begins the day when they stop skipping, one that they show twice begins it the first time, and a day that they leave
out whole is empty. All instants are integer µs.
"""

from __future__ import annotations

_STEPS = {"day": "1 DAY", "week": "7 DAY", "month": "1 MONTH", "quarter": "3 MONTH", "year": "1 YEAR"}
UNITS = tuple(_STEPS)
_FAR = 36 * 3600 * 1_000_000
"""µs: a local midnight lies no further than this from the same reading in UTC, and no zone moves its clocks twice in
twice that."""


def _literal(zone: str) -> str:
    return "'" + zone.replace("'", "''") + "'"


def local(us: str, zone: str) -> str:
    """What the zone's clocks show at an instant, as a naive TIMESTAMP."""
    return f"make_timestamp({us}) AT TIME ZONE 'UTC' AT TIME ZONE {_literal(zone)}"


def unit_of(us: str, unit: str, zone: str) -> str:
    """The local midnight of the unit that the zone's clocks show at an instant."""
    return f"date_trunc('{unit}', {local(us, zone)})"


def earlier(midnight: str, unit: str, count: int) -> str:
    """The local midnight of so many units before; of later ones where `count` is below zero."""
    if not count:
        return midnight
    number, _, word = _STEPS[unit].partition(" ")
    return f"{midnight} {'-' if count > 0 else '+'} INTERVAL {int(number) * abs(count)} {word}"


def begins(units: str, zone: str) -> str:
    """SELECT of (`_unit`, `_begin`): each local midnight of the relation `units`, and the first instant from it on.

    The clocks' offsets well before and well after it say where it lies; where both fail, the clocks skip it, and the
    day begins when they have.
    """
    before, after = (local(f"epoch_us(_unit) {sign} {_FAR}", zone) for sign in "-+")
    offsets = (
        f"SELECT _unit,\n"
        f"    2 * epoch_us(_unit) - {_FAR} - epoch_us({before}) AS _early,\n"
        f"    2 * epoch_us(_unit) + {_FAR} - epoch_us({after}) AS _late\n"
        f"FROM {units}"
    )
    skipped = (
        "list_min(list_filter(generate_series(_late, _early, 1000000),"
        f" lambda us: {local('us', zone)} >= _unit))"
    )
    begin = (
        "CASE\n"
        f"    WHEN {local('_early', zone)} = _unit THEN _early\n"
        f"    WHEN {local('_late', zone)} = _unit THEN _late\n"
        f"    WHEN {local('_early - 1', zone)} < _unit THEN _early\n"
        f"    ELSE {skipped}\n"
        "END AS _begin"
    )
    inner = "\n".join(f"    {line}" for line in offsets.splitlines())
    outer = "\n".join(f"    {line}" for line in begin.splitlines())
    return f"SELECT\n    _unit,\n{outer}\nFROM (\n{inner}\n)"
