"""A backfill that is killed at any moment has lost nothing: the next one finishes, and ends as if undisturbed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from featc.runtime.backfill import BackfillReport
from processes.commands import TOO_LONG, environment

from .bank import deliver, write_bank
from .projects import store
from .tiles import content, reading

# (step, for the how-manyth time, µs into it); the last three steps exist only where something changed
FIRST = [
    ("begin", 1, 0),  # before the ledger is made
    ("commit", 1, 0),
    ("versions", 1, 0),
    ("look", 1, 0),
    ("reopen", 1, 0),
    ("rows", 1, 0),
    ("begin", 3, 0),
    ("tiles", 1, 0),
    ("tiles", 2, 0),
    ("ledger", 1, 0),
    ("commit", 4, 0),
    ("commit", 4, 50),
    ("commit", 4, 300),
    ("commit", 5, 1000),
    ("committed", 5, 0),
    ("rows", 3, 200),
    ("tiles", 3, 400),
    ("ledger", 2, 100),
    ("cover", 1, 0),
]
SECOND = [
    ("look", 2, 0),
    ("reopen", 1, 0),
    ("commit", 1, 0),
    ("commit", 1, 100),
    ("committed", 1, 0),
    ("rows", 1, 0),
    ("tiles", 2, 0),
    ("commit", 2, 200),
    ("ledger", 2, 0),
    ("committed", 2, 0),
    ("cover", 1, 0),
]


def dying(folder: Path, step: str, nth: int, delay: int, *at: str) -> bool:
    """One run; whether it was killed."""
    command = (sys.executable, "-m", "backfill.dying", str(folder), step, str(nth), str(delay), *at)
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=TOO_LONG, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def whole(folder: Path) -> int:
    """Every interval of the ledger has the tiles it says; gives how many there are. A reader opens what a killed
    writer left."""
    if not (folder / ".featc" / "tiles.duckdb").exists():
        return 0
    with reading(folder) as connection:
        tables = {t for (t,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if "intervals" not in tables:
            return 0
        lines = connection.execute(
            "SELECT tile_table, interval_start, max(tiles), min(tiles) FROM featc.intervals GROUP BY ALL"
        ).fetchall()
        for table in {line[0] for line in lines}:
            found = dict(connection.execute(f'SELECT _start, count(*) FROM featc."{table}" GROUP BY 1').fetchall())
            mine = {start: (most, least) for name, start, most, least in lines if name == table}
            assert {start: (n, n) for start, n in found.items()} == mine
        return len(lines)


def ended_like(stormy: Path, calm: Path) -> None:
    found, wanted = content(stormy), content(calm)
    assert found.keys() == wanted.keys()
    for table, rows in found.items():
        assert rows == wanted[table], table


@pytest.mark.slow
def test_killed_at_every_phase_a_backfill_ends_as_if_nothing_had_happened(
    tmp_path: Path, sigkill: Callable[[str, str], None]
) -> None:
    calm, stormy = write_bank(tmp_path / "calm"), write_bank(tmp_path / "stormy")
    assert not dying(calm, "never", 1, 0)
    deaths, filled = 0, 0
    for phase in FIRST:
        if dying(stormy, *phase):
            deaths += 1
            sigkill("backfill", phase[0])
        now = whole(stormy)
        assert now >= filled, "what was filled stays"
        filled = now
    assert not dying(stormy, "never", 1, 0)
    ended_like(stormy, calm)
    deliver(calm)
    deliver(stormy)
    assert not dying(calm, "never", 1, 0)
    for phase in SECOND:
        if dying(stormy, *phase):
            deaths += 1
            sigkill("backfill", phase[0])
        whole(stormy)
    assert not dying(stormy, "never", 1, 0)
    ended_like(stormy, calm)
    assert deaths >= 25, "too few kills hit a run: the test proves little"
    fresh = write_bank(tmp_path / "fresh")
    deliver(fresh)
    assert not dying(fresh, "never", 1, 0)
    ended_like(stormy, fresh)


@pytest.mark.slow
@pytest.mark.parametrize("phase", [("tiles", 3, 0), ("commit", 4, 200), ("cover", 1, 0)], ids=lambda p: p[0])
def test_the_run_after_a_killed_one_does_only_the_rest(tmp_path: Path, phase: tuple[str, int, int]) -> None:
    folder = write_bank(tmp_path / "p")
    assert dying(folder, *phase)
    before = whole(folder)
    report = store(folder).backfill()
    assert isinstance(report, BackfillReport)
    assert sum(v.complete for v in report.views) == before
    assert whole(folder) >= before
    again = store(folder).backfill()
    assert isinstance(again, BackfillReport)
    assert again.filled == 0


@pytest.mark.slow
@pytest.mark.parametrize("phase", [("rows", 1, 0), ("tiles", 1, 0), ("ledger", 2, 0), ("commit", 2, 100)])
def test_killed_snapshots_are_whole_or_not_there(
    tmp_path: Path, phase: tuple[str, int, int], sigkill: Callable[[str, str], None]
) -> None:
    calm, stormy = write_bank(tmp_path / "calm"), write_bank(tmp_path / "stormy")
    dying(calm, "never", 1, 0, "1970-01-10")
    assert dying(stormy, *phase, "1970-01-10")
    sigkill("backfill", phase[0])
    dying(stormy, "never", 1, 0, "1970-01-10")
    assert content(stormy) == content(calm)
