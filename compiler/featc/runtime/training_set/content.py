"""Hashes of rows: the same for the same rows in the same order, whatever file they come from and whatever engine
version reads them.

Each value becomes text (numbers without trailing zeros, instants as microseconds since 1970, NULL apart from all
text), with its row's number in front; a column's hash is made of the sum of 60 bits of their MD5s, which does not
depend on how threads share the work, and the whole's of all columns' hashes in their order. It finds accidents, not
attackers.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featc.lower.source import quoted

if TYPE_CHECKING:
    import duckdb

_STAMPS = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "DATE")


@dataclass(frozen=True, slots=True)
class Content:
    """What a hash was made of: `rows`, the `whole` hash, and one hash for each column, by name."""

    rows: int
    whole: str
    columns: dict[str, str]


def content(connection: duckdb.DuckDBPyConnection, relation: str) -> Content:
    """The hashes of a relation's rows in the order it gives them."""
    described = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
    columns = [(str(n), str(t)) for n, t, *_ in described]
    cells = [_cell(quoted(name), type_) for name, type_ in columns]
    sums = [f"sum(('0x' || left(md5(_n || {cell}), 15))::BIGINT)" for cell in cells]
    numbered = f"(SELECT (row_number() OVER () || ':') AS _n, * FROM {relation})"
    rows, *found = connection.execute(f"SELECT {', '.join(['count(*)', *sums])} FROM {numbered}").fetchall()[0]
    hashes = {name: _digest([name, rows, str(v)]) for (name, _), v in zip(columns, found, strict=True)}
    return Content(rows, _digest([rows, list(hashes.items())]), hashes)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]


def _cell(column: str, type_: str) -> str:
    """SQL of a value as text that is the same in every format; NULL as text that no value has."""
    if type_ in _STAMPS:
        text = f"CASE WHEN isfinite({column}) THEN epoch_us({column}::TIMESTAMP)::VARCHAR ELSE {column}::VARCHAR END"
    elif type_ in ("TIMESTAMP_NS", "TIMESTAMPTZ_NS"):
        nanoseconds = f"epoch_ns({column})"
        micros = f"({nanoseconds} // 1000 - ({nanoseconds} % 1000 < 0)::BIGINT)"
        rest = f"nullif(({nanoseconds} % 1000 + 1000) % 1000, 0)"
        text = f"{micros}::VARCHAR || coalesce('.' || {rest}::VARCHAR, '')"
    elif type_ in ("DOUBLE", "FLOAT"):
        text = f"CASE WHEN suffix({column}::VARCHAR, '.0') THEN left({column}::VARCHAR, -2) ELSE {column}::VARCHAR END"
    elif type_.startswith("DECIMAL") and not type_.endswith(",0)"):
        text = f"rtrim(rtrim({column}::VARCHAR, '0'), '.')"
    else:
        text = f"{column}::VARCHAR"
    return f"coalesce('=' || {text}, '-')"

