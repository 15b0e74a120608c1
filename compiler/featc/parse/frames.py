"""What stands after OVER: a window's name, or an error that says which name to use."""

from __future__ import annotations

import re
from collections.abc import Sequence

from featc.durations import format_duration
from featc.parse.lexer import Token
from featc.parse.model import Over, Problem

_UNITS = {
    "microsecond": 1,
    "millisecond": 1000,
    "second": 10**6,
    "minute": 60 * 10**6,
    "hour": 3600 * 10**6,
    "day": 86400 * 10**6,
    "week": 7 * 86400 * 10**6,
}
_ROWS = re.compile(r"rows\s+(?:between\s+)?(\d+)\s+preceding(?:\s+and\s+current\s+row)?\s*\)?\s*\Z", re.I)
_RANGE = re.compile(
    r"range\s+(?:between\s+)?(?:interval\s+)?'?(\d+)\s*'?\s*([a-z]+?)s?'?\s+preceding(?:\s+and\s+current\s+row)?\s*\)?\s*\Z",
    re.I,
)


def read_over(text: str, tokens: Sequence[Token], at: int) -> Over | Problem:
    """The window named after the OVER at `tokens[at]`, or why there is none."""
    over = tokens[at]
    if at + 1 >= len(tokens):
        return Problem(
            "F205",
            "a window's name is missing after OVER",
            over.start,
            len(over.text),
            "write, for instance, over last_7d or over lifetime",
        )
    token = tokens[at + 1]
    if token.kind in ("word", "quoted"):
        return Over(token.name, token.start, token.end)
    if token.is_symbol("("):
        return _frame(text, tokens, at)
    if token.kind == "number":
        after = tokens[at + 2].text if at + 2 < len(tokens) and tokens[at + 2].start == token.end else ""
        return Problem(
            "F205",
            f"'{token.text}{after}' is no window's name",
            token.start,
            len(token.text + after),
            f"write over last_{token.text}{after or 'd'}",
        )
    inner = token.text.strip("'")
    return Problem(
        "F205",
        "OVER takes a window's bare name",
        token.start,
        len(token.text),
        f"write over {inner}" if inner.isidentifier() else "write, for instance, over last_7d",
    )


def _frame(text: str, tokens: Sequence[Token], at: int) -> Problem:
    depth, end = 0, at + 1
    for end in range(at + 1, len(tokens)):
        depth += tokens[end].is_symbol("(", "[") - tokens[end].is_symbol(")", "]")
        if depth == 0:
            break
    start = tokens[at].start
    inside = text[tokens[at + 1].end : tokens[end].start].strip()
    return Problem(
        "F206", "OVER takes the name of a window, not a frame", start, tokens[end].end - start, _named(inside)
    )


def _named(inside: str) -> str:
    words = " ".join(inside.split())
    frame = re.search(r"\b(?:rows|range|groups)\b.*", words, re.I)
    clause = frame[0] if frame else ""
    if found := _ROWS.match(clause):
        n = int(found[1]) + 1
        return f"write over last_{n}_rows: rows {found[1]} preceding holds {n} rows, the current one included"
    if (found := _RANGE.match(clause)) and found[2].lower() in _UNITS:
        return f"write over last_{format_duration(int(found[1]) * _UNITS[found[2].lower()])}"
    if re.search(r"unbounded\s+preceding", clause, re.I) or not clause:
        keys = (
            "; rows are already those of the view's entity"
            if re.search(r"partition\s+by", words, re.I)
            else ""
        )
        return f"write over lifetime{keys}"
    return "write a named window: over last_7d, over last_10_rows, or one declared under windows:"
