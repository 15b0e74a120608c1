"""The data set, copies of the project, and spine rows with what hand-written SQL says of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from retail.comparing import Rows, dictionaries
from retail.handwritten import SERVICES, expected, load_spines

REPO = Path(__file__).resolve().parents[2]
PROJECT = REPO / "features" / "online_retail"
SAMPLE = 2_600
"""Rows of each service's spine, spread over the year."""


@pytest.fixture(scope="session")
def retail_data() -> Path:
    """The folder of `online_retail.parquet`: FEATC_DATA, else ../shared/data beside the repository."""
    folder = Path(os.environ.get("FEATC_DATA") or REPO.parent / "shared" / "data").resolve()
    if not (folder / "online_retail.parquet").exists():
        pytest.skip("online_retail.parquet not found: set FEATC_DATA to the folder that holds it")
    return folder


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("set memory_limit = '8GB'")
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def sampled(retail_data: Path) -> dict[str, Rows]:
    """By service: SAMPLE rows of its spine with the values that hand-written SQL gives, in the order of their instants.

    They are the same ones on every run.
    """
    found = {}
    with duckdb.connect() as connection:
        connection.execute("set memory_limit = '8GB'")
        load_spines(connection, retail_data / "online_retail.parquet")
        for service in SERVICES:
            spine = f"{service.name}_spine"
            connection.execute(
                f"delete from {spine} where spine_row not in "
                f"(select spine_row from {spine} order by md5(spine_row::text) limit {SAMPLE})"
            )
            table = expected(connection, service)
            joined = f"select * from {spine} join {table} using (spine_row) order by as_of, spine_row"
            found[service.name] = dictionaries(connection, joined)
    return found


@pytest.fixture
def store_at(
    retail_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Any]]:
    """Makes stores over copies of the project, so that nothing a run leaves behind reaches the next one."""
    featc = pytest.importorskip("featc")
    monkeypatch.setenv("FEATC_DATA", str(retail_data))
    made = []

    def make(name: str) -> Any:
        folder = tmp_path / name
        shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("data", "target", ".featc"))
        made.append(featc.FeatureStore(str(folder)))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(store_at: Callable[[str], Any]) -> Any:
    return store_at("online_retail")
