"""Every project in `features/` builds to the same bytes twice, and its author's tests pass."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
PROJECTS = sorted(p.parent for p in (REPO / "features").glob("*/featc.yaml"))
FEATC = (sys.executable, "-c", "import sys; from featc.cli import main; sys.exit(main())")


def retail_folder() -> Path:
    return Path(os.environ.get("FEATC_DATA") or REPO.parent / "shared" / "data").resolve()


def featc(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, on the package of this working tree."""
    sources = os.pathsep.join(str(REPO / root) for root in ("compiler", "dialects"))
    environment = {**os.environ, "PYTHONPATH": sources, "FEATC_DATA": str(retail_folder()), "NO_COLOR": "1"}
    command = [*FEATC, *arguments, "--project", str(project)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(params=PROJECTS, ids=lambda p: p.name)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the project with small data, so that a run leaves nothing in the repository."""
    original: Path = request.param
    copy = tmp_path / original.name
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("data", "target", ".featc", "__pycache__"))
    if (copy / "generate.py").exists():
        generate = [sys.executable, "generate.py", "--scale", "0.05"]
        subprocess.run(generate, cwd=copy, check=True, capture_output=True)
    elif not (retail_folder() / "online_retail.parquet").exists():
        pytest.skip("online_retail.parquet not found: set FEATC_DATA to the folder that holds it")
    return copy


def artefacts(folder: Path) -> dict[str, str]:
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.slow
def test_builds_to_the_same_bytes_twice(project: Path) -> None:
    first = featc(project, "build")
    assert first.returncode == 0, first.stdout + first.stderr
    built = artefacts(project / "target")
    assert "manifest.json" in built
    assert any(name.startswith("sql") for name in built)
    shutil.rmtree(project / "target")
    assert featc(project, "build").returncode == 0
    assert artefacts(project / "target") == built


@pytest.mark.slow
def test_authors_tests_pass_through_both_plans(project: Path) -> None:
    assert list((project / "tests").glob("*.yaml")), "an example without tests teaches the wrong thing"
    done = featc(project, "test")
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_examples() -> None:
    assert {"shop", "online_retail"} <= {p.name for p in PROJECTS}
