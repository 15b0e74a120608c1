"""The command line as a process: start-up, pipes, colours, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tiny_project import write_project

REPO = Path(__file__).resolve().parents[2]
FEATC = (sys.executable, "-c", "import sys; from featc.cli import main; sys.exit(main())")


def run(*arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    sources = os.pathsep.join(str(REPO / root) for root in ("compiler", "dialects"))
    environment = {**os.environ, "PYTHONPATH": sources, **more}
    return subprocess.run(
        (*FEATC, *arguments), capture_output=True, text=True, env=environment, cwd=cwd, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "tiny")


def test_the_version_needs_none_of_the_heavy_imports() -> None:
    code = (
        "import sys; from featc.cli import main; code = main(['--version']);"
        "heavy = {'duckdb', 'sqlglot', 'networkx', 'pydantic', 'jinja2', 'yaml', 'sqlite3'};"
        "heavy &= set(sys.modules);"
        "sys.exit(code or len(heavy))"
    )
    sources = os.pathsep.join(str(REPO / root) for root in ("compiler", "dialects"))
    done = subprocess.run(
        (sys.executable, "-c", code),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": sources},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("featc ")


def test_processes_share_the_online_store(project: Path) -> None:
    assert run("push", "orders", "data/orders.csv", cwd=project).returncode == 0
    done = run("get", "small", "--key", "user_id=7", "--at", "2026-01-03T12:00:00Z", cwd=project)
    assert done.stdout.splitlines()[-1] == "  recent  15.50", done.stderr


@pytest.mark.slow
def test_a_reader_that_stops_early_is_no_error(project: Path) -> None:
    sources = os.pathsep.join(str(REPO / root) for root in ("compiler", "dialects"))
    listing = " ".join(f"'{part}'" for part in (*FEATC, "sql", "checkout"))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {listing} | head -n 1"],
        capture_output=True, text=True, cwd=project, env={**os.environ, "PYTHONPATH": sources}, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr == ""


def test_pipes_get_no_colours(project: Path) -> None:
    done = run("sql", "nothing", cwd=project)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr


def test_no_project_is_said_plainly(tmp_path: Path) -> None:
    done = run("build", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error F101")
