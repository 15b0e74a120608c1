"""What the Online Retail services must give, by hand-written SQL that shares nothing with the compiler.

Plain range joins (`*.sql` beside this file), run in buckets of keys so that the pairs of a hot product fit in
memory. One relation per service: `spine_row`, one column per feature, and `<feature>__scale` for DOUBLE sums,
averages and deviations: what their error is measured in (semantics, "What equal means").
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

HERE = Path(__file__).parent
ALL_TIME = timedelta(days=100 * 365)
NOTHING = timedelta(0)
WINDOWS = {
    "1d": (timedelta(days=1), NOTHING),
    "7d": (timedelta(days=7), NOTHING),
    "30d": (timedelta(days=30), NOTHING),
    "90d": (timedelta(days=90), NOTHING),
    "lifetime": (ALL_TIME, NOTHING),
}


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the project: its spine's key and the number of buckets its range joins run in.

    `deviation` is the one column of `<name>_windows.sql` that is a feature over 90 days only.
    """

    name: str
    key: str
    buckets: int
    deviation: str


CUSTOMER = Service(name="customer", key="CustomerID", buckets=2, deviation="sd_line")
PRODUCT = Service(name="product", key="StockCode", buckets=16, deviation="sd_quantity")
SERVICES = (CUSTOMER, PRODUCT)


def load_spines(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Temp tables `lines`, `customer_spine` and `product_spine` from the parquet file at `path`."""
    for statement in (HERE / "spine.sql").read_text().split(";"):
        if statement.strip():
            connection.execute(statement, {"path": str(path)} if "$path" in statement else None)


def expected(connection: duckdb.DuckDBPyConnection, service: Service) -> str:
    """Temp table `<service>_expected`, one row per spine row, every feature by its output name."""
    windows = dict(WINDOWS)
    if service is CUSTOMER:
        windows["prev_30d"] = (timedelta(days=60), timedelta(days=30))
    for window, (low, high) in windows.items():
        _in_buckets(connection, service, f"{service.name}_{window}", "windows", {"low": low, "high": high})
    _in_buckets(connection, service, f"{service.name}_moments", "lifetime", {})
    table = f"{service.name}_expected"
    joins = "".join(f"\njoin {service.name}_{w} w_{w} using (spine_row)" for w in windows)
    columns = ", ".join(_columns(connection, service))
    connection.execute(
        f"create or replace temp table {table} as select spine_row, {columns}\n"
        f"from {service.name}_moments m{joins}"
    )
    return table


def _in_buckets(
    connection: duckdb.DuckDBPyConnection,
    service: Service,
    table: str,
    query: str,
    parameters: dict[str, timedelta],
) -> None:
    sql = (HERE / f"{service.name}_{query}.sql").read_text()
    for bucket in range(service.buckets):
        verb = f"create or replace temp table {table} as" if bucket == 0 else f"insert into {table}"
        connection.execute(f"{verb}\n{sql}", {**parameters, "bucket": bucket, "buckets": service.buckets})


def _columns(connection: duckdb.DuckDBPyConnection, service: Service) -> list[str]:
    columns = []
    for window in WINDOWS:
        for column in _described(connection, f"{service.name}_{window}"):
            base, mark, _ = column.partition("__scale")
            if base != service.deviation or window == "90d":
                columns.append(f"w_{window}.{column} as {base}_{window}{mark}")
    if service is CUSTOMER:
        columns += [
            "w_prev_30d.spend as spend_prev_30d",
            "w_prev_30d.spend__scale as spend_prev_30d__scale",
            "coalesce(w_30d.spend, 0) - coalesce(w_prev_30d.spend, 0) as spend_change_30d",
            "coalesce(w_30d.spend__scale, 0) + coalesce(w_prev_30d.spend__scale, 0)"
            " as spend_change_30d__scale",
        ]
    return columns + [f"m.{c}" for c in _described(connection, f"{service.name}_moments")]


def _described(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    names = [r[0] for r in connection.execute(f"describe {table}").fetchall()]
    return [n for n in names if n != "spine_row"]


def main(path: Path) -> None:
    """Run all of it once and print how long each service takes."""
    connection = duckdb.connect()
    connection.execute("set memory_limit = '8GB'")
    load_spines(connection, path)
    for service in SERVICES:
        started = time.perf_counter()
        table = expected(connection, service)
        rows = connection.execute(f"select count(*) from {table}").fetchall()[0][0]
        print(f"{service.name}: {rows:,} rows in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1]))
