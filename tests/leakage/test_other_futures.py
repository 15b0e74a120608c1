"""Whatever becomes of what is not known at `t`, no feature at `t` changes, in either plan; see `futures`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from examples.test_example_projects import PROJECTS, retail_folder
from featc.resolve.model import Project, Source
from featc.runtime.store import FeatureStore
from random_projects import render
from random_projects.generate import make_case

from .futures import Futures, all_features, futures_of, rows_of


@pytest.fixture(params=PROJECTS, ids=lambda p: p.name)
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureStore:
    original: Path = request.param
    copy = tmp_path / original.name
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("data", "target", ".featc", "__pycache__"))
    monkeypatch.setenv("FEATC_DATA", str(retail_folder()))
    if (copy / "generate.py").exists():
        subprocess.run([sys.executable, "generate.py", "--scale", "0.05"], cwd=copy, check=True, capture_output=True)
    return FeatureStore(copy)


@pytest.mark.slow
def test_no_feature_of_an_example_knows_the_future(example: FeatureStore, tmp_path: Path) -> None:
    found = list(futures_of(example, 2500, 4, tmp_path))
    assert not [text for one in found for text in one.wrong[:5]]
    assert all(one.changed > 500 for one in found)
    features = all_features(example.project)
    moved = frozenset().union(*(one.moved for one in found))
    assert len(moved) > 0.9 * len(features), "what was known does matter"


def project_of(seed: int, folder: Path) -> FeatureStore:
    render.write(make_case(seed), folder)
    return FeatureStore(folder)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 104))
def test_no_feature_of_a_random_project_knows_the_future(seed: int, tmp_path: Path) -> None:
    for found in futures_of(project_of(seed, tmp_path / "project"), 500, 3, tmp_path, seed):
        assert not found.wrong


def as_soon_as_it_happens(source: Source) -> Source:
    """The source as one writes it who forgets when rows arrive."""
    return replace(source, available_at=None, delay=0)


@pytest.mark.slow
def test_who_forgets_when_rows_arrive_is_found_out(tmp_path: Path) -> None:
    """Of the shop, built as if its orders were known at once."""
    shop = next(p for p in PROJECTS if p.name == "shop")
    shutil.copytree(shop, tmp_path / "shop", ignore=shutil.ignore_patterns("data", "target", ".featc"))
    generate = [sys.executable, "generate.py", "--scale", "0.05"]
    subprocess.run(generate, cwd=tmp_path / "shop", check=True, capture_output=True)
    store = FeatureStore(tmp_path / "shop")
    project: Project = store.project.without_labels()
    forgetful = {n: as_soon_as_it_happens(s) if n == "orders" else s for n, s in project.sources.items()}
    leaky = replace(project, sources=forgetful)
    futures = Futures(project, rows_of(store, 2500), Random(5), leaky)
    found = [futures.compare(t, tmp_path) for t in futures.instants(2)]
    assert all(any(text.startswith(plan) for text in one.wrong) for one in found for plan in ("_Trained", "_Served"))
    of_orders = {"user_orders", "product_sales", "user_product", "shop_totals"}
    assert {text.split(": ")[1].split(".")[0] for one in found for text in one.wrong} & of_orders
