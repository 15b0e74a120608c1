"""Where calendar units begin, for whoever needs the numbers: asked of the same zone tables that training SQL reads.

Python's zone tables are not DuckDB's: they come with the system, and differ from version to version. So DuckDB is
asked, once for each unit that an instant falls into, and the answer kept.
"""

from __future__ import annotations

import threading
from bisect import bisect_right, insort

from featc.lower.calendars import begins_sql
from featc.resolve.model import Calendar
from featc.runtime.online.engine import shared_engine

_MOST = 10_000
"""Units kept of one calendar; beyond them it is begun anew."""


class Calendars:
    """Answers of the process's engine, by calendar: the units met, each with its end and the unit so many before it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._starts: dict[Calendar, list[int]] = {}
        self._units: dict[tuple[Calendar, int], tuple[int, int]] = {}

    def begins(self, calendar: Calendar, t: int) -> tuple[int, int]:
        """A `featc.visibility.Begins`. Raises FeatcError F620 where DuckDB cannot say."""
        starts = self._starts.get(calendar)
        if starts:
            place = bisect_right(starts, t)
            known = self._units.get((calendar, starts[place - 1])) if place else None
            if known is not None and t < known[0]:
                return starts[place - 1], known[1]
        return self._ask(calendar, t)

    def _ask(self, calendar: Calendar, t: int) -> tuple[int, int]:
        ((current, first, following),) = shared_engine().rows(begins_sql(calendar).replace("$t", str(t)))
        with self._guard:
            if len(self._starts.get(calendar, ())) >= _MOST:
                self._starts[calendar] = []
            starts = self._starts.setdefault(calendar, [])
            # the end of the unit is not known in an hour that the clocks show again
            self._units[calendar, current] = (t + 1 if following is None else following, first)
            if current not in starts:
                insort(starts, current)
        return current, first


_calendars = Calendars()


def begins(calendar: Calendar, t: int) -> tuple[int, int]:
    """Where the unit that is current at `t` begins, and the `previous`-th before it (µs): a `Begins`."""
    return _calendars.begins(calendar, t)
