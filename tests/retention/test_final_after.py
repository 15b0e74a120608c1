"""`final_after` around the values: what is counted, kept and said when a version comes too late."""

from __future__ import annotations

import sqlite3
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import featc
from featc.cli import cli
from featc.errors import FeatcError
from tiny_project import write_project

ROW = {"user_id": 7, "amount": 1, "status": "paid", "op": "U"}


def order(number: int, ordered: str, loaded: str, **more: Any) -> dict[str, Any]:
    return {**ROW, "order_id": number, "ordered_at": ordered, "loaded_at": loaded, **more}


FIRST = order(1, "2026-01-01 10:00:00", "2026-01-01 10:00:00")
LATER = order(1, "2026-01-03 10:00:00", "2026-01-03 10:00:00", amount=2)
LATE = order(2, "2026-01-01 10:00:00", "2026-01-05 10:00:00")
OTHER = order(3, "2026-01-03 10:00:00", "2026-01-03 10:00:00")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = write_project(tmp_path / "tiny")
    path = folder / "features" / "orders.yaml"
    path.write_text(path.read_text().replace("    id: order_id\n", "    id: order_id\n    final_after: 1d\n"))
    return folder


def kept(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / ".featc/online.db") as store:
        return store.execute("SELECT reason, data FROM featc_rejected ORDER BY batch, place").fetchall()


def test_a_late_version_is_counted_and_kept_with_its_reason(project: Path) -> None:
    store = featc.FeatureStore(project)
    report = store.push("orders", [FIRST, LATER, LATE, OTHER])
    assert (report.accepted, report.rejected) == (2, {"arrived later than final_after allows": 2})
    assert [reason for reason, _ in kept(project)] == ["arrived later than final_after allows"] * 2
    assert '"amount":2.0' in kept(project)[0][1]
    again = store.push("orders", [FIRST, LATER])
    assert (again.accepted, again.duplicates, again.rejected) == (0, 2, {})


def test_strict_refuses_a_batch_with_a_version_late_by_an_earlier_ones_time(project: Path) -> None:
    store = featc.FeatureStore(project)
    store.push("orders", [FIRST])
    with pytest.raises(FeatcError, match="arrived later than final_after allows") as refused:
        store.push("orders", [OTHER, LATER], strict=True)
    assert refused.value.diagnostics[0].code == "F614"
    assert store.push("orders", [OTHER]).accepted == 1


def test_a_version_is_made_late_by_one_that_comes_after_it(project: Path) -> None:
    store = featc.FeatureStore(project)
    assert store.push("orders", [LATER]).accepted == 1
    report = store.push("orders", [FIRST])
    assert (report.accepted, report.rejected, report.made_late) == (1, {}, 1)


@pytest.mark.slow
def test_the_order_of_pushes_does_not_matter(tmp_path: Path, project: Path) -> None:
    at = "2026-01-04T00:00:00Z"
    rows = [FIRST, LATER, order(1, "2026-01-01 12:00:00", "2026-01-02 09:00:00", amount=4), OTHER]
    found = []
    for turn in permutations(rows):
        (project / ".featc/online.db").unlink(missing_ok=True)
        store = featc.FeatureStore(project)
        for row in turn:
            store.push("orders", [row])
        found.append(store.get_online_features("small", [{"user_id": 7}], at=at))
        store.close()
    assert all(f == found[0] for f in found) and found[0][0]["recent"] == 5


def test_a_training_set_says_how_many_rows_came_too_late(project: Path, tmp_path: Path) -> None:
    (project / "data/orders.csv").write_text(
        "order_id,user_id,amount,status,op,ordered_at,loaded_at\n"
        "1,7,10,paid,U,2026-01-01 10:00:00,2026-01-01 10:05:00\n"
        "1,7,11,paid,U,2026-01-02 10:00:00,2026-01-02 10:05:00\n"
        "2,7,12,paid,U,2026-01-01 10:00:00,2026-01-09 10:05:00\n"
        "3,7,13,paid,U,2026-01-01 10:00:00,\n"
    )
    spine = "select 7::bigint user_id, timestamp '2026-01-10' as_of"
    out = str(tmp_path / "t.csv")
    run = CliRunner().invoke(cli, ["dataset", "small", "-p", str(project), "--spine", spine, "--out", out])
    assert run.exit_code == 0 and "orders: 2 rows left out, arrived later than final_after allows" in run.stderr
