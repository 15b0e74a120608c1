"""Closures answer only beside the DuckDB they are proven against; beside another one DuckDB answers everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from featc.closures import PROVEN_ENGINE
from featc.resolve.model import Project
from featc.runtime.online import OnlineStore
from featc.runtime.online import derived as stage
from featc.runtime.online.derived import DerivedStage
from featc.runtime.online.engine import shared_engine
from online.build import LIFETIME, project, source, view

DERIVED: dict[str, tuple[str, str, str | None]] = {
    "bare": ("{agg:total}", "DOUBLE", None),
    "safe": ("{agg:total}", "DOUBLE", "7"),
    "half": ("round({agg:total} / 2, 1)", "DOUBLE", None),
    "most": ("greatest({feature:v.half}, {request:factor} * -2147483648)", "DOUBLE", "0"),
    "shown": ("printf('%.2f', {feature:v.half})", "VARCHAR", None),
    "after": ("{feature:v.shown} || '!'", "VARCHAR", None),
}
ASKED = [{"k": 1, "factor": 2}, {"k": 2, "factor": None}, {"k": 3, "factor": -3}]


def made() -> Project:
    events = source("ev", {"k": "BIGINT", "ts": "TIMESTAMP", "n": "DOUBLE"})
    shown = view(
        "v",
        events,
        {"k": ("{k}", "BIGINT")},
        {"n": ("{n}", "DOUBLE")},
        {"total": ("sum", ("n",), LIFETIME)},
        derived=DERIVED,
        request={"factor": "BIGINT"},
    )
    return project([events], [shown])


def read(path: Path) -> list[dict[str, Any]]:
    with OnlineStore(path, made()) as store:
        rows = [{"k": k, "ts": "2026-01-01", "n": n} for k, n in ((1, 5.35), (3, -0.1))]
        store.push("ev", rows, token="once")
        return store.get("v", ASKED, at="2026-01-02")


def why_in_duckdb() -> dict[str, str]:
    whole = made()
    return DerivedStage(whole, shared_engine(), [("v", name) for name in DERIVED], {}).in_duckdb


def test_beside_another_duckdb_no_closure_is_used_and_the_values_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven = read(tmp_path / "o.db")
    monkeypatch.setattr(duckdb, "__version__", "2.0.99")
    monkeypatch.setattr(stage, "compile_closure", None)  # calling it would fail
    assert read(tmp_path / "o.db") == proven
    assert proven[0]["half"] == 2.7 and proven[2]["most"] == 3 * 2147483648.0 and proven[1]["safe"] == 7.0


def test_what_duckdb_evaluates_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = "it needs v.shown, which DuckDB evaluates"
    assert why_in_duckdb() == {"v.shown": "`printf` is not on the list", "v.after": behind}
    monkeypatch.setattr(duckdb, "__version__", "2.0.99")
    version = f"closures are proven for DuckDB {PROVEN_ENGINE}, and this is 2.0.99"
    follows = "it needs v.half, which DuckDB evaluates"
    assert why_in_duckdb() == {"v.half": version, "v.most": follows, "v.shown": follows, "v.after": behind}
