"""Which edits of a definition the online store goes on answering, as docs/how-to/changing-features.md says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from featc import FeatureStore
from featc.cli import cli
from featc.runtime.status import unanswered
from tiny_project import write_project

_FREE = {
    "a description": ("description: What a user buys.", "description: Other words."),
    "an owner": ("owner: growth", "owner: finance"),
    "spelling": ("count(*) filter (where status = 'paid')", "COUNT( * ) FILTER (WHERE status='paid')"),
    "a window": ("windows: [1d, 7d]", "windows: [1d, 7d, 30d]"),
    "a default": ("default: 0", "default: 1"),
    "an expression over aggregates": ("      spend:\n", "      twice: orders_7d * 2\n      spend:\n"),
    "a derived feature": ("share: request.amount", "share: 2 * request.amount"),
    "a service": ("  small:\n", "  tiny:\n"),
    "the place of the data": ("path: data/orders.csv", "path: data/./orders.csv"),
}
_ANEW = {
    "an aggregate": ("last(status) over lifetime", "last(status) over lifetime\n      most: max(amount)"),
    "one aggregate less": ("      last_status: last(status) over lifetime\n", ""),
    "a filter": ("filter (where status = 'paid')", "filter (where status = 'new')"),
    "where": ("status <> 'cancelled'", "status <> 'gone'"),
    "a source's type": ("amount: decimal(12,2)\n\nfeature", "amount: decimal(13,2)\n\nfeature"),
    "a source's deleted": ("deleted: op = 'D'", "deleted: op = 'X'"),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_project(tmp_path / "tiny")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def edit(project: Path) -> Callable[[str, str], dict[str, int]]:
    """Fills the store, changes the definitions, and gives the views that the store cannot answer then."""

    def change(old: str, new: str) -> dict[str, int]:
        path = project / "features" / "orders.yaml"
        assert CliRunner().invoke(cli, ["materialize"]).exit_code == 0
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))
        return unanswered(FeatureStore(project))

    return change


@pytest.mark.parametrize("what", _FREE)
def test_free(what: str, edit: Callable[[str, str], dict[str, int]]) -> None:
    assert edit(*_FREE[what]) == {}
    assert CliRunner().invoke(cli, ["materialize"]).exit_code == 0


@pytest.mark.parametrize("what", _ANEW)
def test_needs_the_store_filled_anew(what: str, edit: Callable[[str, str], dict[str, int]]) -> None:
    assert edit(*_ANEW[what]) == {"user_orders": 5}
    assert CliRunner().invoke(cli, ["materialize"]).exit_code == 1


def test_without_a_store_nothing_is_lost(project: Path) -> None:
    assert unanswered(FeatureStore(project)) == {}
