"""A small shop whose sources are of every kind that matters to materialize, and histories that go wrong."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

import featc

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]

START = datetime(2026, 3, 28)
"""The night in which Berlin's clocks go forward is the next one."""
SPAN = 72 * 60
"""Minutes of history."""
FORMATS = ("parquet", "csv", "json", "table", "sql")
_DATABASE = ".featc/shop.duckdb"

TYPES: dict[str, dict[str, str]] = {
    "orders": {  # with id, arrival, deletions
        "order_id": "BIGINT", "user_id": "BIGINT", "amount": "DECIMAL(12,2)", "op": "VARCHAR",
        "seq": "INTEGER", "ordered_at": "TIMESTAMP", "loaded_at": "TIMESTAMP",
    },
    "clicks": {"user_id": "BIGINT", "page": "VARCHAR", "score": "DOUBLE", "clicked": "TIMESTAMP_NS"},  # no id, delay
    "visits": {"user_id": "BIGINT", "shop": "VARCHAR", "came": "TIMESTAMP", "told": "TIMESTAMP"},  # local times
    "plans": {"user_id": "BIGINT", "plan": "VARCHAR", "mrr": "INTEGER", "since": "TIMESTAMP", "seen": "TIMESTAMP"},
    "stock": {"sku": "VARCHAR", "user_id": "BIGINT", "left_over": "BIGINT", "day": "DATE"},  # state with a key
}  # fmt: skip

DEFINITIONS = """\
entities: {user: user_id, all_shops: shop, item: sku}
feature_views:
  user_orders:
    entity: user
    source: orders
    where: op <> 'X'
    windows: [2h, 1d]
    features:
      orders: count(*)
      spend: sum(amount)
      last_order: last(order_id) over lifetime
  user_clicks:
    entity: user
    source: clicks
    windows: [1h, 1d]
    features:
      clicks: count(*)
      score: sum(score)
      pages: count(distinct page)
      first_page: first(page) over lifetime
  page_clicks:
    entity: []
    source: clicks
    features: {all_clicks: "count(*) over last_12h"}
  shop_visits:
    entity: all_shops
    source: visits
    windows: [3h, 1d]
    features: {visits: "count(*)", visitors: "count(distinct user_id)"}
  user_plan: {entity: user, source: plans, ttl: 2d, features: [plan, mrr]}
  user_stock:
    entity: [item, user]
    source: stock
    features:
      left_over: left_over
      changes: count(*) over last_2d
feature_services:
  everything: {features: [user_orders, user_clicks, page_clicks, shop_visits, user_plan, user_stock]}
"""
SETTINGS: dict[str, str] = {
    "orders": "{time: ordered_at, available_at: loaded_at, id: order_id, deleted: op = 'D', tie_break: [seq]",
    "clicks": "{time: clicked, delay: 7m",
    "visits": "{time: came, available_at: told, timezone: Europe/Berlin",
    "plans": "{kind: state, time: since, available_at: seen",
    "stock": "{kind: state, time: day, key: [sku, user_id]",
}


def histories(seed: int, size: int = 72) -> dict[str, list[Row]]:
    """Rows of every source: ties, duplicates, corrections, deletions, NULLs in every place that matters."""
    draw = random.Random(seed)

    def moment(odds: float = 0.04) -> datetime | None:
        return None if draw.random() < odds else START + timedelta(minutes=draw.randrange(SPAN), seconds=30)

    def some(*values: Any) -> Any:
        return None if draw.random() < 0.05 else draw.choice(values)

    def later(time: datetime | None) -> datetime | None:
        if draw.random() < 0.05:
            return None
        return (time or START) + timedelta(minutes=draw.choice((0, 0, 5, 60, 600, -30)))

    found: dict[str, list[Row]] = {name: [] for name in TYPES}
    for _ in range(size):
        at = moment()
        found["orders"].append({
            "order_id": None if draw.random() < 0.05 else draw.randrange(size // 2), "user_id": some(1, 2, 3),
            "amount": some(1, 2.5, 10), "op": some("U", "U", "U", "D", "X"), "seq": some(1, 2), "ordered_at": at,
            "loaded_at": later(at),
        })  # fmt: skip
        score = some(0.5, float("nan"), -0.0)
        found["clicks"].append({"user_id": some(1, 2, 3), "page": some("a", "b"), "score": score, "clicked": moment()})
        at = moment()
        found["visits"].append({"user_id": some(1, 2), "shop": some("x", "y"), "came": at, "told": later(at)})
        at = moment()
        plan = {"user_id": some(1, 2, 3), "plan": some("free", "pro"), "mrr": some(0, 9)}
        found["plans"].append({**plan, "since": at, "seen": later(at)})
        day = moment()
        found["stock"].append(
            {"sku": some("p", "q"), "user_id": some(1, 2, 3), "left_over": some(4, 5, 6), "day": day and day.date()}
        )
    for rows in found.values():  # rows that are there twice, or three times
        rows += draw.choices(rows, k=size // 6)
        draw.shuffle(rows)
    return found


def arrow(source: str, rows: Sequence[Row]) -> pa.Table:
    """The rows in the types of the data."""
    with duckdb.connect() as connection:
        connection.register("given", _columns(source, rows))
        items = ", ".join(f"{name}::{type_} AS {name}" for name, type_ in TYPES[source].items())
        return connection.sql(f"SELECT {items} FROM given").to_arrow_table()


def _columns(source: str, rows: Sequence[Row]) -> pa.Table:
    kinds = {"BIGINT": pa.int64(), "INTEGER": pa.int32(), "VARCHAR": pa.string(), "DATE": pa.date32()}
    kinds |= {"DOUBLE": pa.float64(), "DECIMAL(12,2)": pa.float64()}
    return pa.table(
        {n: pa.array([row[n] for row in rows], kinds.get(t, pa.timestamp("us"))) for n, t in TYPES[source].items()}
    )


def place(source: str, form: str) -> str:
    """Where a source's rows lie, as its YAML says."""
    path = f"data/{source}.parquet"
    match form:
        case "table":
            return f"table: {source}"
        case "sql":
            return f"sql: \"select * from read_parquet('{path}')\""
        case _:
            return f"path: data/{source}.{form}"


def write_shop(folder: Path, form: str, rows: Rows, without_id: Sequence[str] = ()) -> Path:
    """A project whose sources hold the rows in one form of data. `without_id`: sources that lose their id."""
    (folder / "features").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / ".featc").mkdir()
    target = f"dev: {{database: {_DATABASE}}}"
    (folder / "featc.yaml").write_text(f"version: 1\nproject: shop\ndefault_target: dev\ntargets: {{{target}}}\n")
    text = DEFINITIONS + "sources:\n"
    for name, types in TYPES.items():
        settings = SETTINGS[name].replace(", id: order_id", "") if name in without_id else SETTINGS[name]
        columns = ", ".join(f'{c}: "{_declared(t)}"' for c, t in types.items())
        text += f"  {name}: {settings}, {place(name, form)}, columns: {{{columns}}}}}\n"
    (folder / "features" / "shop.yaml").write_text(text)
    for name in TYPES:
        write_rows(folder, name, form, rows[name])
    return folder


def _declared(type_: str) -> str:
    return "timestamp" if type_.startswith("TIMESTAMP") else type_.lower()


def write_rows(folder: Path, source: str, form: str, rows: Sequence[Row]) -> None:
    """Writes all rows of a source anew."""
    given = arrow(source, rows)
    path = folder / "data" / f"{source}.{'parquet' if form == 'sql' else form}"
    with duckdb.connect(str(folder / _DATABASE) if form == "table" else ":memory:") as connection:
        connection.register("given", given)
        if form == "table":
            connection.execute(f"CREATE OR REPLACE TABLE {source} AS FROM given")
        else:
            connection.execute(f"COPY given TO '{path}'" + (" (HEADER)" if form == "csv" else ""))


SERVICE = "everything"
REQUESTS = [{"user_id": user, "shop": shop, "sku": "pq"[shop == "x"]} for user in (1, 2, 3, 4) for shop in ("x", "y")]
INSTANTS = [START + timedelta(hours=4 * n, seconds=s) for n in range(20) for s in (0, 30)]


def reads(folder: Path) -> list[str]:
    """Everything the store answers, at many instants; as text, in which NaN is itself."""
    with closing(featc.FeatureStore(folder)) as store:
        return [repr(list(store.get_online_features(SERVICE, REQUESTS, at=at))) for at in INSTANTS]


def online(folder: Path) -> Path:
    return folder / ".featc" / "online.db"


def content(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every view, tile and version in the store, without the numbers that rows got by their turn."""
    with closing(sqlite3.connect(online(folder))) as connection:
        sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '%\\_\\_%' ESCAPE '\\' ORDER BY name"
        tables = [row[0] for row in connection.execute(sql)]
        return {table: sorted(_rows(connection, table), key=repr) for table in tables}


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    names = [r[1] for r in connection.execute(f'PRAGMA table_info("{table}")') if r[1] != "_seq"]
    listed = ", ".join(f'"{n}"' for n in names)
    return connection.execute(f'SELECT {listed} FROM "{table}"').fetchall()


def whole(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of the store, but for clocks."""
    with closing(sqlite3.connect(online(folder))) as connection:
        tables = [r[0] for r in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found = {}
        for table in sorted(tables):
            names = [r[1] for r in connection.execute(f'PRAGMA table_info("{table}")') if r[1] != "pushed_at"]
            listed = ", ".join(f'"{n}"' for n in names)
            found[table] = sorted(connection.execute(f'SELECT {listed} FROM "{table}"').fetchall(), key=repr)
        return found


def rejected(folder: Path) -> list[tuple[object, ...]]:
    """The rows kept apart, with why. Text has no −0.0 that is another than 0.0."""
    with closing(sqlite3.connect(online(folder))) as connection:
        sql = "SELECT source, reason, replace(data, '-0.0', '0.0') FROM featc_rejected"
        return sorted(connection.execute(sql).fetchall())


def push_all(folder: Path, rows: Rows, seed: int = 0, only: Sequence[str] = tuple(TYPES)) -> None:
    """Pushes all rows in an order and in batches that mean nothing."""
    draw = random.Random(seed)
    with closing(featc.FeatureStore(folder)) as store:
        for name in only:
            listed = list(rows[name])
            draw.shuffle(listed)
            while listed:
                size = draw.randint(1, 40)
                store.push(name, arrow(name, listed[:size]))
                listed = listed[size:]


def materialize(folder: Path, until: datetime | None = None, select: str | None = None) -> Any:
    """One run over the project."""
    with closing(featc.FeatureStore(folder)) as store:
        return store.materialize(until, select=select)
