"""What a SQL leaf says: text pieces between the things that have to be resolved.

Offsets count characters of the text that was read; `end` is exclusive. Text pieces are the author's own words
with white space and comments normalised and words outside quotes in small letters. So what DuckDB runs is what the
author wrote, and two spellings of one expression are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from featc.algebra.row import Constant


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a text, at an offset of it."""

    code: str
    message: str
    start: int
    length: int
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """A name to be looked up: `amount`, or `user_orders.spend_7d` as its parts, quotes undone."""

    parts: tuple[str, ...]
    start: int = field(compare=False)
    end: int = field(compare=False)

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Over:
    """The window's name after OVER."""

    name: str
    start: int = field(compare=False)
    end: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Fragment:
    """An expression or a part of one."""

    pieces: tuple[Piece, ...]
    start: int = field(compare=False)
    end: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class BuiltinCall:
    """A call of one of featc's own scalars (`seconds_since` …), to be written out."""

    name: str
    args: tuple[Fragment, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """An aggregate as written. `name` is in small letters, `row` the row of the algebra; `args` are the arguments that
    rows bring, empty for `count(*)`, and `constants` its parameters by name, durations in µs.

    Offsets are part of equality, so that two calls of one text are two.
    """

    name: str
    args: tuple[Fragment, ...]
    star: bool
    distinct: bool
    filter: Fragment | None
    over: Over | None
    start: int
    end: int
    row: str = ""
    constants: tuple[tuple[str, Constant], ...] = ()


Piece = str | Name | BuiltinCall | AggregateCall


def walk(fragment: Fragment) -> Iterator[Name | BuiltinCall | AggregateCall]:
    """All pieces but text, outermost first, also inside arguments and filters."""
    for piece in fragment.pieces:
        if isinstance(piece, str):
            continue
        yield piece
        if isinstance(piece, BuiltinCall | AggregateCall):
            for arg in piece.args:
                yield from walk(arg)
        if isinstance(piece, AggregateCall) and piece.filter is not None:
            yield from walk(piece.filter)
