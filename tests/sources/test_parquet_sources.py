"""Parquet as others write it: files that differ, statistics that leave NaN out, dates as times."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from featc import FeatcError
from sources.projects import both, project, trained

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

AT = "2026-01-05"
NAN = float("nan")


def wrote(folder: Path, name: str, **columns: Any) -> None:
    pq.write_table(pa.table({"uid": pa.array([1] * len(columns["ts"])), **columns}), folder / "data" / name)


def times(*days: int) -> Any:
    return pa.array([datetime(2026, 1, day) for day in days], pa.timestamp("us"))


# ── a glob ────────────────────────────────────────────────────────────────────────────────────────────────────────


def globbed(folder: Path) -> Path:
    return project(folder, "{path: 'data/*.parquet', time: ts}", "{s: sum(x) over lifetime}")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (pa.array([7.6]), "DOUBLE"),
        (pa.array([7], pa.int64()), "BIGINT"),
        (pa.array([{"y": 7}]), "STRUCT(y BIGINT)"),
    ],
)
def test_files_that_differ_in_a_type_are_refused(other: Any, said: str, tmp_path: Path) -> None:
    globbed(tmp_path)
    wrote(tmp_path, "a.parquet", ts=times(1), x=pa.array([5], pa.int32()))
    wrote(tmp_path, "b.parquet", x=other, ts=times(2))
    with pytest.raises(FeatcError) as raised:
        trained(tmp_path, AT)
    (finding,) = raised.value.diagnostics
    assert finding.code == "F407"
    assert finding.message == (
        f"the source facts: its files differ in x: data/a.parquet has INTEGER, and data/b.parquet has {said}"
    )
    assert "union_by_name" in (finding.hint or "")


def test_a_file_that_lacks_a_column_is_refused(tmp_path: Path) -> None:
    globbed(tmp_path)
    wrote(tmp_path, "a.parquet", ts=times(1), x=pa.array([5]))
    wrote(tmp_path, "b.parquet", ts=times(2))
    with pytest.raises(FeatcError, match=r"data/b\.parquet has no such column"):
        trained(tmp_path, AT)


def test_types_within_a_column_count(tmp_path: Path) -> None:
    project(tmp_path, "{path: 'data/*.parquet', time: ts}", "{s: sum(x.y) over lifetime}")
    wrote(tmp_path, "a.parquet", ts=times(1), x=pa.array([{"y": 5}]))
    wrote(tmp_path, "b.parquet", ts=times(2), x=pa.array([{"y": 5.5}]))
    with pytest.raises(FeatcError, match="differ in x"):
        trained(tmp_path, AT)


def test_order_of_columns_and_columns_of_later_files_do_not_matter(tmp_path: Path) -> None:
    globbed(tmp_path)
    wrote(tmp_path, "a.parquet", ts=times(1), x=pa.array([5]), n=pa.array([[{"y": 1}]]))
    wrote(tmp_path, "b.parquet", n=pa.array([[{"y": 2}]]), x=pa.array([6]), ts=times(2), later=pa.array(["z"]))
    assert trained(tmp_path, AT) == {"s": 11}


# ── NaN ───────────────────────────────────────────────────────────────────────────────────────────────────────────

MEMBERS = {
    "d": ("d", lambda x: x),
    "f": ("f", lambda x: x),
    "s.x": ("s", lambda x: {"x": x}),
    "li[1]": ("li", lambda x: [x]),
    "sl.x[1]": ("sl", lambda x: {"x": [x]}),
    "ll[1][1]": ("ll", lambda x: [[x]]),
}


@pytest.mark.parametrize("place", ["path: data/facts.parquet", "table: facts", "sql: 'select * from facts'"])
@pytest.mark.parametrize("member", MEMBERS)
def test_nan_is_seen_where_parquet_statistics_leave_it_out(place: str, member: str, tmp_path: Path) -> None:
    column, made = MEMBERS[member]
    folder = project(
        tmp_path,
        f"{{{place}, time: ts}}",
        f"{{big: 'count(*) filter (where {member} > 100) over lifetime',"
        f" nan: 'count(*) filter (where isnan({member})) over lifetime',"
        f" any: 'bool_or(isnan({member})) over lifetime', n: count(*) over lifetime}}",
    )
    values = pa.array([made(x) for x in (NAN, 1.0, NAN)], pa.float32() if member == "f" else None)
    wrote(folder, "facts.parquet", ts=times(1, 2, 3), **{column: values})
    with duckdb.connect(str(folder / "data" / "facts.duckdb")) as connection:
        connection.execute(f"CREATE VIEW facts AS FROM read_parquet('{folder}/data/facts.parquet')")
    wanted = {"big": 2, "nan": 2, "any": True, "n": 3}
    assert both(folder, AT, "data/facts.parquet") == [wanted, wanted]


def test_where_sees_nan_in_a_view_over_parquet(tmp_path: Path) -> None:
    folder = project(tmp_path, "{table: facts, time: ts}", "{n: count(*) over lifetime}")
    path = folder / "features" / "facts.yaml"
    path.write_text(path.read_text().replace("source: facts\n", "source: facts\n    where: li[1] > 100\n"))
    wrote(folder, "facts.parquet", ts=times(1, 2), li=pa.array([[NAN], [1.0]]))
    with duckdb.connect(str(folder / "data" / "facts.duckdb")) as connection:
        connection.execute(f"CREATE VIEW facts AS FROM read_parquet('{folder}/data/facts.parquet')")
    assert both(folder, AT, "data/facts.parquet") == [{"n": 1}, {"n": 1}]


# ── dates ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def dated(folder: Path, source: str, features: str) -> Path:
    project(folder, f"{{path: data/facts.parquet, {source}}}", features)
    wrote(folder, "facts.parquet", ts=pa.array([date(2026, 1, 2)]))
    return folder


def test_a_date_declared_a_timestamp_is_one(tmp_path: Path) -> None:
    dated(tmp_path, "time: ts, columns: {ts: timestamp}", "{seen: last(ts) over lifetime}")
    assert both(tmp_path, AT, "data/facts.parquet") == [{"seen": datetime(2026, 1, 2)}] * 2


@pytest.mark.parametrize("columns", ["", ", columns: {ts: timestamp}"])
@pytest.mark.parametrize(("at", "n"), [("2026-01-01T22:59:59", 0), ("2026-01-01T23:00:01", 1)])
def test_a_date_is_its_midnight_in_the_sources_zone(columns: str, at: str, n: int, tmp_path: Path) -> None:
    dated(tmp_path, f"time: ts, timezone: Europe/Berlin{columns}", "{n: count(*) over lifetime}")
    assert both(tmp_path, at, "data/facts.parquet") == [{"n": n}, {"n": n}]


def test_a_date_made_of_an_instant_is_its_midnight_in_utc(tmp_path: Path) -> None:
    project(
        tmp_path,
        "{path: data/facts.parquet, time: 'ts::date', timezone: Europe/Berlin}",
        "{n: count(*) over lifetime}",
    )
    wrote(tmp_path, "facts.parquet", ts=times(2))  # 23:00 in UTC of the day before
    assert trained(tmp_path, "2026-01-01T00:00:01") == {"n": 1}
    assert trained(tmp_path, "2025-12-31T23:59:59") == {"n": 0}
