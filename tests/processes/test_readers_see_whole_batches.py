"""One process writes while others read: every read sees whole batches, and never fewer than the read before."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import featc as product

from .bank import LATER, REQUESTS, batch, batches_in, expected, write_bank
from .commands import FEATC, TOO_LONG, environment, starting

SIZE, SECONDS = 20, 5.0


@pytest.mark.slow
def test_readers_see_only_whole_batches_while_a_process_writes(tmp_path: Path) -> None:
    write_bank(tmp_path)
    writer = starting("pushing", tmp_path, SIZE, 1_000_000, SECONDS + 2)
    readers = [starting("reading", tmp_path, SIZE, SECONDS) for _ in range(2)]
    written = lines_of(writer)
    last = int(written[-1].removeprefix("pushed "))
    for reader in readers:
        seen = json.loads(lines_of(reader)[-1])
        assert seen["halves"] == []
        assert seen["steps_back"] == []
        assert seen["reads"] >= 20
        assert seen["states"] >= 3, "the reader met no push: the test proves nothing"
        assert seen["last"] <= last + 1
    assert [line for line in written if line.startswith("waiting")] == []
    assert answer(tmp_path) == expected(last + 1, SIZE)


def test_what_the_bank_answers_says_how_many_whole_batches_there_are(tmp_path: Path) -> None:
    """A batch without its ball, or without one entry, is noticed: otherwise the tests here would prove nothing."""
    store = product.FeatureStore(write_bank(tmp_path))
    for number in range(7):
        assert batches_in(store.get_online_features("audit", REQUESTS, at=LATER), 2) == number
        store.push("moves", batch(number, 2))
    whole = batch(7, 2)
    for part in (whole.slice(0, 10), whole.slice(0, 1), whole.slice(10), whole.slice(1)):
        folder = write_bank(tmp_path / f"{part.num_rows} of {whole.num_rows}, {part['move_id'][0]}")
        other = product.FeatureStore(folder)
        for number in range(7):
            other.push("moves", batch(number, 2))
        other.push("moves", part)
        assert batches_in(other.get_online_features("audit", REQUESTS, at=LATER), 2) is None


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


def answer(folder: Path) -> list[dict[str, object]]:
    """What the store says when everybody is gone."""
    store = product.FeatureStore(folder)
    try:
        return list(store.get_online_features("audit", REQUESTS, at=LATER))
    finally:
        store.close()


def lines_of(process: subprocess.Popen[str]) -> list[str]:
    """The stdout of a process that ended well."""
    out, err = process.communicate(timeout=TOO_LONG)
    assert process.returncode == 0, err
    return out.splitlines()
