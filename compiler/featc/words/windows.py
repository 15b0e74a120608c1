"""Windows in words: which of a source's rows count (semantics.md, "Windows")."""

from __future__ import annotations

from featc.durations import UNITS
from featc.resolve.model import Calendar, Closed, Window
from featc.visibility import strict

_NAMES = {"d": "day", "h": "hour", "m": "minute", "s": "second", "ms": "millisecond", "us": "microsecond"}


def duration(us: int) -> str:
    """A duration in words.

    >>> duration(604_800_000_000), duration(129_600_000_000), duration(5_400_000_000)
    ('7 days', '1 day 12 hours', '1 hour 30 minutes')
    """
    found = []
    for unit, name in _NAMES.items():
        n, us = divmod(us, UNITS[unit])
        if n:
            found.append(f"{n:,} {name}{'' if n == 1 else 's'}")
    return " ".join(found) or "0 seconds"


def _the(us: int) -> str:
    """`the 7 days`, `the hour`."""
    text = duration(us)
    return f"the {text.removeprefix('1 ')}" if text.count(" ") == 1 and text.startswith("1 ") else f"the {text}"


def _upto(end: str, closed: Closed) -> str:
    if strict(closed):
        return f"before {end}"
    return f"up to {end}" if closed == "both" else f"up to and including {end}"


def by_time(window: Window, closed: Closed) -> str:
    """What follows the rows of a window that goes by time alone, or limits those of which the last are taken: `in the 7
    days before the request`."""
    if window.calendar is not None:
        return _calendar(window.calendar, closed)
    if window.is_ahead:
        length = _the(window.length or 0)
        return f"in {length} from the request on" if strict(closed) else f"in {length} after the request"
    if window.length is None:
        return _ever(window, closed)
    if window.offset == window.length and window.hop is None:
        last = f"the last {duration(window.length).removeprefix('1 ')}"
        end = _upto(last if strict(closed) else f"the start of {last}", closed)
    else:
        end = _end(window, closed)
    back = ""
    if window.hop is not None and not window.align:
        back = f", reaching back to a full {_step(window.hop)}"
    return f"in {_the(window.length)} {end}{back}{_edges(closed)}"


def _ever(window: Window, closed: Closed) -> str:
    if not window.offset:
        return f"at any time {_upto('the request', closed)}"
    return f"{'more than' if strict(closed) else 'at least'} {duration(window.offset)} before the request"


def _end(window: Window, closed: Closed) -> str:
    """Where a window that looks back ends."""
    before = f"{duration(window.offset)} before the request"
    if window.align and window.hop is not None:
        at = f" at least {before}" if window.offset else ""
        return _upto(f"the last full {_step(window.hop)}{at}", closed)
    if window.offset:
        return f"ending {before}" + (", that instant included" if closed == "right" else "")
    return _upto("the request", closed)


def _step(us: int) -> str:
    """`hour`, `step of 15 minutes`: what `hop` floors to (steps count from 1970, UTC)."""
    text = duration(us)
    return text.removeprefix("1 ") if text.startswith("1 ") and text.count(" ") == 1 else f"step of {text}"


def _edges(closed: Closed) -> str:
    """What is unlike the usual `from <= time < to` at the older edge; the newer one is said by its words."""
    return {"left": "", "right": "", "both": ", both ends included", "neither": ", both ends left out"}[closed]


def _calendar(calendar: Calendar, closed: Closed) -> str:
    zone = f" in {calendar.zone}"
    if not calendar.previous:
        return f"since the current {calendar.unit} began{zone}, {_upto('the request', closed)}"
    if calendar.previous == 1:
        return f"in the whole {calendar.unit} before the current one{zone}"
    return f"in the {calendar.previous} whole {calendar.unit}s before the current one{zone}"


def last_rows(n: int, noun: str) -> str:
    """`the last 10 orders`."""
    return f"the last one of {noun}" if n == 1 else f"the last {n:,} {noun}"
