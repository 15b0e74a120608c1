"""Dumps of a snapshot source go into a store whole, once, and out of it when no read can see them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import featc
from featc.cli import cli
from featc.errors import FeatcError

DEFINITIONS = """\
entities: {user: user_id}
sources:
  lines:
    kind: snapshot
    key: [user_id, line]
    path: data/lines.parquet
    time: dumped_at
    available_at: landed_at
feature_views:
  credit: {entity: user, source: lines, features: {n: count(*) over current, used: sum(used) over current}}
feature_services:
  credit: {features: [credit]}
"""
NUMBERS, TIMES = ("user_id", "line", "used"), ("dumped_at", "landed_at")
SCHEMA = pa.schema([*((c, pa.int64()) for c in NUMBERS), *((c, pa.timestamp("us")) for c in TIMES)])
Rows = list[dict[str, Any]]


def dump(day: int, lines: dict[int, int], landed: int | None = None) -> Rows:
    """The lines of user 1, and how much of each is used."""
    times = {"dumped_at": datetime(2026, 1, day), "landed_at": datetime(2026, 1, landed or day)}
    return [{"user_id": 1, "line": line, "used": used, **times} for line, used in lines.items()]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[featc.FeatureStore]:
    (tmp_path / "features").mkdir()
    (tmp_path / "featc.yaml").write_text("version: 1\nproject: bureau\n")
    (tmp_path / "features" / "all.yaml").write_text(DEFINITIONS)
    write(tmp_path, [])
    with closing(featc.FeatureStore(tmp_path)) as found:
        yield found


def write(folder: Path, rows: Rows) -> None:
    (folder / "data").mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "data" / "lines.parquet")


def used(store: featc.FeatureStore, day: int) -> tuple[int, int | None]:
    (row,) = store.get_online_features("credit", [{"user_id": 1}], at=datetime(2026, 1, day, 12))
    return row["n"], row["used"]


def kept(folder: Path, ending: str) -> int:
    with closing(sqlite3.connect(folder / ".featc/online.db")) as database:
        names = [r[0] for r in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return sum(
            int(database.execute(f'SELECT count(*) FROM "{n}"').fetchone()[0]) for n in names if n.startswith(ending)
        )


def test_the_same_dump_again_changes_nothing(store: featc.FeatureStore) -> None:
    first = store.push("lines", dump(1, {1: 5, 2: 7}))
    again = store.push("lines", dump(1, {1: 5, 2: 7})[::-1] * 2)
    assert (first.accepted, again.accepted, again.duplicates) == (2, 0, 4)
    assert used(store, 1) == (2, 12)


def test_a_batch_may_hold_several_dumps_some_of_them_known(store: featc.FeatureStore) -> None:
    store.push("lines", dump(1, {1: 5}))
    report = store.push("lines", [*dump(2, {1: 6}), *dump(1, {1: 5}), *dump(3, {2: 1})])
    assert (report.accepted, report.duplicates) == (2, 1)
    assert [used(store, day) for day in (1, 2, 3)] == [(1, 5), (1, 6), (1, 1)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (dump(1, {1: 5}), "with 2 different rows, and the batch has 1"),
        (dump(1, {1: 5, 2: 8}), "with rows that have other values"),
        ([*dump(2, {1: 5}), *dump(1, {2: 7})], "with 2 different rows, and the batch has 1"),
    ],
)
def test_other_rows_of_a_dump_are_refused_and_nothing_is_written(
    store: featc.FeatureStore, rows: Rows, words: str
) -> None:
    store.push("lines", dump(1, {1: 5, 2: 7}))
    with pytest.raises(FeatcError, match="F394") as refused:
        store.push("lines", rows)
    assert words in str(refused.value)
    assert used(store, 3) == (2, 12)


def test_dumps_that_come_in_any_order_act_as_they_arrived(store: featc.FeatureStore) -> None:
    listed = [dump(1, {1: 1}), dump(2, {1: 2}, landed=5), dump(3, {1: 3}), dump(3, {1: 4}, landed=6)]
    for rows in reversed(listed):
        store.push("lines", rows)
    assert [used(store, day)[1] for day in (1, 2, 3, 5, 6)] == [1, 1, 3, 3, 4]


def test_what_materialize_brings_and_what_is_pushed_are_the_same_dumps(
    store: featc.FeatureStore, tmp_path: Path
) -> None:
    store.push("lines", dump(1, {1: 5, 2: 7}))
    write(tmp_path, [*dump(1, {1: 5, 2: 7}), *dump(2, {1: 6})])
    store.materialize()
    store.push("lines", dump(2, {1: 6}))
    assert [used(store, day) for day in (1, 2)] == [(2, 12), (1, 6)]
    write(tmp_path, [*dump(1, {1: 5, 2: 7}), *dump(2, {1: 6, 2: 1})])
    with pytest.raises(FeatcError, match="F394"):
        store.materialize()


def test_eviction_drops_dumps_that_no_read_sees(store: featc.FeatureStore, tmp_path: Path) -> None:
    for day in range(1, 9):
        store.push("lines", dump(day, {1: day, 2: 1}))
    values = [used(store, day) for day in range(6, 9)]
    store.online.evict(2 * 86_400_000_000)
    assert [used(store, day) for day in range(6, 9)] == values
    assert kept(tmp_path, "credit__") == 8  # of the dumps from the 5th on, which a read at the horizon still sees
    report = store.push("lines", dump(7, {1: 7, 2: 1}))
    assert report.duplicates == 2
    late = store.push("lines", dump(2, {1: 9}, landed=4))
    assert late.rejected == {"arrived before the replay horizon": 1}
    assert [used(store, day) for day in range(6, 9)] == values


def test_rows_without_a_key_are_rejected_and_the_dump_is_there(store: featc.FeatureStore) -> None:
    rows = dump(1, {1: 5, 2: 7})
    rows[1]["line"] = None
    report = store.push("lines", rows)
    assert (report.duplicates, report.rejected) == (0, {"credit: a part of the key user_id, line is NULL": 1})
    nobody = dump(2, {1: 5})
    nobody[0]["user_id"] = None
    store.push("lines", nobody)
    assert [used(store, day) for day in (1, 2)] == [(1, 5), (0, None)]


def test_commands_say_what_a_snapshot_is(store: featc.FeatureStore, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(cli, [*arguments, "-p", str(tmp_path)])
        assert done.exit_code == 0, done.stderr
        return done.stdout

    store.push("lines", dump(1, {1: 5}))
    told = run("explain", "credit")
    assert "lines (snapshot)" in told and "the entity's rows of the dump in force" in told
    assert "one ASOF join to the dump in force" in told
    run("build", "-q")
    manifest = json.loads((tmp_path / "target/manifest.json").read_text())
    assert manifest["sources"]["lines"]["kind"] == "snapshot"
    files = "".join(p.read_text() for p in (tmp_path / "target").rglob("online_*.sql"))
    assert "-- dumps: which there are" in files and "-- dumps: that go at another instant now" in files
    assert "lines.used" in run("lineage", "+credit", "--columns", "--to", "dot")
    assert "lines" in run("status")
