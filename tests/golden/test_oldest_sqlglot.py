"""Fingerprints, and the SQL too, are the same with the oldest sqlglot that featc takes. CI runs all compiled, too."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def oldest() -> str:
    """The lowest version of the range in pyproject.toml."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (given,) = (w for w in wanted if w.startswith("sqlglot"))
    return given.partition(">=")[2].partition(",")[0] + ".0.0"


@pytest.mark.slow
def test_golden_files_are_those_of_the_oldest_sqlglot(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    wanted = ["--target", str(tmp_path), f"sqlglot=={oldest()}"]
    installed = subprocess.run([*pip, *wanted], capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr
    known = os.environ | {"PYTHONPATH": str(tmp_path)}
    asked = "import sqlglot; print(sqlglot.__version__)"
    said = subprocess.run([sys.executable, "-c", asked], env=known, capture_output=True, text=True).stdout
    assert said.strip() == oldest()
    words = [sys.executable, "-m", "pytest", "-n", "0", "-m", "not slow", "tests/golden"]
    words.append("tests/emit/test_fingerprints.py")
    done = subprocess.run(words, cwd=ROOT, env=known, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
