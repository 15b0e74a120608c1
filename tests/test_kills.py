"""The account of killed processes notices what a run has not shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kills import COMPACTION, FLOOR, PHASES, missing, place, table

EACH = {(command, phase): 3 for command, phases in PHASES.items() for phase in phases}


def test_a_run_that_killed_in_every_phase_lacks_nothing() -> None:
    assert missing(EACH) == []


def test_a_phase_without_a_kill_and_too_few_kills_are_told() -> None:
    few = {pair: 1 for pair in EACH if pair != ("push", "at commit")}
    total = sum(1 for command, _ in few if command != "evict")
    assert total < FLOOR
    assert missing(few) == [
        "no push was killed at 'at commit'",
        f"backfill, materialize and push were killed {total} times, less than {FLOOR}",
    ]


def test_evictions_do_not_make_up_for_other_kills() -> None:
    assert len(missing({pair: 1 + 99 * (pair[0] == "evict") for pair in EACH})) == 1


def test_the_table_has_a_line_for_each_command_and_counts_by_place() -> None:
    head, *lines = table(EACH)
    assert [line.split()[0] for line in lines] == list(PHASES)
    compacting = sum(place("evict", phase) == COMPACTION for phase in PHASES["evict"])
    assert lines[-1].split()[-3:] == [str(3 * compacting), str(3 * len(PHASES["evict"])), str(len(PHASES["evict"]))]
    assert head.split()[-1] == "phases"


@pytest.mark.parametrize(("marks", "code"), [("slow", 5), ("not slow", 0), ("", 1)])
def test_a_run_of_all_slow_tests_without_kills_fails(marks: str, code: int) -> None:
    """As `pytest` runs it whose only tests are these; 5 says that none was there to run."""
    few = ("-o", "testpaths=tests/cli/test_cli_values.py")
    command = (sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", *few, "-m", marks)
    repository = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=repository, timeout=120, check=False)
    assert done.returncode == code, done.stdout
    assert ("kills: no backfill was killed at 'commit'" in done.stdout) is (marks != "not slow")
