"""Reads one SQL leaf. The result depends on the text alone, so equal texts are read once."""

from __future__ import annotations

import re
from functools import lru_cache

from featc.parse.cut import cut
from featc.parse.lexer import tokenize
from featc.parse.model import Fragment, Problem
from featc.parse.tree import columns, read_tree
from featc.parse.words import check_words

DEEPEST = 24
"""Levels of brackets and CASE. The parser in pure Python ends at about 30, compiled far later: one limit for both."""

_NESTING = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[(\[)\]]|\b(?:case|end)\b", re.IGNORECASE)


def depth(text: str) -> int:
    """How deep brackets and CASE expressions stand in each other, quoted text left out.

    >>> depth("coalesce(sum(amount), 0) + (1)")
    2
    """
    level = deepest = 0
    for found in _NESTING.finditer(text):
        word = found[0].lower()
        if word in ("(", "[", "case"):
            level += 1
            deepest = max(deepest, level)
        elif word in (")", "]", "end"):
            level -= 1
    return deepest


@lru_cache(maxsize=20_000)
def read(text: str) -> Fragment | tuple[Problem, ...]:
    """The expression `text` says, or what is wrong with it, in the order of the text.

    A reading counts only if every token has a known part in it: columns are those of sqlglot's tree, and
    every other word must be a function, a type, or a keyword at its place.
    """
    try:
        if depth(text) <= DEEPEST:
            return _read(text)
    except RecursionError:
        pass
    hint = "give its parts names: features of their own, or let: of the source"
    return (Problem("F201", "the expression is nested too deeply", 0, max(1, len(text)), hint),)


def _read(text: str) -> Fragment | tuple[Problem, ...]:
    tokens, raw, problems = tokenize(text)
    if not tokens and not problems:
        comment = "--" in text or "/*" in text
        hint = "-- and /* start a comment in SQL" if comment else "write an expression, or remove the key"
        return (Problem("F214", "the expression is empty", 0, max(1, len(text)), hint),)
    if not problems:
        problems = check_words(text, tokens)
    if problems:
        return _in_order(problems)
    tree, problems = read_tree(text, raw)
    if problems or tree is None:
        return _in_order(problems)
    found = cut(text, tokens, columns(tree))
    return found if isinstance(found, Fragment) else _in_order(found)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(dict.fromkeys(sorted(problems, key=lambda p: (p.start, p.code))))
