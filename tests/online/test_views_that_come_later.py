"""Views that come, or come back, to a store that went on without them answer as training does, or not at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from featc.errors import FeatcError
from featc.runtime.store import FeatureStore

START = datetime(2026, 5, 1)
DEFINITIONS = """
entities: {ad: ad, buyer: buyer}
sources:
  shown: {path: data/shown.parquet, time: seen_at, available_at: known_at, id: impression}
  orders: {path: data/orders.parquet, time: seen_at, available_at: known_at, id: purchase}
feature_views:
  ads: {entity: ad, source: shown, features: {n: count(*) over last_2h}}
"""
PLAIN = """
  lasting: {entity: ad, source: shown, features: {m: count(*) over lifetime}}
"""
JOINING = """
  buyers: {entity: buyer, source: orders, join: {ads: {view: ads}}, features: {n: sum(ads.n) over lifetime}}
"""


def at(hours: int) -> str:
    return f"timestamp '{START + timedelta(hours=hours)}'"


def project(root: Path) -> Path:
    (root / "features").mkdir()
    (root / "data").mkdir()
    (root / "featc.yaml").write_text("version: 1\nproject: late\ntargets: {dev: {online: {replay: 2h}}}\n")
    shown = [(1, 1, 1, 1), (1, 2, 1, 5), *((n, 1, n, n) for n in (2, 3, 30, 31))]  # the first moves to another ad
    rows = ", ".join(f"({i}::bigint, {ad}::bigint, {at(tau)}, {at(alpha)})" for i, ad, tau, alpha in shown)
    with duckdb.connect() as connection:
        names = "impression, ad, seen_at, known_at"
        connection.execute(f"COPY (FROM (VALUES {rows}) t({names})) TO '{root}/data/shown.parquet'")
        orders = f"(1::bigint, 7::bigint, 1::bigint, {at(2)}, {at(2)}), (2, 7, 1, {at(3)}, {at(4)})"
        names = "purchase, buyer, ad, seen_at, known_at"
        connection.execute(f"COPY (FROM (VALUES {orders}) t({names})) TO '{root}/data/orders.parquet'")
    return root


@pytest.mark.parametrize("evicts", [True, False])
def test_it_answers_as_training_does_or_not_at_all(tmp_path: Path, evicts: bool) -> None:
    root = project(tmp_path)
    definitions = root / "features" / "all.yaml"
    definitions.write_text(DEFINITIONS)
    store = FeatureStore(root)
    store.materialize()
    if evicts:
        store.evict()
    store.close()

    definitions.write_text(DEFINITIONS + JOINING)
    store = FeatureStore(root)
    store.materialize()
    when = START + timedelta(hours=40)
    if evicts:
        with pytest.raises(FeatcError, match="added or changed after 6 rows of orders or shown") as refused:
            store.get_online_features(["buyers"], [{"buyer": 7}], at=when)
        assert refused.value.code == "F603"
    else:
        trained = store.get_historical_features(["buyers"], [{"buyer": 7, "as_of": when}]).rows()
        assert trained[0]["n"] == 3
        assert dict(store.get_online_features(["buyers"], [{"buyer": 7}], at=when)[0])["n"] == 3
    store.close()


def pushed(root: Path, definitions: str, source: str, number: int, hours: int, known: int) -> None:
    """A row more, pushed under these definitions."""
    (root / "features" / "all.yaml").write_text(definitions)
    store = FeatureStore(root)
    ids = {"impression": number, "ad": 1} if source == "shown" else {"purchase": number, "buyer": 7, "ad": 1}
    when = {"seen_at": START + timedelta(hours=hours), "known_at": START + timedelta(hours=known)}
    store.push(source, [{**ids, **when}])
    store.close()


def answer(root: Path, definitions: str, view: str, key: dict[str, int]) -> dict[str, object]:
    """What a view answers under these definitions, after all; ends with F603 where it does not know."""
    (root / "features" / "all.yaml").write_text(definitions)
    store = FeatureStore(root)
    try:
        return dict(store.get_online_features([view], [key], at=START + timedelta(hours=40))[0])
    finally:
        store.close()


def test_a_view_that_is_put_back_missed_what_came_meanwhile(tmp_path: Path) -> None:
    root = project(tmp_path)
    pushed(root, DEFINITIONS + PLAIN, "shown", 50, 1, 1)
    pushed(root, DEFINITIONS, "orders", 50, 1, 1)  # of no source that it reads
    assert answer(root, DEFINITIONS + PLAIN, "lasting", {"ad": 1})["m"] == 1
    pushed(root, DEFINITIONS, "shown", 51, 2, 2)
    assert answer(root, DEFINITIONS, "ads", {"ad": 1})["n"] == 0
    with pytest.raises(FeatcError) as refused:
        answer(root, DEFINITIONS + PLAIN, "lasting", {"ad": 1})
    assert refused.value.code == "F603"


@pytest.mark.parametrize("meanwhile", ["nothing", "a row", "an eviction"])
def test_a_view_with_joins_that_is_put_back_missed_whatever_came_or_went(tmp_path: Path, meanwhile: str) -> None:
    root = project(tmp_path)
    pushed(root, DEFINITIONS + JOINING, "shown", 50, 1, 1)
    pushed(root, DEFINITIONS + JOINING, "orders", 50, 2, 2)
    if meanwhile == "a row":  # which would have been lifted into the order
        pushed(root, DEFINITIONS, "shown", 51, 1, 2)
    elif meanwhile == "an eviction":
        (root / "features" / "all.yaml").write_text(DEFINITIONS)
        store = FeatureStore(root)
        store.evict()
        store.close()
    if meanwhile == "nothing":
        assert answer(root, DEFINITIONS + JOINING, "buyers", {"buyer": 7})["n"] == 1
        return
    with pytest.raises(FeatcError) as refused:
        answer(root, DEFINITIONS + JOINING, "buyers", {"buyer": 7})
    assert refused.value.code == "F603"
