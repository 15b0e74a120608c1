"""Settings all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# CI plays the same examples every time; at a desk each run tries new ones, and keeps what it finds
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")
