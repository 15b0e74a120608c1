"""The proof where users meet it: in `featc build`, in `featc explain`; and who the second reader knows."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import featc.leakage
from featc.cli import cli
from leakage.histories import T, history, known_before
from leakage.queries import PROJECTS, golden
from tiny_project import write_project

PACKAGE = Path(featc.leakage.__file__).parent
UNKNOWN = ("featc.lower", "featc.decompose", "featc.visibility", "featc.emit", "featc_dialects")


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "-p", str(folder)])


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    write_project(tmp_path)
    return tmp_path


def test_reader_does_not_know_the_writer() -> None:
    for path in PACKAGE.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
        names += [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        assert not [n for n in names if n.startswith(UNKNOWN)], path.name


def test_build_proves_what_it_writes(tiny: Path) -> None:
    done = run(tiny, "build", "--check-leakage", "-q")
    assert done.exit_code == 0, done.stderr
    assert "no leakage: proven of the SQL of all" in done.stdout
    data = json.loads(run(tiny, "build", "--check-leakage", "--format", "json").stdout)
    assert data["leakage"]["queries"] == len([f for f in data["files"] if f.endswith("training.sql")])


def test_build_writes_nothing_that_is_not_proven(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from featc import visibility

    # the one rule that everything asks: an edge that is later by a microsecond, everywhere alike
    monkeypatch.setattr(visibility, "strict", lambda closed: 0)
    done = run(tiny, "build", "--check-leakage")
    assert done.exit_code == 1
    assert "error F571" in done.stderr and "nothing implies _time <= _as_of - 1" in done.stderr
    assert "training.sql:" in done.stderr
    assert not (tiny / "target").exists()


def test_explain_tells_the_facts_and_that_the_sql_bears_them(tiny: Path) -> None:
    text = run(tiny, "explain", "user_orders.spend_7d").stdout
    assert "τ < t, max(τ, α) < t, no newer version with α < t" in text
    assert "checked in the SQL" in text
    views = json.loads(run(tiny, "explain", "user_orders.spend_7d", "--format", "json").stdout)["views"]
    (feature,) = views[0]["leakage"]
    assert (feature["checked"], feature["findings"]) == (True, [])
    assert feature["rows"][0]["entity"] == ["user_id"]


def test_explain_says_where_a_proof_fails(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from featc import visibility

    monkeypatch.setattr(visibility, "strict", lambda closed: 0)
    views = json.loads(run(tiny, "explain", "user_orders.spend_7d", "--format", "json").stdout)["views"]
    (feature,) = views[0]["leakage"]
    assert not feature["checked"]
    assert feature["findings"][0]["line"] > 0
    assert "NO" in run(tiny, "explain", "user_orders.spend_7d").stdout


def test_selected_parts_are_proven(tiny: Path) -> None:
    done = run(tiny, "build", "--check-leakage", "-q", "--select", "user_orders.spend_7d")
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("name", PROJECTS)
def test_hostile_data_holds_what_may_not_be_seen(name: str) -> None:
    """Else the test that what arrives later changes no value would be idle."""
    project = golden(name).project
    rows = history(project, 0)
    later = known_before(project, rows, T)
    assert all(0 < len(later[source]) < len(rows[source]) for source in rows)
