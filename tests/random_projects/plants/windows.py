"""Mistakes in calendars, in `since` windows, and in labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from featc.lower.training import since
from featc.resolve import labels, project
from featc.runtime.online import calendars, read
from featc_dialects import duckdb_calendar

from .patching import Patch, around


def calendars_in_utc(patch: Patch) -> None:
    """Units begin where they do in UTC."""

    def everywhere(f: Callable[..., str]) -> Callable[..., str]:
        return lambda us, zone: f(us, "UTC")

    around(patch, duckdb_calendar, "local", everywhere)
    patch.setattr(calendars, "_calendars", calendars.Calendars())  # what it was told before holds no longer


def calendars_a_day_early(patch: Patch) -> None:
    """The whole units before the current one are one too far back."""

    def further(f: Callable[..., str]) -> Callable[..., str]:
        return lambda midnight, unit, count: f(midnight, unit, count + (count > 0))

    around(patch, duckdb_calendar, "earlier", further)
    patch.setattr(calendars, "_calendars", calendars.Calendars())


def since_the_first_in_training(patch: Patch) -> None:
    """A `since` window begins at the first event that satisfies its condition."""

    def earliest(f: Callable[..., str]) -> Callable[..., str]:
        def select(items: Iterable[str], rest: str, **more: Any) -> str:
            return f([i.replace("max(", "min(") if i.endswith("AS _first") else i for i in items], rest, **more)

        return select

    around(patch, since, "select", earliest)


def since_the_first_online(patch: Patch) -> None:
    """The same, online."""

    def rows_of(newest_first: Iterable[Any]) -> list[Any]:
        rows = list(newest_first)
        begins = [place for place, row in enumerate(rows) if row[-1] is not None]
        return [row[:-1] for row in rows[: begins[-1] + 1]] if begins else []

    patch.setattr(read, "_since", rows_of)


def labels_complete_early(patch: Patch) -> None:
    """A label is complete 1 µs before its window is."""

    def sooner(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda reach: f(reach - 1)

    around(patch, labels, "CompleteRef", sooner)


def labels_wait_for_nothing(patch: Patch) -> None:
    """A label does not wait for rows that may still arrive."""

    def at_once(f: Callable[..., Any]) -> Callable[..., Any]:
        def finished(view: Any, drafts: Any, ahead: Any, source: Any, findings: Any) -> Any:
            return f(view, drafts, ahead, replace(source, final_after=0, delay=0), findings)

        return finished

    around(patch, project, "finished_labels", at_once)
