"""What joins bring is proven of the event that it lies beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakage.queries import Queries, path_of, queries

DEFINITIONS = """\
entities: {user: user_id}
sources:
  orders:
    path: data/orders.csv
    time: ordered_at
    available_at: loaded_at
    columns: {user_id: bigint, sku: text, amount: bigint, ordered_at: timestamp, loaded_at: timestamp}
  products:
    kind: state
    key: sku
    path: data/products.csv
    time: changed_at
    available_at: loaded_at
    columns: {sku: text, category: text, changed_at: timestamp, loaded_at: timestamp}
feature_views:
  user_orders:
    entity: user
    source: orders
    join: {products: {within: 7d}}
    features:
      bought: count(*) over last_1d
      toys: count(*) filter (where products.category = 'toy') over last_7d
      last_category: last(products.category) over lifetime
feature_services:
  all: {features: [user_orders]}
"""
LATE = "r._enter <= s._known AND (r._superseded IS NULL OR r._superseded > s._known)"
FAULTS = [
    ("r._enter <= s._known AND", "r._enter <= s._known + 1 AND", "F572"),
    ("r._enter <= s._known AND", "r._time <= s._known AND", "F572"),
    (LATE, "r._enter <= s._known", "F573"),
    ("r._superseded > s._known", "r._superseded >= s._known", "F573"),
    ("\n      AND r._time <= s._as_of\n    UNION", "\n    UNION", "F571"),
    ("r._time <= least(s._as_of, s._known - (SELECT us FROM products_lag))", "r._time <= s._as_of", "F572"),
    ("_state._time > _as_of - 604800000001", "_state._time > _as_of - 604800000002", "F575"),
    ('"user_orders products_states" r ON s.sku = r.sku\n', '"user_orders products_states" r ON true\n', "F574"),
    ("SELECT _row, _as_of, _known, sku", "SELECT _row, _known AS _as_of, _known, sku", "F577"),
    ("SELECT _row, _as_of, _known, sku", "SELECT _row, _as_of, _known + 1 AS _known, sku", "F577"),
    ("_time AS _as_of, greatest(_time, _arrival) AS _known", "_time AS _as_of, _time + 9 AS _known", "F577"),
    ('products_state" j USING (_row)', 'products_state" j ON true', "F577"),
    ('j.category AS "products.category"', 'j.category AS "products.category", j._row AS sku_2', "F57"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Queries:
    folder = tmp_path_factory.mktemp("joins")
    (folder / "features").mkdir()
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text("version: 1\nproject: joins\n")
    (folder / "features" / "all.yaml").write_text(DEFINITIONS)
    (folder / "data" / "orders.csv").write_text("user_id,sku,amount,ordered_at,loaded_at\n")
    (folder / "data" / "products.csv").write_text("sku,category,changed_at,loaded_at\n")
    return queries(Path(folder))


def test_joined_rows_pass(built: Queries) -> None:
    for path in built.sql:
        assert built.check(path).findings == ()
        assert "user_orders.toys" in built.check(path).features


@pytest.mark.parametrize(("old", "new", "code"), FAULTS)
def test_fault_in_a_lookup_is_refused(built: Queries, old: str, new: str, code: str) -> None:
    path = path_of("user_orders")
    assert old in built.sql[path]
    found = built.check(path, built.sql[path].replace(old, new)).findings
    assert found and found[0].code.startswith(code) and found[0].line > 0, found
