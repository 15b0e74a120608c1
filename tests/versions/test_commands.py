"""featc plan, apply, diff, build --locked and state:changed, as they are typed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from featc.cli import cli
from versions.shopping import write

EDIT = ("avg(amount) over last_7d", "avg(amount * 2) over last_7d")


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [words[0], "-p", str(folder), *words[1:]])


@pytest.fixture
def applied(tmp_path: Path) -> Path:
    """A project that was applied, and edited since."""
    assert run(write(tmp_path), "apply", "--no-verify").exit_code == 0
    return write(tmp_path, EDIT)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_plan_shows_old_and_new_side_by_side_ends_with_3_and_writes_nothing(applied: Path) -> None:
    before = files(applied)
    done = run(applied, "plan")
    assert done.exit_code == 3
    assert "feature buying.mean_7d  v1 → v2" in done.stdout and "argument  amount → amount * 2" in done.stdout
    assert files(applied) == before


def test_a_plan_of_nothing_ends_with_0(tmp_path: Path) -> None:
    run(write(tmp_path), "apply", "--no-verify")
    done = run(tmp_path, "plan")
    assert done.exit_code == 0 and "nothing to do" in done.stdout


def test_a_plan_as_json_and_as_markdown(applied: Path) -> None:
    data = json.loads(run(applied, "plan", "--format", "json").stdout)
    (feature,) = (c for c in data["changes"] if c["name"] == "buying.mean_7d")
    assert (feature["category"], feature["version_before"], feature["version"]) == ("semantic", 1, 2)
    assert feature["differences"] == [{"what": "argument", "old": "amount", "new": "amount * 2"}]
    assert feature["used_by"] == ["checkout"] and data["work"]["verify"] is True
    text = run(applied, "plan", "--format", "markdown").stdout
    assert "| feature `buying.mean_7d` | v1 → v2 | semantic | argument: `amount` → `amount * 2` | checkout |" in text


def test_a_locked_build_names_what_is_not_locked(applied: Path) -> None:
    done = run(applied, "build", "--locked")
    assert done.exit_code == 1 and "F875" in done.stderr
    assert "feature buying.mean_7d means something else" in done.stderr
    assert not (applied / "target").exists()
    write(applied, ("avg(amount) over last_7d", "AVG( amount ) over last_7d"))
    assert run(applied, "build", "--locked").exit_code == 0


def test_a_build_says_which_version_it_is(applied: Path) -> None:
    assert run(applied, "build").exit_code == 0
    manifest = json.loads((applied / "target" / "manifest.json").read_text())
    versions = {name: manifest["features"][name]["version"] for name in ("buying.mean_7d", "buying.spend_7d")}
    assert versions == {"buying.mean_7d": "v2", "buying.spend_7d": "v1"}
    assert "-- Version v2," in (applied / "target/sql/duckdb/services/checkout/training.sql").read_text()
    assert "-- Version v1," in (applied / "target/sql/duckdb/services/small/training.sql").read_text()


def test_two_folders_and_builds_are_compared(applied: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = write(tmp_path_factory.mktemp("other"))
    assert run(other, "build").exit_code == 0
    for before in (other, other / "target"):
        done = run(applied, "diff", str(before))
        assert done.exit_code == 3 and "argument  amount → amount * 2" in done.stdout
    assert run(applied, "diff", str(other), str(other / "target")).exit_code == 0


def test_a_revision_is_compared_without_its_data(applied: Path) -> None:
    def git(*words: str) -> None:
        settings = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", *settings, *words], cwd=applied, check=True, capture_output=True)

    git("init", "-q")
    git("add", "featc.yaml", "features", "featc.lock")
    git("commit", "-qm", "edited")
    assert run(applied, "diff", "HEAD").exit_code == 0
    write(applied)
    done = run(applied, "diff", "HEAD")
    assert done.exit_code == 3 and "argument  amount * 2 → amount" in done.stdout
    for name in ("nowhere", "-x"):
        done = run(applied, "diff", "--", name)
        assert done.exit_code == 2 and "F878" in done.stderr


def test_what_changed_can_be_selected(applied: Path) -> None:
    listed = json.loads(run(applied, "ls", "state:changed", "--format", "json").stdout)
    assert list(listed["features"]) == ["buying.mean_7d"]
    upstream = run(applied, "lineage", "+state:changed", "--columns", "--to", "json").stdout
    assert "orders.amount" in upstream and "selling.sold_7d" not in upstream
    assert run(applied, "build", "--select", "state:changed").exit_code == 0
    assert "status" not in run(applied, "verify", "--select", "state:changed", "--allow-thin").stderr


def test_nothing_changed_selects_nothing(tmp_path: Path) -> None:
    run(write(tmp_path), "apply", "--no-verify")
    done = run(tmp_path, "ls", "state:changed")
    assert done.exit_code == 2 and "F801" in done.stderr and "featc.lock" in done.stderr


def test_values_are_computed_as_they_were_and_as_they_are(applied: Path) -> None:
    data = json.loads(run(applied, "plan", "--check-values", "--format", "json").stdout)
    (checked,) = data["values"]
    assert checked["feature"] == "buying.mean_7d" and checked["rows"] == 2 and checked["differ"] == 2
    values = {e["row"]["user_id"]: (float(e["old"]), float(e["new"])) for e in checked["examples"]}
    assert values == {7: (18.25, 36.5), 8: (11.0, 22.0)}


def test_values_that_nothing_changes_are_the_same(tmp_path: Path) -> None:
    run(write(tmp_path), "apply", "--no-verify")
    write(tmp_path, ("quantity > 1", "quantity >= 2"))  # not equivalent to an algebra that knows no integers
    done = run(tmp_path, "plan", "--check-values", "--spine", "select 7 as user_id, timestamp '2026-01-05' as as_of")
    assert done.exit_code == 3 and "buying.paid_7d  1 compared, all the same" in done.stdout
    text = run(tmp_path, "plan", "--check-values", "--format", "markdown").stdout
    assert "#### Values as they were and as they are" in text


def test_a_side_that_has_no_value_is_said(tmp_path: Path) -> None:
    run(write(tmp_path), "apply", "--no-verify")
    write(tmp_path, ("avg(amount) over last_7d", "avg(amount * status::integer) over last_7d"))
    done = run(tmp_path, "plan", "--check-values")
    assert done.exit_code == 3 and "buying.mean_7d  cannot be compared: " in done.stdout
