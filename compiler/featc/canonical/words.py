"""Text → words: what an expression is written in, without spaces and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["leaf", "name", "quoted", "text", "number", "symbol", "raw"]

_WORDS = re.compile(
    r"""
      (?P<space>\s+|--[^\n\r]*|/\*.*?\*/)
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    | (?P<name>[^\W\d]\w*)
    | (?P<symbol>::|<=|>=|<>|!=|==|=>|\|\||//|\*\*|<<|>>|!~~\*|!~~|~~\*|~~|[-()\[\],.+*/%<>=^&|~])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of an expression. Names are in small letters, quoted ones as they are; `value` of a leaf is its number.
    `raw` is text that could not be cut into words."""

    kind: Kind
    value: str

    def __str__(self) -> str:
        return self.value


class Unreadable(Exception):
    """The text is none that this grammar knows for certain; its words stand for it then."""


def words(text: str) -> Iterator[Word]:
    """The words of a text. Raises Unreadable at what is none."""
    at = 0
    while at < len(text):
        found = _WORDS.match(text, at)
        if found is None:
            raise Unreadable(text[at])
        at = found.end()
        kind, value = found.lastgroup, found.group()
        match kind:
            case "space":
                continue
            case "text":
                yield Word("text", value[1:-1].replace("''", "'"))
            case "quoted":
                yield Word("quoted", value[1:-1].replace('""', '"'))
            case "name":
                yield Word("name", value.lower())
            case "number":
                yield Word("number", value.lower())
            case _:
                yield Word("symbol", {"==": "=", "!=": "<>"}.get(value, value))
