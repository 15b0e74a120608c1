"""Where a meaning is said: of the one feature that is asked about, and in the manifest of all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from featc.cli.app import cli
from tiny_project import write_project

SPEND = "sum of amount of orders with status other than 'cancelled' in the 7 days before the request"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("words") / "tiny")


def run(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--project", str(root)])


def test_ls_says_what_a_single_feature_means(project: Path) -> None:
    assert SPEND in run(project, "ls", "user_orders.spend_7d").stdout.splitlines()[-1]
    assert "before the request" not in run(project, "ls", "user_orders").stdout


def test_show_notes_what_a_single_feature_means(project: Path) -> None:
    assert f"user_orders.spend_7d: {SPEND}" in run(project, "show", "user_orders.spend_7d").stderr
    assert "before the request" not in run(project, "show", "user_orders").stderr


def test_explain_begins_with_what_a_single_feature_means(project: Path) -> None:
    lines = run(project, "explain", "user_orders.spend_7d").stdout.splitlines()
    assert lines[1].startswith(f"  meaning   {SPEND}")
    assert "meaning" not in run(project, "explain", "user_orders").stdout


def test_the_manifest_has_the_meaning_of_every_definition(project: Path) -> None:
    listed = json.loads(run(project, "ls", "--format", "json").stdout)
    assert listed["features"]["user_orders.spend_7d"]["meaning"].startswith(SPEND)
    assert all(f["meaning"] for f in listed["features"].values())
    assert all(o["meaning"] for s in listed["services"].values() for o in s["outputs"])
