"""Values between people and Python."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from featc.cli.values import from_text, plain, to_json, to_text


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("42", "BIGINT", 42),
        (" 42 ", "BIGINT", 42),
        (" 42 ", "VARCHAR", " 42 "),
        ("007", "VARCHAR", "007"),
        ("3.10", "DECIMAL(12,2)", Decimal("3.10")),
        ("3.1", "DOUBLE", 3.1),
        ("TRUE", "BOOLEAN", True),
        ("0", "BOOLEAN", False),
        ("2026-06-01T14:00:00+02:00", "TIMESTAMP", datetime(2026, 6, 1, 12)),
        ("2026-06-01T12:00:00Z", "TIMESTAMP", datetime(2026, 6, 1, 12)),
        ("2026-06-01 12:00:00", "TIMESTAMP", datetime(2026, 6, 1, 12)),
        ("2026-06-01", "DATE", date(2026, 6, 1)),
        ("12345678-1234-5678-1234-567812345678", "UUID", UUID("12345678123456781234567812345678")),
    ],
)
def test_text_is_read_by_type(text: str, type_: str, value: object) -> None:
    assert from_text(text, type_) == value


@pytest.mark.parametrize(
    ("text", "type_"),
    [("x", "BIGINT"), ("1.5", "BIGINT"), ("x", "DECIMAL(12,2)"), ("maybe", "BOOLEAN"), ("noon", "TIMESTAMP")],
)
def test_text_that_is_no_value_is_refused(text: str, type_: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is not a"):
        from_text(text, type_)


@pytest.mark.parametrize(
    ("value", "json_value"),
    [
        (Decimal("80.10"), 80.1),
        (Decimal("3"), 3),
        (Decimal("12345678901234567.89"), "12345678901234567.89"),
        (2**60 + 1, 2**60 + 1),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (datetime(2026, 6, 1, 12, 0, 0, 5), "2026-06-01T12:00:00.000005Z"),
        (datetime(2026, 6, 1, 14, tzinfo=timezone(timedelta(hours=2))), "2026-06-01T12:00:00Z"),
        (date(2026, 6, 1), "2026-06-01"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"a": [Decimal("0.5"), None, True]}, {"a": [0.5, None, True]}),
    ],
)
def test_json_loses_no_digit(value: object, json_value: object) -> None:
    assert plain(value) == json_value
    assert json.loads(to_json(value)) == json_value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "true"),
        (0.0, "0.0"),
        (1 / 3, "0.333333333"),
        (float("inf"), "inf"),
        (1e300, "1e+300"),
    ],
)
def test_values_are_short_for_people(value: object, text: str) -> None:
    assert to_text(value) == text
