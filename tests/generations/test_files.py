"""Files of generations: opened while they are there, closed when nobody reads them, and nobody else's."""

from __future__ import annotations

import gc
import sqlite3
import weakref
from pathlib import Path

import pytest

from featc.errors import FeatcError
from featc.runtime.generations.serving import Passed

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
