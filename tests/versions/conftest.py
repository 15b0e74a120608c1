"""What tests of versions share."""

from __future__ import annotations

import pytest

from versions.pinning import EDITS, Edit


@pytest.fixture(params=EDITS)
def edits(request: pytest.FixtureRequest) -> tuple[Edit, ...]:
    """What makes another version of the view that a service pins."""
    return EDITS[request.param]
