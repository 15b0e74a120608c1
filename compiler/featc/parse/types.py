"""Type names an author may write, in casts and in `columns:`, and their canonical spelling."""

from __future__ import annotations

import re

from featc.types import TYPE_NAMES

ZONED = frozenset({"timestamptz", "timetz", "timestamp with time zone", "time with time zone"})
_FORM = re.compile(r"([a-z_][a-z0-9_ ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*((?:\[\s*\d*\s*\])*)\Z")
_LONG = {
    "double precision": "double",
    "timestamp without time zone": "timestamp",
    "time without time zone": "time",
    "character varying": "varchar",
}


def canonical_type(text: str) -> str | None:
    """`decimal(12, 2)` → `DECIMAL(12,2)`, `text` → `VARCHAR`, `int[]` → `INTEGER[]`; None for no type.

    Types with a zone are not taken: see `is_zoned`.
    """
    found = _FORM.match(" ".join(text.lower().split()))
    if not found:
        return None
    word = _LONG.get(found[1], found[1])
    base = TYPE_NAMES.get(word)
    if base is None:
        return None
    lists = re.sub(r"\s", "", found[4])
    if base == "DECIMAL":
        precision, scale = (found[2], found[3] or "0") if found[2] else ("18", "3")
        if not (0 < int(precision) <= 38 and int(scale) <= int(precision)):
            return None
        return f"DECIMAL({int(precision)},{int(scale)}){lists}"
    if found[2] and base not in ("VARCHAR", "TIMESTAMP"):
        return None
    if found[2] and base == "TIMESTAMP":
        base = {"0": "TIMESTAMP_S", "3": "TIMESTAMP_MS", "6": "TIMESTAMP", "9": "TIMESTAMP_NS"}.get(
            found[2], ""
        )
        return f"{base}{lists}" if base else None
    return base + lists


def is_zoned(text: str) -> bool:
    """Whether a type carries a time zone."""
    return " ".join(text.lower().split()) in ZONED
