"""Made-up history of a small shop: `python generate.py [--scale 1] [--seed 7] [--out data]`.

The same scale and seed give the same bytes. Scale 1 is 2,000 users, 20,000 orders and 60,000 page views over
March to May 2026, in under three seconds. Written to `--out`:

    orders/2026-03.parquet …   versions of orders, one file for each month they were loaded in
    page_views.parquet         page views
    plans.parquet              plan changes and closed accounts
    products.parquet           the catalogue, with price changes
    new_orders.csv             what arrives in the first half of 1 June, after the history: push it
    spine.parquet              baskets to train on: user_id, sku, basket_value, as_of

Needs only the standard library and duckdb.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

import duckdb

START = datetime(2026, 3, 1)
HISTORY_END = datetime(2026, 6, 1)
NEW_END = HISTORY_END + timedelta(hours=12)
CATEGORIES = ("books", "garden", "kitchen", "music", "sport", "toys")
PLANS = {"free": "0.00", "plus": "4.90", "family": "9.90"}
PAGES = ("product", "product", "product", "basket", "help")
DEVICES = ("mobile", "mobile", "desktop", "tablet")

ORDERS = (
    "order_id bigint, user_id bigint, sku varchar, quantity integer, amount decimal(12,2), status varchar, "
    "op varchar, seq bigint, ordered_at timestamp, loaded_at timestamp"
)
PAGE_VIEWS = (
    "user_id bigint, sku varchar, page varchar, device varchar, dwell_seconds double, viewed_at timestamp"
)
PLAN_CHANGES = (
    "user_id bigint, plan varchar, monthly_price decimal(12,2), closed boolean, changed_at timestamp"
)
PRODUCTS = "sku varchar, category varchar, list_price decimal(12,2), changed_at timestamp"
SPINE = "user_id bigint, sku varchar, basket_value decimal(12,2), as_of timestamp"

Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class Order:
    """One version of an order; money in cents. A dead version has only its id, `loaded_at` and `op = 'D'`."""

    order_id: int
    user_id: int | None
    sku: str | None
    quantity: int | None
    cents: int | None
    status: str | None
    op: str
    ordered_at: datetime | None
    loaded_at: datetime

    def row(self, seq: int) -> Row:
        """The version as a row of `ORDERS`; `seq` is its place in the order of loading."""
        amount = None if self.cents is None else money(self.cents)
        head = (self.order_id, self.user_id, self.sku, self.quantity, amount, self.status)
        return (*head, self.op, seq, self.ordered_at, self.loaded_at)


@dataclass(frozen=True, slots=True)
class Shop:
    """Who and what there is: users, skus, cumulative weights (few are very active); prices in cents."""

    users: range
    user_weights: Sequence[float]
    skus: Sequence[str]
    sku_weights: Sequence[float]
    cents: dict[str, int]

    def user(self, rng: random.Random) -> int:
        return rng.choices(self.users, cum_weights=self.user_weights)[0]

    def sku(self, rng: random.Random) -> str:
        return rng.choices(self.skus, cum_weights=self.sku_weights)[0]


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def open_shop(rng: random.Random, scale: float) -> Shop:
    users = range(1, max(20, round(2_000 * scale)) + 1)
    skus = [f"{rng.choice('ABCDEF')}-{n:04}" for n in range(1, max(20, round(200 * scale**0.5)) + 1)]
    return Shop(
        users=users,
        user_weights=list(accumulate(rng.paretovariate(1.3) for _ in users)),
        skus=skus,
        sku_weights=list(accumulate(1 / rank**0.8 for rank in range(1, len(skus) + 1))),
        cents={sku: round(rng.lognormvariate(7.6, 0.7)) for sku in skus},
    )


def moment(rng: random.Random, start: datetime, end: datetime) -> datetime:
    """An instant in [start, end), in whole seconds and mostly between 08h and 23h."""
    span = int((end - start).total_seconds())
    when = start + timedelta(seconds=rng.randrange(span))
    if when.hour < 8 and rng.random() < 0.8:
        when = start + timedelta(seconds=rng.randrange(span))
    return when


def arrival(rng: random.Random, ordered_at: datetime) -> datetime:
    """Mostly two seconds later; now and then a queue is stuck for hours, or a till is offline for days."""
    luck = rng.random()
    if luck < 0.93:
        return ordered_at + timedelta(seconds=2)
    if luck < 0.98:
        return ordered_at + timedelta(seconds=rng.randint(60, 6 * 3600))
    return ordered_at + timedelta(seconds=rng.randint(6 * 3600, 5 * 86400))


def order_versions(rng: random.Random, shop: Shop, count: int) -> list[Order]:
    """Every version of `count` orders, in the order of their loading."""
    placed: list[Order] = []
    for _ in range(count):
        placed.append(first_version(rng, shop, placed[-1] if placed else None))
    placed.sort(key=lambda o: (o.ordered_at or START, o.loaded_at))
    versions: list[Order] = []
    for order_id, order in enumerate(placed, start=100_001):
        first = replace(order, order_id=order_id)
        versions.append(first)
        versions += later_versions(rng, shop, first)
    return sorted(versions, key=lambda v: (v.loaded_at, v.order_id))


def first_version(rng: random.Random, shop: Shop, basket: Order | None) -> Order:
    """An order as placed, still without its id; now and then in one basket with the order before."""
    sku = shop.sku(rng)
    quantity = rng.choice((1, 1, 1, 1, 2, 2, 3))
    cents = round(shop.cents[sku] * quantity * rng.choice((1, 1, 1, 0.9, 0.75)))
    if basket is not None and rng.random() < 0.12:
        user, ordered_at, loaded_at = basket.user_id, basket.ordered_at, basket.loaded_at
    else:
        user = shop.user(rng) if rng.random() < 0.99 else None
        ordered_at = moment(rng, START, NEW_END)
        loaded_at = arrival(rng, ordered_at)
    return Order(0, user, sku, quantity, cents, "paid", "U", ordered_at, loaded_at)


def later_versions(rng: random.Random, shop: Shop, first: Order) -> Iterable[Order]:
    """What happens to an order afterwards: at most one correction, then perhaps an end."""
    last = first
    luck = rng.random()
    if luck < 0.020:
        last = replace(first, cents=round((first.cents or 0) * 0.8), loaded_at=later(rng, first, 1, 48))
    elif luck < 0.028:
        last = replace(first, user_id=shop.user(rng), loaded_at=later(rng, first, 1, 72))
    elif luck < 0.033 and first.ordered_at is not None:
        moved = first.ordered_at - timedelta(seconds=rng.randint(1, 7200))
        last = replace(first, ordered_at=moved, loaded_at=later(rng, first, 1, 24))
    if last is not first:
        yield last
    luck = rng.random()
    if luck < 0.045:
        yield replace(last, status="cancelled", loaded_at=later(rng, last, 0, 3))
    elif luck < 0.115:
        yield replace(last, status="refunded", loaded_at=later(rng, last, 36, 12 * 24))
    elif luck < 0.120:
        yield dead(first.order_id, later(rng, last, 0, 96))
    elif luck < 0.121:
        # The deletion overtakes its order: dead before birth.
        yield dead(first.order_id, first.loaded_at - timedelta(seconds=1))


def later(rng: random.Random, version: Order, least_hours: int, most_hours: int) -> datetime:
    seconds = rng.randint(least_hours * 3600, most_hours * 3600)
    return version.loaded_at + timedelta(seconds=max(60, seconds))


def dead(order_id: int, loaded_at: datetime) -> Order:
    return Order(order_id, None, None, None, None, None, "D", None, loaded_at)


def page_views(rng: random.Random, shop: Shop, orders: Sequence[Order], count: int) -> list[Row]:
    """One look before most orders, the rest at random; sorted by time."""
    looks: list[tuple[datetime, int | None, str]] = []
    for order in orders[: count // 3]:
        if order.op == "U" and order.ordered_at and order.sku and rng.random() < 0.8:
            before = timedelta(seconds=rng.randint(20, 3600))
            looks.append((order.ordered_at - before, order.user_id, order.sku))
    while len(looks) < count:
        user = shop.user(rng) if rng.random() < 0.9 else None
        looks.append((moment(rng, START, HISTORY_END), user, shop.sku(rng)))
    rows: list[Row] = []
    for viewed_at, user, sku in sorted((v for v in looks if v[0] < HISTORY_END), key=lambda v: v[0]):
        page = rng.choice(PAGES)
        dwell = round(rng.expovariate(1 / 25), 3) if rng.random() < 0.95 else None
        rows.append((user, sku if page != "help" else None, page, rng.choice(DEVICES), dwell, viewed_at))
    return rows


def plan_changes(rng: random.Random, shop: Shop) -> list[Row]:
    rows: list[Row] = []
    for user in shop.users:
        changed_at = moment(rng, datetime(2025, 1, 1), datetime(2026, 4, 1))
        plan = rng.choice(("free", "free", "plus", "family"))
        rows.append((user, plan, PLANS[plan], False, changed_at))
        for _ in range(rng.choice((0, 0, 1, 2))):
            changed_at += timedelta(seconds=rng.randint(86_400, 200 * 86_400))
            plan = rng.choice(tuple(PLANS))
            closed = rng.random() < 0.05
            rows.append((user, plan, PLANS[plan], closed, changed_at))
    return [row for row in rows if row[4] < HISTORY_END]  # type: ignore[operator]


def catalogue(rng: random.Random, shop: Shop) -> list[Row]:
    rows: list[Row] = []
    for sku in shop.skus:
        category = rng.choice(CATEGORIES)
        rows.append((sku, category, money(shop.cents[sku]), datetime(2026, 1, 1)))
        for _ in range(rng.choice((0, 0, 1, 2))):
            price = round(shop.cents[sku] * rng.uniform(0.7, 1.3))
            rows.append((sku, category, money(price), moment(rng, START, HISTORY_END)))
    return rows


def baskets(rng: random.Random, orders: Sequence[Order], count: int) -> list[Row]:
    """The instants to train on: a sample of the orders as first loaded, in the order of time."""
    paid = [
        o for o in orders if o.status == "paid" and o.user_id and o.ordered_at and o.loaded_at < HISTORY_END
    ]
    sample = rng.sample(paid, min(count, len(paid)))
    rows = [(o.user_id, o.sku, money(o.cents or 0), o.ordered_at) for o in sample]
    return sorted(rows, key=lambda row: (row[3], row[0], row[1]))


def write(path: Path, columns: str, rows: Iterable[Row]) -> None:
    """The rows as parquet or CSV, by the name's ending; bytes depend on nothing but the rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [column.split()[0] for column in columns.split(", ")]
    if path.suffix == ".csv":
        write_csv(path, names, rows)
        return
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in (c.split(" ", 1) for c in columns.split(", ")))
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as connection:
        write_csv(Path(scratch) / "rows.csv", names, rows)
        connection.execute("set threads = 1")
        connection.execute(
            f"copy (from read_csv('{scratch}/rows.csv', header = true, columns = {{{types}}})) "
            f"to '{path}' (format parquet)"
        )


def write_csv(path: Path, names: Sequence[str], rows: Iterable[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


def generate(out: Path, scale: float, seed: int) -> dict[str, int]:
    """Writes every file under `out`, replacing what is there; gives the number of rows by file."""
    rng = random.Random(seed)
    shop = open_shop(rng, scale)
    orders = order_versions(rng, shop, max(100, round(20_000 * scale)))
    loaded = [(order.loaded_at, order.row(seq)) for seq, order in enumerate(orders, start=1)]
    files: dict[str, tuple[str, list[Row]]] = {}
    for month in ("2026-03", "2026-04", "2026-05"):
        part = [row for at, row in loaded if at.strftime("%Y-%m") == month]
        files[f"orders/{month}.parquet"] = (ORDERS, part)
    files["page_views.parquet"] = (PAGE_VIEWS, page_views(rng, shop, orders, max(300, round(60_000 * scale))))
    files["plans.parquet"] = (PLAN_CHANGES, plan_changes(rng, shop))
    files["products.parquet"] = (PRODUCTS, catalogue(rng, shop))
    files["new_orders.csv"] = (ORDERS, [row for at, row in loaded if HISTORY_END <= at < NEW_END])
    files["spine.parquet"] = (SPINE, baskets(rng, orders, max(50, round(5_000 * scale))))
    shutil.rmtree(out / "orders", ignore_errors=True)
    for name, (columns, rows) in files.items():
        write(out / name, columns, rows)
    return {name: len(rows) for name, (_, rows) in files.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes a made-up shop history.")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 2,000 users and 20,000 orders")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data")
    arguments = parser.parse_args()
    if arguments.scale <= 0:
        parser.error("--scale must be greater than 0")
    for name, rows in generate(arguments.out, arguments.scale, arguments.seed).items():
        print(f"{rows:>8,} rows  {arguments.out / name}")


if __name__ == "__main__":
    main()
