"""A pushing process is killed at any moment and started again: the store ends as if nothing had happened."""

from __future__ import annotations

import random
import signal
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import featc as product

from .bank import LATER, REQUESTS, batch, batches_in, expected, write_bank
from .commands import TOO_LONG, starting
from .dying import PHASES

KILLS, SIZE, SMALL = 14, 500, 20
STORE = ".featc/online.db"
CLOCKS = {"pushed_at"}
"""Columns that hold when something was pushed: no two runs agree on them."""


@pytest.mark.slow
def test_killed_pushes_that_are_repeated_leave_the_store_of_an_undisturbed_run(
    tmp_path: Path, sigkill: Callable[[str, str], None]
) -> None:
    calm, stormy = write_bank(tmp_path / "calm"), write_bank(tmp_path / "stormy")
    duration = statistics.median(pushes_of(calm))
    draw = random.Random(7)
    inside = 0
    for number in range(KILLS):
        inside += killed_during(stormy, number, draw.uniform(0, 1.5 * duration))
        sigkill("push", "any")
        assert integrity(stormy) == ["ok"]
        assert whole_batches(stormy) in (number, number + 1)
    assert inside >= KILLS // 3, "too few kills hit a push: the test proves little"
    pushes_of(stormy)
    assert whole_batches(stormy) == whole_batches(calm) == KILLS
    assert answer(stormy) == answer(calm) == expected(KILLS, SIZE)
    assert content(stormy) == content(calm)


@pytest.mark.slow
def test_pushes_killed_at_every_phase_leave_the_store_of_an_undisturbed_run(
    tmp_path: Path, sigkill: Callable[[str, str], None]
) -> None:
    calm, stormy = write_bank(tmp_path / "calm"), write_bank(tmp_path / "stormy")
    assert dying(calm, len(PHASES)) == 0
    for number, phase in enumerate(PHASES):
        assert dying(stormy, number + 1, phase) == -signal.SIGKILL, phase
        sigkill("push", phase)
        assert integrity(stormy) == ["ok"]
        assert batches_in(answer(stormy), SMALL) == number + (phase == "committed"), phase
    assert dying(stormy, len(PHASES)) == 0
    assert answer(stormy) == answer(calm) == expected(len(PHASES), SMALL)
    assert content(stormy) == content(calm)


def dying(folder: Path, batches: int, phase: str = "") -> int:
    """A process that pushes the first batches, and dies in the last one where a phase is named; how it ended."""
    process = starting("dying", folder, SMALL, batches, phase)
    _, trouble = process.communicate(timeout=TOO_LONG)
    assert trouble == ""
    return process.returncode


@pytest.mark.slow
def test_a_process_killed_while_it_makes_the_store_leaves_one_that_can_be_used(tmp_path: Path) -> None:
    draw = random.Random(11)
    for number in range(4):
        folder = write_bank(tmp_path / str(number))
        killed_during(folder, 0, draw.uniform(0, 0.1))
        assert integrity(folder) == ["ok"]
        assert whole_batches(folder) in (0, 1)
        store = product.FeatureStore(folder)
        store.push("moves", batch(0, SIZE), token="batch 0")
        store.close()
        assert answer(folder) == expected(1, SIZE)


def pushes_of(folder: Path) -> list[float]:
    """Pushes all batches and gives the seconds each took, as seen from here."""
    process = starting("pushing", folder, SIZE, KILLS - 1, TOO_LONG)
    assert process.stdout is not None and process.stderr is not None
    found, started = [], 0.0
    for line in process.stdout:
        if line.startswith("pushing"):
            started = time.monotonic()
        else:
            found.append(time.monotonic() - started)
    assert process.wait(TOO_LONG) == 0, process.stderr.read()
    process.stderr.close()
    assert len(found) == KILLS
    return found


def killed_during(folder: Path, number: int, delay: float) -> bool:
    """Pushes from the first batch on and kills the process `delay` s after batch `number` begins; whether it hit."""
    process = starting("pushing", folder, SIZE, number, TOO_LONG)
    assert process.stdout is not None and process.stderr is not None
    for line in process.stdout:
        if line == f"pushing {number}\n":
            break
    time.sleep(delay)
    process.kill()
    rest = process.stdout.read()
    process.wait(TOO_LONG)
    trouble = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    assert trouble == ""
    return "pushed" not in rest


def integrity(folder: Path) -> list[str]:
    """What SQLite says of the store; a process may be killed before it has made one."""
    if not (folder / STORE).exists():
        return ["ok"]
    with closing(sqlite3.connect(folder / STORE)) as connection:
        return [row[0] for row in connection.execute("PRAGMA integrity_check")]


def answer(folder: Path) -> list[dict[str, object]]:
    store = product.FeatureStore(folder)
    try:
        return list(store.get_online_features("audit", REQUESTS, at=LATER))
    finally:
        store.close()


def whole_batches(folder: Path) -> int | None:
    return batches_in(answer(folder), SIZE)


def content(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of the store, apart from clocks."""
    with closing(sqlite3.connect(folder / STORE)) as connection:
        return {table: sorted(rows_of(connection, table), key=repr) for table in tables_of(connection)}


def tables_of(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]


def rows_of(connection: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    names = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")') if row[1] not in CLOCKS]
    columns = ", ".join(f'"{name}"' for name in names)
    yield from connection.execute(f'SELECT {columns} FROM "{table}"')
