"""Eviction gives the space it frees back to the disk, and disturbs nobody who reads or dies meanwhile."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

import featc
from featc.cli import cli
from featc.runtime.online import space

from .club import DAYS, write_club
from .test_evict import answers, filled


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_club(tmp_path / "club")


def pages(folder: Path) -> tuple[int, int]:
    """(all, free) pages of the store."""
    with closing(sqlite3.connect(folder / ".featc/online.db")) as store:
        return tuple(store.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))  # type: ignore[return-value]


def size(folder: Path) -> int:
    return (folder / ".featc/online.db").stat().st_size


@pytest.mark.slow
def test_free_pages_go_in_steps_and_no_value_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(folder)
    expected = answers(store)
    store.close()
    before = size(folder)
    monkeypatch.setattr(space, "STEP", 2)
    monkeypatch.setattr(space, "_SHARE", 50)  # what was pushed is kept as it came, and is most of a small file
    store = featc.FeatureStore(folder)
    store.evict()
    assert answers(store) == expected
    assert pages(folder)[1] * 50 < pages(folder)[0]
    assert size(folder) < before, "also while the store is open"
    store.evict()
    assert answers(store) == expected
    for source, rows in filled_day().items():
        store.push(source, rows)


def filled_day() -> dict[str, list[dict[str, object]]]:
    from .club import day

    return day(DAYS)


@pytest.mark.slow
def test_who_reads_meanwhile_keeps_what_he_sees(folder: Path) -> None:
    store = filled(folder)
    with closing(sqlite3.connect(folder / ".featc/online.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        table = reader.execute("SELECT name FROM featc_tables WHERE name LIKE 'user_orders__%'").fetchone()[0]
        seen = reader.execute(f'SELECT * FROM "{table}"').fetchall()
        store.evict()
        assert reader.execute(f'SELECT * FROM "{table}"').fetchall() == seen
        reader.execute("COMMIT")
        assert len(reader.execute(f'SELECT * FROM "{table}"').fetchall()) < len(seen)


@pytest.mark.slow
def test_a_kill_between_steps_leaves_a_whole_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(folder)
    expected = answers(store)
    monkeypatch.setattr(space, "STEP", 1)
    asked = 0

    def dies(database: object) -> int:
        nonlocal asked
        asked += 1
        if asked > 3:
            raise KeyboardInterrupt
        return 10**6

    monkeypatch.setattr(space, "_free", dies)
    with pytest.raises(KeyboardInterrupt):
        store.evict()
    store.close()
    monkeypatch.undo()
    again = featc.FeatureStore(folder)
    assert answers(again) == expected
    again.evict()
    assert answers(again) == expected
    assert pages(folder)[1] * 8 < pages(folder)[0]


@pytest.mark.slow
def test_a_store_that_cannot_give_back_stays_as_it_is(folder: Path) -> None:
    filled(folder).close()
    with closing(sqlite3.connect(folder / ".featc/online.db")) as old:
        old.executescript("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM; PRAGMA journal_mode = WAL;")
    before = pages(folder)[0]
    store = featc.FeatureStore(folder)
    expected = answers(store)
    store.evict()
    assert answers(store) == expected
    assert pages(folder)[0] == before and pages(folder)[1] > 0


@pytest.mark.slow
def test_the_command_says_bytes_before_and_after_and_sql_shows_the_plan(folder: Path) -> None:
    filled(folder).close()
    said = CliRunner().invoke(cli, ["evict", "-p", str(folder)])
    last = said.stdout.splitlines()[-1]
    assert last.endswith(" now") and "kB before, " in last and ".featc/online.db: " in last
    plan = CliRunner().invoke(cli, ["sql", "-p", str(folder), "user_orders", "--plan", "evict"]).stdout
    assert "DELETE FROM" in plan and ":gone" in plan and ":horizon" in plan
