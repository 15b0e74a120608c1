"""`featc materialize --dry-run` says what a run then reads, and leaves everything as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import featc as product
from featc.cli import cli
from featc.errors import FeatcError
from featc.runtime.materialize import intake
from tiny_project import ORDERS, write_project

from .shop import SPAN, START, histories, materialize, push_all, whole, write_rows, write_shop

Featc = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "tiny")


@pytest.fixture
def featc(project: Path, monkeypatch: pytest.MonkeyPatch) -> Featc:
    monkeypatch.chdir(project)
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def test_text_and_json_without_a_store(featc: Featc, project: Path) -> None:
    done = featc("materialize", "--dry-run", "--until", "2026-01-03T12:00:00Z")
    assert done.stdout == (
        "orders: would read 3 rows that arrived 2026-01-01T10:05:00Z … 2026-01-03T11:05:00Z; 2 to arrive later\n"
    )
    assert not (project / ".featc").exists(), "no store is made"
    found = json.loads(featc("materialize", "--dry-run", "--format", "json").stdout)
    beyond = {"rows": 5, "first": "2026-01-01T10:05:00Z", "last": "2026-01-04T00:00:00Z"}
    source = {"source": "orders", "watermark": None, "beyond": beyond, "behind": [], "without_arrival": 0, "waiting": 0}
    assert found == {"dry_run": True, "sources": [source]}


def test_rows_behind_the_watermark_are_told(featc: Featc, project: Path) -> None:
    assert featc("materialize").exit_code == 0
    assert featc("materialize", "--dry-run").stdout == "orders: nothing new; known to 2026-01-04T00:00:00Z\n"
    late = "6,7,9.00,paid,U,2026-01-03 12:00:00,2026-01-03 13:00:00\n"
    new = "7,7,9.00,paid,U,2026-01-05 12:00:00,2026-01-05 13:00:00\n8,7,9.00,paid,U,2026-01-05 12:00:00,\n"
    (project / "data" / "orders.csv").write_text(ORDERS + late + new)
    said = featc("materialize", "--dry-run").stdout
    assert said == (
        "orders: would read 1 row that arrived 2026-01-05T13:00:00Z … 2026-01-05T13:00:00Z;"
        " 6 rows behind the watermark, 2026-01-01T10:05:00Z … 2026-01-04T00:00:00Z, would be gone through again: they"
        " changed; 1 row without a time of arrival; known to 2026-01-04T00:00:00Z\n"
    )


@pytest.mark.slow
def test_what_is_said_is_what_a_run_does_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MOST", 9)
    rows = histories(seed=31)
    folder = write_shop(tmp_path / "shop", "parquet", rows)
    early = {name: listed[: len(listed) // 2] for name, listed in rows.items()}
    for name, listed in early.items():
        write_rows(folder, name, "parquet", listed)
    materialize(folder, START + timedelta(minutes=SPAN // 2))
    for name, listed in rows.items():
        write_rows(folder, name, "parquet", listed)
    before = whole(folder)
    end = START + timedelta(minutes=SPAN * 3 // 4)
    store = product.FeatureStore(folder)
    foreseen = store.foresee(end)
    store.close()
    assert whole(folder) == before
    gone_through: dict[str, int] = {}
    store = product.FeatureStore(folder)
    done = store.materialize(end, progress=lambda source, done, total: gone_through.update({source: total}))
    store.close()
    assert [f.source for f in foreseen] == [s.source for s in done.sources]
    for said, source in zip(foreseen, done.sources, strict=True):
        assert (said.watermark, said.waiting) == (source.watermark_before, source.waiting)
        total = said.beyond.rows + said.without_arrival + sum(s.rows for s in said.behind)
        assert total == gone_through.get(said.source, 0)
        assert source.late == 0 or said.behind
        if said.beyond.rows:
            assert said.beyond.last == source.watermark
    assert any(f.behind for f in foreseen) and all(f.beyond.rows for f in foreseen)


def test_a_source_that_was_pushed_is_refused_as_by_a_run(tmp_path: Path) -> None:
    rows = histories(seed=32)
    folder = write_shop(tmp_path / "shop", "csv", rows)
    push_all(folder, rows, only=["clicks"])
    with pytest.raises(FeatcError) as caught:
        product.FeatureStore(folder).foresee(select="user_clicks")
    assert [d.code for d in caught.value.diagnostics] == ["F641"]
