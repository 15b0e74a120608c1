"""Where a spine may come from, and what is refused about it."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from datasets.conftest import SPINE, Featc, let_it_overflow
from featc import FeatcError, FeatureStore

ROWS = "SELECT user_id, as_of FROM 'spine.csv'"


def arrow_bytes(kind: Any) -> bytes:
    table = duckdb.sql(ROWS).to_arrow_table()
    sink = io.BytesIO()
    with kind(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def parquet_bytes(project: Path) -> bytes:
    duckdb.sql(f"COPY ({ROWS}) TO 'spine.parquet'")
    return (project / "spine.parquet").read_bytes()


def answers(result: Any) -> list[int]:
    assert result.exit_code == 0, result.stderr
    return [row["recent"] for row in json.loads(result.stdout)]


WANTED = [16.5, 6.5, 1, 0]


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "json", "arrow file", "arrow stream"])
def test_standard_input_says_by_its_content_what_it_is(kind: str, featc: Featc, project: Path) -> None:
    lines = [line.split(",") for line in SPINE.splitlines()[1:]]
    rows = [{"user_id": int(user), "as_of": at} for user, at, _ in lines]
    content = {
        "csv": SPINE.encode(),
        "csv.gz": gzip.compress(SPINE.encode()),
        "parquet": parquet_bytes(project),
        "json": json.dumps(rows).encode(),
        "arrow file": arrow_bytes(pa.ipc.new_file),
        "arrow stream": arrow_bytes(pa.ipc.new_stream),
    }[kind]
    assert answers(featc("small", "--spine", "-", "--format", "json", input=content)) == WANTED


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("nothing", "nothing came in on standard input"),
        ("csv", "line 3: Expected Number of Columns: 3 Found: 2"),
        ("quote", "line 3: "),
        ("json", "unexpected end of data"),
        ("parquet", "No magic bytes found at end of file"),
        ("arrow within a batch", "no end mark"),
        ("arrow between batches", "no end mark"),
    ],
)
def test_a_stream_that_was_cut_is_refused(kind: str, said: str, featc: Featc, project: Path) -> None:
    stream = arrow_bytes(pa.ipc.new_stream)
    content = {
        "nothing": b"",
        "csv": SPINE.encode()[:60],
        "quote": b'user_id,as_of,amount\n7,2026-01-05 12:00:00,5\n7,"2026-01',
        "json": b'[{"user_id": 7, "as_of": "2026-01-05T12:00:00"}, {"user',
        "parquet": parquet_bytes(project)[:-20],
        "arrow within a batch": stream[:-60],
        "arrow between batches": stream[:-8],
    }[kind]
    done = featc("small", "--spine", "-", input=content)
    assert done.exit_code == 1
    assert "error F501" in done.stderr
    assert said in done.stderr, done.stderr
    assert done.stdout == ""


def test_a_file_may_be_arrow_or_compressed(store: FeatureStore, project: Path) -> None:
    (project / "s.arrow").write_bytes(arrow_bytes(pa.ipc.new_file))
    (project / "s.csv.gz").write_bytes(gzip.compress(SPINE.encode()))
    for name in ("s.arrow", "s.csv.gz"):
        found = store.get_historical_features("small", name).to_dict()["recent"]
        assert [float(v) for v in found] == WANTED


def test_sql_reads_files_of_the_project_from_any_folder(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sql = "-- whom and when\nSELECT user_id, as_of FROM 'spine.csv' -- all of them"
    assert len(store.get_historical_features("small", sql)) == 4


def test_sql_reads_the_targets_database_and_changes_nothing(project: Path) -> None:
    path = project / "featc.yaml"
    path.write_text(path.read_text() + "targets:\n  dev:\n    dialect: duckdb\n    database: db.duckdb\n")
    with duckdb.connect(str(project / "db.duckdb")) as database:
        database.execute("CREATE TABLE asked AS SELECT 7 AS user_id, TIMESTAMP '2026-01-05 12:00:00' AS as_of")
    store = FeatureStore(project)
    found = store.get_historical_features("small", "FROM asked")
    assert [float(v) for v in found.to_dict()["recent"]] == [16.5]
    assert [row["user_id"] for row in found.rows()] == [7]
    for statement in ("WITH a AS (SELECT 1) DELETE FROM asked", "SELECT 1; DELETE FROM asked"):
        with pytest.raises(FeatcError) as refused:
            store.get_historical_features("small", statement)
        assert refused.value.code == "F501"


def test_a_spine_without_rows_has_the_columns_and_types_of_others(store: FeatureStore, project: Path) -> None:
    full = store.get_historical_features("checkout", "spine.csv")
    (project / "none.csv").write_text("user_id,as_of,amount\n")
    for spine in ("none.csv", "SELECT * FROM 'spine.csv' WHERE false"):
        empty = store.get_historical_features("checkout", spine)
        assert len(empty) == 0
        assert empty.rows() == []
        names = [name for name, _ in full.columns]
        assert [name for name, _ in empty.columns] == names
        types = dict(empty.columns)
        assert (types["user_id"], types["as_of"], types["spend_7d"]) == ("BIGINT", "TIMESTAMP", "DECIMAL(38,2)")
        assert empty.to_dict() == {name: [] for name in names}


def test_a_list_of_features_and_patterns_in_its_order(featc: Featc) -> None:
    done = featc("--features", "user_orders.spend_*,user_orders:orders_7d", "--spine", "spine.csv", "--format", "json")
    assert list(json.loads(done.stdout)[0]) == ["user_id", "as_of", "amount", "spend_1d", "spend_7d", "orders_7d"]


def test_a_preview_computes_only_the_rows_it_shows(featc: Featc, project: Path) -> None:
    """The second row would overflow its BIGINT; nobody asked for it."""
    let_it_overflow(project)
    spine = "SELECT 7 AS user_id, d AS as_of FROM (VALUES (TIMESTAMP '2025-01-01'), ('2026-01-05')) t(d)"
    shown = featc("--features", "user_orders.paid_7d", "--spine", spine, "--limit", "1")
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.endswith("… 1 more row\n")
    all_of_it = featc("--features", "user_orders.paid_7d", "--spine", spine)
    assert all_of_it.exit_code == 1
    assert "user_id = 7, as_of = 2026-01-05 00:00:00" in all_of_it.stderr
