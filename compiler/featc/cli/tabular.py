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
