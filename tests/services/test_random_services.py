"""Services with roles, computed keys and derived features: training = oracle = online on random projects."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from oracle import Overflow
from random_projects import make_case, services
from random_projects.choices import SeededDraw

CASES = int(os.environ.get("FEATC_RANDOM_SERVICES", "80"))


def compared(seeds: range, folder: Path) -> tuple[Counter[str], list[str]]:
    """What was met, and what differed, over the services of some seeds."""
    met: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in seeds:
        asked = services.draw_service(SeededDraw(1_000_000 + seed), make_case(seed))
        if asked is None:
            continue
        try:
            found, differences = services.check(asked, folder / str(seed))
        except Overflow:
            continue  # at keys that the case did not reckon with
        met += found
        wrong += differences
        met["projects"] += 1
    return met, wrong


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 10])
def test_training_oracle_and_online_agree_on_services(first: int, tmp_path: Path) -> None:
    met, wrong = compared(range(first, first + 10), tmp_path)
    assert not wrong, "\n".join(wrong[:20])
    assert met["projects"] >= 5


@pytest.mark.slow
def test_they_agree_on_many_services_that_meet_every_situation(tmp_path: Path) -> None:
    met, wrong = compared(range(20, 20 + CASES), tmp_path)
    assert not wrong, "\n".join(wrong[:20])
    floor = 66 * min(CASES, 160) // 160
    assert not [s for s in services.SITUATIONS if met[s] < floor], met
