"""The fraud example: a model trained from the training set and scored online with the same vectors, and its leak."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from examples.test_example_projects import REPO, featc

FRAUD = REPO / "features" / "fraud"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fraud") / "fraud"
    shutil.copytree(FRAUD, folder, ignore=shutil.ignore_patterns("data", "target", ".featc", "__pycache__"))
    return folder


@pytest.mark.slow
def test_the_model_scores_online_what_it_was_trained_on_and_the_leak_is_refused(copy: Path) -> None:
    sources = os.pathsep.join(str(REPO / root) for root in ("compiler", "dialects"))
    environment = {**os.environ, "PYTHONPATH": sources, "NO_COLOR": "1"}
    command = [sys.executable, "model.py", "--scale", "0.5", "--asked", "600"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((copy / "target" / "quality.json").read_text(encoding="utf-8"))
    assert found["vectors"] == 600
    assert found["compared"] == 600 * 41
    assert found["apart"] == 0
    quality = found["quality"]
    assert quality["leak, as tested"] > quality["featc, as tested"] > quality["leak, in service"]
    assert done.stdout.count("error F316") == 2, "both leaky features are refused"
    assert (copy / "target" / "quality.png").stat().st_size > 10_000
    readme = (FRAUD / "README.md").read_text(encoding="utf-8")
    shown = next(block for block in readme.split("```\n") if block.startswith("features/disputes.yaml"))
    assert shown.strip() in done.stdout, "the refusal is the one the README shows"


@pytest.mark.slow
def test_verify_proves_every_feature_of_the_chain(copy: Path) -> None:
    if not (copy / "data").exists():
        subprocess.run([sys.executable, "generate.py", "--scale", "0.3"], cwd=copy, check=True, capture_output=True)
    done = featc(copy, "verify", "--format", "json")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    checked = featc(copy, "build", "--check-leakage")
    assert checked.returncode == 0, checked.stderr
