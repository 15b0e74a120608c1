"""What a run does and leaves alone: only what is open, counted in rows and statements."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import featc
from featc.errors import FeatcError
from featc.runtime.backfill import BackfillReport, ViewReport, fill

from .projects import DEFINITIONS, Row, history, store, write_project, write_rows
from .tiles import content, reading, table_of, tiles

ONE = """\
entities: {user: k}
sources:
  events: {path: data/events.parquet, time: ts, available_at: seen, id: eid}
feature_views:
  by_user:
    entity: user
    source: events
    where: i >= 0
    features:
      n: count(*) over last_7d
      spent: sum(d) over last_30d
"""
NEW_YEAR = datetime(2025, 1, 1)


def event(number: int, at: datetime, **other: Any) -> Row:
    plain = {"eid": f"e{number}", "k": number % 5, "s": "a", "ts": at, "seen": at, "seq": 0, "op": "U", "i": number % 7}
    return {**plain, "d": Decimal(number % 100), "x": 1.0, "b": True, **other}


def days(first: int, past: int, each: int = 20) -> list[Row]:
    """`each` events on each day of a year."""
    places = [(day, n) for day in range(first, past) for n in range(each)]
    return [event(day * each + n, NEW_YEAR + timedelta(days=day, minutes=n)) for day, n in places]


@pytest.fixture
def small_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill, "LEAST", 100)
    monkeypatch.setattr(fill, "PASSES", 10**9)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = write_project(tmp_path / "p", ONE)
    write_rows(folder, "events", days(0, 30))
    return folder


def run(folder: Path, *arguments: Any, **options: Any) -> BackfillReport:
    report = store(folder).backfill(*arguments, **options)
    assert isinstance(report, BackfillReport)
    return report


def only(report: BackfillReport) -> ViewReport:
    (view,) = report.views
    return view


def rewrite(folder: Path, old: str, new: str) -> None:
    path = folder / "features" / "all.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def bytes_of(folder: Path) -> bytes:
    return (folder / ".featc" / "tiles.duckdb").read_bytes()


def test_a_second_run_does_nothing(project: Path) -> None:
    first = only(run(project))
    assert (first.filled, first.complete, first.rows_read) == (30, 0, 600)
    before = content(project)
    again = run(project)
    assert (only(again).filled, only(again).complete, only(again).rows_read) == (0, 30, 0)
    assert again.sources[0].rows_scanned == 600, "the look for changes is reported apart"
    assert content(project) == before


def test_a_second_run_over_files_that_lie_still_writes_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("featc.runtime.backfill.files._TICK", -(10**12))
    run(project)
    before = bytes_of(project)
    run(project)
    assert bytes_of(project) == before


def test_a_longer_range_does_only_the_rest(project: Path) -> None:
    first = only(run(project, "2025-01-03", "2025-01-10"))
    assert (first.filled, first.rows_read) == (7, 140)
    longer = only(run(project, "2025-01-01", "2025-01-15"))
    assert (longer.filled, longer.complete, longer.rows_read) == (7, 7, 140)
    rest = only(run(project))
    assert (rest.filled, rest.complete, rest.rows_read) == (16, 14, 320)


def test_a_range_is_widened_to_whole_days(project: Path) -> None:
    view = only(run(project, "2025-01-03T12:00:00", "2025-01-04T00:00:00.000001"))
    assert (view.filled, view.rows_read) == (2, 40)


def test_a_range_without_rows_is_covered_by_a_run_and_opened_by_rows(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p", ONE)
    write_rows(folder, "events", [*days(0, 3), *days(20, 22)])
    assert only(run(folder)).filled == 22
    assert only(run(folder)).filled == 0
    write_rows(folder, "events", [*days(0, 3), *days(10, 11), *days(20, 22)])
    later = only(run(folder))
    assert (later.filled, later.complete, later.reopened, later.rows_read) == (1, 21, 1, 20)


def test_a_new_window_or_feature_on_states_that_exist_reads_nothing(project: Path) -> None:
    run(project)
    rewrite(project, "over last_7d\n", "over last_7d\n      m: count(*) over last_90d\n")
    rewrite(project, "last_30d\n", "last_30d\n      mean: sum(d) over lifetime / nullif(count(*) over lifetime, 0)\n")
    view = only(run(project))
    assert (view.filled, view.rows_read, view.added) == (0, 0, ())


def test_other_spelling_and_names_are_the_same_tiles(project: Path) -> None:
    run(project)
    rewrite(project, "spent: sum(d) over last_30d", "outlay: SUM( (D) ) over last_30d  # dear")
    rewrite(project, "where: i >= 0", "where: (I >= 0)")
    assert only(run(project)).filled == 0


def test_a_new_state_opens_its_own_column_and_leaves_the_others(project: Path) -> None:
    run(project)
    before = tiles(store(project), "by_user")
    rewrite(project, "last_30d\n", "last_30d\n      most: max(i) over last_7d\n")
    dry = only(run(project, dry_run=True))
    assert dry.rows_read == 600
    assert [c.partition("__")[0] for c in dry.added] == ["max_i"]
    view = only(run(project))
    assert (view.filled, view.rows_read, view.reopened) == (30, 600, 0)
    after = tiles(store(project), "by_user")
    assert all(tile["max_i"] != (None,) for tile in after.values())
    assert {p: {n: v for n, v in t.items() if n != "max_i"} for p, t in after.items()} == before


def test_a_changed_expression_gets_a_column_and_the_old_one_serves_again_when_it_is_taken_back(project: Path) -> None:
    run(project)
    rewrite(project, "sum(d)", "sum(d * 2)")
    assert only(run(project)).rows_read == 600
    doubled = tiles(store(project), "by_user")
    rewrite(project, "sum(d * 2)", "sum(d)")
    back = only(run(project))
    assert (back.filled, back.rows_read) == (0, 0)
    plain = tiles(store(project), "by_user")
    assert all(doubled[p]["sum_d_2"][0] == 2 * plain[p]["sum_d"][0] for p in plain)


def test_a_changed_where_gets_a_table_of_its_own(project: Path) -> None:
    run(project)
    old = table_of(store(project), "by_user").name
    rewrite(project, "i >= 0", "i >= 3")
    assert only(run(project)).filled == 30
    with reading(project) as connection:
        tables = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert {old, table_of(store(project), "by_user").name} <= tables


def test_a_correction_opens_the_day_it_leaves_and_the_day_it_enters(project: Path) -> None:
    run(project)
    moved = event(45, NEW_YEAR + timedelta(days=20, hours=1), seen=NEW_YEAR + timedelta(days=40))
    write_rows(project, "events", [*days(0, 30), moved])
    view = only(run(project))
    assert (view.filled, view.reopened, view.rows_read) == (2, 2, 41)


def test_a_version_that_makes_no_row_opens_the_day_of_the_one_it_supersedes(project: Path) -> None:
    run(project)
    gone = event(45, NEW_YEAR, ts=None, k=None, seen=NEW_YEAR + timedelta(days=40))
    write_rows(project, "events", [*days(0, 30), gone])
    view = only(run(project))
    assert (view.filled, view.reopened, view.rows_read) == (1, 1, 20)


def test_a_value_put_right_in_place_opens_the_states_that_read_it(project: Path) -> None:
    run(project)
    rows = days(0, 30)
    rows[100]["d"] = Decimal(77)
    rows[100]["x"] = 12.5  # which no state reads
    write_rows(project, "events", rows)
    view = only(run(project))
    assert (view.filled, view.reopened, view.rows_read) == (1, 1, 20)
    rows[101]["x"] = 12.5
    write_rows(project, "events", rows)
    assert only(run(project)).filled == 0


def test_rows_outside_the_range_are_left_open_and_said_to_be(project: Path) -> None:
    run(project)
    rows = [*days(0, 30), event(9999, NEW_YEAR + timedelta(days=3))]
    write_rows(project, "events", rows)
    view = only(run(project, "2025-01-20", "2025-01-25"))
    assert (view.filled, view.reopened, view.left_open) == (0, 1, 1)
    with reading(project) as connection:
        gone = connection.execute(
            f"SELECT count(*) FROM {table_of(store(project), 'by_user').relation} WHERE _start = ?",
            [int((NEW_YEAR + timedelta(days=3) - datetime(1970, 1, 1)).total_seconds() * 1e6)],
        ).fetchall()
    assert gone == [(0,)], "no tile is left that says what is no more"
    assert only(run(project)).filled == 1


def test_a_day_whose_rows_are_gone_loses_its_tiles(project: Path) -> None:
    run(project)
    write_rows(project, "events", days(0, 29))
    view = only(run(project))
    assert (view.reopened, view.rows_read) == (1, 0)
    assert len(tiles(store(project), "by_user")) == 29 * 5
    assert only(run(project)).reopened == 0


def test_restate_fills_a_range_again(project: Path) -> None:
    run(project)
    before = content(project)
    view = only(run(project, "2025-01-05", "2025-01-08", restate=True))
    assert (view.filled, view.rows_read) == (3, 60)
    assert content(project) == before
    assert only(run(project)).filled == 0


def test_a_selection_fills_what_its_features_need(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    rng = random.Random(1)
    write_rows(folder, "events", history(rng, 40))
    write_rows(folder, "visits", history(rng, 40))
    assert [v.view for v in run(folder, select="visitors").views] == ["visitors"]
    assert [v.view for v in run(folder, select="derived").views] == ["by_user", "visitors"]
    with pytest.raises(FeatcError) as raised:
        run(folder, select="nothing")
    assert raised.value.code == "F801"


def test_a_dry_run_says_what_would_be_read_and_writes_nothing(project: Path) -> None:
    report = run(project, dry_run=True)
    assert (only(report).filled, only(report).rows_read) == (30, 600)
    assert report.sources[0].bytes_read == (project / "data" / "events.parquet").stat().st_size
    assert not (project / ".featc").exists()
    run(project, "2025-01-01", "2025-01-03")
    before = bytes_of(project)
    assert only(run(project, dry_run=True)).filled == 28
    assert bytes_of(project) == before


@pytest.mark.usefixtures("small_stretches")
def test_one_more_day_of_a_year_costs_a_day(tmp_path: Path) -> None:
    """Rows and statements, not seconds. The look for changes reads the source once, and is told apart."""
    folder = write_project(tmp_path / "p", ONE)
    write_rows(folder, "events", days(0, 364))
    year = run(folder)
    assert (only(year).filled, year.sources[0].rows_read) == (364, 364 * 20)
    write_rows(folder, "events", days(0, 365))
    day = run(folder)
    assert (only(day).filled, only(day).complete, day.sources[0].rows_read) == (1, 364, 20)
    assert day.sources[0].rows_scanned == 365 * 20
    nothing = run(folder)
    assert (only(nothing).filled, nothing.sources[0].rows_read) == (0, 0)
    assert year.statements > 364 / 5 * 8
    assert day.statements - nothing.statements < 30


def test_views_of_one_source_share_one_read(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    rng = random.Random(2)
    write_rows(folder, "events", history(rng, 60))
    write_rows(folder, "visits", history(rng, 30))
    report = run(folder)
    assert [s.source for s in report.sources] == ["events", "visits"]
    events = [v.rows_read for v in report.views if v.view != "visitors"]
    assert report.sources[0].rows_read == max(events)
    assert sum(events) > report.sources[0].rows_read


def test_rows_without_time_and_instants_at_the_ends_of_time_are_no_trouble(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p", ONE)
    odd = [event(1, datetime(1, 1, 1)), event(2, datetime(9999, 12, 31)), event(3, NEW_YEAR, ts=None)]
    write_rows(folder, "events", [*days(0, 2), *odd])
    view = only(run(folder))
    assert view.rows_read == 42
    assert view.filled > 3_000_000, "days without rows cost nothing"
    assert only(run(folder)).filled == 0
    with reading(folder) as connection:
        assert connection.execute("SELECT count(*) FROM featc.intervals").fetchall()[0][0] <= 4 * 3


def test_an_empty_source_has_no_tiles_and_no_error(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p", ONE)
    write_rows(folder, "events", [])
    assert only(run(folder)).filled == 0


def test_tables_in_the_database_itself_are_sources_too(tmp_path: Path) -> None:
    import duckdb

    folder = write_project(tmp_path / "p", ONE.replace("path: data/events.parquet", "table: raw.events"))
    write_rows(folder, "events", days(0, 5))
    (folder / ".featc").mkdir()
    with duckdb.connect(str(folder / ".featc" / "tiles.duckdb")) as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.execute(f"CREATE TABLE raw.events AS FROM '{folder}/data/events.parquet'")
    assert only(run(folder)).rows_read == 100
    assert only(run(folder)).filled == 0


def test_a_ledger_of_another_format_is_refused(project: Path) -> None:
    import duckdb

    run(project)
    with duckdb.connect(str(project / ".featc" / "tiles.duckdb")) as connection:
        connection.execute("UPDATE featc.format SET version = 99")
    with pytest.raises(FeatcError) as raised:
        run(project)
    assert raised.value.code == "F722"
    assert "99" in str(raised.value)


def test_hashes_of_another_engine_are_not_believed(project: Path) -> None:
    import duckdb

    run(project)
    with duckdb.connect(str(project / ".featc" / "tiles.duckdb")) as connection:
        connection.execute("UPDATE featc.intervals SET engine = '1.0.0'")
    assert only(run(project)).filled == 30


def test_a_value_without_a_state_is_told_with_the_definition_it_belongs_to(project: Path) -> None:
    rewrite(project, "sum(d)", "sum(s::bigint)")
    with pytest.raises(FeatcError) as raised:
        run(project)
    assert (raised.value.code, raised.value.exit_code) == ("F723", 1)
    assert "by_user.spent" in str(raised.value)
    rewrite(project, "i >= 0", "s::bigint > 0")
    with pytest.raises(FeatcError) as raised:
        run(project)
    assert "the where or the keys of by_user" in str(raised.value)


def test_a_project_without_tiles_says_so(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p", ONE.replace("count(*) over last_7d", "last(i) over lifetime").replace(
        "sum(d) over last_30d", "count(distinct i) over last_30d"))  # fmt: skip
    write_rows(folder, "events", days(0, 2))
    with pytest.raises(FeatcError) as raised:
        run(folder)
    assert raised.value.code == "F720"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"start": "2025-02-01", "end": "2025-01-01"}, "F721"),
        ({"at": "2025-01-01", "every": "1d"}, "F727"),
        ({"at": "2025-01-01", "end": "2025-02-01"}, "F727"),
        ({"every": "1d", "start": "2025-01-01"}, "F727"),
        ({"every": "soon", "start": "2025-01-01", "end": "2025-02-01"}, "F727"),
        ({"every": "1us", "start": "2025-01-01", "end": "2025-02-01"}, "F727"),
        ({"start": "yesterday"}, "F632"),
    ],
)
def test_options_that_contradict_each_other_are_usage_errors(project: Path, options: dict[str, Any], code: str) -> None:
    with pytest.raises(FeatcError) as raised:
        featc.FeatureStore(project).backfill(**options)
    assert (raised.value.code, raised.value.exit_code) == (code, 2)


def test_definitions_of_the_first_test_project_still_build(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p", DEFINITIONS)
    write_rows(folder, "events", [])
    write_rows(folder, "visits", [])
    assert "sql/duckdb/by_user/backfill.sql" in store(folder).build()


def test_a_row_of_nothing_but_zeros_opens_its_day(tmp_path: Path) -> None:
    # the engine's hash of zeros is zero, which a sum of hashes would not show
    folder = write_project(tmp_path / "p", ZEROS)
    zero = {"k": 0, "n": 0, "ts": datetime(1970, 1, 1)}
    for rows, filled in (([zero], 1), ([zero, zero], 1), ([zero], 1), ([], 0)):
        data = ["k,n,ts", *(f"{r['k']},{r['n']},{r['ts']}" for r in rows)]
        (folder / "data" / "zeros.csv").write_text("\n".join(data) + "\n")
        assert run(folder).filled == filled, rows


ZEROS = """\
entities: {user: k}
sources:
  zeros: {path: data/zeros.csv, time: ts, columns: {k: bigint, n: bigint, ts: timestamp}}
feature_views:
  by_user: {entity: user, source: zeros, features: {n: count(*) over last_7d, s: sum(n) over last_7d}}
"""
