"""Rows in a terminal: a few of them, aligned, and no wider than the terminal is."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from featc.cli.session import Session, some
from featc.runtime.texts import rows_table

if TYPE_CHECKING:
    from featc.runtime.dataset import Dataset


def preview(session: Session, dataset: Dataset, limit: int) -> None:
    """The first `limit` rows of a training set, as a table or as a JSON list of objects; no other row is computed."""
    found = dataset.head(limit).to_dict()
    rows = [list(row) for row in zip(*found.values(), strict=True)]
    if session.is_json:
        session.data([dict(zip(found, row, strict=True)) for row in rows])
        return
    session.say(rows_table(list(found), rows, _room()))
    if len(dataset) > limit:
        session.say(f"… {some(len(dataset) - limit, 'more row')}")


def _room() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def in_bytes(count: int) -> str:
    """Bytes as people read them."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
