"""One file per engine: what it can do, how it spells things, how it is driven."""

from __future__ import annotations

BUILT_IN: dict[str, str] = {"duckdb": "featc_dialects.duckdb", "sqlite": "featc_dialects.sqlite"}
"""Engine name → module, imported when first asked for."""
