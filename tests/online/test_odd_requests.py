"""What Python users hand to an online read by mistake, or in another tool's shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from featc import FeatureStore
from featc.errors import FeatcError
from tiny_project import write_project


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    found = FeatureStore(write_project(tmp_path / "tiny"))
    found.push("orders", tmp_path / "tiny" / "data" / "orders.csv")
    return found


def test_columns_and_a_single_row_are_rows(store: FeatureStore) -> None:
    at = "2026-01-04T12:00:00Z"
    rows = store.get_online_features("small", [{"user_id": 7}, {"user_id": 8}], at=at)
    assert [r["recent"] for r in rows] != [None, None]
    assert store.get_online_features("small", {"user_id": [7, 8]}, at=at) == rows  # type: ignore[arg-type]
    assert store.get_online_features("small", {"user_id": 7}, at=at) == rows[:1]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("features", "rows", "at", "code"),
    [
        ("small", [{"user_id": 7}], pd.NaT, "F632"),
        ("small", [7], None, "F600"),
        ("checkout", {"user_id": [7, 8], "amount": [1]}, None, "F600"),
        ([None], [{"user_id": 7}], None, "F500"),
    ],
)
def test_what_is_no_request_is_said_to_be_none(
    store: FeatureStore, features: Any, rows: Any, at: Any, code: str
) -> None:
    with pytest.raises(FeatcError) as caught:
        store.get_online_features(features, rows, at=at)
    assert [d.code for d in caught.value.diagnostics] == [code]
