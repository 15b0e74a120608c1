"""Encoded values keep DuckDB's values and order."""

from __future__ import annotations

import random
import sqlite3
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import duckdb
import pytest

from featc.encoding import (
    code_to_double,
    decoder,
    double_to_code,
    encode,
    encoded_sql,
    has_way_back,
    real_sql,
    storage,
)

SAMPLES: dict[str, list[str]] = {
    "BIGINT": ["-9223372036854775808", "-1", "0", "1", "9223372036854775807"],
    "INTEGER": ["-2147483648", "7", "2147483647"],
    "BOOLEAN": ["false", "true"],
    "UBIGINT": ["0", "1", "18446744073709551615"],
    "HUGEINT": ["-170141183460469231731687303715884105728", "-1", "0", "9223372036854775808"],
    "UHUGEINT": ["0", "340282366920938463463374607431768211455"],
    "DECIMAL(12,2)": ["-9999999999.99", "-0.01", "0", "12.3", "9999999999.99"],
    "DECIMAL(18,18)": ["-0.999999999999999999", "0.5", "0.999999999999999999"],
    "DECIMAL(18,0)": ["-999999999999999999", "3"],
    "DECIMAL(38,5)": ["-999999999999999999999999999999999.99999", "-0.00001", "0", "1.5"],
    "DOUBLE": ["'-inf'", "-1.7976931348623157e308", "-1.5", "-5e-324", "-0.0", "5e-324", "1.5", "'inf'", "'nan'"],
    "FLOAT": ["'-inf'", "-1.5", "0.1", "'inf'", "'nan'"],
    "VARCHAR": ["''", "'A'", "'a'", "'a' || chr(0)", "'a' || chr(0) || 'b'", "'aé'", "'日本'", "'😀'"],
    "TIMESTAMP": ["'0001-01-01'", "'1969-12-31 23:59:59.999999'", "'1970-01-01'", "'9999-12-31 23:59:59.999999'"],
    "DATE": ["'0001-01-01'", "'1969-12-31'", "'2024-02-29'", "'9999-12-31'"],
    "UUID": [
        "'00000000-0000-0000-0000-000000000001'",
        "'7fffffff-ffff-ffff-ffff-ffffffffffff'",
        "'ffffffff-0000-0000-0000-000000000000'",
    ],
    "BLOB": ["'\\x00'", "'\\x00\\x01'", "'b'"],
    "INTEGER[]": ["[1]", "[1, 2]", "[2]"],
}


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """One for all: making it takes longer than any of these tests."""
    return duckdb.connect()


def encoded(type_: str, values: list[str]) -> list[Any]:
    connection = engine()
    text = encoded_sql("v", type_)
    rows = [f"SELECT {n} AS n, ({v})::{type_} AS v" for n, v in enumerate(values)]
    sql = f"SELECT {text} FROM ({' UNION ALL '.join(rows)}) ORDER BY n"
    return [r[0] for r in connection.execute(sql).fetchall()]


@pytest.mark.parametrize("type_", SAMPLES)
def test_the_store_orders_encoded_values_as_duckdb_orders_values(type_: str) -> None:
    values = SAMPLES[type_]
    store = sqlite3.connect(":memory:")
    store.execute(f"CREATE TABLE kept (n INTEGER, v {storage(type_)}) STRICT")
    shuffled = list(enumerate(encoded(type_, values)))
    random.Random(1).shuffle(shuffled)
    store.executemany("INSERT INTO kept VALUES (?, ?)", shuffled)
    assert [r[0] for r in store.execute("SELECT n FROM kept ORDER BY v, n")] == list(range(len(values)))


@pytest.mark.parametrize("type_", [t for t in SAMPLES if has_way_back(t)])
def test_values_come_back_as_duckdb_gives_them(type_: str) -> None:
    connection = engine()
    decode = decoder(type_)
    for text, code in zip(SAMPLES[type_], encoded(type_, SAMPLES[type_]), strict=True):
        value = connection.execute(f"SELECT ({text})::{type_}").fetchone()
        assert value is not None
        assert repr(decode(code)) == repr(value[0]) or decode(code) == value[0] == 0


@pytest.mark.parametrize("type_", [t for t in SAMPLES if has_way_back(t)])
def test_python_encodes_keys_as_duckdb_encodes_columns(type_: str) -> None:
    for code in encoded(type_, SAMPLES[type_]):
        assert encode(decoder(type_)(code), type_) == code


@pytest.mark.parametrize("type_", SAMPLES)
def test_null_stays_null(type_: str) -> None:
    assert encoded(type_, ["NULL"]) == [None]
    assert encode(None, type_) is None


def test_minus_zero_is_zero_and_every_nan_is_one() -> None:
    assert encoded("DOUBLE", ["-0.0", "0.0"]) == [0, 0]
    assert double_to_code(-0.0) == double_to_code(0.0) == 0
    assert encoded("DOUBLE", ["'nan'", "'-nan'"])[0] == double_to_code(float("nan"))
    assert repr(code_to_double(double_to_code(float("nan")))) == "nan"


def test_the_real_column_holds_finite_values_only() -> None:
    connection = duckdb.connect()
    rows = connection.execute(
        f"SELECT {real_sql('v', 'DOUBLE')} FROM (VALUES (1.5::DOUBLE), ('nan'), ('inf'), ('-inf'), (NULL)) AS given(v)"
    ).fetchall()
    assert rows == [(1.5,), (None,), (None,), (None,), (None,)]


@pytest.mark.parametrize(
    ("value", "type_", "code"),
    [
        ("42", "BIGINT", 42),
        (42.0, "BIGINT", 42),
        (Decimal("42"), "INTEGER", 42),
        (True, "BOOLEAN", 1),
        ("true", "BOOLEAN", 1),
        ("1.5", "DECIMAL(12,2)", 150),
        (1.1, "DECIMAL(12,2)", 110),
        (3, "DECIMAL(12,2)", 300),
        ("2026-01-08", "DATE", 20461),
        (date(1970, 1, 2), "DATE", 1),
        (datetime(1970, 1, 2), "DATE", 1),
        ("1970-01-01T00:00:01Z", "TIMESTAMP", 1_000_000),
        ("1970-01-01 02:00:00+02:00", "TIMESTAMP", 0),
        (datetime(1969, 12, 31, 23, 59, 59, 999999), "TIMESTAMP", -1),
        (UUID(int=1), "UUID", "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_request_values_are_taken_as_people_write_them(value: Any, type_: str, code: Any) -> None:
    assert encode(value, type_) == code


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("4.2", "BIGINT"),
        (4.5, "BIGINT"),
        (True, "BIGINT"),
        (2**63, "BIGINT"),
        (300, "TINYINT"),
        ("x", "BIGINT"),
        (-1, "UBIGINT"),
        ("1.005", "DECIMAL(12,2)"),
        ("1e11", "DECIMAL(12,2)"),
        ("nan", "DECIMAL(12,2)"),
        (42, "VARCHAR"),
        ("2026-13-01", "DATE"),
        ("2026-01-01T10:00", "DATE"),
        ("soon", "TIMESTAMP"),
        (1, "BOOLEAN"),
        ("zz", "UUID"),
        (float("nan"), "BIGINT"),
        (float("inf"), "BIGINT"),
        ([1], "BIGINT"),
        ({}, "TIMESTAMP"),
    ],
)
def test_request_values_that_do_not_fit_are_refused(value: Any, type_: str) -> None:
    with pytest.raises(ValueError):
        encode(value, type_)
