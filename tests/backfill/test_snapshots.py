"""Snapshots: every entity known at an instant, with the values of the training query."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from featc.runtime.backfill import SnapshotReport, ViewSnapshots
from oracle import micros

from .projects import EVENTS, START, Row, history, passes, store, versions, write_project, write_rows
from .tiles import content, exact, reading

AT = START + timedelta(days=6)


@pytest.fixture
def rows() -> list[Row]:
    return history(random.Random(5), 120)


@pytest.fixture
def project(tmp_path: Path, rows: list[Row]) -> Path:
    folder = write_project(tmp_path / "p")
    write_rows(folder, "events", rows)
    write_rows(folder, "visits", history(random.Random(6), 60))
    return folder


def take(folder: Path, **options: Any) -> SnapshotReport:
    report = store(folder).backfill(**options)
    assert isinstance(report, SnapshotReport)
    return report


def of(report: SnapshotReport, view: str) -> ViewSnapshots:
    return next(v for v in report.views if v.view == view)


def table(folder: Path, report: SnapshotReport, view: str) -> list[dict[str, Any]]:
    with reading(folder) as connection:
        done = connection.execute(f'FROM featc_snapshots."{of(report, view).table}" ORDER BY ALL')
        names = [d[0] for d in done.description or ()]
        return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


@pytest.mark.slow
@pytest.mark.parametrize("view", ["by_user", "by_user_and_shop", "everything", "visitors", "derived"])
def test_a_snapshot_holds_what_the_training_query_says(project: Path, view: str) -> None:
    found = table(project, take(project, at=AT), view)
    made = store(project)
    keys = [k.name for k in made.project.views[view].keys]
    spine = [{k: row[k] for k in keys} | {"as_of": row["as_of"]} for row in found]
    assert found
    assert all(row["as_of"] == AT for row in found)
    trained = made.get_historical_features([view], spine).rows()
    assert [{n: _told(v) for n, v in row.items()} for row in found] == [
        {n: _told(v) for n, v in row.items()} for row in trained
    ]


def _told(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9, nan_ok=True) if isinstance(value, float) else exact(value)


@pytest.mark.parametrize("day", range(0, 14, 3))
def test_entities_are_those_with_a_row_that_was_visible_by_then(project: Path, rows: list[Row], day: int) -> None:
    t = START + timedelta(days=day)
    found = {row["k"] for row in table(project, take(project, at=t, select="by_user"), "by_user")}
    known = set()
    for v in versions(EVENTS, rows):
        if v.enter is None or v.dead or v.row["k"] is None or not passes("by_user", dict(v.row)):
            continue
        if v.enter < micros(t) and (v.superseded_at is None or v.superseded_at > v.enter):
            known.add(v.row["k"])
    assert found == known


def test_a_view_that_needs_a_request_is_left_out_and_named(project: Path) -> None:
    assert take(project, at=AT).skipped == (("asked", "its features need a request"),)


@pytest.mark.slow
def test_an_instant_is_taken_once(project: Path) -> None:
    take(project, at=AT)
    before = content(project)
    again = take(project, at=AT)
    assert [(v.taken, v.kept) for v in again.views] == [(0, 1)] * len(again.views)
    assert content(project) == before


@pytest.mark.slow
def test_a_series_is_half_open_and_takes_only_what_is_missing(project: Path) -> None:
    take(project, at=START + timedelta(days=2), select="by_user")
    series = take(project, start=START, end=START + timedelta(days=4), every="1d", select="by_user")
    assert (of(series, "by_user").taken, of(series, "by_user").kept) == (3, 1)
    instants = {row["as_of"] for row in table(project, series, "by_user")}
    assert instants <= {START + timedelta(days=d) for d in range(4)}
    with reading(project) as connection:
        lines = connection.execute("SELECT as_of FROM featc.snapshots ORDER BY 1").fetchall()
    assert lines == [(START + timedelta(days=d),) for d in range(4)]


def test_restate_takes_an_instant_again(project: Path, rows: list[Row]) -> None:
    take(project, at=AT, select="by_user")
    write_rows(project, "events", rows[:60])
    kept = take(project, at=AT, select="by_user")
    assert of(kept, "by_user").taken == 0
    again = take(project, at=AT, select="by_user", restate=True)
    assert of(again, "by_user").taken == 1
    assert len(table(project, again, "by_user")) == of(again, "by_user").entities


def test_a_dry_run_takes_nothing(project: Path) -> None:
    report = take(project, at=AT, dry_run=True)
    assert all((v.taken, v.entities) == (1, 0) for v in report.views)
    assert not (project / ".featc").exists()


def test_other_features_have_a_table_of_their_own(project: Path) -> None:
    one = take(project, at=AT, select="by_user.n_7d")
    two = take(project, at=AT, select="by_user.n_30d")
    assert of(one, "by_user").table != of(two, "by_user").table
    assert set(table(project, one, "by_user")[0]) == {"k", "as_of", "n_7d"}


def test_states_are_looked_up_for_every_key_that_has_one(tmp_path: Path) -> None:
    definitions = """\
entities: {user: k}
sources:
  plans: {kind: state, key: k, time: ts, path: data/events.parquet, deleted: op = 'D'}
feature_views:
  plan: {entity: user, source: plans, where: b, features: {plan: s}}
"""
    folder = write_project(tmp_path / "p", definitions)
    at = datetime(2025, 1, 1)
    plain = history(random.Random(1), 1)[0]
    changes = [(1, "a", True, "U"), (2, "b", False, "U"), (3, "c", True, "D"), (4, "d", True, "U")]
    made = [plain | {"k": k, "s": s, "b": b, "op": op, "ts": at} for k, s, b, op in changes]
    made[-1]["ts"] = at + timedelta(days=9)
    write_rows(folder, "events", made)
    report = take(folder, at=at + timedelta(days=1))
    assert [(row["k"], row["plan"]) for row in table(folder, report, "plan")] == [(1, "a"), (2, None), (3, None)]
