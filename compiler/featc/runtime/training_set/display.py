"""How a training set shows itself, in a terminal and in a notebook: its first rows, and what it is.

Only the rows that are shown are computed. An error is shown, not raised: showing happens where nobody asked for more.
"""

from __future__ import annotations

import shutil
from html import escape
from typing import TYPE_CHECKING, Any

from featc.errors import FeatcError
from featc.runtime.texts import cell, is_number, rows_table

if TYPE_CHECKING:
    from featc.runtime.dataset import Dataset

SHOWN = 5
_STYLE = "text-align: right; white-space: nowrap"


def as_text(dataset: Dataset) -> str:
    """The first rows as a table, under a line that says what the set is."""
    try:
        columns, rows = _first(dataset)
    except FeatcError as error:
        return f"{title(dataset)}\n{_masked(str(error))}"
    shown = rows_table(columns, rows, shutil.get_terminal_size().columns)
    return _masked(f"{title(dataset)}\n{shown}{_rest(dataset)}")


def as_html(dataset: Dataset) -> str:
    """The same as a small HTML table, column types below their names; everything from data is escaped."""
    try:
        types = dict(dataset.columns)
        columns, rows = _first(dataset)
    except FeatcError as error:
        return f"<p>{escape(title(dataset))}</p><pre>{escape(_masked(str(error)))}</pre>"
    features = {o.name for o in dataset.outputs}
    heads = "".join(_head(name, types.get(name, ""), is_feature=name in features) for name in columns)
    body = "".join(f"<tr>{''.join(_data(value) for value in row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div><p>{escape(title(dataset))}</p>{table}<p>{escape(_rest(dataset).strip())}</p></div>"


def title(dataset: Dataset) -> str:
    """What the set is, in a line."""
    what = dataset.asked.service or ", ".join(dataset.asked.features) or "features"
    counted = f"{_some(len(dataset), 'row')}, {_some(len(dataset.outputs), 'feature')}"
    return f"{what} {dataset.version} ({dataset.fingerprint[:12]}): {counted}"


def _first(dataset: Dataset) -> tuple[list[str], list[list[Any]]]:
    found = dataset.head(SHOWN).to_dict()
    return list(found), [list(row) for row in zip(*found.values(), strict=True)]


def _rest(dataset: Dataset) -> str:
    left = len(dataset) - SHOWN
    return f"\n… {_some(left, 'more row')}" if left > 0 else ""


def _some(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _head(name: str, type_: str, *, is_feature: bool) -> str:
    label = escape(_masked(name))
    return f'<th style="{_STYLE}">{f"<b>{label}</b>" if is_feature else label}<br><small>{escape(type_)}</small></th>'


def _data(value: Any) -> str:
    align = _STYLE if is_number(value) else _STYLE.replace("right", "left")
    return f'<td style="{align}">{escape(_masked(cell(value)))}</td>'


def _masked(text: str) -> str:
    from featc.secrets import mask

    return mask(text)
