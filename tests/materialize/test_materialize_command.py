"""`featc materialize`: what it says, in text and JSON, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import featc as product
from featc.cli import cli
from featc.cli.progress import progress_line
from featc.runtime.materialize import intake
from tiny_project import ORDERS, write_project

Featc = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = write_project(tmp_path / "tiny")
    (folder / "data" / "orders.csv").write_text(ORDERS + "5,,1.00,paid,U,2026-01-03 12:00:00,2026-01-05 00:00:00\n")
    return folder


@pytest.fixture
def featc(project: Path, monkeypatch: pytest.MonkeyPatch) -> Featc:
    monkeypatch.chdir(project)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli, arguments)


def test_it_says_what_came_of_each_source(featc: Featc, project: Path) -> None:
    first = featc("materialize", "--until", "2026-01-03T12:00:00Z")
    assert first.exit_code == 0, first.stderr
    assert first.stdout == "orders: 3 of 3 rows accepted, 3 to arrive later; up to 2026-01-03T11:05:00Z\n"
    second = featc("materialize")
    assert second.stdout == "orders: 3 of 3 rows accepted; up to 2026-01-05T00:00:00Z\n"
    assert second.stderr == "  kept apart in featc_rejected: 1 × user_orders: key user_id is NULL\n"
    again = featc("materialize")
    assert (again.stdout, again.stderr) == ("orders: nothing new; up to 2026-01-05T00:00:00Z\n", "")
    late = ORDERS + "6,7,9.00,paid,U,2026-01-03 12:00:00,2026-01-03 13:00:00\n"
    (project / "data" / "orders.csv").write_text(late)
    found = featc("materialize")
    assert found.stdout == (
        "orders: 1 of 1 row accepted, 1 found behind 2026-01-05T00:00:00Z; up to 2026-01-05T00:00:00Z\n"
    )
    assert found.stderr.startswith("warning F644: 1 row of orders that was taken in is in the source no longer\n")
    assert featc("materialize", "-q").stderr == ""


def test_its_json_has_the_same(featc: Featc) -> None:
    done = featc("materialize", "--format", "json", "--until", "2026-01-03T12:00:00Z")
    assert done.exit_code == 0 and done.stderr == ""
    assert json.loads(done.stdout) == {
        "sources": [
            {
                "source": "orders", "rows": 3, "accepted": 3, "duplicates": 0, "rejected": {}, "late": 0, "waiting": 3,
                "gone": 0, "intervals": 1, "watermark_before": None, "watermark": "2026-01-03T11:05:00Z",
            }
        ],
        "warnings": [],
        "unanswered": [],
    }  # fmt: skip


def test_what_it_is_asked_wrongly_is_usage(featc: Featc) -> None:
    until = featc("materialize", "--until", "tomorrow")
    assert until.exit_code == 2 and until.stderr.startswith("error F632: 'tomorrow' is not an instant\n")
    select = featc("materialize", "--select", "user_order")
    assert select.exit_code == 2 and select.stderr.startswith("error F801: ")


def test_a_value_that_cannot_be_read_is_named_and_nothing_comes_in(featc: Featc, project: Path) -> None:
    (project / "data" / "orders.csv").write_text(ORDERS + "6,7,9.005,paid,U,2026-01-03 12:00:00,2026-01-03 13:00:00\n")
    done = featc("materialize")
    assert done.exit_code == 1
    assert done.stderr.startswith("error F422: orders.amount is DECIMAL(12,2), and cannot hold 9.005\n")
    (project / "data" / "orders.csv").write_text(ORDERS)
    assert featc("materialize").stdout == "orders: 5 of 5 rows accepted; up to 2026-01-04T00:00:00Z\n"


def test_a_view_that_was_changed_after_rows_came_in_is_told_of(featc: Featc, project: Path) -> None:
    featc("materialize")
    path = project / "features" / "orders.yaml"
    path.write_text(path.read_text().replace("status <> 'cancelled'", "status <> 'new'"))
    told = "user_orders needs a fill in the online store: 7 rows of its source were lifted without this change"
    assert told in featc("build").stderr and told in featc("status").stdout
    assert json.loads(featc("build", "--format", "json").stdout)["unanswered"] == {"user_orders": 7}
    done = featc("materialize")
    assert done.exit_code == 1, "for whoever runs it unattended"
    assert "orders: nothing new" in done.stdout
    told = "error F603: view 'user_orders' was added or changed after 7 rows of orders came into the store,"
    assert done.stderr.startswith(told)
    assert featc("materialize", "-q").stderr.startswith(told)
    ask = ("get", "user_orders", "--key", "user_id=8", "--at", "2026-01-04T00:00:00Z", "--format", "json")
    assert featc(*ask).exit_code == 1, "never a half of a history"
    assert "`featc apply` fills what is lacking" in featc(*ask).stderr
    assert featc("apply", "--no-verify").exit_code == 0
    spine = [{"user_id": 8, "as_of": datetime(2026, 1, 4)}]
    (wanted,) = product.FeatureStore(project).get_historical_features(["user_orders"], spine).rows()
    ((found,),) = (json.loads(featc(*ask).stdout),)
    assert found["orders_7d"] == wanted["orders_7d"] == 2, "and that is the way out"


def test_progress_goes_up_to_all_rows(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST", 2)
    told: list[tuple[str, int, int]] = []
    with closing(product.FeatureStore(project)) as store:
        store.materialize(progress=lambda source, done, total: told.append((source, done, total)))
    assert told == [("orders", done, 6) for done in (2, 4, 6)]
    assert progress_line("orders", 0, 6, 0.0) == "orders: 0%, 0 of 6 rows"
    assert progress_line("orders", 300, 900, 2.0) == "orders: 33%, 300 of 900 rows, 150 rows/s, 0:00:04 left"


def test_one_source_that_is_written_to_by_two_runs_is_refused_to_the_second(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = intake.lifted_batch

    def overtaken(*given: object) -> object:
        monkeypatch.setattr(intake, "lifted_batch", taken)
        with closing(product.FeatureStore(project)) as other:
            other.materialize()
        return taken(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "lifted_batch", overtaken)
    with closing(product.FeatureStore(project)) as store:
        with pytest.raises(product.errors.FeatcError, match="F643") as refused:
            store.materialize()
        assert refused.value.exit_code == 4
        assert all(s.rows == 0 for s in store.materialize().sources)
