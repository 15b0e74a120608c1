"""A training set from tiles is the one from rows, value by value."""

from __future__ import annotations

import math
import os
import random
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from featc.errors import FeatcError
from featc.lower.backfill import tile_tables
from featc.runtime.store import FeatureStore
from featc.runtime.training_set.reading import Read

from .projects import TYPES, history, store, write_project, write_rows

DAY = timedelta(days=1)
FEATURES = ["by_user", "by_user_and_shop", "everything", "visitors", "derived"]


def spine_of(rng: random.Random, rows: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """Instants at and around τ, α and the days' ends, for the keys that rows have and others."""
    moments = [m for r in rows for m in (r["ts"], r["seen"]) if m is not None]
    found = []
    for _ in range(size):
        at = rng.choice(moments) + timedelta(microseconds=rng.choice((-1, 0, 1)))
        if rng.random() < 0.3:
            at = datetime(at.year, at.month, at.day) + rng.choice((0, 1, 7, 30)) * DAY
        found.append({"k": rng.choice(rows)["k"], "s": rng.choice(rows)["s"], "as_of": at})
    return found


def answers(made: FeatureStore, spine: list[dict[str, Any]], read: Read) -> list[dict[str, Any]]:
    dataset = made.get_historical_features(FEATURES, spine, read=read)
    tables = {f"{t.view.name}": t.relation for t in tile_tables(made.project)}
    assert dataset.reading.tables.keys() == (tables.keys() if read == "tiles" else set())
    assert all((relation in dataset.sql) is (read == "tiles") for relation in tables.values())
    return dataset.rows()


def near(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right)) or math.isclose(left, right, rel_tol=1e-9)
    return type(left) is type(right) and bool(left == right)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_random_histories(tmp_path: Path, seed: int) -> None:
    rng = random.Random(900 + seed)
    folder = write_project(tmp_path / "p")
    rows = {"events": history(rng, 150), "visits": history(rng, 80)}
    for name, listed in rows.items():
        write_rows(folder, name, listed)
    settled(folder)
    made = store(folder)
    made.backfill()
    spine = spine_of(rng, rows["events"] + rows["visits"], 120)
    found, wanted = answers(made, spine, "tiles"), answers(made, spine, "rows")
    different = [
        (place, name, left, right[name])
        for place, (row, right) in enumerate(zip(found, wanted, strict=True))
        for name, left in row.items()
        if not near(left, right[name])
    ]
    assert not different


def settled(path: Path) -> None:
    """Files of a second ago: one that changed just now might change once more and show the same time."""
    for file in (path / "data").iterdir():
        past = file.stat().st_mtime_ns - 10**9
        os.utime(file, ns=(past, past))


def plain_history(folder: Path, days: int) -> FeatureStore:
    """One visit an hour, each known after ten minutes."""
    row = dict.fromkeys(TYPES) | {"k": 1, "x": 1.5}
    write_rows(folder, "visits", [row | {"ts": datetime(2026, 1, 1) + timedelta(hours=h)} for h in range(24 * days)])
    write_rows(folder, "events", [])
    settled(folder)
    made = store(folder)
    made.backfill(end="2026-03-01")
    return made


LATE = [{"k": 1, "s": "a", "as_of": datetime(2026, 2, 20, 12)}]
WIDE = [{"k": 1, "s": "a", "as_of": datetime(2026, 1, 1) + d * DAY} for d in range(40)]
VISITS = ["visitors.visits_7d", "visitors.longest_7d"]


def test_tiles_are_read_where_less_is_read_with_them(tmp_path: Path) -> None:
    made = plain_history(write_project(tmp_path / "p"), 50)
    assert not made.get_historical_features(VISITS, WIDE).reading.tables
    dataset = made.get_historical_features(VISITS, LATE)
    assert list(dataset.reading.tables) == ["visitors"]
    assert "visitors: tiles, and 24 of 168 rows, for last_7d" in dataset.explain()
    assert dataset.rows()[0]["visits_7d"] == 156


def test_what_may_have_changed_is_read_row_by_row(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    made = plain_history(folder, 50)
    row = dict.fromkeys(TYPES) | {"k": 1, "x": 9.5, "ts": datetime(2026, 2, 15, 12, 30)}
    write_rows(folder, "visits", [row])
    dataset = made.get_historical_features(VISITS, LATE)
    assert dataset.reading.words == {"visitors": "rows: visits may have changed since the last backfill"}
    assert dataset.rows()[0]["visits_7d"] == 1
    with pytest.raises(FeatcError) as caught:
        made.get_historical_features(VISITS, LATE, read="tiles")
    assert [d.code for d in caught.value.diagnostics] == ["F560"]


def test_days_that_are_not_filled_are_read_row_by_row(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    made = plain_history(folder, 70)  # to 11 March, of which February's end is the last that is filled
    beyond = [{"k": 1, "s": "a", "as_of": datetime(2026, 3, 10)}]
    words = made.get_historical_features(VISITS, beyond).reading.words
    assert words == {"visitors": "rows: not all days in the reach of its windows are backfilled"}
    with pytest.raises(FeatcError, match="run featc backfill --end 2026-03-10T00:00:00, or leave it"):
        made.get_historical_features(VISITS, beyond, read="tiles")
    made.backfill(end="2026-03-10T00:00:00")
    assert list(made.get_historical_features(VISITS, beyond, read="tiles").reading.tables) == ["visitors"]


SPREADS = """\
entities: {user: k}
sources:
  visits: {path: data/visits.parquet, time: ts}
feature_views:
  visitors:
    entity: user
    source: visits
    features:
      var_pop: var_pop(x) over last_30d
      var_samp: var_samp(x) over last_30d
      stddev_pop: stddev_pop(x) over lifetime
      stddev_samp: stddev_samp(x) over lifetime
"""
FAR = [{"k": k, "as_of": datetime(2026, 2, 10, 1)} for k in (1, 2, 3, 4, 5)]


def spreads(folder: Path, values: dict[int, list[float]], read: Read) -> list[dict[str, Any]]:
    """By key the spreads of its values, which are an hour apart."""
    write_project(folder, SPREADS)
    rows = [
        dict.fromkeys(TYPES) | {"k": k, "x": x, "ts": datetime(2026, 1, 15) + timedelta(hours=n)}
        for k, listed in values.items()
        for n, x in enumerate(listed)
    ]
    write_rows(folder, "visits", rows)
    settled(folder)
    made = store(folder)
    made.backfill()
    dataset = made.get_historical_features(["visitors"], FAR, read=read)
    assert bool(dataset.reading.tables) is (read == "tiles")
    return dataset.rows()


def test_spreads_from_tiles_are_as_near_as_the_law_asks(tmp_path: Path) -> None:
    rng = random.Random(5)
    values = {
        1: [1e9 + rng.random() for _ in range(500)],  # squares would lose all of it
        2: [rng.gauss(0, 1e-6) for _ in range(500)],
        3: [1e6 if n % 97 else -1e6 for n in range(500)],
        4: [0.1] * 500,
        5: [7.25],
    }
    for row in spreads(tmp_path / "p", values, "tiles"):
        exact = [Fraction(x) for x in values[row["k"]]]
        mean = sum(exact) / len(exact)
        squares = sum((x - mean) ** 2 for x in exact)
        for name, samp in (("pop", 0), ("samp", 1)):
            if len(exact) == samp:
                assert (row[f"var_{name}"], row[f"stddev_{name}"]) == (None, None)
                continue
            var = float(squares / (len(exact) - samp))
            sd = math.sqrt(var)
            assert abs(row[f"var_{name}"] - var) <= 1e-9 * (var + abs(mean) * sd), (row["k"], name)
            assert abs(row[f"stddev_{name}"] - sd) <= 1e-9 * (sd + abs(mean)), (row["k"], name)
            assert var or row[f"var_{name}"] == row[f"stddev_{name}"] == 0.0


def test_spreads_of_odd_values_are_those_of_rows(tmp_path: Path) -> None:
    values = {
        1: [1.0, math.nan] + [2.0] * 300,
        2: [math.inf] * 60,
        3: [2.0**1000, -(2.0**1000)] * 60,
        4: [math.nan] * 30 + [1.0] * 40 + [math.nan] * 20,
        5: [2.0**1000] * 60,
    }
    tiles = spreads(tmp_path / "tiles", values, "tiles")
    rows = spreads(tmp_path / "rows", values, "rows")
    assert [[str(v) for v in row.values()] for row in tiles] == [[str(v) for v in row.values()] for row in rows]


@pytest.mark.parametrize("late", ["", "      m: max(i) over last_30d\n"], ids=["no row at all", "none for a new state"])
def test_a_range_that_is_covered_and_has_no_rows_is_read_from_tiles(tmp_path: Path, late: str) -> None:
    definitions = """\
entities: {user: k}
sources:
  events: {path: data/events.parquet, time: ts, available_at: seen, id: eid}
feature_views:
  by_user:
    entity: user
    source: events
    where: i > 100
    features:
      n: count(*) over last_30d
"""
    plain = {"k": 1, "s": "a", "seq": 0, "op": "U", "d": None, "x": 1.0, "b": True}
    times = [datetime(2025, 1, 1) + n * DAY for n in range(3)]
    rows = [{**plain, "eid": f"e{n}", "ts": at, "seen": at, "i": 101 * (n == 0)} for n, at in enumerate(times)]
    folder = write_project(tmp_path / "p", definitions)
    write_rows(folder, "events", rows)
    settled(folder)
    if late:
        store(folder).backfill("2025-01-01", "2025-01-04")
        (folder / "features" / "all.yaml").write_text(definitions + late)
    made = store(folder)
    made.backfill("2025-01-02", "2025-01-04")
    spine = [{"k": 1, "as_of": datetime(2025, 2, 2)}, {"k": 1, "as_of": datetime(2025, 2, 3)}]
    (found, _) = (made.get_historical_features(["by_user"], spine, read=read).rows() for read in ("tiles", "rows"))
    assert [row["n"] for row in found] == [0, 0]
