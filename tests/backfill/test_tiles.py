"""Tiles hold what the algebra makes of the rows that the oracle says are final, however they came to be."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest

from featc.runtime.backfill import fill

from .projects import KEYS, history, store, write_project, write_rows
from .tiles import content, expected, reading, same_tiles, table_of, tiles


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_tiles_are_the_states_of_the_final_rows(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    folder = write_project(tmp_path / "p")
    rows = {"events": history(rng, 120), "visits": history(rng, 60)}
    for name, listed in rows.items():
        write_rows(folder, name, listed)
    made = store(folder)
    made.backfill()
    for view, (source, _) in KEYS.items():
        same_tiles(tiles(made, view), expected(made, view, rows[source.name]), made, view)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_runs_between_which_rows_come_and_go_end_like_one_run(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows appended, corrected by versions, changed in place and taken away: days are opened as they differ."""
    monkeypatch.setattr(fill, "LEAST", 40)  # so that a run has many stretches
    rng = random.Random(100 + seed)
    folder = write_project(tmp_path / "p")
    events, visits = history(rng, 200), history(rng, 100)
    given: list[dict[str, object]] = []
    for step in range(5):
        given += events[step * 40 : step * 40 + 40]
        for row in rng.sample(given, 3):
            row["i"] = rng.randrange(50)
        given = [row for row in given if rng.random() < 0.97]
        write_rows(folder, "events", given)
        write_rows(folder, "visits", visits[: step * 20 + 20])
        report = store(folder).backfill()
        assert report.views
    fresh = write_project(tmp_path / "fresh")
    write_rows(fresh, "events", given)
    write_rows(fresh, "visits", visits)
    made = store(fresh)
    made.backfill()
    skip = {"covered", "files"}  # what was covered once stays so, also when the source is shorter now
    found, wanted = content(folder, but=skip), content(fresh, but=skip)
    assert found.keys() == wanted.keys()
    for table, listed in found.items():
        assert listed == wanted[table], (table, set(listed) ^ set(wanted[table]))
    for view, (source, _) in KEYS.items():
        listed = given if source.name == "events" else visits
        same_tiles(tiles(made, view), expected(made, view, listed), made, view)


@pytest.mark.slow
def test_the_artefact_runs_as_it_stands_and_gives_the_same_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(3)
    folder = write_project(tmp_path / "p")
    write_rows(folder, "events", history(rng, 80))
    write_rows(folder, "visits", history(rng, 40))
    made = store(folder)
    made.backfill()
    sql = made.build()["sql/duckdb/by_user/backfill.sql"]
    table = table_of(made, "by_user")
    monkeypatch.chdir(folder)
    with duckdb.connect() as plain:
        plain.execute("SET TimeZone = 'UTC'")
        plain.execute("SET VARIABLE interval_start = epoch_us(TIMESTAMP '1969-01-01')")
        plain.execute("SET VARIABLE interval_end = epoch_us(TIMESTAMP '1971-01-01')")
        plain.execute(sql)
        listed = ", ".join(table.columns)
        by_hand = sorted(plain.execute(f"SELECT {listed} FROM {table.relation}").fetchall(), key=repr)
    with reading(folder) as connection:
        ours = sorted(connection.execute(f"SELECT {listed} FROM {table.relation}").fetchall(), key=repr)
    assert [repr(row) for row in by_hand] == [repr(row) for row in ours]


def test_a_state_source_counts_its_changes(tmp_path: Path) -> None:
    """Without id and arrival, a later row of one key and time takes the place of the earlier at once."""
    definitions = """\
entities: {user: k}
sources:
  plans: {kind: state, key: k, time: ts, path: data/events.parquet, tie_break: [seq]}
feature_views:
  changes:
    entity: user
    source: plans
    features:
      changed: count(*) over last_30d
      most: max(i) over last_30d
"""
    folder = write_project(tmp_path / "p", definitions)
    rng = random.Random(8)
    rows = [r for r in history(rng, 60, days=3) if r["k"] is not None]
    for row in rows:
        row["ts"] = rng.choice(rows)["ts"]
    write_rows(folder, "events", rows)
    made = store(folder)
    made.backfill()
    counted = sum(tile["_rows"] for tile in tiles(made, "changes").values())
    assert counted == len({(r["k"], r["ts"]) for r in rows if r["ts"] is not None})
