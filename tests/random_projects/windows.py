"""Random windows: the built-in names, and a project's own library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from oracle import Window, first_instant, local_day, unit_after, unit_start

from .choices import Draw
from .expressions import column, predicate
from .timeline import Timeline, duration

ZONES = ("America/New_York", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe")
Named = tuple[str, Window]


@dataclass(slots=True)
class Windows:
    """The windows a case uses: few, so that features share them; `library` is the project's own, as YAML.

    `vars` are the project's Jinja variables.
    """

    line: Timeline
    library: dict[str, dict[str, Any]] = field(default_factory=dict)
    vars: dict[str, str] = field(default_factory=dict)
    pool: list[Named] = field(default_factory=list)

    def fill(self, draw: Draw) -> None:
        """Draws the pool."""
        makers = (
            (40, self.sliding),
            (12, self.previous),
            (16, self.rows),
            (10, self.lifetime),
            (40, self.own),
            (14, self.calendar),
            (14, self.since),
        )
        for _ in range(draw.between(3, 6)):
            named = draw.weighted(makers)(draw)
            if all(named[0] != other for other, _ in self.pool):
                self.pool.append(named)

    def sliding(self, draw: Draw) -> Named:
        length = self.line.length(draw, 1, draw.one((6, 12, 24)))
        return f"last_{duration(length, combine=draw.chance(15))}", Window(range=length)

    def previous(self, draw: Draw) -> Named:
        length = self.line.length(draw, 1, 8)
        return f"prev_{duration(length)}", Window(range=length, offset=length)

    def rows(self, draw: Draw) -> Named:
        n = draw.between(1, 5)
        return f"last_{n}_rows", Window(rows=n)

    def lifetime(self, draw: Draw) -> Named:
        return "lifetime", Window()

    def own(self, draw: Draw) -> Named:
        """A window of the project's library: hop, aligned hop, offset, rows within a range."""
        length = self.line.length(draw, 1, draw.one((6, 12, 24)))
        hop = self.line.length(draw, 2, 8)
        rows = draw.between(1, 4)
        offset = self.line.length(draw, 1, 5) if draw.chance(30) else 0
        yaml: dict[str, Any] = {"range": duration(length)}
        match draw.below(5):
            case 0:
                yaml["hop"] = duration(hop)
                window = Window(range=length, hop=hop, offset=offset)
            case 1:
                yaml |= {"hop": duration(hop), "align": True}
                window = Window(range=length, hop=hop, align=True, offset=offset)
            case 2:
                yaml["rows"] = rows
                window = Window(range=length, rows=rows, offset=offset)
            case 3:
                yaml = {"rows": rows}
                window = Window(rows=rows, offset=offset)
            case _:
                offset = offset or self.line.length(draw, 1, 5)
                window = Window(range=length, offset=offset)
        if offset:
            yaml["offset"] = duration(offset)
        return self.declared(yaml, window)

    def calendar(self, draw: Draw) -> Named:
        """A calendar's unit to date, or whole ones before it, in zones whose midnights are those of the timeline."""
        zones = ((40, "UTC"), (20, "Europe/Berlin"), (20, "Africa/Johannesburg"), (20, draw.one(ZONES)))
        zone = draw.weighted(zones)
        unit = draw.one(("week", "month", "quarter", "year")) if draw.chance(30) else "day"
        previous = draw.between(1, 3) if draw.chance(40) else 0
        yaml: dict[str, Any] = {"calendar": unit}
        if zone != "UTC" or draw.chance(30):
            yaml["timezone"] = zone
        if previous:
            yaml["previous"] = previous
        return self.declared(yaml, Window(calendar=unit, timezone=zone, previous=previous))

    def since(self, draw: Draw) -> Named:
        """From the last event on that satisfies a condition over the columns that all sources have."""
        condition = predicate(draw, [column("i", "bigint"), column("x", "double")])
        return self.declared({"since": condition.sql}, Window(since=condition))

    def declared(self, yaml: dict[str, Any], window: Window) -> Named:
        """The window under a name of its own in the library."""
        name = f"w{len(self.library) + 1}"
        self.library[name] = yaml
        return name, window


def suffix(window: str) -> str:
    """What a family's member is called after."""
    return window.removeprefix("last_")


def crossing(window: Window, tau: int) -> list[int]:
    """The t at which tau meets the lower and the upper edge of a window."""
    if window.calendar is not None:
        return calendar_crossing(window.calendar, window, tau)
    upper, length, hop = tau + window.offset, window.range or 0, window.hop
    if hop is None:
        return [upper, upper + length]
    if window.align:
        entering = (tau // hop + 1) * hop + window.offset
        leaving = ((tau + length) // hop + 1) * hop + window.offset
        return [entering, leaving, upper]
    return [upper, (tau // hop + 1) * hop + length + window.offset, tau // hop * hop + length + window.offset]


def calendar_crossing(unit: str, window: Window, tau: int) -> list[int]:
    """The beginnings of the unit that tau lies in, and of those in which a whole one counts and no longer does."""
    shown = unit_start(unit, local_day(tau, window.timezone))
    days = (unit_after(unit, shown, n) for n in (0, 1, window.previous + 1))
    return [tau, *(first_instant(day, window.timezone) for day in days)]
