"""A training set from tiles is the one from rows, value by value."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from featc.lower.backfill import tile_tables
from featc.lower.training import training_sql
from featc.runtime.store import FeatureStore

from .projects import history, store, write_project, write_rows

DAY = timedelta(days=1)


def spine_of(rng: random.Random, rows: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """Instants at and around τ, α and the days' ends, for the keys that rows have and others."""
    moments = [m for r in rows for m in (r["ts"], r["seen"]) if m is not None]
    found = []
    for _ in range(size):
        at = rng.choice(moments) + timedelta(microseconds=rng.choice((-1, 0, 1)))
        if rng.random() < 0.3:
            at = datetime(at.year, at.month, at.day) + rng.choice((0, 1, 7, 30)) * DAY
        found.append({"k": rng.choice(rows)["k"], "s": rng.choice(rows)["s"], "as_of": at})
    return found


def answers(made: FeatureStore, spine: list[dict[str, Any]], *, tiled: bool) -> list[dict[str, Any]]:
    features = [f"{v.name}.*" for v in made.project.views.values() if v.name != "asked"]
    dataset = made.get_historical_features(features, spine)
    if tiled:
        tables = {t.view.name: t for t in tile_tables(made.project)}
        dataset.sql = training_sql(
            made.located, dataset.outputs, time=dataset.spine.time, extra=dataset.spine.extra, tiles=tables
        )
        assert all(t.relation in dataset.sql for t in tables.values())
    return dataset.rows()


def near(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right)) or math.isclose(left, right, rel_tol=1e-9)
    return type(left) is type(right) and bool(left == right)


@pytest.mark.parametrize("seed", range(8))
def test_random_histories(tmp_path: Path, seed: int) -> None:
    rng = random.Random(900 + seed)
    folder = write_project(tmp_path / "p")
    rows = {"events": history(rng, 150), "visits": history(rng, 80)}
    for name, listed in rows.items():
        write_rows(folder, name, listed)
    made = store(folder)
    made.backfill()
    spine = spine_of(rng, rows["events"] + rows["visits"], 120)
    found, wanted = answers(made, spine, tiled=True), answers(made, spine, tiled=False)
    different = [
        (place, name, left, right[name])
        for place, (row, right) in enumerate(zip(found, wanted, strict=True))
        for name, left in row.items()
        if not near(left, right[name])
    ]
    assert not different
