"""A service's name as a selector: it stands for all that its values take, whatever the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from featc import FeatureStore
from featc.cli import cli
from featc.lineage import chosen_features, needed_features
from services.test_services import CHAIN, ETA, project

EXTRA = """\
feature_views:
  unused:
    entity: courier
    source: trips
    keys: {courier_id: trip_id}
    features: {rides: count(*) over last_30d}
"""


def views(store: FeatureStore, selector: str) -> set[str]:
    return {view for view, _ in needed_features(store.project, selector)}


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return project(tmp_path, ETA, CHAIN, EXTRA)


def test_hidden_dependencies_and_views_that_give_keys_are_needed(store: FeatureStore) -> None:
    assert views(store, "eta") == {"hourly", "zone_speed", "zone_share"}
    assert views(store, "sale") == {"regional", "seller_state", "listing_state"}, "the last gives a key and the price"
    assert ("listing_state", "seller_id") in needed_features(store.project, "sale.rating")
    assert views(store, "eta.far_long") == {"zone_speed", "zone_share"}
    assert views(store, "eta.hours") == set(), "an expression over the request alone"


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("zone_share", {"zone_share", "zone_speed"}),
        ("zone_speed.km_*", {"zone_speed"}),
        ("zone_speed+", {"zone_share", "zone_speed"}),
        ("+zone_share.long", {"zone_share", "zone_speed"}),
        ("source:listings", {"listing_state"}),
        ("sale unused", {"regional", "seller_state", "listing_state", "unused"}),
    ],
)
def test_other_selectors_take_what_they_need_too(store: FeatureStore, selector: str, expected: set[str]) -> None:
    assert views(store, selector) == expected


def test_what_is_chosen_of_a_service_is_as_it_asks_it(store: FeatureStore) -> None:
    chosen = chosen_features(store.project, "sale")
    own = store.project.services["sale"].own
    assert (own, "worth") in chosen
    assert not any(view == "listing_state" for view, _ in chosen)


def test_backfill_fills_the_tiles_that_a_service_needs(store: FeatureStore) -> None:
    report = store.backfill(select="eta")
    assert {v.view for v in report.views} == {"hourly", "zone_speed"}
    taken = store.backfill(at="2026-01-05T12:00:00", select="sale")
    assert {v.view for v in taken.views} == {"seller_state", "regional"}


def test_materialize_reads_the_sources_that_a_service_needs(store: FeatureStore) -> None:
    assert {s.source for s in store.materialize(select="sale").sources} == {"listings", "sellers"}
    assert {s.source for s in store.materialize(select="zone_share").sources} == {"trips"}


def test_build_writes_what_a_service_needs(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.root)
    assert CliRunner().invoke(cli, ["build", "--select", "sale"]).exit_code == 0
    folder = store.root / "target/sql/duckdb"
    assert {f.name for f in folder.iterdir()} == {"services", "listing_state", "seller_state", "regional"}
    assert [f.name for f in (folder / "services").iterdir()] == ["sale"]
