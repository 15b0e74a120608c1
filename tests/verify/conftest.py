"""A small project with something of everything: versions, deletions, states, windows, DOUBLEs, requests,
defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from featc.runtime.store import FeatureStore

PROJECT = """
version: 1
project: small
"""

DEFINITIONS = """
entities:
  user: user_id
sources:
  orders:
    path: data/orders.parquet
    time: ordered_at
    available_at: loaded_at
    id: order_id
    deleted: op = 'D'
    tie_break: [seq]
  plans:
    kind: state
    key: user_id
    path: data/plans.parquet
    time: changed_at
  visits:
    path: data/visits.parquet
    time: seen_at
    delay: 1m
windows:
  smooth_2h: {range: 2h, hop: 30m}
feature_views:
  user_visits:
    entity: user
    source: visits
    features:
      visits: count(*) over last_1h
      visits_before: count(*) over prev_1h
      smooth_pages: count(distinct page) over smooth_2h
      last_pages: sum(page) over last_3_rows
  user_orders:
    entity: user
    source: orders
    where: status <> 'cancelled'
    windows: [1h, 1d]
    features:
      orders: count(*)
      spend: {sql: sum(amount), default: 0}
      weight: sum(kg)
      share: "weight / nullif(orders, 0)"
      last_status: last(status) over lifetime
      sd_weight: stddev_samp(kg) over lifetime
      idle: {sql: seconds_since(last(ordered_at) over lifetime), default: -1}
  user_plan:
    entity: user
    source: plans
    ttl: 30d
    features: [plan]
  context:
    request:
      amount: decimal(12,2)
    features:
      vs_spend: request.amount / nullif(user_orders.spend_1d, 0)
feature_services:
  checkout: {features: [user_orders, user_plan, context]}
"""

DATA = """
COPY (
    SELECT n AS order_id, n % 7 AS user_id, (n * 7 % 100 / 4)::DECIMAL(12,2) AS amount, n % 11 / 3 AS kg,
           CASE n % 5 WHEN 0 THEN 'cancelled' WHEN 1 THEN 'refunded' ELSE 'paid' END AS status,
           CASE WHEN n % 17 = 0 THEN 'D' ELSE 'U' END AS op, n AS seq,
           TIMESTAMP '2026-01-01' + to_minutes(13 * n) AS ordered_at,
           TIMESTAMP '2026-01-01' + to_minutes(13 * n) + to_seconds(n % 900) AS loaded_at
    FROM range(300) t(n)
) TO '{folder}/orders.parquet' (FORMAT parquet);
COPY (
    SELECT n % 7 AS user_id, CASE n % 3 WHEN 0 THEN 'free' ELSE 'plus' END AS plan,
           TIMESTAMP '2026-01-01' + to_hours(5 * n) AS changed_at
    FROM range(40) t(n)
) TO '{folder}/plans.parquet' (FORMAT parquet);
COPY (
    SELECT n % 7 AS user_id, n % 4 AS page, TIMESTAMP '2026-01-01' + to_minutes(3 * n) AS seen_at
    FROM range(500) t(n)
) TO '{folder}/visits.parquet' (FORMAT parquet);
"""


def write_project(root: Path, definitions: str = DEFINITIONS, data: str = DATA) -> Path:
    """A project in `root`, with its data."""
    (root / "features").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "featc.yaml").write_text(PROJECT)
    (root / "features" / "all.yaml").write_text(definitions)
    with duckdb.connect() as connection:
        connection.execute(data.format(folder=root / "data"))
    return root


@pytest.fixture
def small(tmp_path: Path) -> FeatureStore:
    return FeatureStore(write_project(tmp_path / "small"))


@pytest.fixture
def project_of(tmp_path: Path) -> Callable[[str, str], FeatureStore]:
    """Makes a project of definitions and data."""

    def make(definitions: str, data: str = DATA) -> FeatureStore:
        return FeatureStore(write_project(tmp_path / "made", definitions, data))

    return make
