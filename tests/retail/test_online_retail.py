"""The Online Retail project against hand-written SQL: training value by value, online reads at sampled rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from retail.comparing import SPINE_COLUMNS, Rows, close_sql, wrong_values
from retail.handwritten import SERVICES, Service, expected, load_spines

READS = 1_000
PUSH_ROWS = 25_000
PRODUCTS = int(os.environ.get("FEATC_RETAIL_PRODUCTS", "4"))
"""Of so many rows of the product service one is compared: its hand-written SQL takes minutes for all."""


def training_set(connection: duckdb.DuckDBPyConnection, store: Any, service: Service, folder: Path) -> Path:
    """The service's training set over `<service>_spine`, as a parquet file."""
    spine = connection.sql(f"select * from {service.name}_spine order by spine_row").to_arrow_table()
    out = folder / f"{service.name}.parquet"
    store.get_historical_features(service.name, spine).write(str(out))
    return out


def differences(connection: duckdb.DuckDBPyConnection, service: Service, actual: Path) -> dict[str, int]:
    """For every feature with at least one differing row: how many rows differ."""
    table = f"{service.name}_expected"
    columns = [r[0] for r in connection.execute(f"describe {table}").fetchall()]
    scales = {c for c in columns if c.endswith("__scale")}
    features = [c for c in columns if c not in scales and c != "spine_row"]
    differs = []
    for c in features:
        equal = close_sql(f"a.{c}", f"e.{c}", f"e.{c}__scale" if f"{c}__scale" in scales else "")
        differs.append(f"count(*) filter (where not ({equal})) as {c}")
    (row,) = connection.execute(
        f"select {', '.join(differs)} from read_parquet($actual) a join {table} e using (spine_row)",
        {"actual": str(actual)},
    ).fetchall()
    return {c: n for c, n in zip(features, row, strict=True) if n}


def assert_training_equal(
    connection: duckdb.DuckDBPyConnection, store: Any, service: Service, folder: Path
) -> None:
    table = expected(connection, service)
    actual = training_set(connection, store, service, folder)
    source = f"read_parquet('{actual}')"
    named = {r[0] for r in connection.execute(f"describe from {source}").fetchall()}
    wanted = {r[0] for r in connection.execute(f"describe {table}").fetchall()}
    assert named - SPINE_COLUMNS == {c for c in wanted if not c.endswith("__scale")} - {"spine_row"}, (
        "the service and the hand-written SQL name the same features"
    )
    order = connection.execute(f"select spine_row from {source}").fetchall()
    spine = connection.execute(f"select spine_row from {service.name}_spine order by spine_row").fetchall()
    assert order == spine, "one output row per spine row, in order"
    assert differences(connection, service, actual) == {}


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_training_set_of_some_entities_equals_handwritten_sql(
    connection: duckdb.DuckDBPyConnection, store: Any, service: Service, retail_data: Path, tmp_path: Path
) -> None:
    load_spines(connection, retail_data / "online_retail.parquet")
    connection.execute(
        f"delete from {service.name}_spine where hash({service.key}) % 50 <> 7 and {service.key} is not null"
    )
    assert_training_equal(connection, store, service, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_training_set_of_every_invoice_equals_handwritten_sql(
    connection: duckdb.DuckDBPyConnection, store: Any, service: Service, retail_data: Path, tmp_path: Path
) -> None:
    load_spines(connection, retail_data / "online_retail.parquet")
    if service.name == "product":
        connection.execute(f"delete from product_spine where spine_row % {PRODUCTS} > 0")
    assert_training_equal(connection, store, service, tmp_path)


@pytest.mark.slow
def test_online_reads_equal_handwritten_sql_after_pushing_every_line(
    connection: duckdb.DuckDBPyConnection, store: Any, retail_data: Path, sampled: dict[str, Rows]
) -> None:
    push_everything(connection, store, retail_data / "online_retail.parquet")
    for service in SERVICES:
        wrong = []
        for row in sampled[service.name][::2][:READS]:
            (vector,) = store.get_online_features(service.name, [{service.key: row[service.key]}], at=row["as_of"])
            wrong += wrong_values(service, row, vector, row)
        assert not wrong, f"{len(wrong)} values differ, the first: {wrong[:5]}"


def push_everything(connection: duckdb.DuckDBPyConnection, store: Any, path: Path) -> None:
    """Every line of the file, in the file's order and types, in batches."""
    lines = connection.sql("select * from read_parquet($path)", params={"path": str(path)}).to_arrow_table()
    for start in range(0, lines.num_rows, PUSH_ROWS):
        store.push("invoice_lines", lines.slice(start, PUSH_ROWS))
