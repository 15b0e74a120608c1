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


def rows_table(columns: list[str], rows: list[list[Any]], room: int | None) -> str:
    """A table of values, numbers to the right. Columns beyond `room` characters are named below it."""
    cells = [[_cell(value) for value in row] for row in rows]
    fitting = _fitting(columns, cells, room)
    right = frozenset(i for i in range(fitting) if rows and all(_is_number(row[i]) for row in rows))
    text = table(columns[:fitting], [row[:fitting] for row in cells], right=right)
    left = columns[fitting:]
    return text if not left else f"{text}\n… {len(left)} more columns: {', '.join(left)}"


def _cell(value: Any) -> str:
    text = " ".join(to_text(value).split("\n"))
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def _is_number(value: Any) -> bool:
    return value is None or (not isinstance(value, bool) and hasattr(value, "__float__"))


def _fitting(columns: list[str], cells: list[list[str]], room: int | None) -> int:
    if room is None:
        return len(columns)
    used = 0
    for i, column in enumerate(columns):
        used += max([len(column), *(len(row[i]) for row in cells)]) + 2 * (i > 0)
        if used > room and i > 0:
            return i
    return len(columns)
