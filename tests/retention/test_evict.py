"""What an eviction drops, keeps, refuses and says."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import featc
from featc.cli import cli
from featc.errors import FeatcError

from .club import DAYS, REQUESTS, START, day, moments, order, write_club

NEWEST = START + timedelta(days=DAYS - 1, hours=20)
HORIZON = NEWEST - timedelta(days=6)
BEHIND = "arrived before the replay horizon"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_club(tmp_path / "club")


@cache
def whole() -> tempfile.TemporaryDirectory[str]:
    """A club with its whole history, made once: most tests begin with one."""
    made = tempfile.TemporaryDirectory(prefix="featc-club-")
    pushed(write_club(Path(made.name)), range(DAYS)).close()
    return made


def filled(folder: Path, days: range = range(DAYS)) -> featc.FeatureStore:
    if days != range(DAYS):
        return pushed(folder, days)
    shutil.copytree(whole().name, folder, dirs_exist_ok=True)
    return featc.FeatureStore(folder)


def pushed(folder: Path, days: range) -> featc.FeatureStore:
    store = featc.FeatureStore(folder)
    for number in days:
        for source, rows in day(number).items():
            store.push(source, rows, token=f"{source} {number}")
    return store


def answers(store: featc.FeatureStore, since: datetime = HORIZON) -> list[Any]:
    return [store.get_online_features("club", REQUESTS, at=at) for at in moments(since)]


def content(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(folder / ".featc/online.db")) as store:
        tables = [row[0] for row in store.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {t: sorted(store.execute(f'SELECT * FROM "{t}"').fetchall(), key=repr) for t in tables}


def rows_of(folder: Path, view: str) -> int:
    tables = content(folder).items()
    return sum(len(rows) for name, rows in tables if name.startswith(f"{view}__") and "tiles" not in name)


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [arguments[0], "-p", str(folder), *arguments[1:]])


@pytest.mark.slow
def test_values_at_and_after_the_horizon_stay_and_most_rows_go(folder: Path) -> None:
    store = filled(folder)
    before, rows = answers(store), rows_of(folder, "user_orders")
    found = {e.source: e for e in store.evict()}
    assert answers(store) == before
    assert found["orders"].horizon == (HORIZON - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    assert rows_of(folder, "user_orders") < 0.6 * rows
    assert store.evict()[0].moved is False
    assert answers(store) == before


@pytest.mark.slow
def test_days_pushed_after_evictions_give_what_a_store_without_any_gives(tmp_path: Path) -> None:
    calm, evicted = filled(write_club(tmp_path / "calm")), featc.FeatureStore(write_club(tmp_path / "evicted"))
    for number in range(DAYS):
        for source, rows in day(number).items():
            evicted.push(source, rows)
        if number % 3 == 2:
            evicted.evict()
    assert answers(evicted) == answers(calm)


@pytest.mark.slow
def test_a_read_before_the_horizon_is_an_error_that_names_it(folder: Path) -> None:
    store = filled(folder)
    store.evict()
    store.close()
    at = (HORIZON - timedelta(microseconds=1)).isoformat() + "Z"
    said = run(folder, "get", "club", "--key", "user_id=1", "--at", at)
    assert said.exit_code == 1
    assert "error F660: the online store knows orders from 2026-01-24 20:00:00Z on" in said.stderr
    assert run(folder, "get", "user_visits", "--key", "user_id=1", "--at", at).exit_code == 0, "its horizon is another"


@pytest.mark.slow
def test_a_push_from_before_the_horizon_is_refused_counted_and_kept(folder: Path) -> None:
    store = filled(folder)
    store.evict()
    before = answers(store)
    old = order(3, 99, HORIZON - timedelta(days=1), HORIZON - timedelta(microseconds=1))
    new = order(3, 98, HORIZON, HORIZON)
    report = store.push("orders", [old, new])
    assert (report.accepted, report.rejected) == (1, {BEHIND: 1})
    kept = content(folder)["featc_rejected"]
    assert len(kept) == 1 and kept[0][3] == BEHIND and '"order_id":399' in kept[0][4]
    assert answers(store) != before, "the new one counts"
    again = store.push("orders", day(DAYS - 1)["orders"])
    assert again.duplicates == again.rows, "what it has it has, whatever its age"
    with pytest.raises(FeatcError) as refused:
        store.push("orders", [old], strict=True)
    assert refused.value.diagnostics[0].code == "F614"


@pytest.mark.slow
def test_a_whole_history_pushed_again_changes_nothing(folder: Path) -> None:
    store = filled(folder)
    store.evict()
    before = answers(store)
    for number in range(DAYS):
        for source in ("orders", "plans"):
            report = store.push(source, day(number)[source])
            assert report.accepted == 0
    assert answers(store) == before


@pytest.mark.slow
def test_an_event_whose_rows_are_gone_is_still_final(folder: Path) -> None:
    store = filled(folder)
    store.evict()
    before = answers(store)
    later = order(3, 4, NEWEST, NEWEST, amount=1000.0)
    report = store.push("orders", [later])
    assert report.rejected == {"arrived later than final_after allows": 1}, "by the time of its first version"
    assert answers(store) == before


def test_the_least_time_of_dropped_versions_is_remembered(folder: Path) -> None:
    """A version moved the event to a later time; the first one goes, and what it said about being final stays."""
    store = featc.FeatureStore(folder)
    first = order(0, 1, START, START)
    moved = order(0, 1, START + timedelta(days=1), START + timedelta(days=1))
    tick = order(0, 2, START + timedelta(days=7, hours=12), START + timedelta(days=7, hours=12))
    store.push("orders", [first, moved, tick])
    assert store.evict()[0].versions == 1
    late = order(0, 1, START + timedelta(days=8), START + timedelta(days=2, minutes=1), amount=1000.0)
    assert store.push("orders", [late]).rejected == {"arrived later than final_after allows": 1}


def test_a_version_superseded_at_the_horizon_itself_is_seen_by_a_read_there(folder: Path) -> None:
    """Under `closed: left` a read at H does not know yet what arrives at H."""
    store = featc.FeatureStore(folder)
    at = START + timedelta(days=1)
    store.push("orders", [order(0, 0, START, START), order(0, 0, START, at, amount=50.0)])
    store.push("orders", [order(0, 1, START + timedelta(days=7), START + timedelta(days=7))])
    seen = [store.get_online_features("user_orders", [{"user_id": 0}], at=at)[0]["spend_5d"]]
    assert store.evict()[0].horizon == (at - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    seen.append(store.get_online_features("user_orders", [{"user_id": 0}], at=at)[0]["spend_5d"])
    assert seen == [0.0, 0.0]


@pytest.mark.slow
def test_without_final_after_events_stay(folder: Path) -> None:
    store = filled(folder)
    visits = rows_of(folder, "user_visits")
    found = {v.view: v for e in store.evict() for v in e.views}
    assert rows_of(folder, "user_visits") == visits and found["user_visits"].first is None
    assert "visits has no final_after" in (found["user_visits"].reason or "")


def test_the_horizon_follows_accepted_rows_only_and_never_goes_back(folder: Path) -> None:
    store = filled(folder, range(3))
    horizon = store.evict()[0].horizon
    bad = order(9, 1, START + timedelta(days=20), START + timedelta(days=25))
    store.push("orders", [bad, {**bad, "order_id": 5, "ordered_at": None}])
    assert store.evict()[0].horizon == horizon, "one is later than final_after, the other has no time"
    assert store.online.evict(10**15)[0].horizon == horizon
    assert store.online.evict(None) == ()


@pytest.mark.slow
def test_pushes_evict_nothing(folder: Path) -> None:
    store = filled(folder)
    store.evict()
    horizons = content(folder)["featc_horizons"]
    for number in range(DAYS, DAYS + 20):
        store.push("orders", day(number)["orders"])
    assert content(folder)["featc_horizons"] == horizons
    store.get_online_features("user_orders", REQUESTS, at=HORIZON)


@pytest.mark.slow
def test_a_dry_run_says_what_would_go_and_writes_nothing(folder: Path) -> None:
    filled(folder).close()
    before = content(folder)
    tried = json.loads(run(folder, "evict", "--dry-run", "--format", "json").stdout)
    assert content(folder) == before
    done = json.loads(run(folder, "evict", "--format", "json").stdout)
    assert tried.pop("bytes_before") == tried.pop("bytes_after"), "a dry run gives nothing back"
    assert done.pop("bytes_before") >= done.pop("bytes_after"), "how much is given back: test_space.py"
    assert {**tried, "dry_run": False} == done
    (orders,) = [s for s in done["sources"] if s["source"] == "orders"]
    assert orders["horizon"] == "2026-01-24T20:00:00Z" and orders["moved"] is True
    assert all(v["final_rows"] > 0 and v["superseded_rows"] > 0 for v in orders["views"])


@pytest.mark.slow
def test_the_command_says_what_went_and_why_rows_stay(folder: Path) -> None:
    filled(folder).close()
    said = run(folder, "evict")
    assert said.exit_code == 0 and "orders: the horizon moved to 2026-01-24 20:00:00Z" in said.stdout
    assert "visits has no final_after, so a row of any age may still come" in said.stderr, "no id, no versions"


def test_an_unlimited_replay_and_a_store_that_is_not_there_say_so(tmp_path: Path) -> None:
    folder = write_club(tmp_path / "club", "unlimited")
    assert run(folder, "evict").exit_code == 1 and "F601" in run(folder, "evict").stderr
    filled(folder, range(2)).close()
    before = content(folder)
    assert "replay is unlimited" in run(folder, "evict").stdout
    assert content(folder) == before


@pytest.mark.slow
def test_a_store_of_the_format_before_gets_the_tables_it_lacks(folder: Path) -> None:
    store = filled(folder, range(20))
    at = (START + timedelta(days=15)).isoformat()
    before = store.get_online_features("club", REQUESTS, at=at)
    store.close()
    with closing(sqlite3.connect(folder / ".featc/online.db")) as old:
        old.executescript("DROP TABLE featc_horizons; DROP TABLE featc_compacted;")
        old.execute("UPDATE featc_meta SET value = '2' WHERE name = 'format'")
        old.commit()
    store = featc.FeatureStore(folder)
    assert store.get_online_features("club", REQUESTS, at=at) == before
    store.evict()
    assert store.get_online_features("club", REQUESTS, at=at) == before
