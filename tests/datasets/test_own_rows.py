"""A spine that asks after its own rows were known: features count the row they are to predict, and that is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datasets.conftest import Featc
from featc import FeatureStore


def asked(store: FeatureStore, spine: str, *features: str) -> list[tuple[str, int, int]]:
    found = store.get_historical_features(list(features or ("user_orders.spend_7d",)), spine).own_rows()
    return [(o.feature, o.rows, o.of) for o in found]


def test_a_spine_that_names_its_orders_is_told_how_often_features_count_them(store: FeatureStore) -> None:
    late = "select order_id, user_id, loaded_at + interval 1 second as as_of from 'data/orders.csv'"
    late += " where status = 'paid'"
    paid = store.connect().execute("select count(*) from 'data/orders.csv' where status = 'paid'").fetchall()[0][0]
    assert asked(store, late) == [("user_orders.spend_7d", paid, paid)]
    through = late.replace("as as_of", "as as_of, 1.00 as amount")
    assert asked(store, through, "basket.share") == [("user_orders.spend_7d", paid, paid)]
    assert asked(store, late.replace("order_id, ", "")) == []
    assert asked(store, late.replace("loaded_at + interval 1 second", "ordered_at")) == []
    # when order 2 was paid, it had been known as a new one for a day
    then = late.replace("loaded_at + interval 1 second", "loaded_at")
    assert asked(store, then) == [("user_orders.spend_7d", 1, paid)]


def test_what_windows_and_where_leave_out_is_not_counted(store: FeatureStore) -> None:
    much_later = "select order_id, user_id, loaded_at + interval 30 day as as_of from 'data/orders.csv'"
    assert asked(store, much_later) == []
    assert asked(store, much_later, "user_orders.last_status") != []
    cancelled = much_later.replace("30 day", "1 hour") + " where order_id = 3"
    assert asked(store, cancelled, "user_orders.last_status") == []


def test_a_source_without_id_is_named_by_its_time(project: Path) -> None:
    path = project / "features" / "orders.yaml"
    path.write_text(path.read_text().replace("    id: order_id\n", "    tie_break: [order_id]\n"))
    store = FeatureStore(project)
    late = "select user_id, ordered_at, loaded_at + interval 1 hour as as_of from 'data/orders.csv' where order_id = 1"
    assert asked(store, late) == [("user_orders.spend_7d", 1, 1)]
    assert asked(store, late.replace("ordered_at,", "ordered_at + interval 1 second as ordered_at,")) == []
    assert asked(store, "select user_id, ordered_at from 'data/orders.csv'") == []


def test_an_id_that_is_the_key_names_nobody_else(project: Path) -> None:
    path = project / "features" / "orders.yaml"
    path.write_text(path.read_text().replace("    id: order_id\n", "    id: user_id\n"))
    late = "select user_id, loaded_at + interval 1 hour as as_of from 'data/orders.csv'"
    assert asked(FeatureStore(project), late) == []


@pytest.mark.parametrize("more", [(), ("--stats",), ("--out", "a.parquet")])
def test_the_command_says_so_with_the_way_and_a_way_out(featc: Featc, more: tuple[str, ...]) -> None:
    late = "select order_id, user_id, loaded_at + interval 1 hour as as_of from 'data/orders.csv' where order_id = 1"
    told = featc("small", "--spine", late, *more).stderr
    assert "warning F369: 1 of 1 rows of the spine" in told and "(order_id)" in told
    assert "orders → user_orders.spend_7d → recent" in told and "let as_of be the row's own time" in told
    assert "F369" not in featc("small", "--spine", late, *more, "-q", "--overwrite").stderr
    if more:
        found = json.loads(featc("small", "--spine", late, *more, "--format", "json").stdout)["own_rows"]
        assert found == [
            {"view": "user_orders", "source": "orders", "columns": ["order_id"], "rows": 1, "of": 1,
             "feature": "user_orders.spend_7d", "output": "recent", "instant": "as_of"}
        ]  # fmt: skip
