"""`featc backfill --drop-unused`: what no definition reads goes, and nothing that one does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from featc.cli import cli
from featc.errors import FeatcError
from featc.lower.backfill import tile_tables

from .projects import store, write_project, write_rows
from .test_runs import NEW_YEAR, ONE, days

OTHER_ROWS = ONE.replace("i >= 0", "i >= 1")
OTHER_STATE = ONE.replace("spent: sum(d) over last_30d", "spent: max(d) over last_30d")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = write_project(tmp_path / "p", ONE)
    write_rows(made, "events", days(0, 10))
    store(made).backfill()
    return made


def define(folder: Path, text: str) -> None:
    (folder / "features" / "all.yaml").write_text(text)


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["backfill", "-p", str(folder), "--drop-unused", *arguments])


def database(folder: Path) -> dict[str, Any]:
    """By table of the schema its columns, and the ledger's lines by table and state."""
    with duckdb.connect(str(store(folder).database), read_only=True) as connection:
        columns = connection.execute(
            "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns()"
            " WHERE schema_name IN ('featc', 'featc_snapshots') AND table_name LIKE '%\\_\\_%' ESCAPE '\\' GROUP BY ALL"
        ).fetchall()
        lines = connection.execute(
            "SELECT DISTINCT tile_table, fingerprint FROM featc.intervals UNION SELECT tile_table, fingerprint"
            " FROM featc.states ORDER BY ALL"
        ).fetchall()
    return {"columns": dict(columns), "lines": lines}


def answers(folder: Path) -> Any:
    spine = [{"k": k, "as_of": NEW_YEAR.replace(day=9)} for k in range(5)]
    return store(folder).get_historical_features(["by_user"], spine).rows()


def test_where_all_is_read_nothing_goes(folder: Path) -> None:
    before = database(folder)
    assert run(folder).stdout == "nothing is unused: every table and state is read by a definition\n"
    assert database(folder) == before


def test_a_table_of_rows_that_no_view_has_goes(folder: Path) -> None:
    (old,) = database(folder)["columns"]
    define(folder, OTHER_ROWS)
    store(folder).backfill()
    both = database(folder)
    assert run(folder, "--dry-run").stdout == f"featc.{old}: 50 tiles would be dropped\n"
    assert database(folder) == both, "a dry run writes nothing"
    assert run(folder).stdout == f"featc.{old}: 50 tiles dropped\n"
    after = database(folder)
    assert after["columns"].keys() == {t.name for t in tile_tables(store(folder).project)}
    assert after["columns"].keys() == both["columns"].keys() - {old}
    assert all(table != old for table, _ in after["lines"])
    report = store(folder).backfill()
    assert report.filled == 0, "what is read is as it was"
    define(folder, ONE)
    assert store(folder).backfill().filled == 10, "and taken back, the old one is filled anew"


@pytest.mark.slow
def test_a_state_that_no_feature_has_goes_with_its_lines(folder: Path) -> None:
    expected_before = answers(folder)
    ((name, columns),) = database(folder)["columns"].items()
    define(folder, OTHER_STATE)
    store(folder).backfill()
    expected = answers(folder)
    said = json.loads(run(folder, "--format", "json").stdout)
    assert said["tables"] == [] and said["dry_run"] is False
    ((state),) = said["states"]
    assert state["table"] == f"featc.{name}" and all(c.startswith("sum_d__") for c in state["columns"])
    after = database(folder)
    assert set(columns) - set(after["columns"][name]) == set(state["columns"])
    read = {s.fingerprint for t in tile_tables(store(folder).project) for s in (t, *t.states)}
    assert {fingerprint for _, fingerprint in after["lines"]} == read
    assert answers(folder) == expected
    assert store(folder).backfill().filled == 0
    define(folder, ONE)
    assert store(folder).backfill().filled == 10
    assert answers(folder) == expected_before


def test_snapshots_and_tables_of_others_stay(folder: Path) -> None:
    store(folder).backfill(at="2025-01-05")
    with duckdb.connect(str(store(folder).database)) as connection:
        connection.execute("CREATE TABLE featc.mine__01234567 AS SELECT 1 AS a")
    define(folder, OTHER_ROWS)
    assert run(folder).exit_code == 0
    left = database(folder)["columns"]
    assert "mine__01234567" in left
    assert [name for name in left if name.startswith("by_user__")], "the table of snapshots"


def test_without_a_database_there_is_nothing_to_drop(tmp_path: Path) -> None:
    made = write_project(tmp_path / "q", ONE)
    write_rows(made, "events", days(0, 1))
    assert run(made).exit_code == 0
    assert not (made / ".featc").exists()


def test_it_takes_no_range_and_waits_for_nobody(folder: Path) -> None:
    done = run(folder, "--start", "2025-01-01")
    assert done.exit_code == 2 and "error F727" in done.stderr
    define(folder, OTHER_ROWS)
    with duckdb.connect(str(store(folder).database)), pytest.raises(FeatcError) as caught:
        store(folder).drop_unused_tiles()
    assert (caught.value.code, caught.value.exit_code) == ("F901", 4)
