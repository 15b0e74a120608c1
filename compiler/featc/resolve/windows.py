"""Names of windows → windows (semantics.md, "Windows")."""

from __future__ import annotations

import re
from collections.abc import Mapping

from featc.durations import BadDuration, is_duration, parse_duration
from featc.errors import Findings, Span, did_you_mean, nearest
from featc.load.model import WindowDef
from featc.load.text import Text
from featc.resolve.model import Calendar, Window
from featc.zones import zones

_ROWS = re.compile(r"last_(\d+)_rows?\Z")
_MOST_ROWS = 1_000_000


def suffix_of(window: Window) -> str:
    """What a family's members are called after (interfaces.md, "Definitions")."""
    return window.name.removeprefix("last_")


class BadWindow(ValueError):
    """A name that is no window: `code`, `str()` says what is wrong, `hint` the way out, `span` the place in a
    definition."""

    def __init__(self, code: str, message: str, hint: str | None, span: Span | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.span = span


def builtin_window(name: str) -> Window | None:
    """The built-in window of this name, None when the name has no built-in form. Raises BadWindow."""
    if name == "lifetime":
        return Window(name)
    if name == "current":
        return Window(name, current=True)
    if rows := _ROWS.match(name):
        n = int(rows[1])
        if not 0 < n <= _MOST_ROWS or not name.endswith("s"):
            raise BadWindow(
                "F304",
                f"{name}: a window holds 1 to {_MOST_ROWS:,} rows",
                "write, for instance, last_10_rows",
            )
        return Window(name, rows=n)
    head, _, length = name.partition("_")
    if head not in ("last", "prev", "next"):
        return None
    try:
        us = parse_duration(length)
    except BadDuration as bad:
        if not re.match(r"\d", length):
            return None
        hint = f"write {head}_<duration>, such as {head}_7d; {bad.hint}"
        raise BadWindow("F304", f"{name} is no window: {bad}", hint) from None
    return Window(name, length=us, offset={"last": 0, "prev": us, "next": -us}[head])


def _zone(text: Text) -> str:
    """A zone's name as the zone tables spell it. Raises BadWindow."""
    known = zones()
    if text.value.casefold() in known:
        return known[text.value.casefold()]
    close = nearest(text.value.casefold(), known)
    hint = f"did you mean '{known[close]}'?" if close else "zones are called Europe/Berlin, UTC …"
    raise BadWindow("F337", f"there is no time zone '{text.value}'", hint, text.span)


def library_window(definition: WindowDef) -> Window:
    """A window of the project's library. Raises BadWindow where its parts do not fit.

    Of a `since` window the slot is not known before a view uses it; the window's own name stands for it.
    """
    if definition.calendar is not None:
        zone = _zone(definition.timezone) if definition.timezone is not None else "UTC"
        return Window(definition.name, calendar=Calendar(definition.calendar, zone, definition.previous or 0))
    if definition.since is not None:
        return Window(definition.name, since=definition.name)
    if definition.next is not None:
        return Window(definition.name, length=definition.next.us, offset=-definition.next.us)
    ranged = definition.range is not None
    if definition.hop is not None and (definition.rows is not None or definition.lifetime or not ranged):
        raise BadWindow(
            "F305",
            f"the window {definition.name} has a hop without being a plain range",
            "remove hop, or give the window a range and no rows",
        )
    if definition.align and definition.hop is None:
        raise BadWindow(
            "F305", f"the window {definition.name} is aligned to nothing", "give it a hop, such as hop: 1h"
        )
    if not ranged and definition.rows is None and not definition.lifetime:
        raise BadWindow(
            "F305", f"the window {definition.name} has no extent", "give it a range, such as range: 7d"
        )
    return Window(
        definition.name,
        length=definition.range.us if definition.range else None,
        offset=definition.offset.us if definition.offset else 0,
        rows=definition.rows,
        hop=definition.hop.us if definition.hop else None,
        align=definition.align,
    )


class WindowBook:
    """Looks windows up by name: built-in ones, and the project's own."""

    def __init__(
        self, definitions: Mapping[str, WindowDef], broken: frozenset[str], findings: Findings
    ) -> None:
        self._found: dict[str, Window | None] = {}
        self._broken = broken
        self._findings = findings
        self.since = {name: d.since for name, d in definitions.items() if d.since is not None}
        """What the events are that `since` windows can begin with, by the windows' names."""
        for name, definition in definitions.items():
            try:
                self._found[name] = library_window(definition)
            except BadWindow as bad:
                self._found[name] = None
                findings.error(bad.code, str(bad), bad.span or definition.span, bad.hint)

    def __contains__(self, name: str) -> bool:
        """Whether the name could be a window, for reading `spend_prev_7d` as a member of `spend`."""
        try:
            return name in self._found or builtin_window(name) is not None
        except BadWindow:
            return False

    def by_suffix(self, suffix: str) -> bool:
        return suffix in self or f"last_{suffix}" in self

    def named(self, name: str, span: Span) -> Window | None:
        """The window after OVER; None when there is none, which has been reported."""
        folded = name if name in self._found else name.lower()
        if folded in self._found:
            return self._found[folded]
        try:
            window = builtin_window(folded)
        except BadWindow as bad:
            self._findings.error(bad.code, str(bad), span, bad.hint)
            return None
        if window is None and name not in self._broken:
            length = name.rpartition("_")[2]
            usual = [f"last_{length}", f"next_{length}"] if is_duration(length) else ["last_7d"]
            hint = (
                f"write last_{name}"
                if is_duration(name)
                else did_you_mean(name, [*self._found, "lifetime", *usual])
            )
            self._findings.error(
                "F304",
                f"there is no window '{name}'",
                span,
                hint or "write last_7d, last_10_rows, lifetime, or declare it under windows:",
            )
        return window

    def listed(self, entry: Text) -> Window | None:
        """A window under `windows:`, where a bare duration means the last of that length."""
        value = entry.value.strip()
        name = f"last_{value}" if is_duration(value) else value
        if value not in self._found and not is_duration(value) and re.match(r"\d", value):
            try:
                parse_duration(value)
            except BadDuration as bad:
                self._findings.error("F304", f"{bad}", entry.span, bad.hint)
                return None
        return self.named(name, entry.span)
