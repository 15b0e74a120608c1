"""Random projects and histories, evicted all along: no value from the horizon on ever changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from featc.lower import online, online_evict
from featc.runtime.online import evict, taking

from . import evictions
from .evictions import play

Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(n, marks=pytest.mark.slow) for n in (*range(4, 10), 279))])
def test_reads_at_and_after_the_horizon_are_exact(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, outcome = play(seed, tmp_path, monkeypatch)
    assert not outcome.differences, f"{case.label}: {outcome.differences[0]}"


@pytest.mark.slow
def test_many_histories_meet_everything_eviction_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[str] = Counter()
    for seed in range(1120, 1240):
        with monkeypatch.context() as patch:
            case, outcome = play(seed, tmp_path / str(seed), patch)
        assert not outcome.differences, f"{case.label}: {outcome.differences[0]}"
        seen += outcome.seen
    floors = {
        "rows refused": 150,
        "versions dropped": 150,
        "superseded rows dropped": 150,
        "final rows dropped": 50,
        "tiles dropped or merged": 40,
        "reads refused": 2500,
        "reads at the horizon or later": 2500,
    }
    assert all(seen[name] >= floor for name, floor in floors.items()), seen


def superseded_at_the_horizon_go(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(evict, "gone", lambda layout, at: at)


def a_little_more_is_final(patch: pytest.MonkeyPatch) -> None:
    real = online_evict.first_kept

    def later(layout: online.Layout, *asked: Any) -> int | None:
        found = real(layout, *asked)
        return None if found is None else found + (layout.width or 1)

    patch.setattr(evict, "first_kept", later)


def first_times_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(online_evict, "carry_sql", lambda stream: None)


def tiles_stay_closed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(online_evict, "reopened_sql", lambda layout: "SELECT 1;\n")


def old_tiles_go_unmerged(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(online_evict, "merge_sql", lambda layout: "SELECT 1;\n")


def nothing_answers_for_what_goes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(online_evict, "_witnesses", lambda layout: ())


def what_is_behind_is_taken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(taking, "horizon_of", lambda store, source: None)


SHOWN: dict[Plant, int] = {
    superseded_at_the_horizon_go: 2,
    a_little_more_is_final: 5,
    first_times_are_forgotten: 749,
    tiles_stay_closed: 36,
    old_tiles_go_unmerged: 5,
    nothing_answers_for_what_goes: 11,
    what_is_behind_is_taken: 0,
}
"""The history that shows each mistake, looked at before others."""


@pytest.mark.slow
@pytest.mark.parametrize("plant", SHOWN)
def test_a_mistake_in_eviction_is_noticed(plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = SHOWN[plant]
    assert not _shows(seed, tmp_path / "without", monkeypatch)
    plant(monkeypatch)
    others = (n for n in range(400) if n != seed)  # each in a folder of its own: a store that is there has rows
    assert any(_shows(n, tmp_path, monkeypatch) for n in (seed, *others)), "no history showed it"


def _shows(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a history comes out otherwise than it should."""
    with monkeypatch.context() as patch:
        patch.setattr(evictions, "_MEANWHILE", 1.0)
        try:
            _, outcome = play(seed, folder / str(seed), patch)
        except AssertionError:  # what was refused, or how a dry run differs
            return True
    return bool(outcome.differences)
