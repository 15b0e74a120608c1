"""Materialize as the third route of the random projects: rows turn up in files in their order."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import featc
from featc.runtime.materialize import intake
from random_projects import Case, Difference, make_case, render
from random_projects.judge import Judge, read
from random_projects.model import Push, Read, SourceSpec

CASES = int(os.environ.get("FEATC_MATERIALIZE_CASES", "60"))
FIRST = 700_000


@pytest.mark.slow
@pytest.mark.parametrize("first", range(FIRST, FIRST + 30, 10))
def test_reads_are_the_oracles_whatever_way_rows_turn_up(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not differences(range(first, first + 10), tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(30, CASES, 30))
def test_reads_are_the_oracles_on_hundreds_of_projects(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not differences(range(FIRST + first, FIRST + min(first + 30, CASES)), tmp_path, monkeypatch)


def differences(seeds: Iterable[int], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What reads of these projects got wrong."""
    found = []
    for seed in seeds:
        draw = random.Random(seed)
        monkeypatch.setattr(intake, "MOST", draw.choice((1, 3, 10, 50_000)))
        found += [f"seed {seed}: {difference}" for difference in check(make_case(seed), folder / str(seed), draw)]
    return found


def check(case: Case, folder: Path, draw: random.Random) -> list[Difference]:
    """Plays the case's steps: a batch's rows turn up in the file, or are pushed where they have an id, or both."""
    render.write(case.with_(rows={s.name: () for s in case.sources}), folder)
    judge, found = Judge(case), []
    there: dict[str, list[int]] = {s.name: [] for s in case.sources}
    known: set[tuple[str, str]] = set()
    with closing(featc.FeatureStore(folder)) as store:
        for number, step in enumerate(case.steps):
            match step:
                case Push(name, rows, token, form):
                    if token is not None and (name, token) in known:
                        continue
                    known |= {(name, token)} if token is not None else set()
                    source = case.source(name)
                    ways = draw.choice(("push", "file", "both")) if all_have_ids(case, source, rows) else "file"
                    if ways != "file":
                        store.push(name, render.batch(case, name, rows, form), token=token)
                    if ways != "push":
                        there[name] = draw.sample([*there[name], *rows], len(there[name]) + len(rows))
                        write_rows(case, source, there[name], folder)
                    if draw.random() < 0.3:
                        store.materialize()
                case Read(probes):
                    store.materialize()
                    found += judge.online(probes, read(store, case, probes), number)
    return found


def all_have_ids(case: Case, source: SourceSpec, rows: Sequence[int]) -> bool:
    """Whether each of these rows has an id, so that it may come twice; rows of whole dumps may."""
    if source.meaning.kind == "snapshot":
        return True
    ids = source.yaml.get("id")
    names = [ids] if isinstance(ids, str) else list(ids or ())
    return bool(names) and all(case.rows[source.name][n][name] is not None for n in rows for name in names)


def write_rows(case: Case, source: SourceSpec, numbers: Sequence[int], folder: Path) -> None:
    rows: Any = [case.rows[source.name][n] for n in numbers]
    path = folder / source.yaml["path"]
    if source.format == "csv":
        path.write_text(render.csv_text(source, rows), encoding="utf-8")
    else:
        pq.write_table(render.table(source, rows), path)
