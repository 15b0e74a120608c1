"""Rows in a terminal: a few of them, aligned, and no wider than the terminal is."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

from featc.cli.session import Session, table
from featc.cli.values import to_text

if TYPE_CHECKING:
    from featc.runtime.dataset import Dataset

_CELL = 40


def preview(session: Session, dataset: Dataset, limit: int) -> None:
    """The first `limit` rows of a training set, as a table or as a JSON list of objects."""
    columns, rows = _first(dataset, limit)
    if session.is_json:
        session.data([dict(zip(columns, row, strict=True)) for row in rows])
        return
    session.say(rows_table(columns, rows, _room()))
    if len(dataset) > limit:
        session.say(f"… {len(dataset) - limit} more rows")


def _first(dataset: Dataset, limit: int) -> tuple[list[str], list[list[Any]]]:
    import duckdb

    try:
        relation = dataset.relation()
        return list(relation.columns), [list(row) for row in relation.limit(limit).fetchall()]
    except duckdb.Error:
        dataset.rows()  # raises the same, blamed on a feature, an entity and an instant
        raise


def _room() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


