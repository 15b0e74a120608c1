"""Each edit of the table, applied to a filled store: afterwards every view answers what training says, and rolled back
what was answered before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from featc.errors import FeatcError
from featc.runtime.store import FeatureStore
from versions.shopping import write
from versions.test_edits import EDITS
from versions.test_online import Answers, online, same, trained


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with a store that has all its rows, and goes by what was applied."""
    folder = tmp_path_factory.mktemp("applied")
    store = FeatureStore(write(folder))
    store.materialize()
    store.apply(verify=False)
    store.close()
    return folder


@pytest.fixture(scope="module")
def known(before: Path) -> Answers:
    store = FeatureStore(before)
    found = answers_of(store, list(store.project.views))
    store.close()
    return found


def answers_of(store: FeatureStore, views: list[str]) -> Answers:
    found: Answers = {}
    for view in views:
        answers = online(store, view)
        assert answers is not None, view
        found |= answers
    return found


SLOW = pytest.mark.slow


@pytest.mark.parametrize("edit", [e if n % 12 == 5 else pytest.param(e, marks=SLOW) for n, e in enumerate(EDITS)])
def test_an_edit_is_served_once_it_is_applied(before: Path, known: Answers, tmp_path: Path, edit: str) -> None:
    folder = tmp_path / "edited"
    shutil.copytree(before, folder)
    write(folder, *EDITS[edit][0])
    store = FeatureStore(folder)
    try:
        store.apply(verify=False)
    except FeatcError as error:
        assert error.code in ("F876", "F877"), error
        return
    for view in store.project.views:
        answers = online(store, view)
        assert answers is not None, view
        for place, value in trained(store, view).items():
            assert same(answers[place], value), place
    pointer = store.serving.current().pointer
    assert pointer is not None
    if pointer.before is not None:
        store.rollback()
        store.close()
        store = FeatureStore(write(folder))
        assert answers_of(store, list(store.project.views)) == known
    store.close()
