"""Rows an author wrote for a test, in place or in a CSV file, as text with places and as typed rows."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from featc.errors import Findings, Span, did_you_mean
from featc.load.model import Literal, Rows, TestDef
from featc.lower.source import literal as sql_literal
from featc.resolve.model import Source
from featc.runtime.verify.equal import is_null, read, refused
from featc.runtime.verify.rows import STAMPS, Row
from featc.types import family


@dataclass(frozen=True, slots=True)
class Cells:
    """A table of texts, None for NULL. `columns` are all columns; an inline row may lack some of them. `names` and
    `spans` are where a row's columns are named, and where their values stand."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, str | None]]
    names: Sequence[Mapping[str, Span]]
    spans: Sequence[Mapping[str, Span | None]]
    span: Span

    def __len__(self) -> int:
        return len(self.rows)

    def text(self, number: int, column: str) -> str | None:
        return self.rows[number].get(column)

    def listed(self, number: int) -> tuple[str, ...]:
        return tuple(self.rows[number])

    def name_of(self, number: int, column: str) -> Span:
        return self.names[number].get(column) or self.span

    def span_of(self, number: int, column: str) -> Span:
        return self.spans[number].get(column) or self.span


def cells(root: Path, test: TestDef, rows: Rows, name: str, findings: Findings) -> Cells | None:
    """The rows as texts; None and a finding when their file cannot be read (F717)."""
    if rows.file is not None:
        return _file(root / posixpath.join(test.folder, rows.file.value), rows, name, findings)
    texts = [{column: _text(value) for column, value in row.values.items()} for row in rows.rows]
    spans = [{column: value.text.span for column, value in row.values.items()} for row in rows.rows]
    columns = tuple(dict.fromkeys(column for row in texts for column in row))
    return Cells(name, columns, texts, [row.names for row in rows.rows], spans, rows.span)


def _text(value: Literal) -> str | None:
    if value.value is None:
        return None
    if isinstance(value.value, tuple):  # a list, in DuckDB's own spelling
        return f"[{', '.join(map(_item, value.value))}]"
    if isinstance(value.value, Mapping):
        return f"{{{', '.join(f'{_bare(k)}: {_item(v)}' for k, v in value.value.items())}}}"
    return value.text.value


def _item(value: Literal) -> str:
    text = _text(value)
    return "NULL" if text is None else text if isinstance(value.value, tuple | Mapping) else _bare(text)


def _bare(text: str) -> str:
    """A text inside a list or map, quoted where it would be read as more than itself."""
    plain = re.fullmatch(r"[\w.+-]+(?: [\w.:+-]+)*", text) is not None and not is_null(text)
    return text if plain else json.dumps(text, ensure_ascii=False)


def _file(path: Path, rows: Rows, name: str, findings: Findings) -> Cells | None:
    assert rows.file is not None
    if not path.is_file():
        findings.error(
            "F717",
            f"there is no file {rows.file.value}",
            rows.span,
            "its name is relative to the test's own file",
        )
        return None
    delimiter = "\\t" if path.suffix.lower() == ".tsv" else ","
    # "" is an empty text and nothing between commas is NULL
    sql = (
        f"FROM read_csv({sql_literal(str(path))}, header = true, all_varchar = true, delim = '{delimiter}',"
        " quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false)"
    )
    try:
        with duckdb.connect() as connection:
            done = connection.execute(sql)
            names = tuple(d[0] for d in done.description or ())
            listed = done.fetchall()
    except duckdb.Error as error:
        findings.error("F717", f"{rows.file.value} is no CSV: {str(error).splitlines()[0]}", rows.span)
        return None
    texts = [dict(zip(names, row, strict=True)) for row in listed]
    return Cells(name, names, texts, [{} for _ in texts], [{} for _ in texts], rows.span)


def typed_rows(source: Source, table: Cells, findings: Findings) -> list[Row]:
    """Rows of a source's columns by type; columns the table lacks are NULL (F714, F718 for what does not
    fit).
    """
    names = [c.name for c in source.columns]
    unknown = [c for c in table.columns if c not in names]
    for name in unknown:
        place = next((s[name] for s in table.spans if s.get(name)), None) or table.span
        findings.error("F718", f"{source.name} has no column '{name}'", place, did_you_mean(name, names))
    made = []
    for number in range(len(table)):
        row = []
        for column in source.columns:
            text = table.text(number, column.name)
            try:
                row.append(None if text is None else _read(text, column.physical, source.timezone))
            except (ValueError, ArithmeticError, duckdb.Error) as error:
                reason = refused(text or "", column.physical, error)
                message = f"{table.name} row {number + 1}, {column.name}: {reason}"
                findings.error("F714", message, table.span_of(number, column.name))
                row.append(None)
        made.append(tuple(row))
    return made


def _read(text: str, type_: str, zone: str | None) -> Any:
    if family(type_) != "other" or type_ in STAMPS:
        return read(text, type_, zone)
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT $1::{type_}", [text]).fetchall()[0][0]
