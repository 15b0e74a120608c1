"""The tests of the tests: mistakes planted in product code, each of which the random suite alone has to find."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import pytest

from random_projects.mutants import (
    BUDGET,
    FIRST,
    MISTAKES,
    MUTANTS,
    Hunt,
    Mutant,
    hunt,
    killed_by,
    write_killed_by,
)

JOBS = 2


@pytest.fixture(scope="module")
def hunts(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Future[Hunt]]]:
    """The hunts for the mutants this session asks for, side by side in processes of their own."""
    asked = [m.name for m in MUTANTS if any(is_about(item, m) for item in request.session.items)]
    anew = request.config.getoption("--update-seeds")
    first = {} if anew else killed_by()
    with ProcessPoolExecutor(JOBS, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = {name: pool.submit(hunt, name, first.get(name)) for name in asked}
        yield found
        pool.shutdown(cancel_futures=True)
    if anew:
        ended = {name: f.result().seed for name, f in found.items() if f.done() and not f.cancelled()}
        write_killed_by({name: seed for name, seed in ended.items() if seed is not None})


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
    message = f"'{mutant.name}' lives through {found.cases} seeds from {FIRST} to at most {FIRST + BUDGET - 1}"
    assert found.seed is not None, f"{message}; the first error with it: {found.shown or 'none'}"


def test_where_a_mutant_is_looked_for_first_is_one_of_its_seeds() -> None:
    names = {m.name for m in MUTANTS}
    for name, seed in killed_by().items():
        assert name in names, f"{name} is gone: --update-seeds"
        assert FIRST <= seed < FIRST + BUDGET


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
