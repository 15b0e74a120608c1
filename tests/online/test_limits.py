"""Views of any size and name: SQLite's limits and reserved names are the store's business."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from featc.errors import FeatcError
from featc.runtime.online import OnlineStore
from online.build import DAY, HOUR, LIFETIME, last, project, source, view

NOON = datetime(2026, 1, 1, 12)
COLUMNS = {"k": "BIGINT", "ts": "TIMESTAMP", "x": "BIGINT"}


@pytest.mark.slow
def test_a_view_may_have_a_thousand_features_that_depend_on_order(tmp_path: Path) -> None:
    made = source("ev", COLUMNS)
    slots: Any = {f"x{n}": (f"{{x}} + {n}", "BIGINT") for n in range(1000)}
    picks: Any = {f"f{n}": ("last" if n % 2 else "first", (f"x{n}",), LIFETIME) for n in range(1000)}
    shown = view("v", made, {"k": ("{k}", "BIGINT")}, slots, picks)
    with OnlineStore(tmp_path / "o.db", project([made], [shown])) as store:
        store.push("ev", [{"k": 1, "ts": NOON, "x": 0}, {"k": 1, "ts": NOON.replace(hour=13), "x": 10_000}])
        found = store.get("v", [{"k": 1}], at="2026-02-01")[0]
    assert found == {f"f{n}": n + 10_000 * (n % 2) for n in range(1000)}


@pytest.mark.slow
def test_a_view_may_have_a_thousand_windows(tmp_path: Path) -> None:
    made = source("ev", COLUMNS)
    counts: Any = {f"n{n}": ("count_rows", (), last(n * HOUR)) for n in range(1, 1001)}
    shown = view("v", made, {"k": ("{k}", "BIGINT")}, {}, counts)
    with OnlineStore(tmp_path / "o.db", project([made], [shown])) as store:
        store.push("ev", [{"k": 1, "ts": NOON, "x": 0}])
        found = store.get("v", [{"k": 1}], at="2026-01-22T12:00:00")[0]  # 504 hours later
    assert sum(found.values()) == 1000 - 503


@pytest.mark.slow
def test_a_view_that_is_too_wide_for_a_table_is_refused_with_a_way_out(tmp_path: Path) -> None:
    made = source("ev", COLUMNS)
    slots: Any = {f"x{n}": (f"{{x}} + {n}", "BIGINT") for n in range(2100)}
    picks: Any = {f"f{n}": ("last", (f"x{n}",), LIFETIME) for n in range(2100)}
    shown = view("v", made, {"k": ("{k}", "BIGINT")}, slots, picks)
    with pytest.raises(FeatcError, match="give its features to several views") as refused:
        OnlineStore(tmp_path / "o.db", project([made], [shown]))
    assert refused.value.code == "F902"


@pytest.mark.parametrize("name", ["sqlite_x", "SQLite_Master", "featc_meta", "select", "a b"])
def test_a_view_and_its_source_may_have_any_name(name: str, tmp_path: Path) -> None:
    made = source(name, {**COLUMNS, "id": "BIGINT"}, id=["id"])
    shown = view(name, made, {"k": ("{k}", "BIGINT")}, {}, {"n": ("count_rows", (), last(30 * DAY))})
    with OnlineStore(tmp_path / "o.db", project([made], [shown])) as store:
        store.push(name, [{"k": 1, "ts": NOON, "x": 0, "id": 1}])
        assert store.get(name, [{"k": 1}], at="2026-01-05") == [{"n": 1}]


OWN = [
    *("_fault", "_tau", "_order", "_version", "_seq", "_valid_to", "_start", "_settled_at", "_band", "_after", "_upto"),
    *("_first", "_past", "_mean_x", "mean_x", "key_k", "state_x", "seen", "band", "tile", "stretch", "newest", "mean"),
    *("start", "tau", "x__real", "featc_batch", "featc_copied"),
]


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("kind", ["event", "state"])
def test_a_column_may_have_a_name_that_the_store_uses(kind: Any, name: str, tmp_path: Path) -> None:
    made = source("ev", {**COLUMNS, name: "DOUBLE"}, kind=kind)
    slot = name.strip("_").replace("__", "_")  # as the resolver names them
    slots: Any = {"x": ("{x}", "BIGINT"), slot if slot != "x" else "x_2": (f"{{{name}}}", "DOUBLE")}
    used = list(slots)
    aggregations: Any = {
        f"{a}_{s}": (a, (s,), last(30 * DAY)) for s in used for a in ("var_pop", "last", "max", "count_distinct")
    }
    shown = view(
        "v", made, {"k": ("{k}", "BIGINT")}, slots, aggregations, where=f"{{{name}}} > 0",
        state_columns=["x", name] if kind == "state" else [],
    )
    with OnlineStore(tmp_path / "o.db", project([made], [shown])) as store:
        rows = [{"k": 1, "ts": NOON.replace(hour=h), "x": h, name: h / 2} for h in (1, 3)]
        store.push("ev", rows)
        store.push("ev", [{"k": 1, "ts": NOON.replace(day=20), "x": 5, name: -1.0}])
        at = "2026-01-05"
        found = store.get("v", [{"k": 1}], at=at)[0]
    first, second = used
    wanted = {f"var_pop_{first}": 1.0, f"last_{first}": 3, f"max_{first}": 3, f"count_distinct_{first}": 2}
    wanted |= {f"var_pop_{second}": 0.25, f"last_{second}": 1.5, f"max_{second}": 1.5, f"count_distinct_{second}": 2}
    assert found == wanted | ({"x": 3, name: 1.5} if kind == "state" else {})


def test_a_derived_feature_that_fails_is_named_with_its_entity_and_instant(tmp_path: Path) -> None:
    made = source("ev", COLUMNS)
    shown = view(
        "v",
        made,
        {"k": ("{k}", "BIGINT")},
        {"x": ("{x}", "BIGINT")},
        {"total": ("sum", ("x",), LIFETIME)},
        derived={
            "fine": ("strftime({as_of:}, '%j') || {agg:total}", "VARCHAR", None),
            "bad": ("strptime({agg:total}::VARCHAR, '%Y')", "TIMESTAMP", None),
            "later": ("monthname({feature:v.bad})", "VARCHAR", None),
        },
    )
    with OnlineStore(tmp_path / "o.db", project([made], [shown])) as store:
        store.push("ev", [{"k": 1, "ts": NOON, "x": 2026}, {"k": 2, "ts": NOON, "x": -1}])
        assert store.get("v", [{"k": 1}], at="2026-02-01")[0]["later"] == "January"
        with pytest.raises(FeatcError) as failed:
            store.get("v", [{"k": 1}, {"k": 2}], at="2026-02-01")
    assert failed.value.code == "F621"
    assert "v.bad has no value it can give for k = 2 at 2026-02-01 00:00:00: " in str(failed.value)
    assert "fine" not in str(failed.value) and "later" not in str(failed.value)
