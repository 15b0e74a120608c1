"""A project whose tiles can go wrong in every way, and random histories for it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import featc
import oracle

Row = dict[str, Any]

FEATC = "version: 1\nproject: tiles\n"

DEFINITIONS = """\
entities:
  user: k
  shop: s

sources:
  events:
    path: data/events*.parquet
    time: ts
    available_at: seen
    id: eid
    deleted: op = 'D'
    tie_break: [seq]
  visits:
    path: data/visits.parquet
    time: ts
    delay: 10m

feature_views:
  by_user:
    entity: user
    source: events
    where: i is null or i > -90
    windows: [7d, 30d]
    features:
      n: count(*)
      i_n: count(i)
      i_sum: sum(i)
      d_sum: sum(d)
      x_sum: sum(x)
      x_mean: avg(x)
      x_spread: stddev_samp(x)
      i_spread: var_pop(i)
      x_least: min(x)
      x_most: max(x)
      s_least: min(s)
      ts_most: max(ts)
      b_sum: sum(i) filter (where b)
      any_b: bool_or(b)
  by_user_and_shop:
    entity: [user, shop]
    source: events
    features:
      both: count(*) over lifetime
      spent: sum(d) over last_30d
      last_x: last(x) over lifetime
  everything:
    entity: []
    source: events
    features:
      total: sum(i) over last_7d
  visitors:
    entity: user
    source: visits
    windows: [1d, 7d]
    features:
      visits: count(*)
      longest: max(x)
  derived:
    entity: user
    features:
      per_visit: by_user.i_sum_7d / nullif(visitors.visits_7d, 0)
  asked:
    request: {amount: bigint}
    features:
      share: request.amount / nullif(by_user.i_sum_7d, 0)

feature_services:
  all_of_it:
    features: [by_user, visitors, derived]
"""

TYPES = {
    "eid": pa.string(),
    "k": pa.int64(),
    "s": pa.string(),
    "ts": pa.timestamp("us"),
    "seen": pa.timestamp("us"),
    "seq": pa.int32(),
    "op": pa.string(),
    "i": pa.int64(),
    "d": pa.decimal128(12, 2),
    "x": pa.float64(),
    "b": pa.bool_(),
}
DAY = 86_400_000_000
MOMENT = timedelta(microseconds=1)
START = datetime(1969, 12, 29)
"""Some of the days lie before 1970."""


def write_project(folder: Path, definitions: str = DEFINITIONS, settings: str = "") -> Path:
    (folder / "features").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text(FEATC + settings)
    (folder / "features" / "all.yaml").write_text(definitions)
    return folder


def write_rows(folder: Path, name: str, rows: Iterable[Row]) -> None:
    """All rows of a source, as one parquet file."""
    listed = list(rows)
    columns = {c: pa.array([r[c] for r in listed], type_) for c, type_ in TYPES.items()}
    pq.write_table(pa.table(columns), folder / "data" / f"{name}.parquet")


def history(rng: random.Random, count: int, days: int = 12) -> list[Row]:
    """Rows with late arrivals, versions that correct, move and delete, NULLs, and the odd values of DOUBLE.

    Sums of these DOUBLEs are exact in any order, so that tiles can be compared bit by bit.
    """
    return [_row(rng, count, days) for _ in range(count)]


def _row(rng: random.Random, count: int, days: int) -> Row:
    ts: datetime | None = START + timedelta(days=rng.randrange(days), hours=rng.choice((0, 0, 12)))
    assert ts is not None
    ts += rng.choice((0, -1, 1, rng.randrange(DAY))) * MOMENT
    seen: datetime | None = ts + rng.choice((0, 0, 1, rng.randrange(DAY), rng.randrange(9 * DAY), -DAY)) * MOMENT
    return {
        "eid": f"e{rng.randrange(max(2, count // 2))}" if rng.random() < 0.95 else None,
        "k": rng.choice((1, 1, 2, 3, None)),
        "s": rng.choice(("a", "b", "é", None)),
        "ts": ts if rng.random() < 0.96 else None,
        "seen": seen if rng.random() < 0.96 else None,
        "seq": rng.randrange(3),
        "op": "D" if rng.random() < 0.1 else "U",
        "i": rng.choice((None, rng.randrange(-100, 100))),
        "d": None if rng.random() < 0.2 else Decimal(rng.randrange(10**6)) / 100,
        "x": rng.choice((None, 0.5, -0.0, 3.0, rng.randrange(64) / 8, *_odd(rng))),
        "b": rng.choice((None, True, False)),
    }


def _odd(rng: random.Random) -> tuple[float, ...]:
    return (rng.choice((math.nan, math.inf, 2.0**1020)),) if rng.random() < 0.1 else (1.0,)


def store(folder: Path) -> featc.FeatureStore:
    return featc.FeatureStore(folder)


# ── what the oracle thinks of the same rows ──

_NAMES = tuple(TYPES)
EVENTS = oracle.Source(
    "events", _NAMES, "ts", available_at="seen", id="eid", deleted=lambda r: r["op"] == "D", tie_break=("seq",)
)
VISITS = oracle.Source("visits", _NAMES, "ts", delay=600_000_000)

KEYS: Mapping[str, tuple[oracle.Source, tuple[str, ...]]] = {
    "by_user": (EVENTS, ("k",)),
    "by_user_and_shop": (EVENTS, ("k", "s")),
    "everything": (EVENTS, ()),
    "visitors": (VISITS, ("k",)),
}


def passes(view: str, row: Row) -> bool:
    return view != "by_user" or row["i"] is None or row["i"] > -90


def versions(source: oracle.Source, rows: Iterable[Row]) -> list[oracle.Version]:
    """The versions of the rows, instants in µs."""
    in_micros = [
        {**r, **{c: None if r[c] is None else oracle.micros(r[c]) for c in ("ts", "seen")}} for r in rows
    ]
    return oracle.Oracle([source], [], {source.name: in_micros}).data[source.name]
