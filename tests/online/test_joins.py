"""Joins online: what is pushed late reaches events that are there already, with their tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from featc.fingerprint import feature_fingerprint
from featc.runtime.store import FeatureStore

START = datetime(2026, 1, 1)
HOUR = timedelta(hours=1)
Row = Mapping[str, Any]

DEFINITIONS = """
entities: {user: user_id, shop: shop}
sources:
  orders: {path: data/orders.parquet, time: ordered_at}
  products: {kind: state, key: sku, path: data/products.parquet, time: since, available_at: known_at}
feature_views:
  spending:
    entity: user
    source: orders
    join: {products: {WITHIN}}
    features:
      worth: sum(products.price) over lifetime
      last_price: last(products.price) over lifetime
  sales:
    entity: shop
    source: orders
    join: {products: {}}
    keys: {shop: products.shop}
    features:
      sold: count(*) over lifetime
feature_services:
  all: {features: [spending, sales]}
"""
TYPES = {
    "orders": "user_id BIGINT, sku VARCHAR, ordered_at TIMESTAMP",
    "products": "sku VARCHAR, price BIGINT, shop VARCHAR, since TIMESTAMP, known_at TIMESTAMP",
}


def project(root: Path, within: str = "", **rows: Sequence[Row]) -> FeatureStore:
    """A project whose sources hold `rows`, by source."""
    (root / "features").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "featc.yaml").write_text("version: 1\nproject: joins\n")
    (root / "features" / "all.yaml").write_text(DEFINITIONS.replace("WITHIN", within))
    with duckdb.connect() as connection:
        for name, types in TYPES.items():
            connection.execute(f"CREATE TABLE {name} ({types})")
            for row in rows.get(name, ()):
                connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", list(row.values()))
            connection.execute(f"COPY {name} TO '{root / 'data' / name}.parquet' (FORMAT parquet)")
    return FeatureStore(root)


def product(sku: str, price: int, shop: str, hours: float, known: float | None = None) -> Row:
    since, known_at = START + hours * HOUR, START + (hours if known is None else known) * HOUR
    return {"sku": sku, "price": price, "shop": shop, "since": since, "known_at": known_at}


def order(user: int, sku: str, hours: float) -> Row:
    return {"user_id": user, "sku": sku, "ordered_at": START + hours * HOUR}


def answers(store: FeatureStore, hours: float) -> dict[str, Any]:
    asked = {"user_id": 1, "shop": "b"}
    (found,) = store.get_online_features("all", [asked], at=START + hours * HOUR)
    return found


DAYS = 24 * 40
"""Hours apart that put events into different tiles."""


def test_a_row_that_is_pushed_late_reaches_the_events_of_its_key(tmp_path: Path) -> None:
    store = project(tmp_path)
    store.push("products", [product("A", 1, "a", 0)])
    store.push("orders", [order(1, "A", 1), order(1, "A", DAYS), order(1, "B", 2 * DAYS), order(2, "A", 2)])
    assert answers(store, 3 * DAYS) == {"worth": 2, "last_price": 1, "sold": 0}
    store.push("products", [product("B", 5, "b", DAYS)])
    assert answers(store, 3 * DAYS) == {"worth": 7, "last_price": 5, "sold": 1}
    store.push("products", [product("A", 10, "b", 0.5)])
    assert answers(store, 3 * DAYS) == {"worth": 25, "last_price": 5, "sold": 4}
    assert answers(store, 2) == {"worth": 10, "last_price": 10, "sold": 1}


def test_a_row_that_nobody_knew_in_time_changes_nothing(tmp_path: Path) -> None:
    store = project(tmp_path)
    store.push("products", [product("A", 1, "a", 0)])
    store.push("orders", [order(1, "A", 1)])
    store.push("products", [product("A", 10, "b", 0.5, known=1.000001)])
    assert answers(store, 5) == {"worth": 1, "last_price": 1, "sold": 0}
    store.push("products", [product("A", 20, "b", 0.25, known=1)])
    assert answers(store, 5) == {"worth": 20, "last_price": 20, "sold": 1}


def test_an_event_may_leave_the_entity_it_was_thought_to_be_of(tmp_path: Path) -> None:
    store = project(tmp_path)
    store.push("products", [product("A", 1, "b", 0)])
    store.push("orders", [order(1, "A", n * DAYS + 1) for n in range(3)])
    assert answers(store, 3 * DAYS)["sold"] == 3
    store.push("products", [product("A", 1, "a", DAYS)])  # of the newest tiles, which were built on, no event is left
    assert answers(store, 3 * DAYS)["sold"] == 1
    store.push("products", [product("A", 1, "b", 2 * DAYS)])
    assert answers(store, 3 * DAYS)["sold"] == 2


def test_materialize_takes_in_what_is_looked_into_first(tmp_path: Path) -> None:
    products = [product("A", 3, "b", 0), product("A", 4, "b", 2)]
    store = project(tmp_path, orders=[order(1, "A", 1), order(1, "A", 3)], products=products)
    report = store.materialize()
    assert [s.source for s in report.sources] == ["products", "orders"]
    assert answers(store, 4) == {"worth": 7, "last_price": 4, "sold": 2}
    (truth,) = store.get_historical_features("all", [{"user_id": 1, "shop": "b", "as_of": START + 4 * HOUR}]).rows()
    assert {k: truth[k] for k in ("worth", "last_price", "sold")} == answers(store, 4)


def test_a_view_that_joins_needs_the_history_of_what_it_looks_into(tmp_path: Path) -> None:
    view = "  v: {entity: shop, source: products, features: {n: count(*) over lifetime}}"
    plain = DEFINITIONS.partition("feature_views:")[0] + f"feature_views:\n{view}\n"
    store = project(tmp_path)
    (tmp_path / "features" / "all.yaml").write_text(plain)
    FeatureStore(tmp_path).push("products", [product("A", 1, "a", 0)])
    (tmp_path / "features" / "all.yaml").write_text(DEFINITIONS.replace("WITHIN", ""))
    with pytest.raises(Exception, match="F603"):
        answers(FeatureStore(tmp_path), 1)
    assert store.root == tmp_path


@pytest.mark.parametrize("within", ["within: 1h", "keys: {sku: upper(sku)}"])
def test_a_join_is_part_of_the_version_of_what_uses_it(tmp_path: Path, within: str) -> None:
    one, other = project(tmp_path / "one").project, project(tmp_path / "other", within).project
    for feature in ("worth", "last_price"):
        assert feature_fingerprint(one, "spending", feature) != feature_fingerprint(other, "spending", feature)
    assert feature_fingerprint(one, "sales", "sold") == feature_fingerprint(other, "sales", "sold")


def test_eviction_keeps_what_events_may_still_look_up(tmp_path: Path) -> None:
    store = project(tmp_path)
    store.push("products", [product("A", 1, "a", 0), product("A", 2, "b", 0, known=30)])
    store.push("products", [product("Z", 0, "z", 1000)])
    store.push("orders", [order(1, "A", 20)])
    store.online.evict(int(HOUR / timedelta(microseconds=1)))
    store.push("orders", [order(1, "A", 25)])  # knows what was known at 25, which a read of today does not need
    assert answers(store, 40) == {"worth": 2, "last_price": 1, "sold": 0}
