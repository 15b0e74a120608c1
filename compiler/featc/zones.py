"""The names of time zones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from zoneinfo import available_timezones


@cache
def zones() -> Mapping[str, str]:
    """Every zone's name as the zone tables spell it, by its name in lower case."""
    return {zone.casefold(): zone for zone in sorted(available_timezones())}
