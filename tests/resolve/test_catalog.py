"""The catalog says what real sources hold, and why it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from featc.catalog import TypeProblem
from featc.errors import FeatcError
from featc.resolve.model import Location
from featc.runtime.catalog import DuckDBCatalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[DuckDBCatalog]:
    with DuckDBCatalog(tmp_path, tmp_path / "shop.duckdb") as opened:
        yield opened


def refused(catalog: DuckDBCatalog, kind: str, value: str) -> tuple[str, str, str]:
    with pytest.raises(FeatcError) as caught:
        catalog.columns("s", Location(kind, value))  # type: ignore[arg-type]
    found = caught.value.diagnostics[0]
    return found.code, found.message, found.hint or ""


def test_columns_come_in_the_datas_order(catalog: DuckDBCatalog, tmp_path: Path) -> None:
    (tmp_path / "data" / "p=1").mkdir(parents=True)
    duckdb.sql("select 2::integer as b, 'x' as a").write_parquet(
        str(tmp_path / "data" / "p=1" / "one.parquet")
    )
    (tmp_path / "c.csv").write_text("b,a\n1,x\n")
    (tmp_path / "j.jsonl").write_text('{"b": 1, "a": "x"}\n')
    assert catalog.columns("s", Location("path", "data/*/*.parquet"))[:2] == [
        ("b", "INTEGER"),
        ("a", "VARCHAR"),
    ]
    assert catalog.columns("s", Location("path", "c.csv")) == [("b", "BIGINT"), ("a", "VARCHAR")]
    assert catalog.columns("s", Location("path", "j.jsonl")) == [("b", "BIGINT"), ("a", "VARCHAR")]
    assert catalog.columns("s", Location("sql", "select 1 as a -- one")) == [("a", "INTEGER")]


def test_tables_are_those_of_the_targets_database(catalog: DuckDBCatalog, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as database:
        database.execute(
            "CREATE SCHEMA raw; CREATE TABLE raw.orders (id BIGINT, ts TIMESTAMPTZ); CREATE TABLE t (x INT)"
        )
    assert catalog.columns("s", Location("table", "raw.orders")) == [
        ("id", "BIGINT"),
        ("ts", "TIMESTAMP WITH TIME ZONE"),
    ]
    assert catalog.columns("s", Location("sql", "select x + 1 as y from t")) == [("y", "INTEGER")]
    assert refused(catalog, "table", "raw.order")[::2] == ("F404", "did you mean 'raw.orders'?")
    assert refused(catalog, "sql", "select * from nothing")[0] == "F405"
    assert refused(catalog, "sql", "selec 1")[0] == "F405"


def test_a_target_database_that_does_not_exist_yet_is_named(catalog: DuckDBCatalog) -> None:
    code, _, hint = refused(catalog, "table", "orders")
    assert code == "F404"
    assert "shop.duckdb does not exist yet" in hint


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop.duckdb").write_text("hello " * 1000)
    with DuckDBCatalog(tmp_path, tmp_path / "shop.duckdb") as catalog:
        assert refused(catalog, "table", "orders")[0] == "F409"


def test_catalogs_open_at_once_do_not_see_each_others_folder_or_database(tmp_path: Path) -> None:
    """Those without limits or a database share an engine."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        duckdb.sql(f"select 1 as of_{name}").write_parquet(str(tmp_path / name / "x.parquet"))
    with duckdb.connect(str(tmp_path / "a" / "shop.duckdb")) as connection:
        connection.execute("create table t (x integer)")
    folders = (tmp_path / "a", tmp_path / "a" / "shop.duckdb"), (tmp_path / "b", None)
    with DuckDBCatalog(*folders[0]) as first, DuckDBCatalog(*folders[1]) as second:
        asked = Location("sql", "select * from 'x.parquet'")
        assert [c.columns("s", asked)[0][0] for c in (second, first, second)] == ["of_b", "of_a", "of_b"]
        assert first.columns("s", Location("table", "t")) == [("x", "INTEGER")]
        assert refused(second, "table", "t")[0] == "F404"


def test_missing_empty_and_corrupt_files(catalog: DuckDBCatalog, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "orders.parquet").write_text("no parquet at all, but long enough to be looked at")
    (tmp_path / "data" / "none.parquet").touch()
    (tmp_path / "data" / "none.csv").touch()
    assert refused(catalog, "path", "data/order.parquet")[::2] == (
        "F401",
        "did you mean 'data/orders.parquet'?",
    )
    assert refused(catalog, "path", "dat/orders.parquet")[::2] == ("F401", "did you mean 'data/orders.parquet'?")
    assert refused(catalog, "path", "data/*.json")[0] == "F401"
    assert refused(catalog, "path", "data")[::2] == ("F401", "write data/*.parquet")
    assert refused(catalog, "path", "data/none.parquet")[0] == "F402"
    assert refused(catalog, "path", "data/none.csv")[0] == "F402"
    assert refused(catalog, "path", "data/orders.parquet")[0] == "F403"


def test_types_are_answered_one_by_one_when_some_fail(catalog: DuckDBCatalog) -> None:
    asked = [
        "a + 1",
        "upper(a)",
        "sqrt(s)",
        "s || 'x'",
        "a / 2",
        "nothing",
        "a > 'x'",
        "s > 'x'",
        "'2026-31-01'::date",
    ]
    answers = catalog.types([("a", "BIGINT"), ("s", "VARCHAR")], asked)
    assert [a if isinstance(a, str) else None for a in answers] == [
        "BIGINT", None, None, "VARCHAR", "DOUBLE", None, None, "BOOLEAN", None,
    ]  # fmt: skip
    assert isinstance(answers[2], TypeProblem)
    assert "sqrt(VARCHAR)" in answers[2].message


def test_made_up_values_refuse_nothing_by_themselves(catalog: DuckDBCatalog) -> None:
    answers = catalog.types(
        [("n", "INTEGER"), ("s", "VARCHAR")],
        ["7 // (n - 1) || ''", "cast(s || '1' as integer)", "try_cast('x' as integer)"],
    )
    assert not any(isinstance(a, TypeProblem) for a in answers)
