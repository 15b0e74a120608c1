"""Two months of events with versions, in two deliveries: the second corrects the first and brings new days."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from .projects import Row, write_project, write_rows

DEFINITIONS = """\
entities: {user: k}
sources:
  events: {path: data/events*.parquet, time: ts, available_at: seen, id: eid, deleted: op = 'D', tie_break: [seq]}
  visits: {path: data/visits.parquet, time: ts}
feature_views:
  by_user:
    entity: user
    source: events
    windows: [7d, 30d]
    features:
      n: count(*)
      spent: sum(d)
      most: max(i)
  all_events:
    entity: []
    source: events
    where: b
    features:
      total: sum(i) over last_7d
  visitors:
    entity: user
    source: visits
    features:
      visits: count(*) over last_30d
"""
START = datetime(1969, 12, 1)
ROWS_AT_ONCE = 250


def rows(seed: int, count: int, first: int, days: int) -> list[Row]:
    rng = random.Random(seed)
    found = []
    for n in range(count):
        ts = START + timedelta(days=first + rng.randrange(days), seconds=rng.randrange(86400))
        plain = {"eid": f"e{rng.randrange(count)}", "k": rng.randrange(20), "s": "a", "ts": ts, "seq": n, "x": 0.5}
        seen = ts + timedelta(minutes=rng.randrange(5000))
        op = "D" if rng.random() < 0.05 else "U"
        value = {"i": rng.randrange(1000), "d": Decimal(rng.randrange(10**6)) / 100, "b": rng.random() < 0.5}
        found.append(plain | value | {"seen": seen, "op": op})
    return found


def write_bank(folder: Path) -> Path:
    write_project(folder, DEFINITIONS)
    write_rows(folder, "events", rows(1, 3000, 0, 60))
    write_rows(folder, "visits", rows(2, 1000, 0, 60))
    return folder


def deliver(folder: Path) -> None:
    """The second delivery: a file more, corrections among it, and visits that were put right in place."""
    write_rows(folder, "events_2", rows(1, 400, 50, 20))
    write_rows(folder, "visits", rows(2, 1000, 0, 60)[:-30])
