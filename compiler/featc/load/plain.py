"""What YAML does to plain (unquoted) scalars behind the author's back: cuts at ` #` and `,`, and guessed
types.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_CLOSERS = {")": "(", "]": "[", "}": "{"}
_OPENERS = {v: k for k, v in _CLOSERS.items()}
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_INTERESTING = re.compile(r"[()\[\]{}'\"]")
_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|[()\[\]{}'\"]", re.DOTALL)
_DANGLING = re.compile(
    r"(?:[-+*/%=<>|,(\[.]|::|\b(?:and|or|not|in|is|like|between|case|when|then|else|over|filter|where|by|from|as|distinct))\s*\Z",
    re.IGNORECASE,
)
_YES_NO = re.compile(r"(?:yes|no|on|off)\Z", re.IGNORECASE)
_CONSTANT = re.compile(r"(?:true|false|null|~)\Z", re.IGNORECASE)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)[eE][-+][0-9]+\Z")
_EITHER = "a number to some YAML readers and text to others"
_SURPRISES = (
    (r"[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", "a number in base 60 to some YAML readers"),
    (r"0[0-7_]+", "an octal number to some YAML readers"),
    (r"0[0-9_]+", "a number that loses its leading zero in some YAML readers"),
    (r"0(?:o[0-7_]+|x[0-9a-fA-F_]+|b[01_]+)", "a number in another base to YAML"),
    (r"[0-9][0-9_]*(?:\.[0-9_]*)?", _EITHER),
    (r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+", _EITHER),
    (r"\.(?:inf|Inf|INF|nan|NaN|NAN)", "a special number to YAML"),
)


@dataclass(frozen=True, slots=True)
class Imbalance:
    """The first bracket or quote without a partner: its offset, and what was found or is missing."""

    offset: int
    message: str


def imbalance(sql: str) -> Imbalance | None:
    """The first unmatched bracket or quote of an expression, if any. SQL comments and Jinja are passed
    over.
    """
    if _INTERESTING.search(sql) is None:
        return None
    if "{" in sql:
        sql = _JINJA.sub(lambda m: " " * len(m[0]), sql)
    open_brackets: list[tuple[str, int]] = []
    at = 0
    while found := _TOKEN.search(sql, at):
        at = found.end()
        char = found[0]
        if char in "'\"":
            end = sql.find(char, at)
            if end < 0:
                return Imbalance(found.start(), f"the quote {char} is not closed")
            at = end + 1
        elif char in _OPENERS:
            open_brackets.append((char, found.start()))
        elif char in _CLOSERS:
            if not open_brackets or open_brackets[-1][0] != _CLOSERS[char]:
                return Imbalance(found.start(), f"the bracket {char} was never opened")
            open_brackets.pop()
    if open_brackets:
        char, offset = open_brackets[-1]
        return Imbalance(offset, f"the bracket {char} is not closed")
    return None


def is_dangling(sql: str) -> bool:
    """True if the text ends where an expression cannot end, such as after `and` or `+`."""
    return _DANGLING.search(sql) is not None


def yes_no(value: str) -> bool:
    """True for yes, no, on, off in any case: booleans to YAML 1.1, words to YAML 1.2."""
    return len(value) <= 3 and _YES_NO.match(value) is not None


def is_constant(value: str) -> bool:
    """True for true, false, null and ~ in any case."""
    return len(value) <= 5 and _CONSTANT.match(value) is not None


def surprise(value: str) -> str | None:
    """Why a plain scalar means different things to different YAML readers, or None if it has one meaning."""
    if not value or value[0] not in "0123456789+-.yYnNoO":
        return None
    if yes_no(value):
        return "a boolean to some YAML readers and text to others"
    if _INTEGER.match(value) or _FLOAT.match(value):
        return None
    if _DECIMAL.match(value) and not re.match(r"[-+]?0[0-9]", value):
        return None
    bare = value[1:] if value[0] in "+-" else value
    return next((why for pattern, why in _SURPRISES if re.fullmatch(pattern, bare)), None)


def quotable(value: str) -> str:
    """What a surprising scalar is in quotes, so that it may be the value that was meant."""
    named = {"inf": "Infinity", "nan": "NaN"}
    return re.sub(r"(?i)\A([-+]?)\.(inf|nan)\Z", lambda m: m[1] + named[m[2].lower()], value)


def read_plain(value: str) -> bool | int | Decimal | float | str | None:
    """The one meaning of a plain scalar that is no `surprise`."""
    lowered = value.lower()
    if lowered in ("null", "~", ""):
        return None
    if lowered in ("true", "false"):
        return lowered == "true"
    if _INTEGER.match(value):
        return int(value)
    if _DECIMAL.match(value):
        return Decimal(value)
    if _FLOAT.match(value):
        return float(value)
    return value
