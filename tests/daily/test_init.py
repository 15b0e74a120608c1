"""`featc init`: what it writes works at once, is checked by its own schema, and nothing is ever overwritten."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from daily.editing import validator
from featc.cli import cli
from featc.cli.starting import project_name
from featc.load.editor import editor_schema
from featc.starter import starter_files

REPO = Path(__file__).resolve().parents[2]


def featc(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    sources = os.pathsep.join(str(REPO / root) for root in ("compiler", "dialects"))
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {**os.environ, "PATH": path, "PYTHONPATH": sources}
    return subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=environment, text=True, capture_output=True, check=False
    )


@pytest.fixture
def made(tmp_path: Path) -> Path:
    assert featc("init", str(tmp_path / "shop")).exit_code == 0
    return tmp_path / "shop"


@pytest.mark.slow
@pytest.mark.parametrize("command", [["build"], ["test"], ["verify"]])
def test_the_new_project_passes_at_once(made: Path, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)
    done = featc(*command)
    assert done.exit_code == 0, done.output
    assert "warning" not in done.stderr
    if command == ["verify"]:
        assert "11 of 11 features proven equal" in done.stdout


@pytest.mark.slow
def test_the_commands_of_its_readme_work(made: Path) -> None:
    (block,) = re.findall(r"```console\n(.*?)```", (made / "README.md").read_text(), re.S)
    commands = [line for line in block.splitlines() if line]
    assert len(commands) == 5
    for command in commands:
        done = shell(command, made)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert "spend_30d         19.80" in done.stdout
    header, first, *_ = (made / "train.csv").read_text().splitlines()
    assert header.startswith("user_id,as_of,amount,bought_again,orders_7d") and first.startswith("1,2026-02-01")


def test_its_workflow_runs_what_ci_should(made: Path) -> None:
    workflow = yaml.safe_load((made / ".github/workflows/featc.yml").read_text())
    steps = workflow["jobs"]["features"]["steps"]
    runs = [step["run"] for step in steps if "run" in step]
    assert runs[0].startswith("pip install featc==") and runs[1:] == ["featc build", "featc test", "featc verify"]


def test_its_files_name_schemas_that_lie_there_and_pass_them(made: Path) -> None:
    texts = {p: p.read_text() for p in made.rglob("*.yaml")}
    assert len(texts) == 3
    for path, text in texts.items():
        line = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
        assert line, path
        named = json.loads((path.parent / line[1]).read_text())
        kind = Path(line[1]).stem
        assert named == editor_schema(kind), path  # type: ignore[arg-type]
        assert not list(validator(kind).iter_errors(yaml.safe_load(text)))  # type: ignore[arg-type]
        assert "http" not in text


def test_it_holds_a_late_row_and_corrected_rows(made: Path) -> None:
    lines = [line.split(",") for line in (made / "data/orders.csv").read_text().splitlines()[1:]]
    ids = [line[0] for line in lines]
    assert sorted({i for i in ids if ids.count(i) > 1}) == ["1021", "1028"]
    assert [line[0] for line in lines if line[4][:10] < line[5][:10] and ids.count(line[0]) == 1] == ["1012"]
    assert all(f"{number}" in (made / "README.md").read_text() for number in ("1012", "1021", "1028"))


@pytest.mark.parametrize(
    ("folder", "name"),
    [("shop", "shop"), ("my shop", "my_shop"), ("2026", "features_2026"), ("Läden", "L_den"), ("a-b", "a-b")],
)
def test_the_project_is_called_like_its_folder(tmp_path: Path, folder: str, name: str) -> None:
    assert project_name(tmp_path / folder) == name
    assert featc("init", str(tmp_path / folder)).exit_code == 0
    assert f"\nproject: {name}\n" in (tmp_path / folder / "featc.yaml").read_text()


def test_the_name_may_be_given(tmp_path: Path) -> None:
    done = featc("init", str(tmp_path / "a"), "--name", "churn", "--format", "json")
    assert json.loads(done.stdout)["project"] == "churn"
    assert (tmp_path / "a/README.md").read_text().startswith("# churn\n")


def test_a_name_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    done = featc("init", str(tmp_path / "a"), "--name", "my shop")
    assert done.exit_code == 2 and "F811" in done.stderr
    assert not (tmp_path / "a").exists()


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() if p.is_file() else "" for p in folder.rglob("*")}


@pytest.mark.parametrize("there", ["featc.yaml", "README.md", "tests/shop.yaml", ".gitignore"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("mine")
    before = contents(tmp_path)
    done = featc("init", str(tmp_path))
    assert done.exit_code == 2 and "F810" in done.stderr, done.output
    assert there in done.stderr or there == "featc.yaml"
    assert contents(tmp_path) == before


def test_other_files_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    assert featc("init", str(tmp_path)).exit_code == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_cannot_be_written_whole_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / ".github").write_text("a file where a folder is needed")
    before = contents(tmp_path)
    done = featc("init", str(tmp_path / "shop"))
    assert done.exit_code == 4 and "F910" in done.stderr
    assert contents(tmp_path) == before


def test_a_file_in_the_folders_place_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("")
    assert featc("init", str(tmp_path / "shop")).exit_code == 2


def test_schema_writes_what_init_wrote(made: Path, tmp_path: Path) -> None:
    done = featc("schema", "--out", str(tmp_path / "again"), "--format", "json")
    files = [Path(path) for path in json.loads(done.stdout)["files"]]
    assert {p.name: p.read_text() for p in files} == {
        p.name: p.read_text() for p in (made / ".featc-schema").iterdir()
    }


def test_schema_prints_or_writes_one_kind(tmp_path: Path) -> None:
    assert json.loads(featc("schema").stdout) == editor_schema("definitions")
    assert json.loads(featc("schema", "--kind", "project", "--format", "json").stdout) == editor_schema("project")
    assert featc("schema", "--kind", "tests", "--out", str(tmp_path / "t.json")).exit_code == 0
    assert json.loads((tmp_path / "t.json").read_text()) == editor_schema("tests")
    assert featc("schema", "--out", str(tmp_path / "all.json")).exit_code == 2


def test_the_starter_is_short_enough_to_read() -> None:
    texts = starter_files("shop")
    written = [t for p, t in texts.items() if p.endswith((".yaml", ".yml", ".md"))]
    assert sum(len(t.splitlines()) for t in written) < 200


@pytest.mark.slow
def test_a_built_wheel_holds_the_starter(tmp_path: Path) -> None:
    """Not an editable install: the files come out of the wheel."""
    done = shell(f"python -m pip wheel -q --no-deps -w {tmp_path} {REPO}", tmp_path)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("featc-*.whl")
    assert shell(f"python -m zipfile -e {wheel} unpacked", tmp_path).returncode == 0
    code = (
        f"import sys; sys.path.insert(0, '{tmp_path}/unpacked'); import featc.cli; "
        "assert 'unpacked' in featc.__file__; sys.exit(featc.cli.main())"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    for words in (["init", "shop"], ["test", "-p", "shop"]):
        ran = subprocess.run(
            [sys.executable, "-c", code, *words], cwd=tmp_path, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "shop/.github/workflows/featc.yml").exists()
