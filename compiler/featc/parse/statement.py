"""A source's own `sql:`, which may be any SELECT: only what would make it another one at every run is refused."""

from __future__ import annotations

from sqlglot.errors import SqlglotError

from featc.parse.lexer import duckdb
from featc.parse.model import Problem
from featc.parse.words import BARE_CHANGING
from featc_dialects.duckdb_functions import CHANGING

_STEADY = frozenset("hash version stats timezone to_timestamp make_timestamptz".split())  # noqa: SIM905
"""Functions that depend on the engine or on a zone, and are the same at every run."""

_HINT = "leave it out, or keep its value in a column of the data: a source must hold the same rows at every run"


def unsteady(text: str) -> list[Problem]:
    """The calls in a SELECT whose value depends on the moment, the session or chance, and samples."""
    try:
        tokens = list(duckdb().tokenize(text))
    except SqlglotError:
        return []  # the engine says what is wrong with it
    problems = []
    for place, token in enumerate(tokens):
        word = text[token.start : token.end + 1].lower()
        before = text[tokens[place - 1].start : tokens[place - 1].end + 1].lower() if place else ""
        after = text[tokens[place + 1].start : tokens[place + 1].end + 1] if place + 1 < len(tokens) else ""
        called = after == "(" and word in CHANGING - _STEADY
        bare = after not in ("(", ".") and before not in (".", "as") and word in BARE_CHANGING
        if called or bare:
            problems.append(Problem("F208", f"{word} is another at every run", token.start, len(word), _HINT))
        if word == "tablesample" or (word == "sample" and before == "using"):
            problems.append(Problem("F208", "a sample is another at every run", token.start, len(word), _HINT))
    return problems
