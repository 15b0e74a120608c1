"""`featc doctor`: each trouble has a line of its own with a way out, none is a traceback, and nothing is touched."""

from __future__ import annotations

import importlib.metadata
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from featc.cli import cli
from featc.runtime import doctor
from tiny_project import write_project

Look = Callable[..., dict[str, Any]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "tiny")


@pytest.fixture
def look(project: Path) -> Look:
    """What doctor says, by the name of the check; its exit code is 4 exactly where something fails."""

    def run(path: Path = project) -> dict[str, Any]:
        done = CliRunner().invoke(cli, ["doctor", "-p", str(path), "--format", "json"])
        found = json.loads(done.stdout)
        failed = [c for c in found["checks"] if c["verdict"] == "fail"]
        assert done.exit_code == (4 if failed else 0) and found["ok"] is not bool(failed)
        assert all(c["hint"] for c in found["checks"] if c["verdict"] != "ok"), "a way out for each"
        return {c["name"]: c for c in found["checks"]}

    return run


def test_where_all_is_well_all_is_ok_and_nothing_changes(look: Look, project: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in project.rglob("*")}
    found = look()
    assert {c["verdict"] for c in found.values()} == {"ok"}, found
    assert {"python", "duckdb", "sqlglot", "sqlite", "time zones", "online store", "database", "disk"} <= set(found)
    assert {p: p.stat().st_mtime_ns for p in project.rglob("*")} == before


def test_text_has_one_line_for_each(project: Path) -> None:
    done = CliRunner().invoke(cli, ["doctor", "-p", str(project)])
    assert done.exit_code == 0
    assert all(line.startswith("ok  ") for line in done.stdout.splitlines()), done.stdout


def test_without_a_project_the_rest_is_looked_at(look: Look, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        found = look(path)
        assert found["project"]["verdict"] == "warn" and "featc init" in found["project"]["hint"]
        assert "disk" in found


@pytest.mark.parametrize(
    ("package", "version", "verdict"),
    [("duckdb", "1.4.0", "fail"), ("sqlglot", "31.0.0", "fail"), ("sqlglot", "30.0.0", "ok"), ("click", "8.0", "fail"),
     ("duckdb", "2.0rc1", "ok")],
)  # fmt: skip
def test_versions_are_compared(
    look: Look, monkeypatch: pytest.MonkeyPatch, package: str, version: str, verdict: str
) -> None:
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version if name == package else real(name))
    found = look()[package]
    assert found["verdict"] == verdict
    assert verdict == "ok" or "pip install" in found["hint"]


def test_the_least_versions_are_those_of_the_package() -> None:
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text()
    for package, (major, minor) in doctor._NEEDED.items():
        assert f'"{package}>={major}.{minor}' in text or f'"{package}>={major},' in text, package


def test_a_package_that_cannot_be_imported(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "networkx", None)
    assert "pip install networkx" in look()["networkx"]["hint"]


def test_an_old_sqlite(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 0))
    assert look()["sqlite"]["verdict"] == "fail"


def test_no_time_zones(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise LookupError("no tzdata")

    monkeypatch.setattr(doctor, "ZoneInfo", missing)
    assert look()["time zones"]["hint"] == "pip install tzdata"


def test_wrong_definitions_are_named(look: Look, project: Path) -> None:
    (project / "features/orders.yaml").write_text("sources: [a]\n")
    assert "features/orders.yaml:1:10: F111" in look()["definitions"]["found"]
    (project / "featc.yaml").write_text("version: 7\n")
    assert look()["definitions"]["verdict"] == "fail"


def test_a_database_that_is_none(look: Look, project: Path) -> None:
    (project / ".featc").mkdir()
    (project / ".featc/tiny.duckdb").write_text("something else" * 500)
    assert look()["database"]["verdict"] == "fail"


def test_a_database_that_another_process_holds(look: Look, project: Path) -> None:
    (project / ".featc").mkdir()
    path = project / ".featc/tiny.duckdb"
    code = f"import duckdb; c = duckdb.connect({str(path)!r}); print('here', flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline()
    found = look()["database"]
    holder.communicate("\n")
    assert found["verdict"] == "fail" and "locked" in found["found"] and "wait" in found["hint"]
    duckdb.connect(str(path)).close()
    assert look()["database"]["verdict"] == "ok"


def test_online_stores_in_every_state(look: Look, project: Path) -> None:
    assert "does not exist yet" in look()["online store"]["found"]
    done = CliRunner().invoke(cli, ["push", "orders", str(project / "data/orders.csv"), "-p", str(project)])
    assert done.exit_code == 0
    assert "readable and writable" in look()["online store"]["found"]
    path = project / ".featc/online.db"
    with sqlite3.connect(path) as store:
        store.execute("UPDATE featc_meta SET value = '1' WHERE name = 'format'")
    store.close()
    assert "format 1" in look()["online store"]["found"]
    path.write_bytes(b"no database" * 1000)
    assert look()["online store"]["verdict"] == "fail"
    path.write_bytes(b"")
    assert look()["online store"]["verdict"] == "warn"
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file where the folder should be")
    assert look()["online store"]["verdict"] == "fail"


@pytest.mark.parametrize(("free", "verdict"), [(10_000, "fail"), (200_000_000, "warn"), (5_000_000_000, "ok")])
def test_the_disk(look: Look, monkeypatch: pytest.MonkeyPatch, free: int, verdict: str) -> None:
    import shutil

    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    assert look()["disk"]["verdict"] == verdict


def test_a_check_that_stumbles_is_a_finding(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("odd machine")

    monkeypatch.setattr(doctor, "_zones", broken)
    assert look()["time zones"]["found"] == "ZeroDivisionError: odd machine"
