"""A `where` that no row passes proves nothing: verify says so, with the values that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from featc import FeatureStore
from featc.runtime.verify.unreached import unreached
from tiny_project import write_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "tiny")


def remarks(project: Path, where: str) -> tuple[str, ...]:
    path = project / "features" / "orders.yaml"
    path.write_text(path.read_text().replace("status <> 'cancelled'", where))
    return unreached(FeatureStore(project), ["user_orders", "basket"])


def test_the_values_of_the_compared_column_are_told(project: Path) -> None:
    told = "no row of orders passes where of user_orders; status is: paid, cancelled, new"
    assert remarks(project, "status = 'done'") == (told,)


def test_a_number_with_many_values_is_not_listed(project: Path) -> None:
    assert remarks(project, "amount > 1000") == ("no row of orders passes where of user_orders",)


def test_one_row_is_enough(project: Path) -> None:
    assert remarks(project, "status = 'new'") == ()


def test_verify_shows_it(project: Path) -> None:
    path = project / "features" / "orders.yaml"
    path.write_text(path.read_text().replace("status <> 'cancelled'", "status = 'done'"))
    report = FeatureStore(project).verify("user_orders.orders_7d", allow_thin=True)
    assert "no row of orders passes where of user_orders; status is: " in report.render()
    assert len(report.to_json()["remarks"]) == 1
