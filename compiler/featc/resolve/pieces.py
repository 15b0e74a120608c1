"""Expressions under work: text and references in turn."""

from __future__ import annotations

from collections.abc import Iterable

from featc.resolve.model import Ref

Parts = tuple[str | Ref, ...]


def joined(pieces: Iterable[str | Ref]) -> Parts:
    """The pieces with neighbouring text made one."""
    found: list[str | Ref] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        elif piece != "":
            found.append(piece)
    return tuple(found)


def enclosed(parts: Parts) -> Parts:
    """The parts as an operand: in parentheses unless they are a single reference."""
    if len(parts) == 1 and not isinstance(parts[0], str):
        return parts
    return joined(("(", *parts, ")"))
