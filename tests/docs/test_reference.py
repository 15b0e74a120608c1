"""The reference is of today's code, and its examples are right."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from docs.documents import REPO, Play, blocks
from featc.cli.app import cli

REFERENCE = REPO / "docs" / "reference"


def test_the_reference_is_made_of_the_code_as_it_is(tmp_path: Path) -> None:
    roots = os.pathsep.join(str(REPO / root) for root in ("compiler", "dialects"))
    command = [sys.executable, str(REPO / "docs" / "generate.py"), str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": roots})
    made = {p.name: p.read_text(encoding="utf-8") for p in tmp_path.iterdir()}
    kept = {p.name: p.read_text(encoding="utf-8") for p in REFERENCE.iterdir()}
    assert made.keys() == kept.keys()
    for name, text in made.items():
        assert kept[name] == text, f"docs/reference/{name} is not of today's code: make docs"


@pytest.mark.slow
def test_the_examples_of_the_language_are_a_project_that_builds_and_passes_its_test(tmp_path: Path) -> None:
    play = Play(tmp_path)
    for block in blocks((REFERENCE / "language.md").read_text(encoding="utf-8")):
        if block.how == "file":
            play.write(block)
    play.run("cd reference")
    printed = play.run("featc build")
    assert printed[0].startswith("reference: "), "\n".join(printed)
    assert "warning" not in "\n".join(printed)
    printed = play.run("featc test")
    assert printed[-1] == "1 passed, 0 failed", "\n".join(printed)


def examples() -> list[str]:
    page = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    lines = [line for block in blocks(page) if block.language == "sh" for line in block.text.splitlines()]
    cut = [re.split(r"\s+# ", line)[0] for line in lines]
    return [call.strip() for line in cut for call in re.split(r"&&|\||>", line) if call.strip().startswith("featc ")]


@pytest.mark.parametrize("example", examples())
def test_every_example_of_a_command_is_one_that_the_command_takes(example: str) -> None:
    _, name, *arguments = shlex.split(example)
    assert _refusal(name, arguments) is None


def _refusal(name: str, arguments: list[str]) -> str | None:
    """Why a command does not take the arguments."""
    with click.Context(cli, info_name="featc") as parent:
        try:
            cli.commands[name].make_context(name, arguments, parent=parent)
        except click.UsageError as refused:
            return refused.format_message()
    return None
