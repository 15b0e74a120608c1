"""A CSV that is not written like one is refused with its name, and never read some other way."""

from __future__ import annotations

from pathlib import Path

import pytest

from featc import FeatcError, FeatureStore

DEFINITIONS = """
entities: {user: id}
sources:
  s: {path: x.csv, time: ts, columns: {id: bigint, ts: timestamp, x: double}}
feature_views:
  v:
    entity: user
    source: s
    features:
      n: count(*) over lifetime
"""


def project(folder: Path, csv: str) -> FeatureStore:
    (folder / "features").mkdir()
    (folder / "featc.yaml").write_text("version: 1\nproject: p\n")
    (folder / "features" / "a.yaml").write_text(DEFINITIONS)
    (folder / "x.csv").write_text(csv)
    return FeatureStore(folder)


@pytest.mark.parametrize(
    ("csv", "said"),
    [
        ('id,ts,name,x\n1,2026-01-01,"Berlin,12.5\n2,2026-01-01,Rome,3\n', "every quote is closed"),
        ("id,ts,name,x\n1,2026-01-01,Berlin 12.5\n2,2026-01-01,Rome,3\n", "as many fields as the header"),
        ("id;ts;name;x\n1;2026-01-01;Berlin;12.5\n", "delim = ';'"),
    ],
    ids=["an open quote", "a lost comma", "another delimiter"],
)
def test_a_csv_that_is_not_like_its_header_is_one_error(csv: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(FeatcError) as refused:
        project(tmp_path, csv)
    assert [d.code for d in refused.value.diagnostics] == ["F403"], str(refused.value)
    assert said in str(refused.value)


def test_quoted_commas_and_quotes_are_part_of_a_value(tmp_path: Path) -> None:
    store = project(tmp_path, 'id,ts,name,x\n1,2026-01-01,"Ber, ""lin",12.5\n')
    spine = tmp_path / "spine.csv"
    spine.write_text("id,as_of\n1,2026-01-02 00:00:00\n")
    (row,) = store.get_historical_features(["v.n"], spine).rows()
    assert row["n"] == 1
