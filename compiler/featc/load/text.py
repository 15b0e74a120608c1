"""Text that remembers where the author wrote it, through YAML's scalar styles, Jinja and `each`.

Every later phase reports errors by offsets into the text it was given; `Text.span_at` leads such an offset
back to the author's own line and column.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from featc.errors import Span
from featc.load.align import align


@dataclass(frozen=True, slots=True, eq=False)
class SourceFile:
    """A file of the project as read: `path` relative to the project's root with `/`, and its text."""

    path: str
    text: str = field(repr=False)
    starts: tuple[int, ...] = field(repr=False)
    """Offset of the first character of each line."""

    @staticmethod
    def of(path: str, text: str) -> SourceFile:
        starts = [0]
        at = 0
        for line in text.splitlines(keepends=True):
            at += len(line)
            # splitlines also breaks at form feeds and the like; an editor counts only these three.
            if line.endswith(("\n", "\r")):
                starts.append(at)
        return SourceFile(path, text, tuple(starts))

    def span(self, start: int, end: int) -> Span:
        """The place of characters [start, end), cut at the end of its first line; at least one character
        long.
        """
        row = bisect_right(self.starts, start) - 1
        begin = self.starts[row]
        stop = self.starts[row + 1] if row + 1 < len(self.starts) else len(self.text)
        line = self.text[begin:stop].rstrip("\r\n")
        length = max(1, min(end, begin + len(line)) - start)
        return Span(self.path, row + 1, start - begin + 1, length, line)


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A YAML scalar's place in its file: characters [start, end), quotes and block header included; YAML's
    style.
    """

    file: SourceFile
    start: int
    end: int
    style: str | None

    def range_of(self, value: str, offset: int, length: int) -> tuple[int, int]:
        """Where characters [offset, offset+length) of the scalar's `value` stand in the file."""
        text = self.file.text
        if self.style is None and text.startswith(value, self.start):
            return self.start + offset, self.start + offset + length
        places = align(text, self.start, self.end, self.style, value)
        if places is None:
            return self.start, self.end
        first = places[min(offset, len(places) - 1)]
        last = places[min(offset + max(length, 1), len(places)) - 1] + 1
        return first, max(last, first + 1)


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters [start, end) of a rewritten text come from [origin_start, origin_end) of the text before.

    `exact` pieces were copied character by character; of the others, every character came from the whole
    origin.
    """

    start: int
    end: int
    origin_start: int
    origin_end: int
    exact: bool


@dataclass(frozen=True, slots=True, eq=False)
class Rewrite:
    """A text made from another, by Jinja or by `each`: the pieces cover it from left to right."""

    of: Text
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A rendered scalar: its value as later phases read it, and the place of the whole scalar."""

    value: str
    span: Span = field(compare=False)
    origin: Scalar | Rewrite | None = field(default=None, repr=False, compare=False)

    @staticmethod
    def plain(value: str, file: str = "<text>", line: int = 1, column: int = 1) -> Text:
        """A text that was not read from a YAML file, such as a command line argument."""
        first = value.split("\n", 1)[0]
        pad = " " * (column - 1)
        return Text(value, Span(file, line, column, max(1, len(first)), pad + first))

    def __str__(self) -> str:
        return self.value

    def span_at(self, offset: int, length: int = 1) -> Span:
        """The author's place of characters [offset, offset+length) of `value`.

        Text copied from the file maps exactly (the span ends with its line); text made by Jinja maps to the
        `{{ … }}` that made it, text put in by `each` to its `{parameter}`. An offset at or past the end maps
        to just after the last character.
        """
        match self.origin:
            case Scalar() as scalar:
                if not self.value:
                    return self.span
                past = offset >= len(self.value)
                start, end = scalar.range_of(self.value, min(offset, len(self.value) - 1), length)
                return scalar.file.span(end, end + 1) if past else scalar.file.span(start, end)
            case Rewrite() as rewrite:
                return _through(rewrite, offset, length) or self.span
            case None:
                return _unmapped(self.value, self.span, offset, length)


def _through(rewrite: Rewrite, offset: int, length: int) -> Span | None:
    pieces = rewrite.pieces
    if not pieces:
        return None
    at = max(0, bisect_right(pieces, offset, key=lambda p: p.start) - 1)
    piece = pieces[at]
    if not piece.exact:
        return rewrite.of.span_at(piece.origin_start, piece.origin_end - piece.origin_start)
    room = piece.end - offset
    return rewrite.of.span_at(piece.origin_start + offset - piece.start, max(1, min(length, room)))


def _unmapped(value: str, span: Span, offset: int, length: int) -> Span:
    before = value[:offset]
    row = before.count("\n")
    if row == 0:
        return Span(span.file, span.line, span.column + offset, max(1, length), span.text)
    line = value.split("\n")[row]
    return Span(span.file, span.line + row, offset - before.rfind("\n"), max(1, length), line)
