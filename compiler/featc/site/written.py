"""Definitions as their authors wrote them: the lines of a file from a name on."""

from __future__ import annotations

from collections.abc import Iterable

from featc.errors import Span
from featc.load.text import SourceFile

_MOST = 60
"""Lines of one definition that are shown."""


class Written:
    """The files of a project, by path."""

    def __init__(self, files: Iterable[SourceFile]) -> None:
        self._lines = {f.path: f.text.splitlines() for f in files}
        self._known: dict[tuple[str, int], str] = {}

    def at(self, span: Span | None) -> str:
        """A definition: its first line and all that lie deeper, without their indentation; "" where it has no place."""
        if span is None or span.file not in self._lines:
            return ""
        key = (span.file, span.line)
        if key not in self._known:
            self._known[key] = _block(self._lines[span.file], span.line - 1)
        return self._known[key]

    def head(self, span: Span | None, stop: Iterable[str]) -> str:
        """The same, up to the first of the keys `stop` one step deeper."""
        lines = self.at(span).splitlines()
        inner = [_indent(line) for line in lines[1:] if line.strip()]
        step = min(inner, default=0)
        words = tuple(f"{word}:" for word in stop)
        keys = ((n, line) for n, line in enumerate(lines) if n and _indent(line) == step)
        end = next((n for n, line in keys if line.strip().startswith(words)), None)
        return "\n".join(lines[:end]).rstrip()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _block(lines: list[str], first: int) -> str:
    if first >= len(lines):
        return ""
    depth = _indent(lines[first])
    found = [lines[first]]
    for line in lines[first + 1 :]:
        if line.strip() and _indent(line) <= depth:
            break
        found.append(line)
    while found and (not found[-1].strip() or found[-1].lstrip().startswith("#")):
        found.pop()
    cut = [line[depth:] if not line[:depth].strip() else line for line in found]
    return "\n".join(cut if len(cut) <= _MOST else [*cut[:_MOST], "…"])
