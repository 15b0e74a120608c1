"""What was pushed is in what is built, or the build says that it cannot be: nothing is lost, nothing comes
twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from featc.cli.generations import served_lines
from featc.errors import FeatcError
from featc.runtime.generations.definitions import project_of
from featc.runtime.generations.exclusion import alone
from featc.runtime.online import OnlineStore, journal
from featc.runtime.store import FeatureStore

from .small import MORE, count, data, row, write


def data_of(folder: Path, *days: int, **settings: str) -> None:
    """These days materialized, and applied."""
    store = write(folder, **settings)
    data(folder, *days)
    store.materialize()
    store.apply(verify=False)
    store.close()


def test_evicted_pushes_that_are_in_no_data_stop_a_build(tmp_path: Path) -> None:
    data_of(tmp_path, 2, 3, online="replay: 1h")
    store = write(tmp_path, online="replay: 1h")
    store.push("e", [row(1)])
    store.evict()
    assert count(store) == 3
    edited = write(tmp_path, MORE, online="replay: 1h")
    with pytest.raises(FeatcError) as error:
        edited.apply(verify=False)
    assert error.value.code == "F893" and "1 row of e" in str(error.value)
    assert count(store) == 3
    data(tmp_path, 1, 2, 3)
    edited.apply(verify=False)
    assert count(store) == 3


def test_eviction_keeps_the_journal_of_what_was_not_materialized(tmp_path: Path) -> None:
    data_of(tmp_path, 1, online="replay: 1h")
    store = write(tmp_path, online="replay: 1h")
    for day in (2, 3, 4):
        store.push("e", [row(day)])
    store.evict()
    write(tmp_path, MORE, online="replay: 1h").apply(verify=False)
    assert count(store) == 4


def without_journal(folder: Path) -> None:
    """The store as the format before would have it."""
    with closing(sqlite3.connect(folder / ".featc/online.db")) as store, store:
        store.execute("DROP TABLE featc_journal")
        store.execute("UPDATE featc_meta SET value = '3' WHERE name = 'format'")


@pytest.mark.parametrize("others", [(1, 2), (1, 2, 4)])
def test_other_rows_do_not_stand_for_those_without_a_journal(tmp_path: Path, others: tuple[int, ...]) -> None:
    store = write(tmp_path)
    data(tmp_path, 1)
    store.materialize()
    store.push("e", [row(3)])
    store.close()
    without_journal(tmp_path)
    data(tmp_path, *others)  # as many rows, or more, but not the one
    edited = write(tmp_path, MORE)
    with pytest.raises(FeatcError) as error:
        edited.apply(verify=False)
    assert error.value.code == "F893" and "1 row of e" in str(error.value)
    data(tmp_path, *others, 3)
    edited.apply(verify=False)
    assert count(edited) == len(others) + 1


def test_accepted_rows_do_not_stand_for_rows_without_an_id(tmp_path: Path) -> None:
    store = write(tmp_path, id="")
    store.push("e", [row(1)])
    store.close()
    without_journal(tmp_path)
    edited = write(tmp_path, MORE, id="")
    edited.online.close()
    edited = write(tmp_path, MORE, id="")
    edited.push("e", [row(2), row(3)])
    with pytest.raises(FeatcError) as error:
        edited.apply(verify=False)
    assert error.value.code == "F893" and "1 row of e" in str(error.value)


def test_two_who_follow_at_once_take_each_batch_over_once(tmp_path: Path) -> None:
    store = write(tmp_path, id="")
    store.push("e", [row(1)])
    store.apply(verify=False)
    edited = write(tmp_path, MORE, id="")
    edited.apply(verify=False)
    for day in (2, 3, 4):
        edited.push("e", [row(day)])
    pointer = edited.serving.current().pointer
    assert pointer is not None and pointer.before is not None
    path, project = pointer.before.path(edited.online_home), project_of(pointer.before, edited.compiled)
    with closing(OnlineStore(path, project)) as one, closing(OnlineStore(path, project)) as other:
        with one.database.read() as found:
            after = journal.last(found)
        run = next(journal.runs(edited.online.database, after, after + 3))
        one.take_over(run[:2], following=True)
        other.take_over(run, following=True)
        one.take_over(run, following=True)
    edited.rollback()
    assert count(edited) == 4


def test_nothing_is_evicted_while_a_generation_is_built(tmp_path: Path) -> None:
    data_of(tmp_path, 1, 2, online="replay: 1h")
    store = write(tmp_path, online="replay: 1h")
    with alone(store.online_home, "apply"), pytest.raises(FeatcError) as error:
        store.evict()
    assert error.value.code == "F891"
    assert store.evict(dry_run=True)[0].moved
    assert store.evict()[0].moved


def test_a_token_is_known_again_when_types_are_others(tmp_path: Path) -> None:
    store = write(tmp_path)
    first = store.push("e", [row(1)], token="a")
    store.apply(verify=False)
    edited = write(tmp_path, MORE, x="double")
    edited.apply(verify=False)
    for each in (edited, store):
        again = each.push("e", [row(1)], token="a")
        assert again.replayed_batch and again.accepted == first.accepted
        with pytest.raises(FeatcError) as error:
            each.push("e", [row(1, x=7)], token="a")
        assert error.value.code == "F613"
    edited.rollback()
    assert edited.push("e", [row(1)], token="a").replayed_batch
    assert count(edited) == 1


def remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def test_no_generation_is_made_up_of_what_the_journal_has(tmp_path: Path) -> None:
    store = write(tmp_path)
    store.push("e", [row(1)])
    store.apply(verify=False)
    store.close()
    edited = write(tmp_path, MORE)
    edited.apply(verify=False)
    remove(edited.online_home)
    with pytest.raises(FeatcError) as error:
        edited.rollback()
    assert error.value.code == "F894" and "online.db is gone" in str(error.value)
    assert not edited.online_home.exists() and count(edited) == 1
    assert [w.code for w in edited.materialize().warnings] == ["F894"]


def test_a_store_that_was_begun_anew_is_not_followed(tmp_path: Path) -> None:
    store = write(tmp_path)
    store.push("e", [row(1)])
    store.push("e", [row(2)])
    store.apply(verify=False)
    edited = write(tmp_path, MORE)
    edited.apply(verify=False)
    edited.close()
    remove(edited.online_path)  # as the hints of damage say
    edited.push("e", [row(3)])
    with pytest.raises(FeatcError) as error:
        edited.rollback()
    assert error.value.code == "F894" and "made anew" in str(error.value)
    assert count(edited) == 1


def test_an_apply_says_of_which_source_nothing_has_come_in(tmp_path: Path) -> None:
    data_of(tmp_path, 1, 2)
    write(tmp_path)
    path = tmp_path / "features/all.yaml"
    path.write_text(path.read_text().replace("  e: {", "  renamed: {").replace("source: e", "source: renamed"))
    edited = FeatureStore(tmp_path)
    served = edited.apply(verify=False).served
    assert served is not None
    said = next(iter(served_lines(served)))
    assert said == "online: no row of renamed has come in yet; featc materialize or featc push brings them"
    back = edited.rollback().served
    assert list(served_lines(back)) == ["online: generation 1 answers (online.db); featc rollback goes back"]


def test_rows_that_came_both_ways_keep_their_id(tmp_path: Path) -> None:
    data_of(tmp_path, 1, 2)
    store = write(tmp_path)
    store.push("e", [row(2), row(3)])
    edited = write(tmp_path, MORE, id="")
    with pytest.raises(FeatcError) as error:
        edited.apply(verify=False)
    assert error.value.code == "F895" and "keep the id: of e" in str(error.value.diagnostics[0].hint)
    assert count(store) == 3
    write(tmp_path, MORE).apply(verify=False)
    assert count(store) == 3
