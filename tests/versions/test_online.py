"""What a filled online store answers after each of many edits: what it did, what training says, or that it cannot.

An equivalent edit needs nothing new, whatever it says in other words. No edit is answered from rows that were lifted by
other definitions.
"""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from featc.errors import FeatcError
from featc.runtime.planning.apply import apply
from featc.runtime.planning.plan import plan
from featc.runtime.status import unanswered
from featc.runtime.store import FeatureStore
from versions.shopping import write
from versions.test_edits import EDITS

TIMES = [datetime(2026, 1, 3, 10, 30), datetime(2026, 1, 3, 14), datetime(2026, 1, 7)]
ENTITIES = [{"user_id": 7, "sku": "a", "item": "a"}, {"user_id": 8, "sku": "c", "item": "c"}]
Answers = dict[tuple[str, datetime, int], Any]
"""By feature, instant and entity."""


def filled(folder: Path) -> Path:
    """The project in a folder, with a lock, and a store that has taken in all its rows."""
    store = FeatureStore(write(folder))
    apply(store, verify=False)  # before there is a store, which then goes by the YAML
    store.materialize()
    store.close()
    return folder


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("filled"))


@pytest.fixture(scope="module")
def known(before: Path) -> Answers:
    store = FeatureStore(before)
    found = {}
    for view in store.project.views:
        answers = online(store, view)
        assert answers is not None
        found |= answers
    store.close()
    return found


def edited(before: Path, folder: Path, changes: Iterable[tuple[str, str]]) -> FeatureStore:
    """The project with edits, on a copy of the filled store, with the lock before them."""
    write(folder, *changes)
    shutil.copy(before / "featc.lock", folder)
    (folder / ".featc").mkdir()
    for file in (before / ".featc").glob("online.db*"):
        shutil.copy(file, folder / ".featc" / file.name)
    return FeatureStore(folder)


def asked(store: FeatureStore, view: str) -> tuple[list[str], list[dict[str, Any]]]:
    """A view's features, and the requests for them."""
    names = [f"{view}.{f.name}" for f in store.project.views[view].features]
    needed = {k.name for v in store.project.views.values() for k in v.keys} | {"amount"}
    mine = {k.name for k in store.project.views[view].keys} if view != "basket" else {"user_id", "amount"}
    return names, [{k: v for k, v in {**e, "amount": 3}.items() if k in needed & mine} for e in ENTITIES]


def online(store: FeatureStore, view: str) -> Answers | None:
    """What the store answers; None where it says that it cannot."""
    names, requests = asked(store, view)
    found: Answers = {}
    for when in TIMES:
        try:
            rows = store.get_online_features(names, requests, at=when)
        except FeatcError as error:
            assert error.code == "F603"
            return None
        for number, row in enumerate(rows):
            found |= {(name, when, number): dict(row)[name.partition(".")[2]] for name in names}
    return found


def trained(store: FeatureStore, view: str) -> Answers:
    names, requests = asked(store, view)
    spine = [{**r, "as_of": when} for when in TIMES for r in requests]
    rows = store.get_historical_features(names, spine).rows()
    places = [(when, n) for when in TIMES for n in range(len(requests))]
    return {
        (name, when, n): row[name.partition(".")[2]]
        for (when, n), row in zip(places, rows, strict=True)
        for name in names
    }


def same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-12) or (math.isnan(a) and math.isnan(b))
    return bool(a == b)


def tables(folder: Path) -> set[str]:
    with sqlite3.connect(folder / ".featc" / "online.db") as connection:
        return {n for (n,) in connection.execute("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")}


def test_the_store_answers_what_training_says(before: Path, known: Answers) -> None:
    store = FeatureStore(before)
    for view in store.project.views:
        for place, value in trained(store, view).items():
            assert same(known[place], value), place
    store.close()
    assert sum(value is not None for value in known.values()) > 50


def few(edits: Iterable[str]) -> list[str]:
    """Every sixth edit: where edits are applied, in tests/generations, all of them are played."""
    return list(edits)[::6]


@pytest.mark.parametrize("edit", few(e for e in EDITS if e.startswith(("metadata", "equivalent"))))
def test_what_means_the_same_goes_on_with_the_tables_there_are(
    before: Path, known: Answers, tmp_path: Path, edit: str
) -> None:
    store = edited(before, tmp_path, EDITS[edit][0])
    assert not plan(store).work.online
    store.materialize()  # which opens the store for writing
    found: Answers = {}
    for view in store.project.views:
        answers = online(store, view)
        assert answers is not None, view
        found |= answers
    store.close()
    assert found == known
    assert tables(tmp_path) == tables(before)


@pytest.mark.parametrize("edit", few(e for e in EDITS if not e.startswith(("metadata", "equivalent"))))
def test_no_edit_is_answered_from_what_others_lifted(before: Path, tmp_path: Path, edit: str) -> None:
    store = edited(before, tmp_path, EDITS[edit][0])
    assert {o.view for o in plan(store).work.online} == unanswered(store).keys()
    store.materialize()
    answered = 0
    for view in store.project.views:
        answers = online(store, view)
        if answers is not None:
            answered += 1
            for place, value in trained(store, view).items():
                assert same(answers[place], value), place
    store.close()
    assert answered or edit == "tile-compatible: closed", "no other edit moves every view"
