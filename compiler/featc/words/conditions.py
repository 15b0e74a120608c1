"""Conditions on rows in words: `status = 'paid'` is "with status 'paid'", a `let` of one word stands before the noun.

Only what is certain is put into words; everything else is quoted as SQL, after "where".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from featc.resolve.model import ColumnRef, Ref, StateRef
from featc.words.spelling import TOKEN, Named, Spelled, bare, top_level
from featc.words.spelling import split_at as cut_at

_AND = re.compile(r"\s+and\s+", re.I)
_LITERAL = r"'(?:[^']|'')*'|[+-]?\d+(?:\.\d+)?|true|false"
_ADJECTIVE = re.compile(r"[a-z]+", re.I)
_COMPARED = re.compile(rf"({TOKEN})\s*(=|<>|!=|>=|<=|>|<)\s*({_LITERAL}|{TOKEN})", re.I)
_LISTED = re.compile(rf"({TOKEN})\s+(not\s+)?in\s*\(\s*((?:{_LITERAL})(?:\s*,\s*(?:{_LITERAL}))*)\s*\)", re.I)
_BETWEEN = re.compile(rf"({TOKEN})\s+between\s+({_LITERAL})\s+and\s+({_LITERAL})", re.I)
_NULL = re.compile(rf"({TOKEN})\s+is\s+(not\s+)?null", re.I)
_NEGATED = re.compile(rf"not\s+\(?({TOKEN})\)?", re.I)
_WORDS = {
    "=": "{x} {y}",
    "<>": "{x} other than {y}",
    "!=": "{x} other than {y}",
    ">": "{x} above {y}",
    ">=": "{x} of at least {y}",
    "<": "{x} below {y}",
    "<=": "{x} of at most {y}",
}


def spoken(thing: Ref | Named) -> str:
    """What a thing of a row is called: by its own name; a column that a join brings has the join's before it."""
    return thing.name if isinstance(thing, Named) else str(getattr(thing, "column", thing))


@dataclass(slots=True)
class Conditions:
    """What rows have to be: adjectives before their noun, those after `not`, and what follows `with` and `where`."""

    adjectives: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    having: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    name: Callable[[Ref | Named], str] = spoken

    def add(self, condition: Spelled | None) -> None:
        """Adds all conditions that a text joins by AND."""
        if condition is not None:
            pieces = _conjuncts(bare(condition.text))
            for piece in pieces:
                self._add(condition, bare(piece))

    def _add(self, whole: Spelled, text: str) -> None:
        parts = _conjuncts(text)
        if len(parts) > 1:
            for part in parts:
                self._add(whole, bare(part))
            return
        one = whole.thing(text)
        if isinstance(one, (Named, ColumnRef, StateRef)):
            name = self.name(one)
            plain = _ADJECTIVE.fullmatch(name) is not None
            _once(self.adjectives if plain else self.having, name if plain else f"{name} true")
            return
        if (match := _NEGATED.fullmatch(text)) and _ADJECTIVE.fullmatch(whole.render(self.name, match[1])):
            _once(self.lacking, whole.render(self.name, match[1]))
            return
        having = self._with(whole, text)
        if having is not None:
            _once(self.having, having)
        else:
            _once(self.where, whole.render(self.name, text))

    def _with(self, whole: Spelled, text: str) -> str | None:
        """What follows `with`, where the condition is one of the plain kinds."""

        def name(part: str) -> str:
            return whole.render(self.name, part)

        if match := _COMPARED.fullmatch(text):
            words = "{x} equal to {y}" if match[2] == "=" and re.fullmatch(TOKEN, match[3]) else _WORDS[match[2]]
            return words.format(x=name(match[1]), y=name(match[3]))
        if match := _LISTED.fullmatch(text):
            values = [v.strip() for v in re.findall(_LITERAL, match[3], re.I)]
            either = values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
            return f"{name(match[1])} {'other than ' if match[2] else ''}{either}"
        if match := _BETWEEN.fullmatch(text):
            return f"{name(match[1])} from {match[2]} to {match[3]}"
        if match := _NULL.fullmatch(text):
            return f"{name(match[1])} {'not ' if match[2] else ''}NULL"
        if match := _NEGATED.fullmatch(text):
            return f"{name(match[1])} false"
        return None

    def about(self, noun: str) -> str:
        """`paid orders with amount above 10 where lower(city) = 'ulm'`."""
        front = " ".join([*self.adjectives, noun])
        return f"{front}{self.after()}"

    def after(self) -> str:
        """What follows the noun."""
        having = f" with {listed(self.having)}" if self.having else ""
        where = f" where {' and '.join(_enclosed(w, self.where) for w in self.where)}" if self.where else ""
        lacking = f" not {' and not '.join(self.lacking)}" if self.lacking else ""
        return lacking + having + where

    def alone(self) -> str:
        """The same about `those`, which carries no adjective: ` with paid true and amount above 10`."""
        as_having = [*(f"{a} true" for a in self.adjectives), *self.having]
        return Conditions([], self.lacking, as_having, self.where, self.name).after()

    def __bool__(self) -> bool:
        return bool(self.adjectives or self.lacking or self.having or self.where)


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _once(found: list[str], text: str) -> None:
    if text not in found:
        found.append(text)


def _enclosed(text: str, among: list[str]) -> str:
    return f"({text})" if len(among) > 1 and any(True for _ in top_level(text, re.compile(r"\bor\b", re.I))) else text


def _conjuncts(text: str) -> list[str]:
    """The parts that AND joins; the whole where a BETWEEN takes one, or an OR stands beside."""
    if any(True for _ in top_level(text, re.compile(r"\bor\b", re.I))):
        return [text]
    pieces = cut_at(text, _AND)
    found: list[str] = [pieces[0]]
    for word, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if re.search(r"\bbetween\b", found[-1], re.I) and not re.search(r"\bbetween\b.*\sand\s", found[-1], re.I):
            found[-1] += word + piece
        else:
            found.append(piece)
    return found
