"""Where each character of a YAML scalar's value stands in the file.

YAML folds, dedents and unescapes scalars but never reorders them: the characters that are not white space
follow each other in the file as they do in the value. So the value is walked along the author's text, instead
of keeping a second implementation of YAML's rules for each style.
"""

from __future__ import annotations

from collections.abc import Iterator

_ESCAPES = dict(zip('0abt\tnvfre "/\\N_LP', '\0\a\b\t\t\n\v\f\r\x1b "/\\\x85\xa0\u2028\u2029', strict=True))
_HEX = {"x": 2, "u": 4, "U": 8}
_SPACE = " \t\r\n\x85\u2028\u2029"


def align(text: str, start: int, end: int, style: str | None, value: str) -> list[int] | None:
    """For each character of `value`, its offset in `text`; None if the two do not belong together.

    [start, end) is the scalar in `text` with its quotes or block header; `style` is YAML's (None, ', ", | or
    >). White space that YAML made (a fold, a line end) maps to white space near it.
    """
    units = list(_units(text, start, end, style))
    places: list[int] = []
    at = 0
    last = start
    for char in value:
        if char not in _SPACE:
            while at < len(units) and units[at][1] != char and units[at][1] in _SPACE:
                at += 1
            if at == len(units) or units[at][1] != char:
                return None
        if at < len(units):
            last = units[at][0]
            if units[at][1] == char or units[at][1] in _SPACE:
                at += 1
        places.append(last)
    return places


def _units(text: str, start: int, end: int, style: str | None) -> Iterator[tuple[int, str]]:
    """The scalar's characters in the file with escapes undone: (offset, character)."""
    match style:
        case "|" | ">":
            newline = text.find("\n", start)
            begin = end if newline < 0 else newline
            yield from ((i, text[i]) for i in range(begin + 1, end))
        case "'":
            yield from _single_quoted(text, start + 1, end - 1)
        case '"':
            yield from _double_quoted(text, start + 1, end - 1)
        case _:
            yield from ((i, text[i]) for i in range(start, end))


def _single_quoted(text: str, at: int, end: int) -> Iterator[tuple[int, str]]:
    while at < end:
        yield at, text[at]
        at += 2 if text[at] == "'" else 1


def _double_quoted(text: str, at: int, end: int) -> Iterator[tuple[int, str]]:
    while at < end:
        if text[at] != "\\" or at + 1 >= end:
            yield at, text[at]
            at += 1
            continue
        kind = text[at + 1]
        if kind in _HEX:
            digits = _HEX[kind]
            yield at, chr(int(text[at + 2 : at + 2 + digits], 16))
            at += 2 + digits
        else:
            if kind in _ESCAPES:
                yield at, _ESCAPES[kind]
            at += 2
