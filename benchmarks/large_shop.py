"""A shop of 20 million events in 2 GB: `python benchmarks/large_shop.py [--events 20000000] [--folder F]`.

The project in `features/shop` with a history after the rules of `features/shop/generate.py`, made in DuckDB: a
quarter of the events are versions of orders, the rest page views; 100 for each user on average, and a tenth of the
users has almost half of them. Then, each in a process that cannot have more than 2 GB: `featc backfill`, `featc
materialize`, and a comparison of online vectors with the training set. Ends with an error when a process fails or
was larger, or when a value differs. About an hour on two cores that have other work, too; most of it is SQLite's.

The limit is the kernel's: RLIMIT_DATA counts the memory that a process has asked for and that is its own, used or
not. The peak is what it used (VmHWM, from wait4). Needs Linux. The folder takes about 10 GB.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import duckdb

import featc
from workload import machine, uniform

SHOP = Path(__file__).parents[1] / "features" / "shop"
LIMIT = 2_000_000_000
"""Bytes that one process may have."""
SETTINGS = "    settings: {memory_limit: 800MB}\n"
"""How much of it is DuckDB's, as lines of the target."""
PROBES = 500
DAYS = 92
FEATC = ("-c", "import sys; from featc.cli import main; sys.exit(main())")
START = "TIMESTAMP '2026-03-01'"
MONTHS = (3, 4, 5)


def below(what: str, most: int | str) -> str:
    """SQL of a whole number from 0 to before `most`, for row `n`."""
    return f"floor({uniform(what)} * {most})::BIGINT"


def popular(what: str, most: str) -> str:
    """The same, small numbers more often than great ones."""
    return f"floor(pow({uniform(what)}, 3) * {most})::BIGINT"


_LATE = f"""CASE WHEN {uniform("late")} < 0.93 THEN 2
    WHEN {uniform("late")} < 0.98 THEN 60 + {below("delay", 21_540)}
    ELSE 21600 + {below("delay", 410_400)} END"""
_PLACED = f"""
CREATE TEMP TABLE placed AS
SELECT 100001 + n AS order_id,
    CASE WHEN {uniform("nobody")} < 0.99 THEN {popular("user", "$users")} END AS user_id,
    'A-' || product AS sku, quantity, (quantity * (500 + product * 7919 % 4000) / 100)::DECIMAL(12,2) AS amount,
    'paid' AS status, 'U' AS op, ordered_at, ordered_at + to_seconds({_LATE}) AS loaded_at,
    {uniform("change")} AS change, {uniform("end")} AS fate, {uniform("wait")} AS wait, {uniform("buyer")} AS buyer
FROM (
    SELECT n, {popular("product", "$products")} AS product,
        (1 + {below("quantity", 3)})::INTEGER AS quantity, {START} + to_seconds((n * $every)::BIGINT) AS ordered_at
    FROM range($orders) t(n))"""
_HOURS = "to_seconds(({} * 3600 * (0.1 + wait))::BIGINT)"
_CORRECTED = f"""
CREATE TEMP TABLE corrected AS
SELECT * REPLACE (
    CASE WHEN change < 0.020 THEN (amount * 0.8)::DECIMAL(12,2) ELSE amount END AS amount,
    CASE WHEN change BETWEEN 0.020 AND 0.028 THEN floor(buyer * $users)::BIGINT ELSE user_id END AS user_id,
    CASE WHEN change BETWEEN 0.028 AND 0.033 THEN ordered_at - {_HOURS.format(2)} ELSE ordered_at END AS ordered_at,
    CASE WHEN change < 0.033 THEN loaded_at + {_HOURS.format(40)} ELSE loaded_at END AS loaded_at)
FROM placed"""
_DEAD = (
    "NULL AS user_id, NULL AS sku, NULL AS quantity, NULL AS amount, NULL AS status, 'D' AS op, NULL AS ordered_at"
)
_VERSIONS = f"""
CREATE TEMP TABLE versions AS
SELECT order_id, user_id, sku, quantity, amount, status, op,
    row_number() OVER (ORDER BY loaded_at, order_id, fate) AS seq, ordered_at, loaded_at
FROM (
    FROM placed
    UNION ALL BY NAME FROM corrected WHERE change < 0.033
    UNION ALL BY NAME SELECT * REPLACE (
        CASE WHEN fate < 0.045 THEN 'cancelled' ELSE 'refunded' END AS status,
        loaded_at + CASE WHEN fate < 0.045 THEN {_HOURS.format(3)} ELSE {_HOURS.format(240)} END AS loaded_at)
    FROM corrected WHERE fate < 0.115
    UNION ALL BY NAME SELECT * REPLACE ({_DEAD}, loaded_at + {_HOURS.format(90)} AS loaded_at)
    FROM corrected WHERE fate BETWEEN 0.115 AND 0.120
    UNION ALL BY NAME SELECT * REPLACE ({_DEAD}, loaded_at - INTERVAL 1 SECOND AS loaded_at)
    FROM placed WHERE fate BETWEEN 0.120 AND 0.121)"""
_VIEWS = f"""
SELECT CASE WHEN {uniform("anonymous")} < 0.9 THEN {popular("viewer", "$users")} END AS user_id,
    CASE WHEN page <> 'help' THEN 'A-' || {popular("seen", "$products")} END AS sku, page,
    ['mobile', 'mobile', 'desktop', 'tablet'][1 + {below("device", 4)}] AS device,
    CASE WHEN {uniform("unknown")} < 0.95 THEN round(-25 * ln(1 - {uniform("dwell")}), 3) END AS dwell_seconds,
    {START} + to_seconds((n * $every)::BIGINT) AS viewed_at
FROM (
    SELECT n, ['product', 'product', 'product', 'basket', 'help'][1 + {below("page", 5)}] AS page
    FROM range($views) t(n))"""
_PLANS = f"""
SELECT n % $users AS user_id, ['free', 'plus', 'family'][1 + {below("plan", 3)}] AS plan,
    {below("plan", 10)}::DECIMAL(12,2) AS monthly_price, n > $users AND {uniform("closed")} < 0.05 AS closed,
    TIMESTAMP '2025-01-01' + to_seconds(((n // $users + {uniform("changed")}) * 240 * 86400)::BIGINT) AS changed_at
FROM range($users * 2) t(n)"""
_PRODUCTS = f"""
SELECT 'A-' || n % $products AS sku, ['books', 'garden', 'toys'][1 + n % $products % 3] AS category,
    (1 + {below("price", 40)})::DECIMAL(12,2) AS list_price,
    TIMESTAMP '2026-01-01' + to_seconds(((n // $products) * 60 * 86400)::BIGINT) AS changed_at
FROM range($products * 2) t(n)"""
_SPINE = f"""
SELECT user_id, sku, amount AS basket_value, ordered_at AS as_of FROM placed
WHERE user_id IS NOT NULL AND ordered_at > {START} + INTERVAL 30 DAY ORDER BY hash(order_id) LIMIT {PROBES}"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took: seconds, and bytes at its largest."""

    seconds: float
    peak: int


def write_shop(folder: Path, events: int) -> dict[str, int]:
    """The project with its data; gives the number of rows by source."""
    shutil.copytree(SHOP / "features", folder / "features")
    shutil.copytree(SHOP / "macros", folder / "macros")
    settings = (SHOP / "featc.yaml").read_text(encoding="utf-8")
    target = "    dialect: duckdb\n"
    (folder / "featc.yaml").write_text(settings.replace(target, target + SETTINGS), encoding="utf-8")
    data = folder / "data"
    (data / "orders").mkdir(parents=True)
    users, products = max(20, events // 100), max(20, round(200 * math.sqrt(events / 80_000)))
    orders = round(events / 4 / 1.154)
    span = DAYS * 86_400
    people = {"users": users, "products": products}
    with duckdb.connect(str(folder / "made.duckdb"), config={"memory_limit": "2GB"}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(_PLACED, {**people, "orders": orders, "every": span / orders})
        connection.execute(_CORRECTED, {"users": users})
        connection.execute(_VERSIONS)
        for month in MONTHS:
            rows = f"FROM versions WHERE month(loaded_at) = {month} ORDER BY seq"
            connection.execute(f"COPY ({rows}) TO '{data}/orders/2026-{month:02}.parquet'")
        versions = connection.execute(f"SELECT count(*) FROM versions WHERE month(loaded_at) IN {MONTHS}").fetchall()
        views = events - versions[0][0]
        for name, query, given in (
            ("page_views", _VIEWS, {**people, "views": views, "every": span / views}),
            ("plans", _PLANS, {"users": users}),
            ("products", _PRODUCTS, {"products": products}),
            ("spine", _SPINE, {}),
        ):
            connection.execute(f"COPY ({query}) TO '{data}/{name}.parquet'", given)
    (folder / "made.duckdb").unlink()
    return {"orders": versions[0][0], "page_views": views, "plans": 2 * users, "products": 2 * products}


def limited(folder: Path, *command: str) -> Cost:
    """Runs a command that may not have more than `LIMIT` bytes; ends the program when it fails or had."""
    started = time.perf_counter()
    process = subprocess.Popen(
        (sys.executable, *command),
        cwd=folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT)),
    )
    _, status, usage = os.wait4(process.pid, 0)
    cost = Cost(time.perf_counter() - started, usage.ru_maxrss * 1024)
    code = os.waitstatus_to_exitcode(status)
    if code or cost.peak > LIMIT:
        sys.exit(f"{command[-1]}: exit code {code}, {cost.peak / 1e9:.2f} GB at its largest")
    return cost


def compare(folder: Path) -> None:
    """Online vectors against the training set, at every row of the spine; ends the program on the first difference."""
    store = featc.FeatureStore(folder)
    compared = 0
    for truth in store.get_historical_features("checkout", folder / "data" / "spine.parquet").rows():
        request = {name: truth[name] for name in ("user_id", "sku", "basket_value")}
        (vector,) = store.get_online_features("checkout", [request], at=truth["as_of"])
        for name, value in vector.items():
            wanted = truth[name]
            doubles = isinstance(value, float) and isinstance(wanted, float)
            if value != wanted and not (doubles and math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-9)):
                sys.exit(f"{name} of {request} at {truth['as_of']}: online {value!r}, training {wanted!r}")
            compared += 1
    print(f"{compared:,} values of {PROBES} vectors are equal in the training set and online")


def measure(folder: Path, events: int) -> None:
    print(f"{machine()}\nevery process has {LIMIT / 1e9:.1f} GB", flush=True)
    started = time.perf_counter()
    # elsewhere: what this process has at its largest counts for those it starts, too
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        rows = apart.submit(write_shop, folder, events).result()
    made = ", ".join(f"{n:,} {s}" for s, n in rows.items())
    print(f"made in {time.perf_counter() - started:.0f} s: {made}", flush=True)
    for command in ("backfill", "materialize"):
        cost = limited(folder, *FEATC, command)
        rate = sum(rows.values()) / cost.seconds
        peak = f"{cost.peak / 1e9:.2f} GB at its largest"
        print(f"featc {command}: {sum(rows.values()):,} rows, {cost.seconds:.0f} s, {rate:,.0f}/s, {peak}", flush=True)
    cost = limited(folder, str(Path(__file__).resolve()), "--compare", str(folder))
    print(f"the comparison: {cost.seconds:.0f} s, {cost.peak / 1e9:.2f} GB at its largest")
    for name in ("shop.duckdb", "online.db"):
        print(f"{name}: {(folder / '.featc' / name).stat().st_size / 1e9:.2f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description="Backfills and materializes a large shop in little memory.")
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--folder", type=Path, help="where to work; it must not exist, and stays")
    parser.add_argument("--compare", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.compare:
        compare(asked.compare)
    elif asked.folder:
        asked.folder.mkdir(parents=True)
        measure(asked.folder.resolve(), asked.events)
    else:
        with tempfile.TemporaryDirectory(prefix="featc-large-") as folder:
            measure(Path(folder), asked.events)


if __name__ == "__main__":
    main()
