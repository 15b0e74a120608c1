"""Expressions as their authors wrote them: `let` names and featc's own scalars, written out in a resolved expression,
folded back to their names.

A `Spelled` text has one private character for each thing that is named, so that its structure can be read without
minding what names contain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from featc.parse.functions import BUILTINS
from featc.resolve.model import AsOfRef, ColumnRef, Expr, Ref, RequestRef, StateRef
from featc.resolve.scalars import write_out

_FIRST = 0xE000
_LAST = 0xF8FF
_NOW = 0xE001
TOKEN = f"[{chr(_FIRST)}-{chr(_LAST)}]"
"""The private characters, as a class of a regular expression."""
_FIELD = re.compile(rf"struct_extract\(({TOKEN}), '(\w+)'\)")


@dataclass(frozen=True, slots=True)
class Named:
    """A `let` of the source."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """One of featc's own scalars; arguments are texts with private characters of the same `Spelled`."""

    name: str
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct; `base` is a private character of the same `Spelled`."""

    base: str
    name: str


Thing = Ref | Named | Call | Field


@dataclass(slots=True)
class Spelled:
    """`text` and what its private characters stand for."""

    text: str
    things: dict[str, Thing]

    def thing(self, text: str) -> Thing | None:
        """What a text stands for that is one private character and nothing else."""
        return self.things.get(bare(text))

    def render(self, name: Callable[[Ref | Named], str], text: str | None = None) -> str:
        """A text of it, or all, with things by their names."""

        def shown(match: re.Match[str]) -> str:
            thing = self.things[match[0]]
            if isinstance(thing, Field):
                return f"{self.render(name, thing.base)}.{thing.name}"
            if isinstance(thing, Call):
                return f"{thing.name}({', '.join(self.render(name, bare(a)) for a in thing.args)})"
            return name(thing)

        return re.sub(TOKEN, shown, self.text if text is None else text)


def spelled(expr: Expr, lets: Iterable[tuple[str, Expr]] = ()) -> Spelled:
    """An expression with the `let` names and scalars it was written with."""
    found = _Writer({}, {})
    text = found.fold_fields(found.write(expr.parts))
    for name, let in sorted(lets, key=lambda each: -len(each[1].parts)):
        if not let.is_bare:
            text = found.fold_let(text, name, found.fold_fields(found.write(let.parts)))
    for name in BUILTINS:
        text = found.fold_call(text, name)
    return Spelled(text, found.things)


@dataclass(slots=True)
class _Writer:
    things: dict[str, Thing]
    tokens: dict[object, str]

    def token(self, thing: Thing) -> str:
        """Columns of an event and of a state row are one thing here."""
        key: object = ("column", thing.column) if isinstance(thing, (ColumnRef, StateRef)) else thing
        if key not in self.tokens:
            code = _NOW if isinstance(thing, AsOfRef) else min(_FIRST + 2 + len(self.tokens), _LAST)
            self.tokens[key] = chr(code)
            self.things[chr(code)] = thing
        return self.tokens[key]

    def write(self, parts: Iterable[str | Ref]) -> str:
        # an author's own private characters would be taken for ours
        return "".join(re.sub(TOKEN, "?", p) if isinstance(p, str) else self.token(p) for p in parts)

    def fold_let(self, text: str, name: str, let: str) -> str:
        if text == let:
            return self.token(Named(name))
        enclosed = f"({let})"
        if enclosed not in text:
            return text
        token = self.token(Named(name))
        # after a function's name the parentheses are the call's
        text = re.sub(rf"(?<![\w\"]){re.escape(enclosed)}", token, text)
        return text.replace(enclosed, f"({token})")

    def fold_fields(self, text: str) -> str:
        before = ""
        while before != text and "struct_extract(" in text:
            before, text = text, _FIELD.sub(lambda m: self.token(Field(m[1], m[2])), text)
        return text

    def fold_call(self, text: str, name: str) -> str:
        mark, pattern = _pattern(name)
        if mark not in text:
            return text

        def folded(match: re.Match[str]) -> str:
            args = match.groups()
            return self.token(Call(name, args)) if all(is_balanced(a) for a in args) else match[0]

        before = ""
        while before != text and mark in text:
            before, text = text, pattern.sub(folded, text)
        return text


@cache
def _pattern(name: str) -> tuple[str, re.Pattern[str]]:
    """A text that a written-out scalar holds, and what it matches, its arguments as groups."""
    holes = [RequestRef(str(n)) for n in range(BUILTINS[name])]
    parts = write_out(name, [(hole,) for hole in holes])
    seen: set[Ref] = set()
    pattern = ""
    for part in parts:
        if isinstance(part, str):
            pattern += re.escape(part)
        elif isinstance(part, AsOfRef):
            pattern += chr(_NOW)
        else:
            n = holes.index(part)  # type: ignore[arg-type]
            pattern += f"(?P=a{n})" if part in seen else f"(?P<a{n}>.+?)"
            seen.add(part)
    return max((p for p in parts if isinstance(p, str)), key=len), re.compile(pattern, re.S)


# ── structure ─────────────────────────────────────────────────────────────────────────────────────────────────────


def is_balanced(text: str) -> bool:
    """Whether parentheses, brackets and quotes close within the text."""
    return _depths(text)[1]


def bare(text: str) -> str:
    """A text without parentheses around the whole."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and is_balanced(text[1:-1]):
        text = text[1:-1].strip()
    return text


def _depths(text: str) -> tuple[list[int], bool]:
    """How deep each character lies (text in quotes counts as one deeper), and whether all closes."""
    depths: list[int] = []
    depth, quote, fell = 0, "", False
    for c in text:
        if quote:
            depths.append(depth + 1)
            quote = "" if c == quote else quote
            continue
        if c in "'\"":
            quote = c
            depths.append(depth + 1)
            continue
        depth -= c in ")]}"
        fell = fell or depth < 0
        depths.append(depth + (c in ")]}"))
        depth += c in "([{"
    return depths, depth == 0 and not quote and not fell


def split_at(text: str, word: re.Pattern[str]) -> list[str]:
    """A text cut at each match that lies in no parentheses, quotes or CASE: pieces and the words between in turn."""
    found: list[str] = []
    start = 0
    for match in top_level(text, word):
        found += [text[start : match.start()], match[0]]
        start = match.end()
    return [*found, text[start:]]


def top_level(text: str, word: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """The matches that lie in no parentheses or quotes; none at all where a CASE does not."""
    depths, _ = _depths(text)
    if re.search(r"\bcase\b", text, re.I):
        return
    yield from (m for m in word.finditer(text) if not any(depths[m.start() : m.end()]))
