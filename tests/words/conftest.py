"""`--update-words`: write what features are said to mean now, to be read as a diff, instead of comparing with it."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-words", action="store_true", help="rewrite the golden meanings")


@pytest.fixture
def update_words(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-words", default=False))
