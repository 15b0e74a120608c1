"""What tests of versions share."""

from __future__ import annotations

import pytest

from versions.pinning import EDITS, Edit

QUICK = ("a filter", "everything at once")
"""The edits that the fast part plays."""


@pytest.fixture(params=[e if e in QUICK else pytest.param(e, marks=pytest.mark.slow) for e in EDITS])
def edits(request: pytest.FixtureRequest) -> tuple[Edit, ...]:
    """What makes another version of the view that a service pins."""
    return EDITS[request.param]
