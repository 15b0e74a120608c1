"""The online store: `python benchmarks/online.py`. Reads of one busy entity, and pushes; in process, on SQLite.

One entity with 1,000 events in 90 days is among 1,000 others. Read: 25 windowed features (sum, count, avg, min, max
over 1h, 1d, 7d, 30d, 90d), and the same with five derived features, each read at another instant. Push: durable
batches of 10,000 events, and batches of one event, into a store that has events already. Every tenth vector is
compared with the training set before anything is reported.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

import featc
from workload import START, Size, machine, percentile, uniform, write_project

BUSY, EVENTS = 0, 1_000
OTHERS = Size(events=100_000, spine=1, entities=1_000)
READS = 2_000
BATCH, BATCHES, SINGLES = 10_000, 10, 200
END = datetime.fromisoformat(START) + timedelta(days=OTHERS.days)


def purchases(rows: int, user: str, days: float, seed: str) -> str:
    """SQL of `rows` purchases in the last `days` days of the year; `user` is SQL over the row's number `n`."""
    micros = f"({uniform(f'{seed} time')} * {days} * 86400000000)::BIGINT"
    return (
        f"SELECT ({user})::BIGINT AS user_id, TIMESTAMP '{END}' - to_microseconds({micros}) AS bought_at, "
        f"round({uniform(f'{seed} amount')} * 200 + 0.5, 2) AS amount FROM range({rows}) t(n)"
    )


def arrow(query: str) -> Any:
    with duckdb.connect() as connection:
        return connection.sql(query).to_arrow_table()


def instants(number: int) -> list[datetime]:
    """Instants in the last hour of the busy entity's history, all different."""
    return [END - timedelta(microseconds=number * 1_000_000 - i * 999_983) for i in range(number)]


def timed_reads(
    store: featc.FeatureStore, service: str, at: list[datetime]
) -> tuple[list[float], list[dict[str, Any]]]:
    """Milliseconds and answer of each read."""
    request = [{"user_id": BUSY}]
    store.get_online_features(service, request, at[0])  # opens the store and compiles the read
    took, found = [], []
    for instant in at:
        started = time.perf_counter()
        rows = store.get_online_features(service, request, instant)
        took.append((time.perf_counter() - started) * 1e3)
        found.append(rows[0])
    return took, found


def compare(store: featc.FeatureStore, service: str, at: list[datetime], found: list[dict[str, Any]]) -> int:
    """How many values equal the training set's; ends the program on the first that does not."""
    spine = [{"user_id": BUSY, "as_of": instant} for instant in at[::10]]
    compared = 0
    for truth, online in zip(store.get_historical_features(service, spine).rows(), found[::10], strict=True):
        for name, value in online.items():
            close = value == truth[name] or (
                isinstance(value, float) and math.isclose(value, truth[name], rel_tol=1e-9, abs_tol=1e-9)
            )
            if not close:
                sys.exit(f"{name} at {truth['as_of']}: online {value!r}, training {truth[name]!r}; nothing is reported")
            compared += 1
    return compared


def timed_pushes(store: featc.FeatureStore) -> tuple[list[float], list[float]]:
    """(seconds of each batch of 10,000, milliseconds of each batch of one)."""
    batches = []
    for number in range(BATCHES):
        table = arrow(
            purchases(BATCH, f"1 + floor({uniform(f'batch {number} user')} * {OTHERS.entities})", 30, f"batch {number}")
        )
        started = time.perf_counter()
        store.push("purchases", table)
        batches.append(time.perf_counter() - started)
    singles = []
    for number in range(SINGLES):
        row = {"user_id": 1 + number % OTHERS.entities, "bought_at": END + timedelta(seconds=number), "amount": 9.5}
        started = time.perf_counter()
        store.push("purchases", [row])
        singles.append((time.perf_counter() - started) * 1e3)
    return batches, singles


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="featc-bench-") as temporary:
        folder = Path(temporary) / "online"
        write_project(folder, OTHERS)
        history = arrow(purchases(EVENTS, str(BUSY), 90, "busy"))
        with duckdb.connect() as connection:
            connection.register("busy", history)
            path = folder / "purchases.parquet"
            both = f"COPY (FROM '{path}' UNION ALL FROM busy) TO '{path}.new' (FORMAT parquet)"
            connection.execute(both)
            (folder / "purchases.parquet.new").replace(path)
        store = featc.FeatureStore(folder)
        store.push("purchases", path)
        at = instants(READS)
        lines = []
        for service, what in (("windows", "25 windowed features"), ("both", "the same and 5 derived features")):
            took, found = timed_reads(store, service, at)
            compared = compare(store, service, at, found)
            lines.append((what, percentile(took, 0.5), percentile(took, 0.99), compared))
        batches, singles = timed_pushes(store)
        size = sum(f.stat().st_size for f in (folder / ".featc").iterdir()) / 2**20
        store.close()
    print(f"Online store: SQLite, one process, one entity with {EVENTS:,} events among {OTHERS.events + EVENTS:,}")
    print(f"{machine()}\n")
    print(f"read of one vector, {READS:,} instants       p50 ms   p99 ms   values equal to training")
    for what, p50, p99, compared in lines:
        print(f"  {what:35} {p50:6.3f}   {p99:6.3f}   {compared:,}")
    rate = BATCH / median(batches)
    print("\npush, durable")
    print(f"  batches of {BATCH:,}: {rate:,.0f} events/s (median of {BATCHES}; slowest {BATCH / max(batches):,.0f})")
    print(f"  batches of one: p50 {percentile(singles, 0.5):.2f} ms, p99 {percentile(singles, 0.99):.2f} ms")
    print(f"  the store is {size:.0f} MB afterwards")


if __name__ == "__main__":
    main()
