"""Processes write while others read: every read sees whole batches, and never fewer than the read before."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

import featc as product

from .bank import LATER, batch, batches_in, batches_of, expected, expected_of, requests, write_bank
from .commands import FEATC, TOO_LONG, environment, starting

SIZE = 20
MINUTE, WRITERS, READERS = 60.0, 3, 4


@pytest.mark.slow
def test_three_processes_push_and_four_read_one_store_for_a_minute(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bank(tmp_path)
    writers = [starting("pushing", tmp_path, SIZE, 1_000_000, MINUTE, branch) for branch in range(WRITERS)]
    readers = [starting("reading", tmp_path, SIZE, MINUTE, WRITERS) for _ in range(READERS)]
    written = [lines_of(writer) for writer in writers]
    seen = [json.loads(lines_of(reader)[-1]) for reader in readers]
    pushed = [sum(line.startswith("pushed ") for line in lines) for lines in written]
    waited = [line for lines in written for line in lines if line.startswith("waiting")]
    assert all("is locked by another writer" in line for line in waited), waited
    assert min(pushed) >= 10, "a writer hardly came to write"
    for each in seen:
        assert (each["halves"], each["steps_back"]) == ([], [])
        assert each["reads"] >= 50
        assert each["states"] >= 10, "the reader met few pushes: the test proves little"
    assert answer(tmp_path, WRITERS) == expected_of(pushed, SIZE)
    with closing(sqlite3.connect(tmp_path / ".featc/online.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    told = f"pushed {pushed}, {len(waited)} waits; read {[each['reads'] for each in seen]}"
    with capsys.disabled():
        print(f"\n{WRITERS} processes pushed and {READERS} read for {MINUTE:.0f} s: {told}")


def test_what_several_branches_answer_says_how_many_whole_batches_each_has(tmp_path: Path) -> None:
    store = product.FeatureStore(write_bank(tmp_path))
    done = [0, 0, 0]
    for branch in (1, 0, 1, 2, 1):
        whole = batch(done[branch], 2, branch)
        store.push("moves", whole.slice(0, 10))
        assert batches_of(store.get_online_features("audit", requests(3), at=LATER), 2) is None
        store.push("moves", whole.slice(10))
        done[branch] += 1
        assert batches_of(store.get_online_features("audit", requests(3), at=LATER), 2) == done


def test_what_the_bank_answers_says_how_many_whole_batches_there_are(tmp_path: Path) -> None:
    """A batch without its ball, or without one entry, is noticed: otherwise the tests here would prove nothing."""
    store = product.FeatureStore(write_bank(tmp_path))
    for number in range(7):
        assert batches_in(store.get_online_features("audit", requests(1), at=LATER), 2) == number
        store.push("moves", batch(number, 2))
    whole = batch(7, 2)
    for part in (whole.slice(0, 10), whole.slice(0, 1), whole.slice(10), whole.slice(1)):
        folder = write_bank(tmp_path / f"{part.num_rows} of {whole.num_rows}, {part['move_id'][0]}")
        other = product.FeatureStore(folder)
        for number in range(7):
            other.push("moves", batch(number, 2))
        other.push("moves", part)
        assert batches_in(other.get_online_features("audit", requests(1), at=LATER), 2) is None


@pytest.mark.slow
@pytest.mark.parametrize("same_token", [True, False])
def test_processes_that_make_the_store_at_the_same_moment_lose_nothing(same_token: bool, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    write_bank(tmp_path)
    running = []
    for number in range(4):
        token = "one" if same_token else str(number)
        path = tmp_path / f"{token}.parquet"
        pq.write_table(batch(0 if same_token else number, SIZE), path)
        command = (*FEATC, "push", "moves", str(path), "--token", token, "--format", "json")
        running.append(
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment()
            )
        )
    ended = [(*process.communicate(timeout=TOO_LONG), process.returncode) for process in running]
    assert [code for _, _, code in ended] == [0] * 4, ended
    replayed = [json.loads(out)["replayed_batch"] for out, _, _ in ended]
    assert replayed.count(False) == (1 if same_token else 4)
    assert answer(tmp_path) == expected(1 if same_token else 4, SIZE)


def answer(folder: Path, branches: int = 1) -> list[dict[str, object]]:
    """What the store says when everybody is gone."""
    store = product.FeatureStore(folder)
    try:
        return list(store.get_online_features("audit", requests(branches), at=LATER))
    finally:
        store.close()


def lines_of(process: subprocess.Popen[str]) -> list[str]:
    """The stdout of a process that ended well."""
    out, err = process.communicate(timeout=TOO_LONG)
    assert process.returncode == 0, err
    return out.splitlines()
