"""A tiny project with a spine, and the command line over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from featc import FeatureStore
from featc.cli import cli
from tiny_project import write_project

Featc = Callable[..., Result]

SPINE = """\
user_id,as_of,amount
7,2026-01-05 12:00:00,5.00
7,2026-01-09 12:00:00,5.00
8,2026-01-09 12:00:00,20.00
404,2026-02-01 00:00:00,
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_project(tmp_path / "tiny")
    (folder / "spine.csv").write_text(SPINE)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def store(project: Path) -> FeatureStore:
    return FeatureStore(project)


@pytest.fixture
def featc(project: Path) -> Featc:
    runner = CliRunner()
    return lambda *arguments, **more: runner.invoke(cli, ["dataset", *map(str, arguments)], **more)


def let_it_overflow(project: Path) -> None:
    """From now on user_orders.paid_7d has no value for user 7 on 5 January 2026."""
    path = project / "features" / "orders.yaml"
    text = path.read_text().replace("[1d, 7d]", "[7d]")
    path.write_text(text.replace("count(*) filter (where status = 'paid')", "sum(order_id * 4611686018427387904)"))
