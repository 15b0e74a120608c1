"""Values and tables as people read them, in terminals and notebooks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite, isnan
from typing import Any

_CELL = 40


def to_text(value: Any) -> str:
    """A value as people read it in a terminal."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case float():
            return format_double(value)
        case datetime():
            return str(value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value)
        case list() | tuple():
            return f"[{', '.join(map(_item, value))}]"
        case Mapping():
            return f"{{{', '.join(f'{_item(k)}: {_item(v)}' for k, v in value.items())}}}"
        case _:
            return str(value)


def _item(value: Any) -> str:
    """A value inside a list or map: text that could be read as more than itself stands in quotes."""
    text = to_text(value)
    return json.dumps(text, ensure_ascii=False) if isinstance(value, str) and re.search(r'[][{}",:]|^$', text) else text


def exact_text(value: Any) -> str | None:
    """A value of a plain type as text that DuckDB casts back to the same value."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return format(value, "f")  # at a scale of 38 the engine reads no exponent
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value)


def exact_texts(value: Any) -> list[Any] | None:
    """A list as `exact_text` of its items; a map as two such lists, of its keys and of its values."""
    if isinstance(value, Mapping):
        return [exact_texts(list(value)), exact_texts(list(value.values()))]
    return None if value is None else [exact_text(v) for v in value]


def format_double(value: float) -> str:
    """A DOUBLE for reading: nine significant digits at most, whole numbers without exponent."""
    if not isfinite(value):
        return "NaN" if isnan(value) else ("inf" if value > 0 else "-inf")
    return f"{value:.1f}" if value == int(value) and abs(value) < 1e15 else f"{value:.9g}"


def table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()
) -> str:
    """Aligned columns under headers; `right` numbers the columns that align right."""
    grid = [list(headers), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in grid) for i in range(len(headers))]

    def line(row: Sequence[str]) -> str:
        cells = (
            c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    rule = "  ".join("─" * w for w in widths)
    return "\n".join([line(grid[0]), rule, *(line(row) for row in grid[1:])])


def rows_table(columns: list[str], rows: list[list[Any]], room: int | None) -> str:
    """A table of values, numbers to the right. Columns beyond `room` characters are named below it."""
    cells = [[cell(value) for value in row] for row in rows]
    fitting = _fitting(columns, cells, room)
    right = frozenset(i for i in range(fitting) if rows and all(is_number(row[i]) for row in rows))
    text = table(columns[:fitting], [row[:fitting] for row in cells], right=right)
    left = columns[fitting:]
    return text if not left else f"{text}\n… {len(left)} more columns: {', '.join(left)}"


def cell(value: Any) -> str:
    text = " ".join(to_text(value).split("\n"))
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def is_number(value: Any) -> bool:
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
