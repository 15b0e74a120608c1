"""An evicting process is killed at every kind of moment: reads stay exact, and the next run finishes the work."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import featc
from kills import EVICT
from processes.commands import TOO_LONG, starting

from .club import REQUESTS, write_club
from .test_evict import HORIZON, answers, content, filled

CLOCKS = {"featc_horizons": 2}
"""Columns that say when."""


def calm(content: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """A store's content without the columns that hold clocks."""
    found = {}
    for name, rows in content.items():
        place = CLOCKS.get(name)
        found[name] = rows if place is None else [(*r[:place], *r[place + 1 :]) for r in rows]
    return found


@pytest.mark.slow
def test_killed_evictions_lose_nothing_and_are_finished_by_the_next(
    tmp_path: Path, sigkill: Callable[[str, str], None]
) -> None:
    folder = write_club(tmp_path / "club")
    store = filled(folder)
    expected = answers(store)
    store.close()
    whole, statements = evicted(shutil.copytree(folder, tmp_path / "calm"))
    kills = [(phase, next(n for n, s in enumerate(statements) if phase in s), 0) for phase in EVICT]
    kills += [("COMMIT", n, 0) for n in [n for n, s in enumerate(statements) if s == "COMMIT"][1::2]]
    for phase in ("_seq NOT IN", "min(_start), max(_settled_at)", "_superseded <="):
        kills += [(phase, n, steps) for n, s in enumerate(statements) if phase in s for steps in (1, 20)]
    died = 0
    for number, (phase, statement, steps) in enumerate(kills):
        stormy = shutil.copytree(folder, tmp_path / str(number))
        if killed(stormy, statement, steps):
            died += 1
            sigkill("evict", phase)
        with closing(sqlite3.connect(stormy / ".featc/online.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        store = featc.FeatureStore(stormy)
        assert answers(store) == expected, statements[statement]
        store.evict()
        assert answers(store) == expected, statements[statement]
        store.close()
        assert calm(content(stormy)) == whole, statements[statement]
        shutil.rmtree(stormy)
    assert died >= 20, f"{died} of {len(kills)} kills hit"


def evicted(folder: Path) -> tuple[dict[str, list[tuple[Any, ...]]], list[str]]:
    """What an undisturbed eviction leaves, and its statements."""
    process = starting("evicting", folder, -1, 0)
    out, trouble = process.communicate(timeout=TOO_LONG)
    assert process.returncode == 0, trouble
    return calm(content(folder)), out.splitlines()


def killed(folder: Path, statement: int, steps: int) -> bool:
    """Evicts until killed; whether that hit."""
    process = starting("evicting", folder, statement, steps)
    _, trouble = process.communicate(timeout=TOO_LONG)
    assert trouble == ""
    return process.returncode == -9


@pytest.mark.slow
def test_a_store_is_read_while_it_is_evicted(tmp_path: Path) -> None:
    folder = write_club(tmp_path / "club")
    store = filled(folder)
    expected = store.get_online_features("club", REQUESTS, at=HORIZON)
    other = featc.FeatureStore(folder)
    assert other.get_online_features("club", REQUESTS, at=HORIZON) == expected
    store.evict()
    assert other.get_online_features("club", REQUESTS, at=HORIZON) == expected
    other.push("plans", [{"user_id": 1, "plan": "old", "changed_at": "2026-01-02"}])
    assert other.get_online_features("club", REQUESTS, at=HORIZON) == expected
