"""Windows of the resolved project: which visible events count (semantics.md, "Windows")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Unit = Literal["day", "week", "month", "quarter", "year"]
_DAY = 86_400_000_000
_LONGEST: Mapping[str, int] = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


@dataclass(frozen=True, slots=True)
class Calendar:
    """Units of a zone's calendar: `previous` 0 is the current one up to the instant of asking, else so many whole ones
    before it. `zone` is spelled as the zone tables have it."""

    unit: Unit
    zone: str = "UTC"
    previous: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Which visible events count (semantics.md, "Windows"). Lengths in µs.

    `rows` with `length` is the last `rows` within the range. `since` names the view's slot that is TRUE on the events
    the window can begin with. `current` holds the rows of a state source that hold at t. With none of `length`,
    `rows`, `calendar`, `since` and `current` it is `lifetime`. A window of labels begins at t: its `offset` is
    −`length`.
    """

    name: str = field(compare=False)
    length: int | None = None
    offset: int = 0
    rows: int | None = None
    hop: int | None = None
    align: bool = False
    calendar: Calendar | None = None
    since: str | None = None
    current: bool = False

    @property
    def is_ahead(self) -> bool:
        """Whether it is a `next_<duration>`, which lies after the observation instant."""
        return self.offset < 0

    @property
    def bounded(self) -> bool:
        """Whether the instant of asking alone gives it a lower end."""
        return self.length is not None or self.calendar is not None

    @property
    def in_order(self) -> bool:
        """Whether members are chosen by their place in event order, not by their time alone."""
        return self.rows is not None or self.since is not None

    @property
    def by_time(self) -> bool:
        """Whether a row is a member by its time alone, once it is visible."""
        return not self.in_order and not self.current

    @property
    def steps(self) -> bool:
        """Whether its upper end stays while the instant of asking moves on."""
        return self.align or (self.calendar is not None and self.calendar.previous > 0)

    @property
    def span(self) -> int | None:
        """How long it is, a calendar's at its longest (µs); None without a lower end."""
        if self.calendar is None:
            return self.length
        return _LONGEST[self.calendar.unit] * max(self.calendar.previous, 1) * _DAY
