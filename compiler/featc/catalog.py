"""What the compiler asks of the outside: column types of real sources, and DuckDB's opinion of an expression.

The compiler opens no connection. `resolve` is handed something that answers these two questions; the runtime's
`catalog` answers them with DuckDB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from featc.resolve.model import Location

DEEPEST = 200
"""Operators and calls that may stand one in another, `a + b + c` being two; `let` names are written out. Engines have
such limits of their own, and what reads expressions after the catalog goes down their trees."""


@dataclass(frozen=True, slots=True)
class TypeProblem:
    """Why the engine refuses an expression, in its own words (first line), for the resolver to put at its place."""

    message: str


class Catalog(Protocol):
    """Answers about real sources."""

    def columns(self, source: str, location: Location) -> Sequence[tuple[str, str]]:
        """(name, physical type) of a source's columns, in the data's order. Raises FeatcError F4xx when the source
        is missing, empty of columns or unreadable."""
        ...

    def types(self, columns: Sequence[tuple[str, str]], expressions: Sequence[str]) -> Sequence[str | TypeProblem]:
        """The type DuckDB gives each expression over columns of the given (name, type); one answer each, in order."""
        ...
