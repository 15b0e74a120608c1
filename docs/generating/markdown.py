"""Markdown, as the pages of the reference need it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

MADE = "Made from the code by `make docs`; change it there."


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what would end a cell is escaped."""
    lines = ["| " + " | ".join(headers) + " |", "|" + "---|" * len(headers)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def listed(words: Iterable[str]) -> str:
    return ", ".join(code(word) for word in words)


def prose(text: str) -> str:
    """A paragraph, wrapped as the repository's pages are."""
    return textwrap.fill(" ".join(text.split()), 118, break_on_hyphens=False, break_long_words=False)


def page(*parts: str) -> str:
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"
