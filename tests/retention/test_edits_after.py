"""Views that are edited after an eviction: what asks for rows that went is refused, everything else is answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from featc.errors import FeatcError
from featc.runtime.planning.apply import apply
from featc.runtime.planning.plan import plan
from featc.runtime.status import unanswered
from featc.runtime.store import FeatureStore

DEFINITIONS = """
entities: {u: u}
windows:
  this_month: {calendar: month}
  since_big: {since: x % 10 = 0}
sources:
  e: {path: data/e.csv, time: at, id: id, final_after: 1d, columns: {id: bigint, u: bigint, x: bigint, at: timestamp}}
feature_views:
  v:
    entity: u
    source: e
    features:
      found: AGGREGATE over WINDOW
"""
AGGREGATES = ["last(x)", "list(x, 40)"]
"""Both without tiles, whose width would follow from the window: of the first few rows answer for all of a lifetime."""
WINDOWS = ["last_3d", "last_6d", "last_20d", "prev_6d", "lifetime", "last_9_rows", "this_month", "since_big"]
SLOW = partial(pytest.param, marks=pytest.mark.slow)
LAST = datetime(2026, 1, 28, 12)


def write(root: Path, window: str, aggregate: str) -> Path:
    (root / "features").mkdir(exist_ok=True)
    (root / "data").mkdir(exist_ok=True)
    (root / "featc.yaml").write_text("version: 1\nproject: p\ntargets: {dev: {online: {replay: 1d}}}\n")
    rows = (f"{n},1,{n},2026-01-{n:02d} 10:00:00\n" for n in range(1, 29))
    (root / "data" / "e.csv").write_text("id,u,x,at\n" + "".join(rows))
    (root / "features" / "all.yaml").write_text(DEFINITIONS.replace("WINDOW", window).replace("AGGREGATE", aggregate))
    return root


def evicted(root: Path, window: str, aggregate: str) -> None:
    store = FeatureStore(write(root, window, aggregate))
    apply(store, verify=False)  # before there is a store: later ones go by the YAML
    store.materialize()
    store.evict()
    store.close()


def answer(root: Path, window: str, aggregate: str) -> dict[str, Any] | None:
    """What the store answers, which is what training says; None where it refuses, as it said before."""
    store = FeatureStore(write(root, window, aggregate))
    try:
        refused = unanswered(store).keys()
        assert {o.view for o in plan(store).work.online} == refused
        online = dict(store.get_online_features(["v"], [{"u": 1}], at=LAST)[0])
        trained = store.get_historical_features(["v"], [{"u": 1, "as_of": LAST}]).rows()[0]
        assert online == {name: trained[name] for name in online}
        assert not refused
    except FeatcError as error:
        assert (error.code, refused) == ("F603", {"v"})
        return None
    finally:
        store.close()
    return online


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("before", [w if w in ("last_6d", "last_9_rows") else SLOW(w) for w in WINDOWS])
def test_a_window_that_asks_for_what_went_is_refused(before: str, aggregate: str, tmp_path: Path) -> None:
    evicted(tmp_path, before, aggregate)
    found = {window: answer(tmp_path, window, aggregate) for window in WINDOWS}
    assert found[before] is not None
    assert answer(tmp_path, before, aggregate) == found[before]
    if before == "last_6d":
        assert found["last_3d"] is not None
        assert found["last_20d"] is found["lifetime"] is found["this_month"] is found["since_big"] is None


@pytest.fixture
def grown(tmp_path: Path) -> Callable[[int], dict[str, Any] | None]:
    """The store of a window that grew to 20 days, after so many days more and another eviction."""

    def later(days: int) -> dict[str, Any] | None:
        store = FeatureStore(write(tmp_path, "last_20d", "list(x, 40)"))
        when = LAST + timedelta(days=days)
        store.push("e", [{"id": 100 + days, "u": 1, "x": 1, "at": when}])
        store.evict()
        try:
            return dict(store.get_online_features(["v"], [{"u": 1}], at=when + timedelta(hours=1))[0])
        except FeatcError as error:
            assert error.code == "F603"
            return None
        finally:
            store.close()

    evicted(tmp_path, "last_6d", "list(x, 40)")
    return later


def test_a_window_that_grew_is_answered_once_all_that_it_asks_for_is_there(
    grown: Callable[[int], dict[str, Any] | None],
) -> None:
    assert grown(1) is None
    assert grown(13) is None
    found = grown(14)  # whose horizon lies 20 days after the first row that the eviction left
    assert found is not None
    assert found["found"] == [23, 24, 25, 26, 27, 28, 1, 1, 1]
