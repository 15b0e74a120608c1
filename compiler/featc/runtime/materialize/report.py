"""What a materialize did, source by source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from featc.errors import Diagnostic

Progress = Callable[[str, int, int], None]
"""Told of a source, how many of its rows have been gone through, and how many there are to go through."""


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What came of one source.

    `rows` were new to the store's books: `accepted` of them were taken in, `duplicates` the store had, `rejected`
    counts those that no view (or not every view) can see, by reason. `late` of the accepted had appeared behind the
    watermark. `waiting` rows arrive after the instant asked for; `gone` is how many that were taken in before are no
    longer in the source, at least. `intervals` is in how many steps; watermarks are the greatest α taken in, in µs.
    """

    source: str
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    late: int = 0
    waiting: int = 0
    gone: int = 0
    intervals: int = 0
    watermark_before: int | None = None
    watermark: int | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows of a source by arrival: how many, and their least and greatest α in µs (None where they have none)."""

    rows: int
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a run would read of one source.

    `beyond` are the rows that arrive after the `watermark` (µs, None for a first run); `behind` the intervals at or
    before it that are not as they were taken in, whose rows would all be gone through, and `without_arrival` those of
    rows without α. `waiting` rows arrive after the instant asked for.
    """

    source: str
    watermark: int | None
    beyond: Stretch
    behind: tuple[Stretch, ...]
    without_arrival: int
    waiting: int


@dataclass(frozen=True, slots=True)
class MaterializeReport:
    """All sources that a selected view reads, what is doubtful about them, and an error (F603) for each selected view
    that the store cannot answer all the same, since rows came in before it was defined as it is now."""

    sources: tuple[SourceReport, ...]
    warnings: tuple[Diagnostic, ...] = ()
    unanswered: tuple[Diagnostic, ...] = ()
