"""`featc explain` says of backfilled tiles what a training set then does with them."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import featc
from featc.cli import cli
from featc.lower.tile_table import WIDTH
from tiny_project import ORDERS, write_project

DEFINITIONS = """\
feature_views:
  more:
    entity: user
    source: orders
    features:
      spread: stddev_pop(amount) over last_7d
      kinds: count(distinct status) over lifetime
      least: min(amount) over lifetime
      newest: avg(amount) over last_3_rows
      best: arg_max(status, amount) over last_30d
      today: sum(amount) over last_1d
feature_services:
  others:
    keys: {user_id: request.whose}
    request: {whose: bigint}
    features: [more.least]
"""
LAST = [{"user_id": 7, "as_of": datetime(2026, 1, 4)}]


@pytest.fixture
def store(tmp_path: Path) -> featc.FeatureStore:
    folder = write_project(tmp_path / "tiny")
    (folder / "features" / "more.yaml").write_text(DEFINITIONS)
    settled(folder)
    return featc.FeatureStore(folder)


def settled(folder: Path) -> None:
    """A file of a second ago: one that changed just now might change once more and show the same time."""
    file = folder / "data" / "orders.csv"
    past = file.stat().st_mtime_ns - 10**9
    os.utime(file, ns=(past, past))


def tiles(store: featc.FeatureStore, name: str = "more") -> dict[str, Any]:
    (view,) = store.explain([name] if "." not in name else name)
    return view


def test_without_a_database_nothing_is_backfilled(store: featc.FeatureStore) -> None:
    view = tiles(store)
    assert view["tiles"] == {"reads": "rows", "because": "nothing is backfilled", "filled": []}
    assert {t["reads"] for t in view["training"]} == {"rows"}
    assert not (store.root / ".featc").exists(), "explaining makes nothing"


def test_of_each_state_it_is_said_what_is_read_and_why(store: featc.FeatureStore) -> None:
    store.backfill()
    view = tiles(store)
    assert view["tiles"]["reads"] == "tiles"
    assert view["tiles"]["filled"] == [{"start": "2026-01-01T00:00:00Z", "end": "2026-01-04T00:00:00Z"}]
    read = {t["aggregation"]: (t["reads"], t["reads_because"]) for t in view["training"]}
    assert read == {
        "spread": ("tiles", None),
        "least": ("tiles", None),
        "kinds": ("rows", "it is a set of values, which grows with its rows"),
        "newest": ("rows", "its window counts rows, and a tile holds all of its day"),
        "best": ("rows", "it is the value of one row, and a tile knows no order of rows"),
        "today": ("rows", "its window is shorter than two tiles"),
    }
    words = store.get_historical_features(["more"], LAST, read="tiles").reading.words["more"]
    assert words.startswith("tiles, and ")


@pytest.mark.slow
def test_what_it_says_is_what_a_training_set_then_does(store: featc.FeatureStore) -> None:
    def both(because: str) -> None:
        said = tiles(store)["tiles"]
        assert (said["reads"], said["because"]) == ("rows", because)
        assert store.get_historical_features(["more"], LAST).reading.words == {"more": f"rows: {because}"}

    both("nothing is backfilled")
    store.backfill(select="user_orders")
    both("its tiles are not backfilled")
    store.backfill()
    assert tiles(store)["tiles"]["reads"] == "tiles"
    (store.root / "data/orders.csv").write_text(ORDERS + "9,7,1.00,paid,U,2026-01-03 13:00:00,2026-01-03 13:05:00\n")
    settled(store.root)
    both("orders may have changed since the last backfill")


def test_only_the_states_that_are_asked_for_count(store: featc.FeatureStore) -> None:
    assert tiles(store, "more.today")["tiles"]["because"] == (
        "no window of two days or more over a state that tiles hold"
    )
    assert tiles(store, "more.least")["tiles"]["because"] == "nothing is backfilled"


def test_computed_keys_and_views_without_a_source(store: featc.FeatureStore) -> None:
    store.backfill()
    by_view = {v["view"]: v["tiles"] for v in store.explain("others")}
    assert [t["because"] for t in by_view.values() if t] == ["its keys are computed by the service"]
    assert store.explain("basket")[-1]["tiles"] is None


def test_the_text_says_it_too(store: featc.FeatureStore) -> None:
    store.backfill()
    said = CliRunner().invoke(cli, ["explain", "-p", str(store.root), "more"]).stdout
    assert "  tiles     tiles are read where the filled days hold the spine's windows" in said
    assert "            filled: 2026-01-01 … 2026-01-04\n" in said
    assert "            rows for best: it is the value of one row" in said


def test_a_tile_is_a_day() -> None:
    assert timedelta(microseconds=WIDTH) == timedelta(days=1), "the words speak of days"
