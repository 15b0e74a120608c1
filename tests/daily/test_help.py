"""`featc help`: every code says what is wrong and what to do, and its examples are true."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from featc.cli import cli
from featc.cli.codes import all_codes
from featc.cli.examples import EXAMPLES, Example
from featc.errors import FeatcError
from featc.runtime.store import compile_project
from tiny_project import FEATC, ORDERS

CODES = all_codes()


def featc(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_reason_and_a_way_out(code: str) -> None:
    """The first sentence says what is wrong, what follows says more and what to do."""
    text = CODES[code]
    assert re.search(r"[.:] \S", text), f"{code} has no way out: {text}"
    assert text.endswith((".", ")")), code


def test_every_code_that_the_product_raises_is_explained() -> None:
    found: set[str] = set()
    for path in (Path(__file__).resolve().parents[2] / "compiler").rglob("*.py"):
        if path.name not in ("codes.py", "runtime_codes.py", "examples.py"):
            found |= set(re.findall(r'"(F[1-9]\d\d)"', path.read_text(encoding="utf-8")))
    assert found and found <= set(CODES), sorted(found - set(CODES))


SOURCE = "path: data/orders.csv\ntime: ordered_at\nid: order_id\ncolumns: {amount: 'decimal(12,2)', user_id: bigint}"
VIEW = {
    "entity": "entity: user",
    "source": "source: orders",
    "windows": "windows: [7d]",
    "features": "features: {orders: count(*)}",
}


def below(key: str, text: str) -> str:
    return f"{key}:\n{textwrap.indent(text, '  ')}\n"


def project(folder: Path, example: Example, text: str) -> Path:
    """A small project with `text` at the example's place."""
    (folder / "features").mkdir()
    (folder / "data").mkdir()
    (folder / "data/orders.csv").write_text(ORDERS)
    (folder / "featc.yaml").write_text(text if example.place == "project" else FEATC)
    given = {match[1] for match in re.finditer(r"^(\w+):", text, re.M)} if example.place == "view" else set()
    if example.place == "feature":
        given = {"features"}
    view = "\n".join(line for key, line in VIEW.items() if key not in given)
    if example.place == "view":
        view += f"\n{text}"
    if example.place == "feature":
        view += "\n" + below("features", text).rstrip()
    source = SOURCE + (f"\n{text}" if example.place == "source" else "")
    made = below("entities", "user: user_id") + below("sources", below("orders", source))
    made += below("feature_views", below("v", view))
    (folder / "features/a.yaml").write_text(made)
    if example.place == "file":
        (folder / "features/b.yaml").write_text(text + "\n")
    return folder


def codes_of(folder: Path) -> list[str]:
    try:
        compile_project(folder)
    except FeatcError as error:
        return [d.code for d in error.diagnostics]
    return []


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_wrong_example_ends_with_its_code(code: str, tmp_path: Path) -> None:
    example = EXAMPLES[code]
    assert codes_of(project(tmp_path, example, example.wrong)) == [code]


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_right_example_has_no_error(code: str, tmp_path: Path) -> None:
    example = EXAMPLES[code]
    assert codes_of(project(tmp_path, example, example.right)) == []


def test_a_code_is_shown_with_its_example() -> None:
    done = featc("help", "f301")
    assert done.exit_code == 0
    assert "wrong:\n    a: sum(amuont)\n\nright:\n    a: sum(amount)\n" in done.stdout
    assert json.loads(featc("help", "F301", "--format", "json").stdout)["right"] == "a: sum(amount)"


def test_without_a_topic_commands_and_areas_are_listed() -> None:
    done = featc("help")
    assert "  build  " in done.stdout and "F101–F199  files, YAML and Jinja" in done.stdout
    found = json.loads(featc("help", "--format", "json").stdout)
    assert set(found["commands"]) == set(cli.commands)
    assert sorted(code for codes in found["errors"].values() for code in codes) == sorted(CODES)


def test_a_command_is_explained_as_by_its_own_help() -> None:
    shown, own = (featc(*words).stdout for words in (("help", "dataset"), ("dataset", "--help")))
    assert shown.split("Options:")[1] == own.split("Options:")[1]


def test_functions_are_listed_and_all_of_them_are_taken(tmp_path: Path) -> None:
    found = json.loads(featc("help", "functions", "--format", "json").stdout)
    assert {"sum", "count", "arg_max"} <= set(found["aggregates"]) and "seconds_since" in found["own"]
    text = "a: upper(last(status))\nb: seconds_since(last(ordered_at))"
    assert "upper" in found["duckdb"] and codes_of(project(tmp_path, Example("feature", text, text), text)) == []
    assert "now" not in found["duckdb"] and "upper" in featc("help", "functions").stdout
