"""Each edit of the table that means something, applied to a filled store: afterwards every view answers what training
says, and rolled back what was answered before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from featc.cli import cli
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


MEANT = [e for e in EDITS if not e.startswith(("metadata", "equivalent"))]


@pytest.mark.parametrize("edit", [e if n % 24 == 5 else pytest.param(e, marks=SLOW) for n, e in enumerate(MEANT)])
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


def test_what_serves_goes_on_where_the_yaml_does_not_build(before: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(before, folder)
    write(folder, ("sum(amount)", "sum(amout)"))

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, [words[0], "-p", str(folder), *words[1:]])

    asked = ("get", "plan", "--key", "user_id=7", "--at", "2026-01-07")
    done = run(*asked)
    assert done.exit_code == 0 and "pro" in done.stdout
    assert "the YAML does not build (F301" in done.stderr
    assert run("rollback").stderr.count("F892") == 1
    assert run("build").exit_code == 1
    write(folder, ("      visits_1d", "      x: count(*) over last_2d\n      visits_1d"))
    found = run("get", "looking.x", "--key", "user_id=7")
    assert found.exit_code == 2 and "in the YAML, but not in what was applied" in found.stderr
