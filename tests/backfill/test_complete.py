"""What a reader of tiles may rely on: complete intervals, and a source that is as it was."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from featc.runtime.backfill import Complete, complete
from featc.runtime.backfill.run import open_session
from featc.runtime.backfill.session import Session, nobody
from featc.runtime.backfill.standing import standing
from oracle import micros

from .projects import store, write_project, write_rows
from .test_runs import NEW_YEAR, ONE, days, rewrite
from .tiles import table_of


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("featc.runtime.backfill.files._TICK", 0)
    folder = write_project(tmp_path / "p", ONE)
    write_rows(folder, "events", days(0, 30))
    return folder


def asked(folder: Path) -> Complete:
    made = store(folder)
    table = table_of(made, "by_user")
    session = open_session(made, writes=False, watch=nobody)
    try:
        source = made.project.sources["events"]
        return complete(session, table, [s.partial for s in table.states], source, folder)
    finally:
        session.connection.close()


def day(number: int) -> int:
    return micros(NEW_YEAR + timedelta(days=number))


def test_nothing_is_complete_before_a_run(project: Path) -> None:
    assert asked(project) == Complete((), False, False)


def test_what_a_run_filled_is_complete_and_unchanged_until_a_file_is(project: Path) -> None:
    store(project).backfill("2025-01-03", "2025-01-10")
    assert asked(project) == Complete(((day(2), day(9)),), True, True)
    store(project).backfill("2025-01-20", "2025-01-22")
    assert asked(project) == Complete(((day(2), day(9)), (day(19), day(21))), True, True)
    write_rows(project, "events", days(0, 31))
    assert asked(project) == Complete(((day(2), day(9)), (day(19), day(21))), False, True)
    store(project).backfill()
    assert asked(project) == Complete(((day(0), day(31)),), True, True)


def test_a_state_that_is_new_is_complete_nowhere(project: Path) -> None:
    store(project).backfill()
    rewrite(project, "last_30d\n", "last_30d\n      most: max(i) over last_7d\n")
    assert asked(project) == Complete((), False, False)
    store(project).backfill("2025-01-01", "2025-01-03")
    assert asked(project) == Complete(((day(0), day(2)),), True, True)


def test_a_run_for_other_views_vouches_for_no_others(project: Path) -> None:
    store(project).backfill()
    write_rows(project, "events", [*days(0, 30), *days(30, 31)])
    rewrite(project, "feature_views:\n", """\
feature_views:
  other: {entity: user, source: events, features: {n: count(*) over last_7d}}
""")  # fmt: skip
    store(project).backfill(select="other")
    assert not asked(project).unchanged


def test_a_file_changed_in_the_tick_it_was_looked_at_is_not_believed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("featc.runtime.backfill.files._TICK", 10**15)
    store(project).backfill()
    assert not asked(project).unchanged


def test_days_are_of_the_epoch(project: Path) -> None:
    assert day(0) % 86_400_000_000 == 0
    assert datetime(1970, 1, 1) + timedelta(microseconds=day(0)) == NEW_YEAR


def test_a_run_that_was_stopped_is_told_of_until_one_ends(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(session: Session, name: str) -> None:
        if name == "cover":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Session, "step", dying)
        with pytest.raises(KeyboardInterrupt):
            store(project).backfill()
    assert standing(store(project))[0]["by_user"].stopped
    store(project).backfill()
    assert not standing(store(project))[0]["by_user"].stopped
