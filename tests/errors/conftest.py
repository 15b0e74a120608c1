"""`pytest tests/errors --update-errors` records what the commands answer now; read the difference before keeping it."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-errors", action="store_true", help="write the answers of now into tests/errors/cases")


@pytest.fixture
def updating(request: pytest.FixtureRequest) -> bool:
    """Whether to write answers instead of comparing them. Unknown to runs that do not start in this folder."""
    return bool(request.config.getoption("--update-errors", default=False))
