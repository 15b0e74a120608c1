"""Statistics: what is counted, against plain Python."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import duckdb
import pytest

from datasets.conftest import Featc
from featc import FeatureStore

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
      x:
        sql: last(x) over lifetime
      d:
        sql: sum(d) over lifetime
        default: 3
      s: last(s) over lifetime
      b: last(x) over lifetime > 0
      at: last(ts) over lifetime
"""


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    (tmp_path / "features").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "featc.yaml").write_text("version: 1\nproject: p\n")
    (tmp_path / "features" / "a.yaml").write_text(DEFINITIONS)
    rows = """
    SELECT i AS id, TIMESTAMP '2026-01-01' + to_hours(i) AS ts, (i % 4)::DECIMAL(9,2) AS d,
        chr((97 + i % 5)::INTEGER) AS s,
        CASE i WHEN 1 THEN 'nan'::DOUBLE WHEN 2 THEN 'inf'::DOUBLE WHEN 3 THEN 0 WHEN 4 THEN 1e308 ELSE i / 10 END AS x
    FROM range(100) r(i)
    """
    duckdb.sql(f"COPY ({rows}) TO '{tmp_path}/data/x.parquet'")
    return FeatureStore(tmp_path)


SPINE = "SELECT i::BIGINT AS id, TIMESTAMP '2026-06-01' AS as_of FROM range(110) r(i)"


def test_each_type_has_what_can_be_said_of_it(store: FeatureStore) -> None:
    found = store.get_historical_features("v", SPINE).stats()
    assert found.rows == 110
    n, x, d, s, b, at = (found.features[name] for name in ("n", "x", "d", "s", "b", "at"))
    assert (n.nulls, n.null_share, n.min, n.max, n.zero_share, n.default_share) == (0, 0, 0, 1, 10 / 110, None)
    assert (x.nulls, x.nan, x.inf, x.zero_share) == (10, 1, 1, 2 / 110)
    assert (x.min, x.max) == (0, 1e308)
    assert x.quantiles is not None
    assert x.quantiles["0.5"] == pytest.approx(5.1, abs=0.3)
    tame = [0.0, *(i / 10 for i in range(5, 100)), 0.0]
    assert x.sd == pytest.approx(statistics.stdev(tame))
    sums = [i % 4 for i in range(100)] + [3] * 10
    assert d.mean == pytest.approx(statistics.fmean(sums))
    assert d.sd == pytest.approx(statistics.stdev(sums))
    assert d.default_share == pytest.approx(35 / 110)
    assert d.distinct == 4
    assert (s.min, s.max, s.distinct, s.mean, s.quantiles) == ("a", "e", 5, None, None)
    assert b.mean == pytest.approx(97 / 100, abs=0.02)
    assert str(at.min) == "2026-01-01 00:00:00"


def test_a_feature_that_is_null_in_every_row_has_a_share_of_no_zeros(store: FeatureStore) -> None:
    found = store.get_historical_features("v", f"{SPINE} WHERE i >= 100").stats()
    x = found.features["x"]
    assert (x.nulls, x.null_share, x.zero_share) == (10, 1, 0)
    assert "0.0%" in str(found)


def test_a_set_without_rows_has_no_shares(store: FeatureStore) -> None:
    found = store.get_historical_features("v", f"{SPINE} WHERE false").stats()
    assert found.rows == 0
    assert found.features["x"].null_share is None
    assert "0 rows" in str(found)


def test_statistics_are_text_or_json_with_and_without_a_file(featc: Featc, project: Path) -> None:
    text = featc("checkout", "--spine", "spine.csv", "--stats")
    assert text.exit_code == 0, text.stderr
    assert "≈distinct" in text.stdout
    assert "4 rows; ≈ is approximate" in text.stdout
    alone = json.loads(featc("checkout", "--spine", "spine.csv", "--stats", "--format", "json").stdout)
    assert alone["approximate"] == ["distinct", "quantiles"]
    assert alone["features"]["spend_7d"]["default_share"] == 0.25
    written = featc("checkout", "--spine", "spine.csv", "--stats", "--out", "t.parquet", "--format", "json")
    found = json.loads(written.stdout)
    assert found["statistics"] | {"unmatched": found["unmatched"], "own_rows": found["own_rows"]} == alone
