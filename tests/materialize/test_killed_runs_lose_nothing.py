"""Runs that are killed at every phase, and begun again: the store ends as that of undisturbed runs, row for row."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from processes.commands import TOO_LONG, environment

from .dying import PHASES
from .shop import TYPES, histories, online, whole, write_rows, write_shop

SEVERAL = ("batch cut", "batch lifted", "versions taken in", "rows taken in", "batch booked", "at commit", "committed")
"""Phases that are passed once a batch, at which runs die a second time, further on."""


def run(folder: Path, phase: str, nth: int) -> int:
    """A run in a process of its own, and how it ended."""
    command = (sys.executable, "-m", "materialize.dying", str(folder), phase, str(nth))
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=TOO_LONG, check=False)
    assert done.stderr == ""
    return done.returncode


def is_whole(folder: Path) -> bool:
    if not online(folder).exists():
        return True
    with closing(sqlite3.connect(online(folder))) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.slow
def test_runs_killed_at_every_phase_end_as_undisturbed_ones(
    tmp_path: Path, sigkill: Callable[[str, str], None]
) -> None:
    rows = histories(seed=40, size=120)
    some = {name: listed[: 3 * len(listed) // 4] for name, listed in rows.items()}
    calm, stormy = (write_shop(tmp_path / name, "parquet", some) for name in ("calm", "stormy"))
    first = [(phase, 1) for phase in PHASES if phase not in ("interval rebooked", "source done")]
    first += [(phase, 4) for phase in SEVERAL]
    for phase, nth in first:
        assert run(stormy, phase, nth) == -signal.SIGKILL, (phase, nth)
        sigkill("materialize", phase)
        assert is_whole(stormy), (phase, nth)
    assert run(stormy, "", 0) == run(calm, "", 0) == 0
    for folder in (calm, stormy):
        for name in TYPES:
            write_rows(folder, name, "parquet", rows[name])
    for phase, nth in [("interval rebooked", 1), ("source done", 1), *((phase, 3) for phase in SEVERAL)]:
        assert run(stormy, phase, nth) == -signal.SIGKILL, (phase, nth)
        sigkill("materialize", phase)
        assert is_whole(stormy), (phase, nth)
    assert run(stormy, "", 0) == run(calm, "", 0) == 0
    assert whole(stormy) == whole(calm)
