"""Sketches of more values than they keep: training, every way of reading online, and the oracle give one value."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import featc
import oracle
from featc.runtime.online import OnlineStore

START, DAYS, A_DAY, USERS = datetime(2026, 1, 1), 40, 300, 2
DEFINITIONS = """\
entities: {user: user_id}
sources:
  visits:
    path: data/visits.parquet
    time: seen_at
    available_at: loaded_at
    id: visit_id
    final_after: 1d
feature_views:
  user_visits:
    entity: user
    source: visits
    windows: [3d, 10d, lifetime]
    features:
      pages: approx_count_distinct(page)
      cheap_pages: approx_count_distinct(page) filter (where price < 10)
      middle: approx_quantile(price, 0.5)
      low: approx_quantile(price, 0.01)
      high: approx_quantile(price, 0.99)
feature_services:
  served: {features: [user_visits]}
"""
WINDOWS = {"3d": 3, "10d": 10, "lifetime": 10_000}


def visits() -> list[dict[str, Any]]:
    """Two users' visits to pages most of which are seen once; every ninth is loaded 20 hours late."""
    found = []
    for n in range(USERS * DAYS * A_DAY):
        at = START + timedelta(days=n // (USERS * A_DAY), seconds=n % (USERS * A_DAY) * 100)
        found.append({
            "visit_id": n, "user_id": n % USERS, "page": f"page-{n * 7 % 9001}", "price": (n * 37 % 5000) / 100 - 1,
            "seen_at": at, "loaded_at": at + timedelta(hours=20 * (n % 9 == 0)),
        })  # fmt: skip
    return found


ROWS = visits()
SCHEMA = pa.schema({
    "visit_id": pa.int64(), "user_id": pa.int64(), "page": pa.string(), "price": pa.float64(),
    "seen_at": pa.timestamp("us"), "loaded_at": pa.timestamp("us"),
})  # fmt: skip
INSTANTS = (START + timedelta(days=39, hours=11), START + timedelta(days=32, microseconds=1))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> featc.FeatureStore:
    root = tmp_path_factory.mktemp("sketches")
    (root / "features").mkdir()
    (root / "data").mkdir()
    (root / "featc.yaml").write_text("version: 1\nproject: sketches\n")
    (root / "features" / "visits.yaml").write_text(DEFINITIONS)
    pq.write_table(pa.Table.from_pylist(ROWS, SCHEMA), root / "data" / "visits.parquet")
    return featc.FeatureStore(root)


def wanted(user: int, t: datetime) -> dict[str, Any]:
    """The features by the oracle's definitions."""
    found: dict[str, Any] = {}
    for name, days in WINDOWS.items():
        rows = [
            r for r in ROWS
            if r["user_id"] == user and r["loaded_at"] < t and t - timedelta(days=days) <= r["seen_at"] < t
        ]  # fmt: skip
        prices = sorted(r["price"] for r in rows)
        found[f"pages_{name}"] = oracle.about_distinct([r["page"] for r in rows])
        found[f"cheap_pages_{name}"] = oracle.about_distinct([r["page"] for r in rows if r["price"] < 10])
        found[f"middle_{name}"] = oracle.about(prices[-(-len(prices) // 2) - 1])
        found[f"low_{name}"] = oracle.about(prices[-(-len(prices) // 100) - 1])
        found[f"high_{name}"] = oracle.about(prices[-(-len(prices) * 99 // 100) - 1])
    return found


EXPECTED = [wanted(user, t) for t in INSTANTS for user in range(USERS)]


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    named = {name.rpartition(".")[2]: value for name, value in found.items()}
    for name, value in expected.items():
        assert named[name] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value), name


def test_there_are_more_values_than_a_sketch_keeps() -> None:
    assert max(len({r["page"] for r in ROWS if r["user_id"] == u}) for u in range(USERS)) > 4097
    assert {e["pages_lifetime"] % 4 for e in EXPECTED[:2]} == {0} and EXPECTED[0]["pages_3d"] < 4096


def test_training_of_rows_that_are_never_late_gives_them(tmp_path: Path) -> None:
    definitions = DEFINITIONS.replace("    available_at: loaded_at\n    id: visit_id\n    final_after: 1d\n", "")
    (tmp_path / "features").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "featc.yaml").write_text("version: 1\nproject: sketches\n")
    (tmp_path / "features" / "visits.yaml").write_text(definitions)
    known = [r for r in ROWS if r["loaded_at"] < INSTANTS[0]]
    pq.write_table(pa.Table.from_pylist(known, SCHEMA), tmp_path / "data" / "visits.parquet")
    spine = [{"user_id": user, "as_of": INSTANTS[0]} for user in range(USERS)]
    dataset = featc.FeatureStore(tmp_path).get_historical_features("served", pa.Table.from_pylist(spine))
    for row, expected in zip(dataset.arrow().to_pylist(), EXPECTED[:USERS], strict=True):
        same(row, expected)


def test_training_gives_them(store: featc.FeatureStore) -> None:
    spine = [{"user_id": user, "as_of": t} for t in INSTANTS for user in range(USERS)]
    found = store.get_historical_features("served", pa.Table.from_pylist(spine)).arrow().to_pylist()
    for row, expected in zip(found, EXPECTED, strict=True):
        same(row, expected)


@pytest.mark.parametrize("backwards", [False, True])
def test_tiles_and_rows_give_them(store: featc.FeatureStore, tmp_path: Path, backwards: bool) -> None:
    """In two pushes, the older rows first or last, and after all tiles but a few have become one."""
    table = pa.Table.from_pylist(ROWS, SCHEMA)
    half = len(ROWS) // 2
    parts = [table.slice(0, half), table.slice(half)]
    with OnlineStore(tmp_path / "online.db", store.project, Path(store.root)) as online:
        for part in reversed(parts) if backwards else parts:
            online.push("visits", part)
        read(online)
        if not backwards:
            evicted = online.evict(int(timedelta(days=9).total_seconds()) * 1_000_000)
            assert evicted[0].views[0].final > 1000 and evicted[0].views[0].tiles > 0
            read(online)


def read(online: OnlineStore) -> None:
    expected = iter(EXPECTED)
    for t in INSTANTS:
        rows = online.get("served", [{"user_id": user} for user in range(USERS)], at=t)
        for row in rows:
            same(row, next(expected))
