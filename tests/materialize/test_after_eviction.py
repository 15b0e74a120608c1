"""An interval that is materialized again after an eviction holds versions that are gone: they are no news."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import featc
from tiny_project import ORDERS, write_project

LATE = "6,7,9.00,paid,U,2026-01-03 12:00:00,2026-01-03 23:00:00\n"
BEHIND = "7,7,9.00,paid,U,2026-01-02 12:00:00,2026-01-02 12:00:00\n"
OLDER = "2,7,4.50,new,U,2026-01-03 09:00:00,2026-01-03 09:00:00\n"
REPLAY = "version: 1\nproject: tiny\ntargets: {dev: {online: {path: .featc/online.db, replay: 2h}}}\n"
MOVED = "2,7,7.50,paid,U,2026-01-03 10:00:00,2026-01-03 12:10:00\n"


def store_of(tmp_path: Path, orders: str) -> tuple[featc.FeatureStore, Path]:
    folder = write_project(tmp_path / "tiny")
    (folder / "featc.yaml").write_text(REPLAY)
    (folder / "data/orders.csv").write_text(orders)
    store = featc.FeatureStore(folder)
    store.materialize()
    return store, folder / "data/orders.csv"


def rejected(store: featc.FeatureStore) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(store.online_path)) as file:
        return file.execute("SELECT reason, data FROM featc_rejected").fetchall()


def test_versions_that_were_evicted_are_known_and_not_rejected(tmp_path: Path) -> None:
    store, file = store_of(tmp_path, ORDERS + MOVED)
    assert store.evict()[0].versions == 1, "order 2 had come at 10:05, and was corrected at 12:10 and at midnight"
    read = [{"user_id": 7}, {"user_id": 8}]
    before = store.get_online_features("user_orders", read, at="2026-01-04T00:00:00Z")
    file.write_text(ORDERS + MOVED + LATE)
    os.utime(file)
    (done,) = store.materialize().sources
    assert (done.rejected, done.accepted, done.late) == ({}, 1, 1)
    assert rejected(store) == []
    after = store.get_online_features("user_orders", read, at="2026-01-04T00:00:00Z")
    assert [a["orders_7d"] - b["orders_7d"] for a, b in zip(after, before, strict=True)] == [1, 0]
    fresh, _ = store_of(tmp_path / "fresh", ORDERS + MOVED + LATE)
    assert fresh.get_online_features("user_orders", read, at="2026-01-04T00:00:00Z") == after


def test_an_event_that_is_new_and_before_the_horizon_is_rejected_once(tmp_path: Path) -> None:
    store, file = store_of(tmp_path, ORDERS)
    store.evict()
    file.write_text(ORDERS + BEHIND)
    (done,) = store.materialize().sources
    assert done.rejected == {"arrived before the replay horizon": 1} and done.accepted == 0
    assert len(rejected(store)) == 1
    assert store.materialize().sources[0].rows == 0, "the books know it now"


def test_a_push_of_what_may_have_been_evicted_is_refused_as_the_law_says(tmp_path: Path) -> None:
    store, _ = store_of(tmp_path, ORDERS)
    store.evict()
    columns = ORDERS.splitlines()[0].split(",")
    row = dict(zip(columns, OLDER.strip().split(","), strict=True))
    assert store.push("orders", [row]).rejected == {"arrived before the replay horizon": 1}
