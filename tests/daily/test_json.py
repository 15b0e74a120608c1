"""`--format json` of every command: one JSON value on stdout, of the shape that docs/json.md shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from daily.json_page import COMMANDS, ERROR, HEAD, PAGE, cut, run_all, shape, shown
from featc.cli import cli


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return run_all(tmp_path_factory.mktemp("json").resolve())


@pytest.mark.slow
@pytest.mark.parametrize("command", [*(c for c, _ in COMMANDS), ERROR])
def test_the_page_shows_the_shape_that_is_printed(command: str, answers: dict[str, object]) -> None:
    assert shape(cut(answers[command])) == shape(shown()[command]), "python tests/daily/json_page.py"


def test_the_page_shows_every_command() -> None:
    assert {command.split()[0] for command, _ in COMMANDS} >= set(cli.commands)
    assert PAGE.read_text(encoding="utf-8").startswith(HEAD)
    assert list(shown()) == [*(c for c, _ in COMMANDS), ERROR]


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_takes_the_format(name: str) -> None:
    options = {option for parameter in cli.commands[name].params for option in parameter.opts}
    assert {"--format", "--quiet"} <= options


def test_errors_are_one_object_on_stderr_and_stdout_is_empty(tmp_path: Path) -> None:
    there = ["-p", str(tmp_path)]
    calls = (["build", *there], ["status", *there], ["get", "x", *there], ["init", "a", "--name", "b c"])
    for words in (*calls, ["help", "F0"]):
        done = CliRunner().invoke(cli, [*words, "--format", "json"])
        assert done.stdout == "" and done.exit_code in (1, 2), words
        (finding,) = json.loads(done.stderr)["findings"]
        assert set(finding) == {"severity", "code", "message", "file", "line", "column", "hint"}
