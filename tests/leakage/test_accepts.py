"""What featc writes passes: every shape, both example projects, random projects."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from leakage.queries import PROJECTS, golden, queries
from random_projects import render
from random_projects.generate import make_case

REPO = Path(__file__).resolve().parents[2]


def refused(folder: Path) -> list[str]:
    """Every finding in the queries of a project."""
    built = queries(folder)
    return [f"{path}:{f.line} {f.code} {f.message}" for path in built.sql for f in built.check(path).findings]


@pytest.mark.parametrize("name", PROJECTS)
def test_golden_queries_pass(name: str) -> None:
    built = golden(name)
    assert built.sql
    for path in built.sql:
        checked = built.check(path)
        assert checked.findings == ()
        wanted = {f"{o.view}.{o.feature}" for o in built.outputs[path]}
        assert wanted <= set(checked.features)  # proven, and not merely absent


@pytest.mark.slow
def test_shop_passes(tmp_path: Path) -> None:
    copy = tmp_path / "shop"
    ignored = shutil.ignore_patterns("data", "target", ".featc", "__pycache__")
    shutil.copytree(REPO / "features" / "shop", copy, ignore=ignored)
    generate = [sys.executable, "generate.py", "--scale", "0.02"]
    subprocess.run(generate, cwd=copy, check=True, capture_output=True)
    assert refused(copy) == []


def retail_data() -> Path | None:
    """The folder of online_retail.parquet, if it is there."""
    data = Path(os.environ.get("FEATC_DATA") or REPO.parent / "shared" / "data").resolve()
    return data if (data / "online_retail.parquet").exists() else None


@pytest.mark.slow
def test_online_retail_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = retail_data()
    if data is None:
        pytest.skip("online_retail.parquet not found: set FEATC_DATA to the folder that holds it")
    monkeypatch.setenv("FEATC_DATA", str(data))
    assert refused(REPO / "features" / "online_retail") == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 20, 5))
def test_random_projects_pass(first: int, tmp_path: Path) -> None:
    """Joins, and features of other views beside events, are among their views."""
    if first == 0:
        views = [v for seed in range(20) for v in make_case(seed).views]
        assert any(v.joins for v in views)
        assert any(v.name == "vw" for v in views)
        assert any(v.matches for v in views)
    for seed in range(first, first + 5):
        folder = tmp_path / str(seed)
        render.write(make_case(seed), folder)
        assert refused(folder) == [], seed
