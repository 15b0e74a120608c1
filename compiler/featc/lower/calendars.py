"""Calendar windows in SQL: when the units of a zone begin that instants lie in (semantics.md, "Windows").

Units are asked of the zone tables once each, not once for every instant; an instant then finds the last that began at
or before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from featc.lower.ctes import Ctes, indent, select
from featc.lower.source import quoted
from featc.resolve.model import Calendar
from featc.visibility import AS_OF, begin_column
from featc_dialects import duckdb_calendar as engine

Columns = Mapping[str, tuple[Calendar, int]]
"""What `featc.visibility.begin_columns` gives."""


def with_begins(ctes: Ctes, numbered: str, columns: Columns) -> str:
    """SELECT of the rows of `numbered`, which have `_as_of`, and the `columns` beside it."""
    joins, items = [], ["s.*"]
    for number, (unit, zone) in enumerate(dict.fromkeys((c.unit, c.zone) for c, _ in columns.values())):
        mine = {name: back for name, (c, back) in columns.items() if (c.unit, c.zone) == (unit, zone)}
        units = _units(ctes, numbered, unit, zone, mine.values())
        now = f"c{number}"
        current = select(["max(_unit) AS _unit", "_begin"], f"FROM {units}\nGROUP BY _begin")
        joins.append(f"ASOF LEFT JOIN (\n{indent(current)}\n) {now} ON s.{AS_OF} >= {now}._begin")
        for name, back in mine.items():
            place = now
            if back:
                place = f"{now}_{back}"
                unit_then = engine.earlier(f"{now}._unit", unit, back)
                joins.append(f"LEFT JOIN {units} {place} ON {place}._unit = {unit_then}")
            items.append(f"{place}._begin AS {name}")
    return select(items, f"FROM {numbered} s\n" + "\n".join(joins))


def _units(ctes: Ctes, numbered: str, unit: str, zone: str, backs: Iterable[int]) -> str:
    """The CTE of the units around the instants: those that the clocks show, the next, and so many before both."""
    shown = select([f"{engine.unit_of(AS_OF, unit, zone)} AS _unit"], f"FROM {numbered}", distinct=True)
    # an hour shown again is of a unit that is over: the next has begun
    steps = [engine.earlier("_unit", unit, n) for back in backs for n in ((back, back - 1) if back else (0, -1))]
    listed = ", ".join(dict.fromkeys(steps))
    around = select([f"unnest([{listed}]) AS _unit"], f"FROM (\n{indent(shown)}\n)", distinct=True)
    return ctes.add(
        quoted(f"{unit}s in {zone}"),
        engine.begins(f"(\n{indent(around)}\n)", zone),
        f"the {unit}s of {zone} around those instants, and when each begins",
        materialized=True,
    )


def begins_sql(calendar: Calendar) -> str:
    """SELECT of where the unit begins that is current at the parameter `$t` (µs), where the `previous`-th before it
    does, and where the next one does."""
    ctes = Ctes()
    numbered = ctes.add("asked", f"SELECT $t::BIGINT AS {AS_OF}", "the instant that is asked for")
    columns = {begin_column(calendar, back): (calendar, back) for back in (0, calendar.previous)}
    body = with_begins(ctes, numbered, columns)
    units = quoted(f"{calendar.unit}s in {calendar.zone}")
    found = ", ".join(begin_column(calendar, back) for back in (0, calendar.previous))
    following = f"(SELECT min(_begin) FROM {units} WHERE _begin > {AS_OF})"
    return ctes.query(f"SELECT {found}, {following}\nFROM (\n{indent(body)}\n)")
