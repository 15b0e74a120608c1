"""Where calendar units begin: by training SQL, by the numbers online reads take, and by the page."""

from __future__ import annotations

from datetime import date, datetime
from typing import get_args

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import oracle
from featc.lower.calendars import with_begins
from featc.lower.ctes import Ctes
from featc.resolve.model import Calendar, Unit, Window
from featc.runtime.online.calendars import Calendars
from featc.visibility import AS_OF, begin_column, begin_columns, edges

ZONES = (
    *("UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "America/St_Johns"),
    *("America/Toronto", "Australia/Lord_Howe", "Africa/Cairo", "America/New_York", "Asia/Kolkata"),
)
FIRST, LAST = oracle.micros(datetime(1, 1, 3)), oracle.micros(datetime(9999, 12, 29))
CONNECTION = duckdb.connect()
CONNECTION.execute("SET TimeZone = 'UTC'")


def by_training(calendar: Calendar, t: int) -> tuple[int, int]:
    ctes = Ctes()
    columns = begin_columns([Window("w", calendar=calendar)])
    body = with_begins(ctes, ctes.add("numbered", f"SELECT {t}::BIGINT AS {AS_OF}"), columns)
    names = (begin_column(calendar, 0), begin_column(calendar, calendar.previous))
    found: tuple[int, int] = CONNECTION.execute(ctes.query(f"SELECT {', '.join(names)} FROM ({body})")).fetchall()[0]
    return found


def agree(calendar: Calendar, t: int) -> bool:
    """Whether Python's zone tables and DuckDB's show the same about an instant; they come from different places."""
    sql = f"SELECT make_timestamp({t} + x) AT TIME ZONE 'UTC' AT TIME ZONE '{calendar.zone}' FROM range(-3, 4) r(n),"
    shown = CONNECTION.execute(f"{sql} LATERAL (SELECT n * 43200000000 AS x)").fetchall()
    return all(
        local.date() == oracle.local_day(t + n * 43_200_000_000, calendar.zone)
        for n, (local,) in zip(range(-3, 4), sorted(shown), strict=True)
    )


INSTANTS = st.one_of(
    st.integers(FIRST, LAST),
    st.integers(oracle.micros(datetime(1900, 1, 1)), oracle.micros(datetime(2040, 1, 1))),
    st.dates(date(1950, 1, 1), date(2030, 1, 1)).flatmap(
        lambda day: st.sampled_from(ZONES).map(lambda zone: oracle.first_instant(day, zone))
    ).flatmap(lambda us: st.sampled_from((us - 1, us, us + 1, us + 60_000_000))),
)


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(get_args(Unit)), st.sampled_from(ZONES), st.integers(0, 3), INSTANTS)
@example("day", "America/Toronto", 0, oracle.micros(datetime(1919, 3, 31, 4, 30)))
@example("day", "America/St_Johns", 1, oracle.micros(datetime(2010, 11, 7, 3)))
@example("day", "Pacific/Apia", 1, oracle.micros(datetime(2011, 12, 30, 10)))
@example("year", "Europe/Berlin", 3, -1)
def test_training_online_and_the_page_agree(unit: Unit, zone: str, previous: int, t: int) -> None:
    calendar = Calendar(unit, zone, previous)
    online = Calendars().begins(calendar, t)
    assert online == by_training(calendar, t)
    assert online[1] <= online[0] <= t
    near = unit == "day" and agree(calendar, t) and t > FIRST + 10**12
    if near:
        window = oracle.Window(calendar=unit, timezone=zone, previous=previous)
        lower, upper = oracle.Oracle([], [], {}).edges(window, t)
        assert online[1] == lower
        assert online[0] == upper or not previous


@pytest.mark.parametrize("unit", get_args(Unit))
def test_a_unit_kept_answers_for_all_its_instants_and_for_no_other(unit: Unit) -> None:
    kept, calendar = Calendars(), Calendar(unit, "Europe/Berlin", 1)
    start, _ = kept.begins(calendar, oracle.micros(datetime(2024, 5, 15)))
    for t in (start - 1, start, start + 1, start + 86_400_000_000 * 400, start - 1):
        assert kept.begins(calendar, t) == Calendars().begins(calendar, t)


def test_beginnings_never_move_back() -> None:
    calendar, kept = Calendar("day", "America/St_Johns"), Calendars()
    start = oracle.micros(datetime(2010, 11, 7))
    found = [kept.begins(calendar, start + n * 600_000_000) for n in range(36)]
    assert found == sorted(found)


def test_whole_units_have_their_beginning_and_not_their_end_whatever_closed_says() -> None:
    t = oracle.micros(datetime(2024, 5, 15, 12))
    begins, day = Calendars().begins, 86_400_000_000
    yesterday, today = Window("w", calendar=Calendar("day", previous=1)), Window("w", calendar=Calendar("day"))
    noon = t - t % day
    for closed in ("left", "right", "both", "neither"):
        found = edges(yesterday, t, closed, begins)
        assert (found.after, found.upto) == (noon - day - 1, noon - 1)
        found = edges(today, t, closed, begins)
        assert (found.after, found.upto) == (noon - 1, t - (closed in ("left", "neither")))
