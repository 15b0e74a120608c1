"""CSV and JSON are text: what a type cannot hold exactly is refused by training and push alike."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from featc import FeatcError
from sources.projects import REFUSED, both, project, served, trained

AT = "2027-01-01"
FEATURES = "{said: last(x) over lifetime, n: count(*) over lifetime, seen: last(ts) over lifetime}"
COLUMNS = "{{path: data/facts.{ending}, time: ts, columns: {{uid: bigint, ts: timestamp, x: '{type}'}}}}"


def write(folder: Path, ending: str, text: str, type_: str, *, ts: str = "2026-01-13 10:00:00", uid: str = "1") -> None:
    """A file of one row. In JSON, what reads as a number is one."""
    file = folder / "data" / f"facts.{ending}"
    if ending == "csv":
        file.write_text(f"uid,ts,x\n{uid},{ts},{text}\n")
        return
    try:
        json.loads(text)
        shown = text
    except ValueError:
        shown = json.dumps(text)
    file.write_text(f'[{{"uid": {uid}, "ts": "{ts}", "x": {shown}}}]')


def read(folder: Path, ending: str, text: str, type_: str, **other: str) -> list[Any]:
    project(folder, COLUMNS.format(ending=ending, type=type_), FEATURES)
    write(folder, ending, text, type_, **other)
    return both(folder, AT, f"data/facts.{ending}")


@pytest.mark.parametrize("ending", ["csv", "json"])
@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("bigint", "7", 7),
        ("bigint", "7.0", 7),
        ("bigint", "-9007199254740993", -9007199254740993),
        ("utinyint", "255", 255),
        ("decimal(10,2)", "1.50", Decimal("1.50")),
        ("decimal(10,2)", "1.500", Decimal("1.50")),
        ("decimal(12,8)", "1e-7", Decimal("0.00000010")),
        ("decimal(20,1)", "9007199254740993", Decimal("9007199254740993.0")),
        ("double", "1.005", 1.005),
        ("double", "9007199254740992", 9007199254740992.0),
        ("boolean", "true", True),
        ("timestamp", "2026-01-01T10:00:00+02:00", datetime(2026, 1, 1, 8)),
        ("timestamp", "2026-01-01 10:00:00.1234567", datetime(2026, 1, 1, 10, 0, 0, 123456)),
        ("timestamp", "infinity", None),
        ("date", "2026-01-01", date(2026, 1, 1)),
    ],
)
def test_a_value_that_fits_is_the_same_in_both_plans(
    ending: str, type_: str, text: str, value: Any, tmp_path: Path
) -> None:
    training, online = read(tmp_path, ending, text, type_)
    assert [training["said"], online["said"]] == [value, value]


@pytest.mark.parametrize("ending", ["csv", "json"])
@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("bigint", "1.4"),
        ("bigint", "9223372036854775808"),
        ("utinyint", "1.5"),
        ("utinyint", "256"),
        ("decimal(10,2)", "1.005"),
        ("decimal(10,2)", "1.5e-07"),
        ("decimal(10,2)", "123456789.5"),
        ("timestamp", "13/01/2026"),
        ("timestamp", "13/01/2026 10:00:00"),
        ("date", "13/01/2026"),
        ("boolean", "perhaps"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_both_plans(ending: str, type_: str, text: str, tmp_path: Path) -> None:
    training, online = read(tmp_path, ending, text, type_)
    assert training[:2] == (REFUSED, "F422")
    assert training[2].startswith("facts.x is ") and training[2].endswith(text)
    assert online[:2] == (REFUSED, "F612")


def test_an_integer_of_json_is_not_rounded_into_a_double(tmp_path: Path) -> None:
    training, online = read(tmp_path, "json", "9007199254740993", "double")
    assert (training[1], online[1]) == ("F422", "F612")


def test_text_of_a_double_is_the_nearest_one(tmp_path: Path) -> None:
    training, online = read(tmp_path, "csv", "9007199254740993", "double")
    assert training["said"] == online["said"] == 9007199254740992.0


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_key_is_not_rounded_to_that_of_another(ending: str, tmp_path: Path) -> None:
    training, online = read(tmp_path, ending, "1", "bigint", uid="1.4")
    assert training == (REFUSED, "F422", "facts.uid is BIGINT, and cannot hold 1.4")
    assert online[:2] == (REFUSED, "F612")


@pytest.mark.parametrize("ending", ["csv", "json"])
@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-13T10:00:00+02:00", datetime(2026, 1, 13, 8)),
        ("2026-01-13T10:00:00Z", datetime(2026, 1, 13, 10)),
        ("2026-01-13 10:00:00", datetime(2026, 1, 13, 10)),
        ("2026-01-13", datetime(2026, 1, 13)),
    ],
)
def test_a_time_with_a_zone_is_converted(ending: str, text: str, instant: datetime, tmp_path: Path) -> None:
    training, online = read(tmp_path, ending, "1", "bigint", ts=text)
    assert training["seen"] == online["seen"] == instant


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-13 10:00:00", datetime(2026, 1, 13, 9)),
        ("2026-01-13T10:00:00Z", datetime(2026, 1, 13, 10)),
        ("2026-10-25T02:30:00+02:00", datetime(2026, 10, 25, 0, 30)),
        ("2026-10-25T02:30:00+01:00", datetime(2026, 10, 25, 1, 30)),
    ],
)
def test_naive_times_are_in_the_sources_zone_and_others_in_their_own(
    text: str, instant: datetime, tmp_path: Path
) -> None:
    source = "{path: data/facts.csv, time: ts, timezone: Europe/Berlin, columns: {uid: bigint, ts: timestamp}}"
    project(tmp_path, source, "{seen: last(ts) over lifetime}")
    (tmp_path / "data" / "facts.csv").write_text(f"uid,ts\n1,{text}\n")
    assert both(tmp_path, AT, "data/facts.csv") == [{"seen": instant}] * 2


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_undeclared_times_that_are_not_iso_are_text(ending: str, tmp_path: Path) -> None:
    """A sniffer takes 13/01/2026 for a date, and 05/02/2026 by itself for another than beside it."""
    project(tmp_path, f"{{path: data/facts.{ending}, time: ts}}", FEATURES)
    write(tmp_path, ending, "a", "text", ts="13/01/2026 10:00:00")
    with pytest.raises(FeatcError) as raised:
        trained(tmp_path, AT)
    (finding,) = raised.value.diagnostics
    assert finding.code == "F312"
    assert "strptime" in (finding.hint or "")


@pytest.mark.parametrize("zone", ["Z", "+02:00", ""])
def test_undeclared_times_that_are_iso_are_times(zone: str, tmp_path: Path) -> None:
    project(tmp_path, "{path: data/facts.csv, time: ts}", FEATURES)
    write(tmp_path, "csv", "a", "text", ts=f"2026-01-13T10:00:00{zone}")
    training, online = both(tmp_path, AT, "data/facts.csv")
    assert training == online
    assert training["seen"] == datetime(2026, 1, 13, 8 if zone == "+02:00" else 10)


def test_empty_text_is_null(tmp_path: Path) -> None:
    source = "{path: data/facts.csv, time: ts, columns: {uid: bigint, ts: timestamp, x: bigint}}"
    project(tmp_path, source, "{n: count(x) over lifetime, rows: count(*) over lifetime}")
    (tmp_path / "data" / "facts.csv").write_text('uid,ts,x\n1,2026-01-01,\n1,2026-01-02,""\n1,2026-01-03,5\n')
    assert both(tmp_path, AT, "data/facts.csv") == [{"n": 1, "rows": 3}] * 2


def test_files_of_one_glob_may_order_their_columns_differently(tmp_path: Path) -> None:
    source = "{path: data/*.csv, time: ts, columns: {uid: bigint, ts: timestamp, x: bigint}}"
    project(tmp_path, source, "{sum: sum(x) over lifetime}")
    (tmp_path / "data" / "a.csv").write_text("uid,ts,x\n1,2026-01-01,5\n")
    (tmp_path / "data" / "b.csv").write_text("ts,x,uid\n2026-01-02,6,1\n")
    assert trained(tmp_path, AT) == {"sum": 11}


def test_rows_of_a_text_file_are_sampled_in_their_types(tmp_path: Path) -> None:
    import duckdb

    from featc.lower.source import physical_relation
    from featc.resolve.model import Column, Expr, Location, Source
    from featc.runtime.verify.rows import fetch, physical

    (tmp_path / "facts.csv").write_text("uid,ts\n1,2026-01-13T10:00:00+00:00\n2,2026-01-13 10:00:00\n")
    columns = (Column("uid", "BIGINT", "BIGINT"), Column("ts", "TIMESTAMP", "TIMESTAMP"))
    place = Location("path", str(tmp_path / "facts.csv"))
    source = Source("facts", "event", place, columns, time=Expr((), "TIMESTAMP"), timezone="Europe/Berlin")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = fetch(connection, physical(source), f"FROM {physical_relation(source)}")
    assert rows == [(1, datetime(2026, 1, 13, 11)), (2, datetime(2026, 1, 13, 10))]


def test_a_batch_of_rows_means_what_the_file_says(tmp_path: Path) -> None:
    project(tmp_path, COLUMNS.format(ending="csv", type="bigint"), FEATURES)
    write(tmp_path, "csv", "7", "bigint")
    row = {"uid": 1, "ts": datetime(2026, 1, 13, 10), "x": 7}
    assert served(tmp_path, AT, [row]) == trained(tmp_path, AT)
