"""Durations: what is read, what is refused and with which way out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featc.durations import UNITS, BadDuration, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1us", 1),
        ("1ms", 1_000),
        ("90s", 90_000_000),
        ("15m", 900_000_000),
        ("1d12h", 129_600_000_000),
        ("2w", 14 * UNITS["d"]),
        ("1m1ms", 60_001_000),
    ],
)
def test_units_add_up(text: str, us: int) -> None:
    assert parse_duration(text) == us


@given(st.integers(min_value=1, max_value=10**17))
def test_formatting_is_read_back(us: int) -> None:
    assert parse_duration(format_duration(us)) == us


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("1mo", "30d"),
        ("1y", "365d"),
        ("1M", "30d"),
        ("7 days", "write 7d"),
        ("-1d", "write 1d"),
        ("0d", "above zero"),
        ("30", "30d"),
        ("1.5h", "1h30m"),
        ("7D", "write 7d"),
        ("1d1d", "once"),
        ("", "us ms s m h d w"),
        ("soon", "us ms s m h d w"),
        ("99999999999w", "lifetime"),
        ("7\u0663d", "us ms s m h d w"),
    ],
)
def test_other_text_is_refused_with_a_way_out(text: str, way_out: str) -> None:
    with pytest.raises(BadDuration) as refused:
        parse_duration(text)
    assert way_out in refused.value.hint


def test_zero_is_allowed_where_it_means_something() -> None:
    assert parse_duration("0s", allow_zero=True) == 0
