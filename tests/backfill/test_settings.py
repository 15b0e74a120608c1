"""A target's limits: every connection that reads the project's data is under them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import featc.runtime.materialize.run as materializing
from featc.errors import FeatcError
from featc.runtime.catalog import DuckDBCatalog
from featc.runtime.engine import limits_of

from .projects import store, write_project, write_rows
from .test_runs import NEW_YEAR, ONE, days

LIMITS = """\
targets:
  dev:
    settings: {memory_limit: 300MB, threads: 1, temp_directory: spill}
"""


def project(folder: Path, settings: str) -> Path:
    write_project(folder, ONE, settings)
    write_rows(folder, "events", days(0, 3))
    return folder


def test_limits_hold_on_every_connection(tmp_path: Path) -> None:
    made = store(project(tmp_path / "p", LIMITS))
    asked = "SELECT current_setting('memory_limit'), current_setting('threads'), current_setting('temp_directory')"
    wanted = ("286.1 MiB", 1, str(tmp_path / "p" / "spill"))
    with made.connect() as connection:
        assert connection.execute(asked).fetchall() == [wanted]
    limits = limits_of(made.compiled.definitions.target, made.root)
    with DuckDBCatalog(made.root, made.database, limits) as catalog:
        assert catalog._connection.execute(asked).fetchall() == [wanted]
    kept = made.get_historical_features(["by_user"], [{"k": 1, "as_of": NEW_YEAR}])
    assert kept.relation().query("it", asked).fetchall() == [wanted]
    assert made.backfill()


@pytest.mark.parametrize(("settings", "limit", "spills"), [(LIMITS, "286.1 MiB", "spill"), ("", "953.6 MiB", "featc-")])
def test_materialize_keeps_to_the_targets_limits_and_has_its_own_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, limit: str, spills: str
) -> None:
    asked = "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
    seen = []

    def bring_in(database: Any, engine: Any, *rest: Any) -> Any:
        seen.extend(engine.rows(asked))
        return original(database, engine, *rest)

    original = materializing.bring_in
    monkeypatch.setattr(materializing, "bring_in", bring_in)
    made = store(project(tmp_path / "p", settings))
    made.materialize()
    made.close()
    assert {memory for memory, _ in seen} == {limit}
    assert all(Path(place).name.startswith(spills) for _, place in seen)


def test_the_engine_draws_no_progress_of_its_own(tmp_path: Path) -> None:
    """It would on stdout, wherever the program has no file of its own: in notebooks and under `python -c`."""
    with store(project(tmp_path / "p", "")).connect() as connection:
        assert connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]


def test_without_limits_what_spills_lies_beside_the_database(tmp_path: Path) -> None:
    made = store(project(tmp_path / "p", ""))
    with made.connect() as connection:
        (place,) = connection.execute("SELECT current_setting('temp_directory')").fetchall()[0]
    assert place == str(made.database) + ".tmp"


@pytest.mark.parametrize(
    ("written", "code", "column"),
    [
        ("{memory: 2GB}", "F106", 16),
        ("{memory_limit: plenty}", "F118", 30),
        ("{threads: 0}", "F118", 25),
        ("{threads: many}", "F118", 25),
        ("2GB", "F111", 15),
    ],
)
def test_settings_that_are_none_are_told_at_their_place(tmp_path: Path, written: str, code: str, column: int) -> None:
    folder = project(tmp_path / "p", f"targets:\n  dev:\n    settings: {written}\n")
    with pytest.raises(FeatcError) as raised:
        store(folder)
    finding = raised.value.diagnostics[0]
    assert (finding.code, finding.span and (finding.span.file, finding.span.line)) == (code, ("featc.yaml", 5))
    assert finding.span is not None
    assert finding.span.column == column


def test_a_limit_that_the_engine_does_not_take_is_told_at_its_place(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", "targets:\n  dev:\n    settings: {memory_limit: 900%}\n")
    with pytest.raises(FeatcError) as raised:
        store(folder)
    finding = raised.value.diagnostics[0]
    assert finding.code == "F726"
    assert finding.span is not None
    assert finding.span.line == 5


def test_too_little_memory_is_told_with_the_way_out(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", "targets:\n  dev:\n    settings: {memory_limit: 1MB, threads: 1}\n")
    write_rows(folder, "events", days(0, 200, 50))
    with pytest.raises(FeatcError) as raised:
        store(folder).backfill()
    assert (raised.value.code, raised.value.exit_code) == ("F724", 4)
