"""The generated SQL of small projects, one per shape, byte by byte.

A change of the SQL is meant to be read: `pytest tests/golden --update-golden`, then look at the diff. Each project
has a spine, on which its golden training queries are run in a plain DuckDB connection.
"""

from __future__ import annotations

import csv
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from docs.documents import REPO, with_files
from featc.emit import build_files
from featc.runtime.store import compile_project

HERE = Path(__file__).parent

FILES = {
    "frames": (
        "sql/duckdb/user_orders/training.sql",
        "sql/duckdb/user_orders/backfill.sql",
        "sql/duckdb/user_orders/online_lift.sql",
        "sql/sqlite/user_orders/online_schema.sql",
        "sql/sqlite/user_orders/online_update.sql",
        "sql/sqlite/user_orders/online_read.sql",
    ),
    "latest": ("sql/duckdb/user_visits/training.sql",),
    "state": ("sql/duckdb/user_plan/training.sql", "sql/sqlite/user_plan/online_read.sql"),
    "versions": (
        "sql/duckdb/user_orders/training.sql",
        "sql/duckdb/user_orders/backfill.sql",
        "sql/duckdb/user_orders/online_lift.sql",
        "sql/sqlite/user_orders/online_update.sql",
        "sql/sqlite/user_orders/online_read.sql",
    ),
    "last_rows": ("sql/duckdb/user_visits/training.sql", "sql/sqlite/user_visits/online_read.sql"),
    "series": ("sql/duckdb/user_visits/training.sql", "sql/sqlite/user_visits/online_read.sql"),
    "derived": ("sql/duckdb/services/checkout/training.sql",),
    "calendar": ("sql/duckdb/user_visits/training.sql", "sql/sqlite/user_visits/online_read.sql"),
    "labels": ("sql/duckdb/services/churn/training.sql",),
    "united": ("sql/duckdb/user_orders/training.sql", "sql/duckdb/user_orders/online_lift.sql"),
    "attributed": ("sql/duckdb/user_mails/training.sql", "sql/sqlite/user_mails/online_update.sql"),
}
PINNED = [(name, file) for name, files in FILES.items() for file in files]
QUERIES = [(name, file) for name, file in PINNED if file.endswith("/training.sql")]

ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "frames": [
        (Decimal("7.25"), Decimal("19.75"), Decimal("7.25"), Decimal("10.00")),
        (None, Decimal("99.90"), None, Decimal("99.90")),
        (None, Decimal("10.00"), None, Decimal("10.00")),
        (None, None, None, None),
    ],
    "latest": [("product",), ("home",), ("home",), (None,)],
    "state": [("pro", True), (None, None), ("pro", True), (None, None)],
    "versions": [(Decimal("25.00"),), (None,), (Decimal("10.00"),), (None,)],
    "last_rows": [(59 / 3,), (1.0,), (3.5,), (None,)],
    "series": [
        (
            ["basket", "product"],
            3.5 * 2 ** (-160 / 24) + 40 * 2 ** (-62.5 / 24) + 12 * 2 ** (-(62.5 - 1 / 60) / 24) + 7 * 2 ** (-1 / 86400),
            {"basket": 12.0, "product": 47.0},
        ),
        (["home"], 2 ** (-26 / 24), {"home": 1.0}),
        (["home"], 3.5 * 2 ** (-97.5 / 24), {"home": 3.5}),
        (None, None, None),
    ],
    "derived": [
        (20 / (19.75 / 3), 1 / 86400),
        (50 / 99.9, 26 / 24),
        (None, None),
    ],
    "united": [(3, Decimal("16.00"), 2), (0, None, 0), (1, Decimal("5.00"), 0), (0, None, 0)],
    "attributed": [(2, 100), (1, None), (1, 20), (0, None)],
    "calendar": [(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 0)],
    "labels": [
        (Decimal("10.00"), True, True, Decimal("5.00"), True),
        (Decimal("99.90"), False, True, None, True),
        (None, True, True, Decimal("10.00"), True),
        (None, None, False, None, False),
    ],
}
"""The features of each spine row, worked out by hand from the project's data."""


@cache
def built(name: str) -> dict[str, str]:
    return dict(build_files(compile_project(HERE / name)))


@pytest.mark.parametrize(("name", "file"), PINNED, ids=lambda part: part)
def test_generated_sql_is_the_golden_one(name: str, file: str, update_golden: bool) -> None:
    golden = HERE / name / "golden" / file
    if update_golden:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(built(name)[file].encode())
    assert golden.exists(), "no golden file yet: pytest tests/golden --update-golden"
    assert built(name)[file].encode() == golden.read_bytes(), "read the diff after pytest tests/golden --update-golden"


@pytest.mark.parametrize(("name", "file"), QUERIES, ids=lambda part: part)
def test_golden_training_query_runs_as_it_stands(name: str, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its head says: in the project's folder, with a view `spine`; one row per spine row, in order."""
    monkeypatch.chdir(HERE / name)
    sql = (HERE / name / "golden" / file).read_text(encoding="utf-8")
    with duckdb.connect() as plain:
        plain.execute("SET TimeZone = 'UTC'")
        plain.execute("CREATE VIEW spine AS FROM 'spine.csv'")
        rows = plain.execute(sql).fetchall()
    with open("spine.csv", encoding="utf-8") as given:
        spine = list(csv.DictReader(given))
    width = len(spine[0])
    asked = [(int(s["user_id"]), datetime.fromisoformat(s["as_of"])) for s in spine]
    assert [(row[0], row[width - 1]) for row in rows] == asked
    for row, expected in zip(rows, ANSWERS[name], strict=True):
        assert row[width:] == tuple(pytest.approx(v) if isinstance(v, float) else v for v in expected)


def test_every_project_here_is_pinned() -> None:
    assert {p.parent.name for p in HERE.glob("*/featc.yaml")} == set(FILES)


def test_the_page_about_sql_shows_the_golden_files(update_golden: bool) -> None:
    page = REPO / "docs" / "sql.md"
    if update_golden:
        page.write_text(with_files(page.read_text(encoding="utf-8")), encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    assert "<!-- from tests/golden/" in text
    assert text == with_files(text), "read the diff after pytest tests/golden --update-golden"
