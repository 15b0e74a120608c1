"""Reads by bands, tiles and picks give what folding an entity's visible rows gives, whatever came in which order."""

from __future__ import annotations

import random
from collections.abc import Iterable
from math import isclose, isnan
from pathlib import Path
from typing import Any

import pytest

from featc.resolve.model import Closed, Project, Window
from featc.runtime.online import OnlineStore
from featc.runtime.online.service import ServiceReader
from online.build import DAY, HOUR
from online.histories import LONG, MINUTE, SHORT, instants, plain_project, rows, versions_project


def folded(store: OnlineStore, project: Project, service: str) -> ServiceReader:
    """A reader that folds rows in process instead of asking SQLite for states."""
    return ServiceReader(project, store.engine, store._views, project.services[service].outputs, banded=False)


def near(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return (isnan(left) and isnan(right)) or left == right or isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return type(left) is type(right) and bool(left == right)


def differences(store: OnlineStore, project: Project, moments: Iterable[int]) -> list[str]:
    reference = folded(store, project, "v")
    found = []
    for at in moments:
        for k in (1, 2, 3, None):
            answer = store.get("v", [{"k": k}], at=at)[0]
            with store._database.read() as connection:
                expected = reference.read(connection, [{"k": k}], at)[0]
            found += [
                f"{name} at {at} for {k}: {answer[name]!r}, and folding gives {expected[name]!r}"
                for name in expected
                if not near(answer[name], expected[name])
            ]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["left", "right", "both", "neither"])
@pytest.mark.parametrize(("windows", "span", "step"), [(SHORT, 12 * HOUR, 5 * MINUTE), (LONG, 90 * DAY, DAY)])
@pytest.mark.parametrize("made", [plain_project, versions_project])
def test_bands_and_tiles_equal_folding(
    made: Any, windows: tuple[Window, ...], span: int, step: int, closed: Closed, tmp_path: Path
) -> None:
    rng = random.Random(f"{made.__name__}{closed}{span}")
    project, _, _ = made(windows, closed=closed)
    given = rows(rng, 120, span, step)
    with OnlineStore(tmp_path / "o.db", project) as store:
        assert store._views["v"].layout.tiled
        while given_now := given[: rng.randrange(1, 40)]:
            del given[: len(given_now)]
            store.push("ev", given_now)
            assert not differences(store, project, instants(rng, given_now, windows, 3))
        tiles = store._views["v"].layout.tiles
        assert store._database.connection.execute(f"SELECT count(*) FROM {tiles}").fetchone()[0] > 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_batching_gives_the_same_answers(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    project, _, _ = versions_project(LONG)
    given = [r for r in rows(rng, 80, 90 * DAY, DAY) if r["eid"] is not None]
    moments = instants(rng, given, LONG, 12)
    answers = []
    for n in range(2):
        order = given[:]
        rng.shuffle(order)
        with OnlineStore(tmp_path / f"{n}.db", project) as store:
            while order:
                batch, order = order[: rng.randrange(1, 30)], order[rng.randrange(1, 30) :]
                store.push("ev", batch)
                store.push("ev", [rng.choice(given)])
            store.push("ev", given)
            answers.append([store.get("v", [{"k": k} for k in (1, 2, 3)], at=at) for at in moments])
    for left, right in zip(*answers, strict=True):
        for a, b in zip(left, right, strict=True):
            assert all(near(a[name], b[name]) for name in a)


def test_a_row_with_a_value_of_one_row_windows_of_duplicates_is_counted_twice(tmp_path: Path) -> None:
    project, _, _ = plain_project(LONG)
    row = {
        **dict.fromkeys(("eid", "seen", "op", "d", "x", "s", "b", "h", "seq")),
        "k": 1,
        "ts": "2026-01-01",
        "i": 5,
    }
    with OnlineStore(tmp_path / "o.db", project) as store:
        store.push("ev", [row, row])
        answer = store.get("v", [{"k": 1}], at="2026-01-02")[0]
    assert (answer["count_rows_0"], answer["sum_i_0"]) == (2, 10)
