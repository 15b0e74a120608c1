"""A small, dense domain of instants, so that edges, ties and corrections collide all the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from oracle import micros

from .choices import Draw

MS, SECOND = 1_000, 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
UNITS = {1: "us", MS: "ms", SECOND: "s", MINUTE: "m", HOUR: "h", DAY: "d", 7 * DAY: "w"}


@dataclass(frozen=True, slots=True)
class Timeline:
    """Instants `base + n·unit` (µs), n in 0 … span, most of them exact, some a microsecond off."""

    base: int
    unit: int
    span: int

    def instant(self, draw: Draw) -> int:
        """Any instant of the domain."""
        return self.base + draw.below(self.span + 1) * self.unit + self.jitter(draw)

    def jitter(self, draw: Draw) -> int:
        """Mostly 0, sometimes ±1 µs."""
        return draw.weighted(((70, 0), (15, 1), (15, -1)))

    def length(self, draw: Draw, low: int = 1, high: int = 12) -> int:
        """A duration in µs: some units."""
        return draw.between(low, high) * self.unit


def timeline(draw: Draw) -> Timeline:
    """One of several scales and places in history."""
    unit = draw.weighted(((45, 1), (15, MS), (5, SECOND), (5, MINUTE), (18, HOUR), (12, DAY)))
    span = draw.between(12, 40)
    base = micros(
        draw.weighted(
            (
                (40, datetime(2024, 3, 30, 22)),
                (12, datetime(2023, 12, 31, 23, 59, 59, 999_990)),
                (8, datetime(1900, 2, 28)),
                (4, datetime(1000, 1, 1, 0, 0, 0, 7)),
                (4, datetime(9000, 6, 1)),
            )
        )
        if draw.chance(75)
        else datetime(1970, 1, 1)
    )
    if base == 0:
        base = -(span // 2) * unit
    return Timeline(base, unit, span)


def duration(us: int, *, combine: bool = False) -> str:
    """The spelling of a duration: `36h`, or `1d12h` when combining."""
    if not combine:
        unit = max(u for u in UNITS if us % u == 0 and u != 7 * DAY)
        return f"{us // unit}{UNITS[unit]}"
    words = []
    for unit in sorted(UNITS, reverse=True):
        if us >= unit:
            words.append(f"{us // unit}{UNITS[unit]}")
            us %= unit
    return "".join(words)
