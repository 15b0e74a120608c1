"""`featc backfill` as people and scripts meet it: text, JSON, exit codes, progress."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from featc.cli import cli
from featc.cli.progress import Progress

from .projects import write_project, write_rows
from .test_runs import ONE, days

Featc = Callable[..., Result]


@pytest.fixture
def featc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Featc:
    folder = write_project(tmp_path / "p", ONE)
    write_rows(folder, "events", days(0, 10))
    monkeypatch.chdir(folder)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli, arguments)


def test_text_says_what_was_filled_read_and_looked_at(featc: Featc) -> None:
    done = featc("backfill")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split("  ")[0] == "view"
    assert lines[2].split() == ["by_user", "2025-01-01", "…", "2025-01-11", "10", "0", "0", "200"]
    assert lines[3].startswith("events: 200 rows looked at for changes; 200 rows read, ")
    again = featc("backfill")
    assert again.stdout.startswith("nothing to do: 1 view complete and as their sources are\n")


def test_json_has_a_documented_shape(featc: Featc) -> None:
    found = json.loads(featc("backfill", "--format", "json", "--start", "2025-01-02", "--end", "2025-01-04").stdout)
    (view,) = found.pop("views")
    assert view.pop("table").startswith("featc.by_user__")
    assert view == {
        "view": "by_user",
        "start": "2025-01-02T00:00:00Z",
        "end": "2025-01-04T00:00:00Z",
        "intervals": {"filled": 2, "complete": 0, "reopened": 0, "left_open": 0},
        "rows_read": 40,
        "added_columns": [],
    }
    (source,) = found["sources"]
    assert (source["source"], source["rows_scanned"], source["rows_read"]) == ("events", 200, 40)
    assert 0 < source["bytes_read"] < Path("data/events.parquet").stat().st_size
    assert set(found) == {"database", "dry_run", "sources", "statements", "seconds"}
    assert found["dry_run"] is False


def test_a_dry_run_is_in_the_conditional(featc: Featc) -> None:
    done = featc("backfill", "--dry-run")
    assert "days would be filled" in done.stdout
    assert "200 rows would be read" in done.stdout
    assert not Path(".featc").exists()


def test_snapshots_as_text_and_json(featc: Featc) -> None:
    done = featc("backfill", "--at", "2025-01-05")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[2].split()[2:] == ["1", "0", "5"]
    command = ("backfill", "--every", "1d", "--start", "2025-01-04", "--end", "2025-01-07", "--format", "json")
    found = json.loads(featc(*command).stdout)
    assert found["instants"] == 3
    assert [(v["view"], v["taken"], v["kept"]) for v in found["views"]] == [("by_user", 2, 1)]


@pytest.mark.parametrize(
    ("arguments", "code", "finding"),
    [
        (("--at", "2025-01-05", "--every", "1d"), 2, "F727"),
        (("--start", "2025-01-05", "--end", "2025-01-05"), 2, "F721"),
        (("--start", "soon"), 2, "F632"),
        (("--select", "nothing"), 2, "F801"),
    ],
)
def test_usage_errors(featc: Featc, arguments: tuple[str, ...], code: int, finding: str) -> None:
    done = featc("backfill", *arguments)
    assert done.exit_code == code
    assert f"error {finding}" in done.stderr


def test_sql_shows_the_backfill_plan(featc: Featc) -> None:
    done = featc("sql", "by_user", "--plan", "backfill")
    assert "INSERT INTO featc.by_user__" in done.stdout


def test_progress_is_for_terminals_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with Progress(quiet=False) as silent:
        silent.watch("look", 0, 0)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress(quiet=True) as quiet:
        quiet.watch("look", 0, 0)
    assert capsys.readouterr().err == ""
    with Progress(quiet=False) as shown:
        shown.watch("look", 0, 0)
        shown.watch("committed", 5, 10)
    written = capsys.readouterr().err
    assert "looking for changes" in written
    assert "backfill: 50%, 5 of 10 rows" in written
    assert written.endswith("\r\x1b[K"), "the line is gone in the end"
