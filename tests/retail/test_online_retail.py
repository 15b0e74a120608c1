"""The Online Retail project against hand-written SQL: training value by value, online reads at sampled rows.

Integers, text and times must be identical; a DOUBLE may differ by 1e-9 of its `__scale` (semantics, "What
equal means"), and one without a scale not at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from retail.handwritten import SERVICES, Service, expected, load_spines

featc = pytest.importorskip("featc")

REPO = Path(__file__).resolve().parents[2]
PROJECT = REPO / "features" / "online_retail"
TOLERANCE = 1e-9
SAMPLE = 1_000
PUSH_ROWS = 25_000
SPINE_COLUMNS = {"spine_row", "CustomerID", "StockCode", "InvoiceNo", "as_of"}


def data_folder() -> Path:
    """Where `online_retail.parquet` lies: FEATC_DATA, else ../shared/data beside the repository."""
    return Path(os.environ.get("FEATC_DATA") or REPO.parent / "shared" / "data").resolve()


pytestmark = pytest.mark.skipif(
    not (data_folder() / "online_retail.parquet").exists(),
    reason="online_retail.parquet not found: set FEATC_DATA to the folder that holds it",
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("set memory_limit = '8GB'")
    yield connection
    connection.close()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store over a copy of the project, so that nothing a run leaves behind reaches the next one."""
    monkeypatch.setenv("FEATC_DATA", str(data_folder()))
    project = tmp_path / "online_retail"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("data", "target", ".featc"))
    return featc.FeatureStore(str(project))


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
        equal = _equal(f"a.{c}", f"e.{c}", f"e.{c}__scale" if f"{c}__scale" in scales else "")
        differs.append(f"count(*) filter (where not ({equal})) as {c}")
    (row,) = connection.execute(
        f"select {', '.join(differs)} from read_parquet($actual) a join {table} e using (spine_row)",
        {"actual": str(actual)},
    ).fetchall()
    return {c: n for c, n in zip(features, row, strict=True) if n}


def _equal(actual: str, wanted: str, scale: str) -> str:
    same = f"{actual} is not distinct from {wanted}"
    return f"{same} or coalesce(abs({actual} - {wanted}) <= {TOLERANCE} * {scale}, false)" if scale else same


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
    connection: duckdb.DuckDBPyConnection, store: Any, service: Service, tmp_path: Path
) -> None:
    load_spines(connection, data_folder() / "online_retail.parquet")
    connection.execute(
        f"delete from {service.name}_spine where hash({service.key}) % 50 <> 7 and {service.key} is not null"
    )
    assert_training_equal(connection, store, service, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_training_set_of_every_invoice_equals_handwritten_sql(
    connection: duckdb.DuckDBPyConnection, store: Any, service: Service, tmp_path: Path
) -> None:
    load_spines(connection, data_folder() / "online_retail.parquet")
    assert_training_equal(connection, store, service, tmp_path)


@pytest.mark.slow
def test_online_reads_equal_handwritten_sql_after_pushing_every_line(
    connection: duckdb.DuckDBPyConnection, store: Any
) -> None:
    load_spines(connection, data_folder() / "online_retail.parquet")
    push_everything(connection, store)
    for service in SERVICES:
        keep_a_sample(connection, service)
        table = expected(connection, service)
        rows = dictionaries(
            connection,
            f"select * from {service.name}_spine join {table} using (spine_row) order by spine_row",
        )
        assert len(rows) == SAMPLE
        wrong = [w for row in rows for w in wrong_values(store, service, row)]
        assert not wrong, f"{len(wrong)} values differ, the first: {wrong[:5]}"


def push_everything(connection: duckdb.DuckDBPyConnection, store: Any) -> None:
    """Every line of the file, in the file's order and types, in batches."""
    path = str(data_folder() / "online_retail.parquet")
    lines = connection.sql("select * from read_parquet($path)", params={"path": path}).to_arrow_table()
    for start in range(0, lines.num_rows, PUSH_ROWS):
        store.push("invoice_lines", lines.slice(start, PUSH_ROWS))


def keep_a_sample(connection: duckdb.DuckDBPyConnection, service: Service) -> None:
    """Leaves SAMPLE rows of the service's spine, the same ones on every run."""
    connection.execute(
        f"delete from {service.name}_spine where spine_row not in "
        f"(select spine_row from {service.name}_spine order by md5(spine_row::text) limit {SAMPLE})"
    )


def dictionaries(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query)
    names = [d[0] for d in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def wrong_values(store: Any, service: Service, row: Mapping[str, Any]) -> list[str]:
    """What an online read at the row's instant gives otherwise than the row says."""
    (vector,) = store.get_online_features(service.name, [{service.key: row[service.key]}], at=row["as_of"])
    wrong = []
    for name, wanted in row.items():
        if name in SPINE_COLUMNS or name.endswith("__scale"):
            continue
        scale = row.get(f"{name}__scale")
        if not close(vector[name], wanted, scale):
            where = f"{service.key}={row[service.key]} at {row['as_of']}"
            wrong.append(f"{where}: {name} is {vector[name]!r}, not {wanted!r}")
    return wrong


def close(actual: Any, wanted: Any, scale: float | None) -> bool:
    """Identical, or within the tolerance of a DOUBLE that has a scale."""
    if actual is None or wanted is None or scale is None:
        return bool(actual == wanted)
    return bool(abs(actual - wanted) <= TOLERANCE * scale)
