"""Each worked project builds, verifies and answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from examples.test_example_projects import featc

from .made_up import PROJECTS, START, timedelta, write

HERE = Path(__file__).parent
SETTINGS = """\
version: 1
project: worked
targets:
  dev:
    database: .featc/worked.duckdb
"""


@pytest.fixture(scope="module", params=PROJECTS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    name: str = request.param
    folder = tmp_path_factory.mktemp(name)
    (folder / "features").mkdir()
    (folder / "featc.yaml").write_text(SETTINGS, encoding="utf-8")
    shutil.copy(HERE / "projects" / f"{name}.yaml", folder / "features")
    write(PROJECTS[name], folder)
    return name, folder


@pytest.mark.slow
def test_it_builds_and_no_feature_leaks(project: tuple[str, Path]) -> None:
    done = featc(project[1], "build", "--check-leakage")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_its_plans_agree_on_enough_probes(project: tuple[str, Path]) -> None:
    done = featc(project[1], "verify", "--format", "json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert not json.loads(done.stdout).get("thin")


@pytest.mark.slow
def test_it_answers(project: tuple[str, Path]) -> None:
    name, folder = project
    worked = PROJECTS[name]
    assert featc(folder, "materialize").returncode == 0
    given = [f"--key={k}={v}" for k, v in worked.keys.items()]
    given += [f"--request={k}={v}" for k, v in worked.request.items()]
    at = (START + timedelta(days=worked.days - 2, hours=12)).isoformat()
    done = featc(folder, "get", worked.service, *given, "--at", at, "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    vector = found[0] if isinstance(found, list) else found
    vector = vector.get("features", vector)
    assert not [name for name in worked.answers if vector[name] is None], vector
