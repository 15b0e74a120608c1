"""What the features of tests/golden and features/ are said to mean: `pytest tests/words --update-words`, read as a
diff."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from featc.runtime.store import compile_project
from featc.words import Meanings

REPO = Path(__file__).resolve().parents[2]
SMALL = sorted(p.parent for p in (REPO / "tests" / "golden").glob("*/featc.yaml"))
EXAMPLES = sorted(p.parent for p in (REPO / "features").glob("*/featc.yaml"))


def said(project: Path) -> str:
    compiled = compile_project(project).project
    meanings = Meanings(compiled)
    lines = [f"{name}: {text}" for name, text in meanings.features.items()]
    for service in compiled.services.values():
        asked = [o for o in service.outputs if o.view in compiled.asked]
        lines += [f"{service.name} gives {o.name}: {meanings.output(service, o)}" for o in asked]
    return "\n".join(lines) + "\n"


def compare(golden: Path, text: str, update: bool) -> None:
    if update:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == text, "read the diff after pytest tests/words --update-words"


@pytest.mark.parametrize("project", SMALL, ids=lambda p: p.name)
def test_meanings_are_the_golden_ones(project: Path, update_words: bool) -> None:
    compare(Path(__file__).parent / "golden" / f"{project.name}.txt", said(project), update_words)


@pytest.mark.slow
@pytest.mark.parametrize("project", EXAMPLES, ids=lambda p: p.name)
def test_meanings_of_the_examples_are_the_golden_ones(
    project: Path, update_words: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(os.environ.get("FEATC_DATA") or REPO.parent / "shared" / "data").resolve()
    copy = tmp_path / project.name
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("data", "target", ".featc", "__pycache__"))
    if (copy / "generate.py").exists():
        generate = [sys.executable, "generate.py", "--scale", "0.05"]
        subprocess.run(generate, cwd=copy, check=True, capture_output=True)
    elif not (data / "online_retail.parquet").exists():
        pytest.skip("online_retail.parquet not found: set FEATC_DATA to the folder that holds it")
    monkeypatch.setenv("FEATC_DATA", str(data))
    compare(Path(__file__).parent / "golden" / "examples" / f"{project.name}.txt", said(copy), update_words)
