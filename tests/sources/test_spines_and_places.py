"""What a spine and the current folder may not do to a training set."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from featc import FeatcError, FeatureStore
from tiny_project import write_project

DEFINITIONS = """
entities: {user: id}
sources:
  s: {path: data/x.parquet, time: ts}
feature_views:
  v:
    entity: user
    source: s
    features:
      n: count(*) over lifetime
      top: max(x) over lifetime
"""


def project(folder: Path, x: int = 10, key: str = "1::DECIMAL(12,2)") -> FeatureStore:
    (folder / "features").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text("version: 1\nproject: p\n")
    (folder / "features" / "a.yaml").write_text(DEFINITIONS)
    row = f"SELECT {key} AS id, TIMESTAMP '2026-01-01' AS ts, {x} AS x"
    duckdb.sql(f"COPY ({row}) TO '{folder}/data/x.parquet' (FORMAT parquet)")
    return FeatureStore(folder)


def test_files_are_the_projects_own_whatever_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path / "other", x=999)
    store = project(tmp_path / "mine", x=10)
    monkeypatch.chdir(tmp_path / "other")
    (row,) = store.get_historical_features(["v"], "SELECT 1 AS id, TIMESTAMP '2026-01-02' AS as_of").rows()
    assert row["top"] == 10


@pytest.mark.parametrize(
    ("spine", "code"),
    [
        ("SELECT 1.005::DECIMAL(12,3) AS id, TIMESTAMP '2026-01-02' AS as_of", "F512"),
        ("SELECT 1.005::DOUBLE AS id, TIMESTAMP '2026-01-02' AS as_of", "F512"),
        ("SELECT 1 AS id, 'infinity'::TIMESTAMP AS as_of", "F513"),
        ("SELECT 1 AS id, 77 AS \"v.n\", TIMESTAMP '2026-01-02' AS as_of", "F518"),
        ("SELECT 1 AS id, 77 AS _place, TIMESTAMP '2026-01-02' AS as_of", "F519"),
        ([{"id": 2**53 + 1, "as_of": "x"}, {"id": 2.5, "as_of": "x"}], "F501"),
    ],
    ids=[
        "a decimal that would be rounded",
        "a float that would be",
        "no instant",
        "a feature's name",
        "featc's own",
        "mixed",
    ],
)
def test_a_spine_that_would_be_read_another_way_is_refused(spine: Any, code: str, tmp_path: Path) -> None:
    store = project(tmp_path / "p")
    with pytest.raises(FeatcError) as refused:
        store.get_historical_features(["v"], spine).rows()
    assert refused.value.code == code, str(refused.value)


@pytest.mark.parametrize("value", [5.0, [5.0, 6.0], {"user_id": 7}], ids=["number", "list", "struct"])
def test_a_spine_column_of_any_name_and_kind_is_kept(tmp_path: Path, value: object) -> None:
    """`g` was once the name of the row itself in the query that converts keys."""
    store = FeatureStore(write_project(tmp_path / "tiny"))
    spine = [{"user_id": 7, "g": value, "as_of": datetime(2026, 1, 4)}] * 2
    found = store.get_historical_features("small", spine).rows()
    assert [row["g"] for row in found] == [value, value]
    assert [list(row) for row in found] == [["user_id", "g", "as_of", "recent"]] * 2


@pytest.mark.parametrize(
    "spine",
    [
        pa.table({"USER_ID": [8], "user_id": [7], "as_of": [datetime(2026, 1, 4)]}),
        pd.DataFrame({"USER_ID": [8], "user_id": [7], "as_of": [datetime(2026, 1, 4)]}),
        [{"USER_ID": 8, "user_id": 7, "as_of": datetime(2026, 1, 4)}],
        "select 8 as USER_ID, 7 as user_id, timestamp '2026-01-04' as as_of",
    ],
    ids=["arrow", "pandas", "rows", "select"],
)
def test_spine_columns_that_differ_in_letter_case_only_are_refused(tmp_path: Path, spine: Any) -> None:
    store = FeatureStore(write_project(tmp_path / "tiny"))
    with pytest.raises(FeatcError) as caught:
        store.get_historical_features("small", spine)
    assert [d.code for d in caught.value.diagnostics] == ["F519"]
    assert "'USER_ID' and 'user_id'" in str(caught.value)


def test_a_list_that_holds_no_rows_is_said_to(tmp_path: Path) -> None:
    store = FeatureStore(write_project(tmp_path / "tiny"))
    with pytest.raises(FeatcError) as caught:
        store.get_historical_features("small", [None])
    assert [d.code for d in caught.value.diagnostics] == ["F501"]
