"""Push and materialize mixed: one store where rows have an id, one route where they have none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import featc
from featc.errors import FeatcError
from featc.runtime.online.database import FORMAT

from .shop import (
    START,
    arrow,
    content,
    histories,
    materialize,
    online,
    push_all,
    reads,
    rejected,
    whole,
    write_rows,
    write_shop,
)

WITH_ID = ("orders", "plans", "stock")


def identified(seed: int) -> dict[str, list[dict[str, Any]]]:
    """Histories whose orders all have an id."""
    rows = histories(seed)
    return {**rows, "orders": [row for row in rows["orders"] if row["order_id"] is not None]}


def without_id(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """An order that is seen, and that nothing tells from its own copy."""
    times = {"ordered_at": START, "loaded_at": START}
    return {**rows["orders"][0], "order_id": None, "user_id": 1, "op": "U", **times}


@pytest.mark.slow
@pytest.mark.parametrize("first", ["push", "materialize", "half of each"])
def test_sources_with_an_identity_take_both_routes_in_any_order(first: str, tmp_path: Path) -> None:
    rows = identified(seed=30)
    mixed = write_shop(tmp_path / "mixed", "parquet", rows)
    match first:
        case "push":
            push_all(mixed, rows, only=WITH_ID)
            materialize(mixed)
        case "materialize":
            materialize(mixed)
            push_all(mixed, rows, only=WITH_ID)
        case _:
            push_all(mixed, {n: rows[n][::2] for n in WITH_ID}, only=WITH_ID)
            for name in WITH_ID:
                write_rows(mixed, name, "parquet", rows[name][: len(rows[name]) // 2])
            materialize(mixed)
            push_all(mixed, {n: rows[n][1::3] for n in WITH_ID}, only=WITH_ID)
            for name in WITH_ID:
                write_rows(mixed, name, "parquet", rows[name])
            materialize(mixed)
    alone = write_shop(tmp_path / "alone", "parquet", rows)
    materialize(alone)
    assert content(mixed) == content(alone)
    assert reads(mixed) == reads(alone)
    before = whole(mixed)
    materialize(mixed)
    assert whole(mixed) == before


@pytest.mark.slow
def test_a_push_after_materialize_is_refused_without_an_id(tmp_path: Path) -> None:
    rows = histories(seed=31)
    rows["orders"].append(without_id(rows))
    folder = write_shop(tmp_path / "shop", "parquet", rows)
    materialize(folder)
    before = whole(folder)
    with closing(featc.FeatureStore(folder)) as store:
        with pytest.raises(FeatcError) as refused:
            store.push("clicks", arrow("clicks", rows["clicks"][:1]))
        assert str(refused.value) == (
            "error F640: rows of clicks, which has no id, were materialized before, and a row that is pushed too would"
            " count twice\n   = add the rows to the data of clicks and run `featc materialize`, or give clicks an id:"
            " and a new online store; nothing was written"
        )
        with pytest.raises(FeatcError, match="F640: rows of orders without order_id were materialized before"):
            store.push("orders", arrow("orders", [without_id(rows)]))
    assert whole(folder) == before


@pytest.mark.slow
def test_materialize_after_a_push_is_refused_without_an_id_before_anything_is_read(tmp_path: Path) -> None:
    rows = histories(seed=32)
    folder = write_shop(tmp_path / "shop", "parquet", rows)
    push_all(folder, rows, only=("clicks", "visits"))
    before = whole(folder)
    with pytest.raises(FeatcError) as refused:
        materialize(folder)
    assert [d.code for d in refused.value.diagnostics] == ["F641", "F641"]
    assert "go on with `featc push clicks`" in str(refused.value)
    assert whole(folder) == before
    report = materialize(folder, select="user_orders user_plan")
    assert [s.source for s in report.sources] == ["orders", "plans"]


@pytest.mark.slow
def test_rows_without_their_id_keep_to_the_push_they_came_by(tmp_path: Path) -> None:
    rows = histories(seed=33)
    rows["orders"].append(without_id(rows))
    folder = write_shop(tmp_path / "shop", "parquet", rows)
    push_all(folder, rows, only=("orders",))
    with pytest.raises(FeatcError, match="F641: rows of orders without order_id were pushed before"):
        materialize(folder, select="user_orders")
    write_rows(folder, "orders", "parquet", [row for row in rows["orders"] if row["order_id"] is not None])
    materialize(folder, select="user_orders")  # no such row, no question


@pytest.mark.slow
def test_a_store_of_the_format_before_is_brought_forward(tmp_path: Path) -> None:
    rows = histories(seed=34)
    folder = write_shop(tmp_path / "shop", "parquet", rows)
    push_all(folder, rows)
    expected, apart = content(folder), rejected(folder)
    with closing(sqlite3.connect(online(folder))) as store:
        for table in ("featc_routes", "featc_told_apart", "featc_intervals", "featc_copies", "featc_journal"):
            store.execute(f"DROP TABLE {table}")
        store.execute("UPDATE featc_meta SET value = '2' WHERE name = 'format'")
        store.commit()
    with pytest.raises(FeatcError, match="F641"):
        materialize(folder, select="user_clicks")
    materialize(folder, select="user_plan")
    assert content(folder) == expected
    assert len(rejected(folder)) >= len(apart)
    with closing(sqlite3.connect(online(folder))) as store:
        assert store.execute("SELECT value FROM featc_meta WHERE name = 'format'").fetchone() == (FORMAT,)
