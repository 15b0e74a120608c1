"""A project with something of every kind that eviction treats apart, and a history made by arithmetic."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

DEFINITIONS = """\
entities: {user: user_id}
sources:
  orders:
    path: data/orders.parquet
    time: ordered_at
    available_at: loaded_at
    id: order_id
    deleted: op = 'D'
    final_after: 2d
  plans:
    kind: state
    path: data/plans.parquet
    key: user_id
    time: changed_at
    final_after: 1h
  visits:
    path: data/visits.parquet
    time: seen_at
feature_views:
  user_orders:
    entity: user
    source: orders
    windows: [1d, 5d, lifetime]
    features:
      n: count(*)
      spend: sum(amount)
      average: avg(amount)
      biggest: max(amount)
      latest: last(amount) over lifetime
      earliest: first(amount) over lifetime
      best: arg_max(order_id, amount) over lifetime
      sizes: count(distinct size) over lifetime
      about: approx_count_distinct(size)
      middle: approx_quantile(amount, 0.5)
      recent: sum(amount) over last_3_rows
  everybody:
    entity: []
    source: orders
    closed: right
    features:
      all_orders: count(*) over lifetime
      all_spend: sum(amount) over last_5d
  user_plan:
    entity: user
    source: plans
    features:
      plan: plan
      changes: count(*) over lifetime
  user_visits:
    entity: user
    source: visits
    features:
      visits: count(*) over last_2d
feature_services:
  club: {features: [user_orders, everybody, user_plan, user_visits]}
"""
START = datetime(2026, 1, 1)
DAYS, USERS = 30, 5
SCHEMAS = {
    "orders": {
        "order_id": pa.int64(),
        "user_id": pa.int64(),
        "amount": pa.float64(),
        "size": pa.string(),
        "op": pa.string(),
        "ordered_at": pa.timestamp("us"),
        "loaded_at": pa.timestamp("us"),
    },
    "plans": {"user_id": pa.int64(), "plan": pa.string(), "changed_at": pa.timestamp("us")},
    "visits": {"user_id": pa.int64(), "seen_at": pa.timestamp("us")},
}
REQUESTS = [{"user_id": user} for user in range(USERS + 1)]


def write_club(folder: Path, replay: str = "6d") -> Path:
    """Writes the project into `folder` and gives it."""
    (folder / "features").mkdir(parents=True)
    (folder / "data").mkdir()
    online = f"targets: {{dev: {{online: {{replay: {replay}}}}}}}\n"
    (folder / "featc.yaml").write_text(f"version: 1\nproject: club\n{online}")
    (folder / "features" / "club.yaml").write_text(DEFINITIONS)
    for name, columns in SCHEMAS.items():
        pq.write_table(pa.schema(columns).empty_table(), folder / "data" / f"{name}.parquet")
    return folder


def day(number: int) -> dict[str, pa.Table]:
    """What arrives on a day, from 0: orders, corrections of yesterday's, a deletion, a move; plans; visits."""
    now = START + timedelta(days=number)
    hour = timedelta(hours=1)
    orders = [order(number, n, now + n * hour, now + (n + 1) * hour) for n in range(4 * USERS)]
    for n in range(0, 4 * USERS, 6) if number else ():
        before = now - timedelta(days=1) + timedelta(hours=n)
        changed = order(number - 1, n, before, now + timedelta(hours=2), amount=0.25 * n, user_id=n % 3)
        orders.append({**changed, "op": "D"} if n == 12 else changed)
    plans = [{"user_id": number % USERS, "plan": f"plan {number % 4}", "changed_at": now}]
    visits = [{"user_id": n % USERS, "seen_at": now + timedelta(hours=2 * n)} for n in range(8)]
    rows = {"orders": orders, "plans": plans, "visits": visits}
    return {name: pa.Table.from_pylist(found, pa.schema(SCHEMAS[name])) for name, found in rows.items()}


def order(number: int, n: int, ordered: datetime, loaded: datetime, **more: Any) -> dict[str, Any]:
    """The first version of a day's n-th order, or with `more` another."""
    times = {"ordered_at": ordered, "loaded_at": loaded}
    own = {"order_id": 100 * number + n, "user_id": n % USERS, "amount": float(number + n), "op": "I"}
    return {**own, "size": "sml"[n % 3], **times, **more}


def moments(since: datetime) -> list[str]:
    """Instants of reads, from an instant on: its own, ± a microsecond, each half day after it."""
    micro = timedelta(microseconds=1)
    found = [since, since + micro, *(since + timedelta(hours=12 * n) + micro * (n % 2) for n in range(1, 14))]
    return [f"{t.isoformat()}Z" for t in found]
