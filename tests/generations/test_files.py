"""Files of generations: opened while they are there, closed when nobody reads them, and nobody else's."""

from __future__ import annotations

import gc
import sqlite3
import weakref
from pathlib import Path

import pytest

from featc.errors import FeatcError
from featc.runtime.generations.serving import Passed
from featc.runtime.store import FeatureStore

from .small import MORE, count, row, write


def test_what_answers_no_more_is_not_made_anew(tmp_path: Path) -> None:
    store = write(tmp_path)
    store.push("e", [row(1)])
    store.apply(verify=False)
    slow = write(tmp_path)
    asked = slow.serving.current()  # and then two applies come
    write(tmp_path, MORE).apply(verify=False)
    write(tmp_path, MORE + ", least: min(x) over last_30d").apply(verify=False)
    assert not asked.path.exists()
    with pytest.raises(Passed):
        asked.online  # noqa: B018
    assert not asked.path.exists()
    assert count(slow) == 1


def test_a_swap_closes_what_nobody_reads_and_nothing_else(tmp_path: Path) -> None:
    store = write(tmp_path)
    store.push("e", [row(1)])
    store.apply(verify=False)
    edited = write(tmp_path, MORE)
    edited.apply(verify=False)
    connection, seen = store.online.database.connection, weakref.ref(store.online)
    edited.rollback()
    assert count(store) == 1
    gc.collect()
    assert seen() is None
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
    held = store.online
    edited.rollback()
    assert count(store) == 1
    gc.collect()
    assert held.read(store.outputs(["v"]), [{"u": 1}], "2026-01-08T00:00:00Z")[0]["n"] == 1
    assert store.online is not held


def test_a_lock_that_cannot_be_taken_is_not_somebody_elses(tmp_path: Path) -> None:
    store = write(tmp_path)
    store.push("e", [row(1)])
    lock = store.online_home.with_name("online.db.lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()
    for run in (store.materialize, store.gc, lambda: store.apply(verify=False)):
        with pytest.raises(FeatcError) as error:
            run()
        assert error.value.code == "F902" and "cannot lock online.db.lock" in str(error.value)


def test_the_store_of_another_target_is_nobodys_generation(tmp_path: Path) -> None:
    write(tmp_path)
    paths = {"dev": "store/online.db", "two": "store/online.2.db", "three": "store/online.gen.db"}
    targets = "".join(f"  {name}: {{online: {{path: {path}}}}}\n" for name, path in paths.items())
    (tmp_path / "featc.yaml").write_text(f"version: 1\nproject: small\ntargets:\n{targets}")
    for target in paths:
        FeatureStore(tmp_path, target).push("e", [row(1)])
    FeatureStore(tmp_path).apply(verify=False)
    views = tmp_path / "features/all.yaml"
    views.write_text(views.read_text().replace("30d}}", f"30d{MORE}}}}}"))
    edited = FeatureStore(tmp_path)
    edited.apply(verify=False)
    edited.gc(previous=True)
    there = sorted(p.name for p in (tmp_path / "store").glob("*.db"))
    assert there == ["online.2.db", "online.gen.db", "online.gen2.db"]
    for target in ("two", "three"):
        assert count_rows(FeatureStore(tmp_path, target)) == 1


def count_rows(store: FeatureStore) -> int:
    """How many rows came into a store."""
    with store.online.database.read() as found:
        return int(found.execute("SELECT sum(accepted) FROM featc_sources").fetchone()[0])


def test_what_others_go_by_stays_while_nothing_was_applied(tmp_path: Path) -> None:
    store = write(tmp_path)
    store.push("e", [row(1)])
    assert count(store) == 1
    edited = write(tmp_path, MORE)
    assert edited.gc().tables == ()
    store.push("e", [row(2)])
    assert count(store) == 2
    edited.apply(verify=False)
    assert store.online_home in edited.gc(previous=True).files
    assert count(store) == count(edited) == 2
