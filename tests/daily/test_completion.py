"""Completion, by the protocol that click's shell scripts speak."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from featc.cli import cli
from tiny_project import write_project

REPO = Path(__file__).resolve().parents[2]

WATCHING = """\
import atexit, sys
BIG = ("duckdb", "sqlglot", "pydantic", "networkx", "yaml", "jinja2", "pandas")
atexit.register(lambda: print([m for m in BIG if m in sys.modules], file=sys.stderr))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_project(tmp_path / "tiny")
    monkeypatch.chdir(folder)
    assert CliRunner().invoke(cli, ["build", "-q"]).exit_code == 0
    return folder


def completed(*words: str) -> list[str]:
    """What is offered for the last of the words."""
    *before, begun = words
    return [item.value for item in ShellComplete(cli, {}, "featc", "_FEATC_COMPLETE").get_completions(before, begun)]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("st",), ["status"]),
        (("get", ""), ["checkout", "small"]),
        (("dataset", "ch"), ["checkout"]),
        (("push", ""), ["orders"]),
        (("sql", "user_orders.s"), ["user_orders.spend_1d", "user_orders.spend_7d"]),
        (("show", "b"), ["basket", "basket.share"]),
        (("ls", "tag:"), ["tag:money"]),
        (("lineage", "source:"), ["source:orders"]),
        (("lineage", "+bas"), ["+basket", "+basket.share"]),
        (("verify", "--select", "user_orders.p"), ["user_orders.paid_1d", "user_orders.paid_7d"]),
        (("dataset", "--features", "basket,user_orders.l"), ["basket,user_orders.last_status"]),
        (("get", "checkout", "--key", ""), ["user_id="]),
        (("get", "checkout", "--request", ""), ["amount="]),
        (("get", "unknown", "--key", ""), []),
        (("help", "F80"), ["F801", "F802", "F803", "F804", "F805", "F806", "F807"]),
        (("help", "pu"), ["push"]),
        (("sql", "basket", "--plan", "r"), ["read"]),
        (("status", "--max"), ["--max-lag"]),
    ],
)
def test_names_of_the_last_build_are_offered(project: Path, words: tuple[str, ...], offered: list[str]) -> None:
    assert completed(*words) == offered


def test_another_project_is_asked_when_it_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert completed("get", "") == []
    assert completed("get", "-p", str(project), "") == ["checkout", "small"]
    assert completed("get", "-p", str(project / "features"), "sm") == ["small"]


def test_files_are_left_to_the_shell(project: Path) -> None:
    items = ShellComplete(cli, {}, "featc", "_FEATC_COMPLETE").get_completions(["push", "orders"], "da")
    assert [item.type for item in items] == ["file"]


@pytest.mark.parametrize("content", ["", "[]", "{", None])
def test_without_a_readable_manifest_nothing_is_offered(project: Path, content: str | None) -> None:
    path = project / "target/manifest.json"
    path.unlink() if content is None else path.write_text(content)
    assert completed("get", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_featc(shell: str) -> None:
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0 and f"_FEATC_COMPLETE={shell}_complete" in done.stdout
    data = json.loads(CliRunner().invoke(cli, ["completion", shell, "--format", "json"]).stdout)
    assert data["shell"] == shell and data["script"].rstrip() == done.stdout.rstrip()


def test_bash_takes_the_script_and_gets_answers(project: Path, tmp_path: Path) -> None:
    """A real bash sources the script and completes, through a `featc` on its PATH."""
    command = tmp_path / "bin" / "featc"
    command.parent.mkdir()
    sources = f"{REPO}/compiler:{REPO}/dialects"
    call = "import sys; from featc.cli import main; sys.exit(main())"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={sources} exec {sys.executable} -c "{call}" "$@"\n')
    command.chmod(0o755)
    words = "COMP_WORDS=(featc get ch); COMP_CWORD=2"
    ask = f'eval "$(featc completion bash)"; {words}; _featc_completion featc; echo "${{COMPREPLY[@]}}"'
    environment = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", ask], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "checkout", done.stderr


def test_completing_compiles_nothing(project: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{REPO}/compiler:{REPO}/dialects",
        "_FEATC_COMPLETE": "bash_complete",
        "COMP_WORDS": "featc get ch",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-c", f"{WATCHING}from featc.cli import main; main([])"],
        cwd=project, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("plain,checkout\n", "[]\n")


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["build", "--help"], ["help", "build"]])
def test_small_answers_import_nothing_big(words: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{REPO}/compiler:{REPO}/dialects"}
    done = subprocess.run(
        [sys.executable, "-c", f"{WATCHING}from featc.cli import main; main({words})"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr.strip() == "[]", done.stderr
