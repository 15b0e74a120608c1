"""Authors' tests as read: rows that are given, asked and expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featc.errors import Span
from featc.load.text import Text

if TYPE_CHECKING:
    from featc.load.model import Literal, Meta


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an author's test, columns in the order written; `names` is where each column's name stands."""

    values: Mapping[str, Literal]
    names: Mapping[str, Span]
    span: Span


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of an author's test: written in place, or in `file` (relative to the folder of the test's own
    file).
    """

    file: Text | None
    rows: tuple[Row, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TestDef:
    """An author's test. `folder` is where its data files are looked for, relative to the project's root."""

    # Not a test case, whatever pytest may think of the name.
    __test__ = False

    name: str
    span: Span
    service: Text
    given: Mapping[str, Rows]
    spine: Rows
    expect: Rows
    folder: str
    meta: Meta
