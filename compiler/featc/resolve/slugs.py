"""Readable names for what authors leave without one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from featc.parse import Fragment, Name

_LONGEST_NAME = 40


def slug(fragment: Fragment) -> str:
    """A readable identifier out of an expression: its words, in snake case."""
    words = [w for piece in fragment.pieces for w in _words(piece)]
    joined = "_".join(words)[:_LONGEST_NAME].strip("_")
    if not joined:
        return "value"
    return joined if joined[0].isalpha() else f"v_{joined}"


def _words(piece: object) -> Iterable[str]:
    if isinstance(piece, Name):
        text = "_".join(piece.parts)
    elif isinstance(piece, str):
        text = piece
    else:
        text = " ".join([getattr(piece, "name", ""), *(slug(a) for a in getattr(piece, "args", ()))])
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()
    return re.findall(r"[a-z0-9]+", snake)


def unused(base: str, taken: set[str]) -> str:
    """`base`, with a number where it is taken already; folded, it is among `taken` then."""
    name, n = base, 2
    while name.casefold() in taken:
        name, n = f"{base}_{n}", n + 1
    taken.add(name.casefold())
    return name
