"""What the benchmarks measure on: a project with 25 windowed features, and made-up purchases for it.

Everything is drawn from a hash of a row's number, so the same sizes give the same rows on every machine.
"""

from __future__ import annotations

import math
import os
import platform
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import duckdb

AGGREGATES = ("sum", "count", "avg", "min", "max")
WINDOWS = {"1h": "1 hour", "1d": "1 day", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
START = "2025-01-01"

FEATC = "version: 1\nproject: bench\n"
DEFINITIONS = """\
entities:
  user: user_id

sources:
  purchases:
    path: purchases.parquet
    time: bought_at

feature_views:
  user_purchases:
    entity: user
    source: purchases
    windows: [1h, 1d, 7d, 30d, 90d]
    features:
      sum: sum(amount)
      count: count(amount)
      avg: avg(amount)
      min: min(amount)
      max: max(amount)

  derived:
    entity: user
    features:
      trend: user_purchases.sum_7d / nullif(user_purchases.sum_30d, 0)
      spread: user_purchases.max_30d - user_purchases.min_30d
      is_busy: user_purchases.count_1d >= 5 or user_purchases.count_7d > 20
      level: coalesce(user_purchases.avg_7d, user_purchases.avg_90d, 0)
      size: case when user_purchases.avg_90d < 50 then 'small' else 'large' end

feature_services:
  windows: {features: [user_purchases]}
  both: {features: [user_purchases, derived]}
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is, and how it is spread. Purchases happen over `days`, spine rows in the last three quarters of
    them. `skew` 0 is even, else the entity of rank r has weight r^-skew; `hot` is the share of all rows that one
    entity has besides."""

    events: int = 1_000_000
    spine: int = 100_000
    entities: int = 10_000
    days: int = 180
    skew: float = 0.0
    hot: float = 0.0


def write_project(folder: Path, size: Size) -> None:
    """The project at `folder` with `purchases.parquet` (user_id, bought_at, amount) and `spine.parquet`
    (spine_id, user_id, as_of)."""
    (folder / "features").mkdir(parents=True)
    (folder / "featc.yaml").write_text(FEATC, encoding="utf-8")
    (folder / "features" / "purchases.yaml").write_text(DEFINITIONS, encoding="utf-8")
    amount = f"round(-ln(1 - {uniform('amount')}) * 80 + 0.5, 2) AS amount"
    events, rows = _drawn(size, "event", size.events), _drawn(size, "spine", size.spine)
    purchases = f"user_id, {_instant(size, 'event', 0)} AS bought_at, {amount} FROM ({events})"
    spine = f"n AS spine_id, user_id, {_instant(size, 'spine', 0.25)} AS as_of FROM ({rows})"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, query in (("purchases", purchases), ("spine", spine)):
            connection.execute(f"COPY (SELECT {query} ORDER BY n) TO '{folder / name}.parquet' (FORMAT parquet)")


def uniform(what: str) -> str:
    """SQL of a number in [0, 1) for row `n`, independent for each `what`.

    One text is hashed, not two values: DuckDB combines the hashes of several by XOR, and then a row's entity and its
    time would go together.
    """
    return f"(hash('{what} ' || n) >> 11)::DOUBLE / {2**53}"


def _drawn(size: Size, what: str, rows: int) -> str:
    """SQL of `rows` rows (n, user_id): entities 1 … by weight, 0 the hot one."""
    user = f"CASE WHEN {uniform(f'{what} hot')} < {size.hot} THEN 0 ELSE w.user_id END"
    return f"""
        WITH weights AS (
            SELECT i AS user_id, sum(pow(i, -{size.skew})) OVER (ORDER BY i) - pow(i, -{size.skew}) AS below
            FROM range(1, {size.entities + 1}) t(i)
        ),
        total AS (SELECT sum(pow(i, -{size.skew})) AS of_all FROM range(1, {size.entities + 1}) t(i)),
        draws AS (SELECT n, {uniform(f"{what} user")} * of_all AS u FROM range({rows}) t(n), total)
        SELECT n, {user} AS user_id FROM draws ASOF JOIN weights w ON u >= w.below"""


def _instant(size: Size, what: str, begin: float) -> str:
    """SQL of an instant of row `n`, evenly from `begin` (a share of the time) to the end."""
    span = size.days * 86_400_000_000
    micros = f"({begin} + {1 - begin} * {uniform(f'{what} time')}) * {span}"
    return f"TIMESTAMP '{START}' + to_microseconds(({micros})::BIGINT)"


def busiest(folder: Path) -> int:
    """How many events the busiest entity has."""
    with duckdb.connect() as connection:
        query = "SELECT max(n) FROM (SELECT count(*) AS n FROM read_parquet($p) GROUP BY user_id)"
        found = connection.execute(query, {"p": str(folder / "purchases.parquet")}).fetchall()[0]
    return int(found[0])


def machine() -> str:
    """The facts that a figure depends on, in one line."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{os.cpu_count()} cores, {math.ceil(pages / 2**30)} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, DuckDB {duckdb.__version__}, SQLite {sqlite3.sqlite_version}{load}"
    )


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
