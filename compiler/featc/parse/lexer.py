"""Text → tokens with places, refusing what no expression may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token as RawToken

from featc.parse.model import Problem

Kind = Literal["word", "quoted", "string", "number", "symbol"]

SYMBOLS = frozenset(
    """
    ( ) [ ] , . + - * / % < <= > >= = == => <> != || :: // ** ^ & | << >> ~ ~~ ~~* !~~ !~~*
    """.split()  # noqa: SIM905
)
_WORD = re.compile(r"[^\W\d]\w*(?:\s+[^\W\d]\w*)*\Z")
_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?\Z", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_COMPARES = ("=", "==", "<>", "!=")
_ADVICE = {
    "{": ("F204", "'{' has no place here", "a window's name stands without braces: over last_7d"),
    "}": ("F204", "'}' has no place here", "names stand without braces"),
    ";": ("F204", "';' ends a statement, and this is an expression", "leave it out"),
    "?": ("F204", "parameters are not possible here", "use request.<name> for what a request brings"),
    "$": ("F204", "parameters are not possible here", "use request.<name> for what a request brings"),
    ":": ("F204", "':' has no place here", "write x::date for a cast, array_slice(x, 1, 2) for part of a list"),
    ":=": ("F204", "':=' has no place here", "a parameter is given as in alpha => 0.3, an argument by its place"),
    "`": ("F204", "'`' has no place here", "text stands in 'single' quotes, names in none or in \"double\" ones"),
    "->": ("F204", "lambdas and -> are not possible here", "for JSON use json_extract_string(x, '$.a')"),
    "->>": ("F204", "->> is not possible here", "for JSON use json_extract_string(x, '$.a')"),
    "@": ("F204", "'@' has no place here", "write abs(x)"),
    "!": ("F204", "'!' has no place here", "write not x, or x <> y"),
    "!~": ("F204", "'!~' is not possible here", "write not regexp_full_match(x, 'pattern')"),
    "#": ("F204", "'#' has no place here", "name the column"),
    "\\": ("F204", "'\\' has no place here", "leave it out"),
}


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the author's text. `text` is as written; `word` is it in small letters, single-spaced."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The word in small letters; empty for what is no unquoted word."""
        return " ".join(self.text.lower().split()) if self.kind == "word" else ""

    def is_symbol(self, *symbols: str) -> bool:
        return self.kind == "symbol" and self.text in symbols

    @property
    def name(self) -> str:
        """The identifier it spells, quotes undone."""
        return self.text[1:-1].replace('""', '"') if self.kind == "quoted" else self.text


def duckdb() -> Dialect:
    return Dialect.get_or_raise("duckdb")


def wrapped(text: str) -> str:
    """The text in parentheses, so that no first word makes a statement of it. Offsets move by one."""
    return f"({text}\n)"


def tokenize(text: str) -> tuple[tuple[Token, ...], list[RawToken], list[Problem]]:
    """The tokens of `text`, sqlglot's tokens of `wrapped(text)`, and what is wrong with them."""
    source = wrapped(text)
    try:
        raw = list(duckdb().tokenize(source))
    except SqlglotError:
        return (), [], [_unreadable(text)]
    tokens, problems = _own(text, raw[1:-1])
    problems = _neighbours(tokens) or problems[:1] or _gaps(text, tokens) or _balance(tokens)
    return tokens, raw, problems


def _own(text: str, raw: Iterable[RawToken]) -> tuple[tuple[Token, ...], list[Problem]]:
    found: list[Token] = []
    problems: list[Problem] = []
    for token in raw:
        start, end = token.start - 1, token.end
        spelled = text[start:end]
        merged = _merge(found, spelled, start)
        if merged is not None:
            found[-1] = merged
            continue
        kind = _kind(spelled)
        if kind is None:
            problems.append(_refused(spelled, start))
        else:
            found.append(Token(kind, spelled, start, end))
    for i, own in enumerate(found):
        if own.kind == "symbol" and own.text not in SYMBOLS:
            is_window = i > 0 and found[i - 1].word == "over"
            problems.append(_refused(own.text, own.start) if is_window or own.text != "{" else _struct(own.start))
    return tuple(found), problems


def _struct(start: int) -> Problem:
    hint = "write its parts as features of their own; a name, and Jinja inside quotes, needs no single brace"
    return Problem("F204", "structs are not possible here", start, 1, hint)


def _merge(found: list[Token], spelled: str, start: int) -> Token | None:
    """`<<` and `>>` reach us in halves, `.5` as a dot and a number."""
    if not found or found[-1].end != start:
        return None
    last = found[-1]
    if last.text + spelled in ("<<", ">>"):
        return Token("symbol", last.text + spelled, last.start, start + 1)
    before = found[-2] if len(found) > 1 else None
    after_name = (
        before is not None
        and (before.kind != "symbol" or before.text in (")", "]"))
        and before.end == last.start
    )
    if last.text == "." and _NUMBER.match(spelled) and not after_name:
        return Token("number", last.text + spelled, last.start, start + len(spelled))
    return None


def _kind(spelled: str) -> Kind | None:
    first = spelled[:1]
    if first == '"':
        return "quoted"
    if first == "'":
        return "string"
    if _NUMBER.match(spelled):
        return "number"
    if _WORD.match(spelled):
        return "word"
    return None if spelled[:1].isalnum() or "'" in spelled or "$" in spelled else "symbol"


def _refused(spelled: str, start: int) -> Problem:
    if "'" in spelled or spelled.startswith("$$"):
        prefix = spelled.split("'")[0]
        form = "$$…$$" if spelled.startswith("$$") else f"{prefix}'…'"
        return Problem(
            "F216",
            f"strings of the form {form} are not possible here",
            start,
            len(spelled),
            "write a plain 'string'; chr(10) is a line feed",
        )
    if spelled[:1].isdigit():
        digits = spelled.replace("_", "")
        return Problem(
            "F203",
            f"'{spelled}' is neither a number nor a name",
            start,
            len(spelled),
            f"write {digits}" if digits.isdigit() else f'quote a column of that name: "{spelled}"',
        )
    code, message, hint = (
        _ADVICE.get(spelled)
        or _ADVICE.get(spelled[:1])
        or ("F204", f"'{spelled}' has no place in an expression", "leave it out")
    )
    return Problem(code, message, start, max(1, len(spelled)), hint)


def _gaps(text: str, tokens: tuple[Token, ...]) -> list[Problem]:
    """Every character between tokens is white space or a comment: nothing was passed over."""
    at = 0
    problems: list[Problem] = []
    for start, end in [*((t.start, t.end) for t in tokens), (len(text), len(text))]:
        between = text[at:start]
        rest = _COMMENT.sub(lambda m: " " * len(m[0]), between) if between.strip() else ""
        if rest.strip():
            offset = at + len(rest) - len(rest.lstrip())
            problems.append(_refused(text[offset], offset))
        at = end
    return problems[:1]


def _balance(tokens: tuple[Token, ...]) -> list[Problem]:
    pairs = {")": "(", "]": "["}
    stack: list[Token] = []
    for token in tokens:
        if token.is_symbol("(", "["):
            stack.append(token)
        elif token.is_symbol(")", "]"):
            if not stack or stack[-1].text != pairs[token.text]:
                return [Problem("F201", f"this '{token.text}' was never opened", token.start, 1, "remove it")]
            stack.pop()
    if stack:
        return [Problem("F201", f"this '{stack[-1].text}' is never closed", stack[-1].start, 1, "close it")]
    return []


_UNITS = {"us": "microsecond", "ms": "millisecond", "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}


def _interval(duration: str) -> str:
    """A duration such as 1h30m as SQL writes it."""
    parts = re.findall(r"(\d+)(us|ms|[smhdw])", duration)
    return " + ".join(f"interval {number} {_UNITS[unit]}" for number, unit in parts)


def _neighbours(tokens: tuple[Token, ...]) -> list[Problem]:
    problems = []
    for before, left, right in zip((None, *tokens), tokens, tokens[1:], strict=False):
        glued = left.end == right.start
        if left.kind == "number" and right.kind in ("word", "quoted", "number") and glued:
            whole = left.text + right.text
            window = re.fullmatch(r"(\d+(us|ms|[smhdw]))+", whole)
            hint = (
                f"as a length of time: {_interval(whole)}; what arrives late is a source's delay: or available_at:"
                if window and before is not None and before.text in ("+", "-")
                else f"windows are named: over last_{whole}"
                if window
                else f'quote a column of that name: "{whole}"'
            )
            if set(whole) <= set("0123456789_"):
                hint = f"write {whole.replace('_', '')}"
            problems.append(
                Problem("F203", f"'{whole}' is neither a number nor a name", left.start, len(whole), hint)
            )
        if glued and _is_operator(left) and _is_operator(right) and set(left.text + right.text) & set("~!%^&|"):
            hint = f"put a space between them: {left.text} {right.text}"
            both = left.text + right.text
            problems.append(Problem("F202", f"'{both}' is read as one operator", left.start, len(both), hint))
        if left.text in _COMPARES and right.word == "null":
            written = "is null" if left.text in ("=", "==") else "is not null"
            problems.append(
                Problem(
                    "F219",
                    f"'{left.text} null' is never true",
                    left.start,
                    right.end - left.start,
                    f"write {written}",
                )
            )
        if left.kind == "string" and right.kind == "string":
            problems.append(
                Problem(
                    "F202",
                    "two strings side by side",
                    right.start,
                    len(right.text),
                    "put a comma between them, or join them with ||",
                )
            )
    return problems


def _is_operator(token: Token) -> bool:
    return token.kind == "symbol" and token.text not in ("(", ")", "[", "]", ",", ".", "::")


def _unreadable(text: str) -> Problem:
    """sqlglot gave up: a quote or comment that never ends."""
    for quote, name in (("'", "quote '"), ('"', 'quote "')):
        stripped = _COMMENT.sub(lambda m: " " * len(m[0]), text)
        if stripped.count(quote) % 2:
            return Problem("F201", f"a {name} is never closed", stripped.rindex(quote), 1, "close it")
    if "/*" in text:
        return Problem("F201", "the comment /* is never closed", text.rindex("/*"), 2, "close it with */")
    return Problem("F201", "the text cannot be read", 0, max(1, len(text)), "write one expression of DuckDB's SQL")
