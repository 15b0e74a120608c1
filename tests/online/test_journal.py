"""The journal gives a batch back as it came, to the last bit, and to other definitions what they can hold of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from featc.errors import FeatcError
from featc.lower.online_lift import BATCH, pushed
from featc.resolve.model import Source
from featc.runtime.online import journal
from featc.runtime.online.engine import Engine
from featc.runtime.online.journal import Entry
from featc.runtime.store import FeatureStore

VALUES = {
    "boolean": ["true", "false"],
    "tinyint": ["-128", "127"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "ubigint": ["18446744073709551615"],
    "double": ["0.1", "1e308", "-0.0", "'nan'", "'inf'", "'-inf'", "5e-324", "0.30000000000000004"],
    "float": ["0.1", "3.4e38", "'nan'"],
    "decimal(38,10)": ["1234567890123456789012345678.0123456789", "-0.0000000001"],
    "varchar": ["''", "'a,b'", "'[\"x\"]'", "'NULL'", "'é\\n\u2028'", "chr(0)", "'\"'"],
    "blob": [r"'\x00\xff'::blob", "'abc'::blob"],
    "date": ["'2026-02-28'", "'0001-01-01'", "'infinity'"],
    "time": ["'23:59:59.999999'"],
    "timestamp": ["'2026-01-01 00:00:00.000001'", "'0044-03-15 (BC) 00:00:00'", "'infinity'"],
    "timestamp_ns": ["'2026-01-01 00:00:00.123456789'"],
    "timestamptz": ["'2026-01-01 00:00:00.5+02'"],
    "interval": ["'1 year 2 months 3 days 04:05:06.7'", "'-1 day'"],
    "uuid": ["'00000000-0000-0000-0000-00000000002a'"],
    "integer[]": ["[1, NULL, 3]", "[]"],
    "varchar[]": ["['a', NULL, '']", "['x, y', '[', ']']", "['''', '\"', '\\\\', 'NULL', ' ']"],
    "struct(a integer, b varchar)": ["{a: 1, b: 'x'}", "{a: NULL, b: 'y, {z}: ''q'''}"],
    "map(varchar, double)": ["map {'k': 0.1, 'l=m': NULL}"],
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    yield Engine(duckdb.connect(":memory:"))


def source(folder: Path, type_: str) -> Source:
    """A source with a column of a type."""
    (folder / "features").mkdir(parents=True, exist_ok=True)
    (folder / "featc.yaml").write_text("version: 1\nproject: p\n")
    with duckdb.connect() as connection:
        path = folder / "e.parquet"
        connection.execute(f"COPY (SELECT 1 AS u, now()::TIMESTAMP AS at, NULL::{type_} AS x) TO '{path}'")
    (folder / "features" / "all.yaml").write_text(
        "entities: {u: u}\nsources: {e: {path: e.parquet, time: at}}\n"
        "feature_views: {v: {entity: u, source: e, features: {n: count(*) over last_1d}}}\n"
    )
    return FeatureStore(folder).project.sources["e"]


def kept(engine: Engine, source: Source, type_: str, values: list[str]) -> Entry:
    """A batch of the values, as the journal has it."""
    listed = ", ".join(f"({n}, 1, '2026-01-01'::TIMESTAMP, ({v})::{type_})" for n, v in enumerate([*values, "NULL"]))
    engine.rows(f"CREATE OR REPLACE TEMP TABLE {BATCH} AS SELECT * FROM (VALUES {listed}) t(_row, u, \"at\", x)")
    rows = len(values) + 1
    return Entry(1, "e", None, None, None, 0, rows, rows, 0, "{}", journal.packed(engine, source, frozenset()))


@pytest.mark.parametrize("type_", VALUES)
def test_a_value_comes_back_as_it_was(engine: Engine, tmp_path: Path, type_: str) -> None:
    made = source(tmp_path, type_)
    entry = kept(engine, made, type_, VALUES[type_])
    engine.rows(f"CREATE OR REPLACE TEMP TABLE before AS FROM {BATCH}")
    assert journal.unpack(engine, made, [entry]) == frozenset()
    pairs = f"SELECT b.x, a.x FROM before b JOIN {BATCH} a USING (_row)"
    assert engine.rows(f"{pairs} WHERE b.x IS DISTINCT FROM a.x OR b.x::VARCHAR <> a.x::VARCHAR") == []
    assert engine.rows("SELECT typeof(x) FROM before") == engine.rows(f"SELECT typeof(x) FROM {BATCH}")
    assert engine.rows(f"SELECT count(*) FROM {BATCH}") == [(len(VALUES[type_]) + 1,)]


def test_several_entries_become_one_batch_and_others_stay_apart(engine: Engine, tmp_path: Path) -> None:
    made, other = source(tmp_path / "a", "bigint"), source(tmp_path / "b", "integer")
    first, second = (kept(engine, made, "bigint", [str(n)]) for n in (1, 2))
    third = kept(engine, other, "integer", ["3"])
    assert list(journal.alike([first, second, third])) == [[first, second], [third]]
    journal.unpack(engine, made, [first, second])
    assert engine.rows(f"SELECT x FROM {BATCH} ORDER BY _row") == [(1,), (None,), (2,), (None,)]


def test_another_type_takes_what_it_can_hold_exactly(engine: Engine, tmp_path: Path) -> None:
    made = source(tmp_path / "a", "decimal(12,2)")
    narrow, wide = source(tmp_path / "b", "bigint"), source(tmp_path / "c", "decimal(18,4)")
    entry = kept(engine, made, "decimal(12,2)", ["10.50", "2.00"])
    journal.unpack(engine, wide, [entry])
    assert engine.rows(f"SELECT x::VARCHAR FROM {BATCH} WHERE x IS NOT NULL") == [("10.5000",), ("2.0000",)]
    with pytest.raises(FeatcError, match=r"10\.50") as refused:
        journal.unpack(engine, narrow, [entry])
    assert refused.value.code == "F890"
    journal.unpack(engine, narrow, [kept(engine, made, "decimal(12,2)", ["2.00"])])
    assert engine.rows(f"SELECT x FROM {BATCH}") == [(2,), (None,)]


def test_a_column_that_came_later_is_lacking(engine: Engine, tmp_path: Path) -> None:
    made = source(tmp_path, "bigint")
    kept(engine, made, "bigint", [])
    data = journal.packed(engine, made, frozenset({"x"}))
    assert journal.unpack(engine, made, [Entry(1, "e", None, None, None, 0, 1, 1, 0, "{}", data)]) == {"x"}
    assert engine.rows(f"SELECT x FROM {BATCH}") == [(None,)]
    assert {c.name for c in pushed(made).columns} == {"u", "at", "x"}
