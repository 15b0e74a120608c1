"""What the reads of a view may ask of its rows, for when eviction has let some of them go.

Rows that are final go by what windows may still ask for (`online_evict`). A window that comes later, or grows, may ask
for more. So an eviction notes what it left everything for, and a view that needs something else is not answered.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from featc.digests import digest
from featc.lower.online_evict import looks_up
from featc.lower.online_layout import Layout
from featc.resolve.model import Window
from featc.visibility import Begins, edges


@dataclass(frozen=True, slots=True)
class Need:
    """A state over a window, or the state row that holds. `mark` is the same for what needs the same rows; `window`
    says how far back these may lie, None where no instant of asking does."""

    mark: str
    window: Window | None


@dataclass(frozen=True, slots=True)
class Left:
    """What an eviction left: all rows from τ = `before` (µs) on, and of those before it what the needs with these
    `marks` ask for; None where the store was evicted by a featc that did not note it."""

    before: int
    marks: frozenset[str] | None


def needs(layout: Layout) -> tuple[Need, ...]:
    """All that reads of a view may ask of its rows."""
    found = []
    for cell in layout.parts.cells:
        columns = tuple(layout.slots[s].column for s in cell.partial.slots)
        asked = ("state", cell.partial.kind.value, columns, _extent(layout, cell.window))
        found.append(Need(digest("need", asked), cell.window if cell.window.bounded else None))
    if looks_up(layout):
        ttl = layout.view.ttl
        found.append(Need(digest("need", ("row", ttl)), None if ttl is None else Window("ttl", ttl)))
    return tuple({n.mark: n for n in found}.values())


def _extent(layout: Layout, window: Window) -> tuple[object, ...]:
    calendar = window.calendar
    unit = None if calendar is None else (calendar.unit, calendar.zone, calendar.previous)
    begins = None if window.since is None else layout.slots[window.since].column
    return (window.length, window.offset, window.rows, window.hop, window.align, unit, begins, window.current)


def met(layout: Layout, left: Left | None, at: int, begins: Begins) -> Collection[str]:
    """The marks of the needs that the rows which are left meet, at every instant from `at` (µs) on."""
    return {n.mark for n in needs(layout) if left is None or _is_met(layout, n, left, at, begins)}


def lacks(layout: Layout, left: Left, at: int, begins: Begins) -> bool:
    """Whether a read of the view at `at` or later may ask for rows that went."""
    return not all(_is_met(layout, n, left, at, begins) for n in needs(layout))


def _is_met(layout: Layout, need: Need, left: Left, at: int, begins: Begins) -> bool:
    if left.marks is not None and need.mark in left.marks:
        return True
    if need.window is None:
        return left.marks is None
    after = edges(need.window, at, layout.view.closed, begins).after
    return after is not None and after + 1 >= left.before
