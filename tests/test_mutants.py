"""The tests of the tests: mistakes planted in product code, each of which the random suite alone has to find."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import pytest

from random_projects.mutants import FIRST, MISTAKES, MUTANTS, Hunt, Mutant, hunt

JOBS = 2


@pytest.fixture(scope="module")
def hunts(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Future[Hunt]]]:
    """The hunts for the mutants this session asks for, side by side in processes of their own."""
    asked = [m for m in MUTANTS if any(is_about(item, m) for item in request.session.items)]
    with ProcessPoolExecutor(JOBS, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield {mutant.name: pool.submit(hunt, mutant.name) for mutant in asked}
        pool.shutdown(cancel_futures=True)


def is_about(item: pytest.Item, mutant: Mutant) -> bool:
    """Whether a test that was selected hunts a mutant."""
    return item.name == f"test_the_random_suite_kills[{escaped(mutant)}]"


def escaped(mutant: Mutant) -> str:
    """The mutant's name as pytest shows it."""
    return mutant.name.encode("unicode_escape").decode("ascii")


@pytest.mark.slow
@pytest.mark.all_cores
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_the_random_suite_kills(
    mutant: Mutant, hunts: Mapping[str, Future[Hunt]], capsys: pytest.CaptureFixture[str]
) -> None:
    found = hunts[mutant.name].result()
    with capsys.disabled():
        print(f"\n{found}", end="")
    last = FIRST + found.cases - 1
    assert found.seed is not None, f"'{mutant.name}' lives through the seeds {FIRST} to {last}"


def test_every_mistake_of_the_list_is_planted_in_some_way() -> None:
    assert {m.mistake for m in MUTANTS} == set(MISTAKES)
    assert len({m.name for m in MUTANTS}) == len(MUTANTS)


class Recorder:
    """Patches as `MonkeyPatch` does, and remembers what stood there: (how to look at it, the old value)."""

    def __init__(self, patch: pytest.MonkeyPatch):
        self.patch = patch
        self.seen: list[tuple[Callable[[], Any], Any]] = []

    def setattr(self, owner: Any, name: str, value: Any) -> None:
        self.note(lambda: getattr(owner, name))
        self.patch.setattr(owner, name, value)

    def setitem(self, table: Any, key: Any, value: Any) -> None:
        self.note(lambda: table[key])
        self.patch.setitem(table, key, value)

    def note(self, look: Callable[[], Any]) -> None:
        self.seen.append((look, look()))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_a_plant_changes_product_code_and_leaves_it_as_it_was(mutant: Mutant) -> None:
    with pytest.MonkeyPatch.context() as patch:
        recorder = Recorder(patch)
        mutant.plant(recorder)
        assert recorder.seen
        assert all(look() is not old for look, old in recorder.seen)
    assert all(look() is old for look, old in recorder.seen)
