"""Durations: `1d12h` ↔ microseconds (interfaces, Definitions)."""

from __future__ import annotations

import re

UNITS = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
"""Microseconds in each unit, from the longest to the shortest."""

LONGEST_US = 2**62
"""No duration may reach this: adding one to any instant must stay within 64 bits."""

_PART = re.compile(r"(\d+)(us|ms|[smhdw])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+\Z", re.ASCII)
_WORDS = {
    **dict.fromkeys(("microsecond", "usec", "µs"), "us"),
    **dict.fromkeys(("millisecond", "msec"), "ms"),
    **dict.fromkeys(("second", "sec"), "s"),
    **dict.fromkeys(("minute", "min"), "m"),
    **dict.fromkeys(("hour", "hr"), "h"),
    **dict.fromkeys(("day",), "d"),
    **dict.fromkeys(("week", "wk"), "w"),
}
_UNEVEN = {"mo", "mon", "month", "y", "yr", "year", "q", "quarter"}


class BadDuration(ValueError):
    """Text that is not a duration: `str()` says what is wrong, `hint` the way out."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def is_duration(text: str) -> bool:
    """True if `text` has the form of a duration, such as `7d` or `1d12h`; its size is not judged."""
    return _WHOLE.match(text) is not None


def parse_duration(text: str, *, allow_zero: bool = False) -> int:
    """The microseconds of `text`: one or more numbers with the units us ms s m h d w, such as `1d12h`.

    Raises BadDuration for anything else, for a unit given twice, for zero unless `allow_zero`, and for
    lengths of 100,000 years and more.
    """
    if not is_duration(text):
        raise _explain(text)
    total = 0
    seen: set[str] = set()
    for number, unit in _PART.findall(text):
        if unit in seen:
            raise BadDuration(f"'{text}' has the unit '{unit}' twice", "write each unit once, such as 1d12h")
        seen.add(unit)
        total += int(number) * UNITS[unit]
    if total == 0 and not allow_zero:
        raise BadDuration(f"'{text}' is no time at all", "write a length above zero, such as 1d")
    if total >= LONGEST_US:
        raise BadDuration(f"'{text}' is longer than any history", "use a shorter length, or lifetime")
    return total


def format_duration(us: int) -> str:
    """A text that `parse_duration` reads back as `us`, longest units first, never weeks.

    >>> format_duration(129_600_000_000), format_duration(7 * UNITS["d"]), format_duration(0)
    ('1d12h', '7d', '0s')
    """
    if us < 0:
        raise ValueError(f"a duration is never negative: {us}")
    if us == 0:
        return "0s"
    parts = []
    for unit, size in UNITS.items():
        if unit == "w":
            continue  # people say 7d and 30d
        count, us = divmod(us, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def _explain(text: str) -> BadDuration:
    """What is wrong with a text that does not have the form of a duration."""
    units = "units are us ms s m h d w, such as 7d or 1d12h"
    stripped = text.strip()
    if not stripped:
        return BadDuration("a duration is missing", units)
    if re.fullmatch(r"[+-]\s*(.+)", stripped):
        rest = stripped[1:].strip()
        way_out = f"write {rest}" if is_duration(rest) else units
        return BadDuration(f"'{text}' has a sign: a duration has none", way_out)
    if re.fullmatch(r"\d+", stripped):
        return BadDuration(f"'{text}' has no unit", f"write {stripped}s, {stripped}m, {stripped}h or {stripped}d")
    if re.search(r"\d\.\d", stripped):
        return BadDuration(f"'{text}' has a fraction", "use a smaller unit: 1h30m, not 1.5h")
    return _explain_unit(text, stripped, units)


def _explain_unit(text: str, stripped: str, units: str) -> BadDuration:
    compact = re.sub(r"\s+", "", stripped)
    if is_duration(compact):
        several = stripped.split()
        if len(several) > 1 and all(map(is_duration, several)):
            return BadDuration(f"'{text}' is several durations", f"put commas between them: {', '.join(several)}")
        return BadDuration(f"'{text}' has a space in it", f"write {compact}")
    if is_duration(compact.lower()) and "M" not in compact:
        return BadDuration(f"'{text}': units are small letters", f"write {compact.lower()}")
    found = re.fullmatch(r"(\d+)(\D+)", compact)
    word = found[2].lower().removesuffix("s") if found else ""
    if found and (word in _UNEVEN or found[2] == "M"):
        return BadDuration(
            f"'{text}': months, quarters and years differ in length",
            "write days, such as 30d or 365d",
        )
    if found and word in _WORDS:
        return BadDuration(f"'{text}' is not a duration", f"write {found[1]}{_WORDS[word]}")
    return BadDuration(f"'{text}' is not a duration", units)
