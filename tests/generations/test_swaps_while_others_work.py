"""Apply and rollback on the shop while four processes read and one pushes, and die on the way."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import featc as product
from processes.commands import TOO_LONG, environment, featc, said

from .dying import AFTER, PHASES
from .tally import LATER, WEIGHT, told, weigh, write_shop

READERS = 4


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, materialized and applied."""
    folder = write_shop(tmp_path_factory.mktemp("shop"))
    assert featc("materialize", cwd=folder).returncode == 0
    assert featc("apply", "--no-verify", cwd=folder).returncode == 0
    return folder


@pytest.mark.slow
@pytest.mark.all_cores
def test_nothing_fails_mixes_or_gets_lost(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    began = answered(shop)[1]
    with others(shop, tmp_path / "stop", 0) as outcome:
        for weight in (WEIGHT, 1):
            weigh(shop, weight)
            applied(shop)
            assert answered(shop)[0] == weight
            back = featc("rollback", cwd=shop)
            assert back.returncode == 0, said(back)
            assert answered(shop)[0] != weight
            forward = featc("rollback", cwd=shop)
            assert forward.returncode == 0, said(forward)
            assert answered(shop)[0] == weight
    assert outcome["pushed"] >= 20
    assert answered(shop) == (1, began + outcome["pushed"])
    for reader in outcome["readers"]:
        assert (reader["mixed"], reader["steps_back"]) == ([], [])
        assert reader["reads"] >= 20 and reader["swaps"] >= 4
    with capsys.disabled():
        print(f"\n2 applies, 4 rollbacks: {outcome['pushed']} pushes, {[r['reads'] for r in outcome['readers']]} reads")


@pytest.mark.slow
@pytest.mark.all_cores
def test_a_run_that_dies_leaves_what_was_or_what_is_to_be(shop: Path, tmp_path: Path) -> None:
    began = answered(shop)[1]
    with others(shop, tmp_path / "stop", 100_000) as outcome:
        for phase in PHASES:
            weight = other(answered(shop)[0])
            weigh(shop, weight)
            died = dies(shop, "apply", phase)
            assert died.returncode == -signal.SIGKILL, (phase, said(died))
            assert answered(shop)[0] == (weight if phase in AFTER else other(weight)), phase
            applied(shop)
            assert answered(shop)[0] == weight
            assert "nothing to do" in featc("plan", cwd=shop).stdout
        for phase in ("taken over", "pointer replaced"):
            weight = answered(shop)[0]
            died = dies(shop, "rollback", phase)
            assert died.returncode == -signal.SIGKILL, (phase, said(died))
            assert answered(shop)[0] == (other(weight) if phase in AFTER else weight), phase
            weigh(shop, answered(shop)[0])
            applied(shop)
    assert answered(shop)[1] == began + outcome["pushed"]
    assert not [r for reader in outcome["readers"] for r in (*reader["mixed"], *reader["steps_back"])]


@pytest.mark.slow
@pytest.mark.all_cores
def test_kills_at_any_moment_leave_either(shop: Path, tmp_path: Path) -> None:
    draw = random.Random(4)
    hit = 0
    began = answered(shop)[1]
    with others(shop, tmp_path / "stop", 200_000) as outcome:
        for _ in range(4):
            weight = other(answered(shop)[0])
            weigh(shop, weight)
            process = started(shop, "apply")
            time.sleep(draw.uniform(0.5, 6.0))
            hit += process.poll() is None
            process.kill()
            process.wait()
            assert answered(shop)[0] in (1, WEIGHT)
            applied(shop)
            assert answered(shop)[0] == weight
    assert hit >= 2
    assert answered(shop)[1] == began + outcome["pushed"]
    assert not [r for reader in outcome["readers"] for r in (*reader["mixed"], *reader["steps_back"])]


# ------------------------------------------------------------------------------------------------ who else works


@contextmanager
def others(folder: Path, stop: Path, first: int) -> Iterator[dict[str, object]]:
    """Four readers and a pusher, who work until the block ends; what they saw is there afterwards. `first` is the
    number of the first order."""
    readers = [program("reading", folder, stop) for _ in range(READERS)]
    pusher = program("pushing", folder, stop, first)
    for each in (*readers, pusher):
        assert each.stdout is not None
        each.stdout.readline()
    outcome: dict[str, object] = {}
    try:
        yield outcome
    finally:
        stop.touch()
        done = [ended(each) for each in (*readers, pusher)]
        stop.unlink()
    outcome["readers"] = [json.loads(lines[-1]) for lines in done[:-1]]
    # the numbers follow one another; lines that came with the first one are in its buffer
    outcome["pushed"] = 1 + max(int(line.split()[1]) for line in done[-1] if line.startswith("pushed ")) - first


def program(name: str, *given: Path | int) -> subprocess.Popen[str]:
    command = (sys.executable, "-u", "-m", f"generations.{name}", *map(str, given))
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment()
    )


def ended(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=TOO_LONG)
    assert process.returncode == 0, err
    return out.splitlines()


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = (sys.executable, "-m", "generations.dying", str(folder), *words)
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())


def dies(folder: Path, command: str, phase: str) -> subprocess.CompletedProcess[str]:
    words = (sys.executable, "-m", "generations.dying", str(folder), command, phase)
    return subprocess.run(
        words, capture_output=True, text=True, encoding="utf-8", env=environment(), check=False, timeout=TOO_LONG
    )


def applied(folder: Path) -> None:
    done = featc("apply", "--no-verify", cwd=folder)
    assert done.returncode == 0, said(done)


def answered(folder: Path) -> tuple[int, int]:
    """(weight, orders) by a store of its own."""
    store = product.FeatureStore(folder)
    try:
        (vector,) = store.get_online_features("tally", [{}], at=LATER)
        found = told(vector)
        assert found is not None, vector
        return found
    finally:
        store.close()


def other(weight: int) -> int:
    return 1 if weight == WEIGHT else WEIGHT
