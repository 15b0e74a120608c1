"""What a spine and the current folder may not do to a training set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from featc import FeatcError, FeatureStore

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
