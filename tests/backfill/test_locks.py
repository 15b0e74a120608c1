"""While one process fills the database, others are told who holds it, and to try again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from featc.errors import FeatcError
from processes.commands import environment, fails_plainly, featc, said

from .bank import write_bank
from .projects import store


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A project whose database another process is filling."""
    folder = write_bank(tmp_path / "p")
    process = subprocess.Popen(
        (sys.executable, "-u", "-m", "backfill.holding", str(folder)),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == "holding\n"
    yield folder
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


COMMANDS = {
    "backfill": ("backfill",),
    "dry run": ("backfill", "--dry-run"),
    "snapshot": ("backfill", "--at", "1970-01-01"),
    "dataset": ("dataset", "--features", "by_user", "--spine", "select 1 as k, timestamp '1970-01-01' as as_of"),
    "show": ("show", "by_user"),
}


@pytest.mark.slow
def test_whoever_needs_the_database_is_told_that_it_is_held(held: Path) -> None:
    for name, words in COMMANDS.items():
        done = featc(*words, cwd=held)
        assert fails_plainly(done, 4, "F901"), (name, said(done))
        assert "another featc process" in done.stderr
        assert "try again" in done.stderr
    assert featc("build", cwd=held).returncode == 0, "what needs no data goes on"


def test_a_training_set_of_this_process_holds_the_database_too(tmp_path: Path) -> None:
    made = store(write_bank(tmp_path / "p"))
    made.backfill()
    kept = made.get_historical_features(["by_user"], [{"k": 1, "as_of": datetime(1970, 1, 1)}])
    with pytest.raises(FeatcError) as raised:
        made.backfill()
    assert (raised.value.code, raised.value.exit_code) == ("F901", 4)
    assert "this process" in str(raised.value)
    del kept
    made.backfill()
