"""Expressions over finished values in words: ratios, differences, comparisons, times since; anything else as SQL with
its inputs named."""

from __future__ import annotations

import re
from collections.abc import Callable

from featc.resolve.model import (
    AggregateRef,
    AsOfRef,
    ColumnRef,
    CompleteRef,
    FeatureRef,
    KeyRef,
    Project,
    Ref,
    RequestRef,
    StateRef,
)
from featc.words.spelling import Call, Field, Named, Spelled, bare, is_balanced, split_at, top_level

_COMPARISON = re.compile(r"\s*(?:<>|!=|>=|<=|=(?!>)|<(?!<)|(?<![=>-])>(?!>))\s*")
_LOGIC = re.compile(
    r"\b(?:and|or|not|is|in|between|like|ilike|similar|distinct|collate)\b|\|\||::|->|~|&|\||<<|>>", re.I
)
_SUMS = re.compile(r" [+-] ")
_PRODUCTS = re.compile(r" ?(?://|[*/%]) ?")
_NULLIF = re.compile(r"nullif\((.+), 0(?:\.0*)?\)", re.I | re.S)
_COALESCE = re.compile(
    r"coalesce\((.+), ([+-]?\d+(?:\.\d+)?|'[^']*'|true|false)(?:::[A-Z]+(?:\([\d,]+\))?)?\)", re.I | re.S
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|'[^']*'|true|false", re.I)
_SPANS = {"86400": "days", "3600": "hours", "60": "minutes"}
_COMPARED = {
    "=": "is",
    "<>": "is not",
    "!=": "is not",
    ">": "is more than",
    ">=": "is at least",
    "<": "is less than",
    "<=": "is at most",
}
_DONE = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}

Name = Callable[[Ref | Named], str]


def value_words(found: Spelled, name: Name, *, boolean: bool) -> str:
    """An expression in words; `name` says what each reference is. A truth value begins with `whether`."""
    text = bare(found.text)
    thing = found.things.get(text)
    if boolean and isinstance(thing, (StateRef, Named)):
        word, _, when = name(thing).removeprefix("the ").partition(" ")
        return f"whether {word} holds {when}"
    said = _Said(found, name).said(text)
    if said is None:
        said = _quoted(found, name, text)
    started = said.startswith(("whether ", "NULL ")) or (boolean and found.thing(text) is not None)
    return said if started or not boolean else f"whether {said}"


def _quoted(found: Spelled, name: Name, text: str) -> str:
    """A text as SQL, with phrases for its inputs in parentheses."""
    return re.sub(r"\(\(([^()]*)\)\)", r"(\1)", found.render(lambda ref: _enclosed(name(ref)), text))


def _is_one(text: str) -> bool:
    """Whether a text is one argument of a call, whole."""
    return is_balanced(text) and not any(True for _ in top_level(text, re.compile(",")))


def _enclosed(text: str) -> str:
    return f"({text})" if " " in text else text


class _Said:
    """The words for parts of one expression; None for what there are none for."""

    def __init__(self, found: Spelled, name: Name) -> None:
        self.found = found
        self.name = name

    def said(self, text: str) -> str | None:
        text = bare(text)
        thing = self.found.things.get(text)
        if isinstance(thing, Call):
            return self._call(thing)
        if isinstance(thing, Field):
            return None
        if thing is not None:
            return self.name(thing)
        if _NUMBER.fullmatch(text):
            return text
        if match := _COALESCE.fullmatch(text):
            inner = self.said(match[1]) if _is_one(match[1]) else None
            return None if inner is None else f"{inner}, or {match[2]} where that is NULL"
        if any(True for _ in top_level(text, _LOGIC)) or re.search(r"\bcase\b", text, re.I):
            return None
        for level in (self._compared, self._summed, self._multiplied):
            found = level(text)
            if found is not None:
                return found
        return None

    def _compared(self, text: str) -> str | None:
        pieces = split_at(text, _COMPARISON)
        if len(pieces) != 3:
            return None
        left, right = self.said(pieces[0]), self.said(pieces[2])
        if left is None or right is None:
            return None
        comma = "," if ", " in left else ""
        return f"whether {left}{comma} {_COMPARED[pieces[1].strip()]} {right}"

    def _summed(self, text: str) -> str | None:
        pieces = split_at(text, _SUMS)
        return self._joined(pieces) if len(pieces) == 3 else None

    def _multiplied(self, text: str) -> str | None:
        pieces = split_at(text, _PRODUCTS)
        if len(pieces) != 3:
            return None
        left, word, right = pieces[0], pieces[1].strip(), pieces[2]
        since = self.found.things.get(bare(left))
        unit = _SPANS.get(right.strip().removesuffix(".0"))
        if word == "/" and unit and isinstance(since, Call) and since.name == "seconds_since":
            return self._since(since, unit)
        match = _NULLIF.fullmatch(right.strip()) if word == "/" else None
        return self._ratio(left, match[1]) if match else self._joined([left, word, right])

    def _joined(self, pieces: list[str]) -> str | None:
        left, right = self._operand(pieces[0]), self._operand(pieces[2])
        word = _DONE.get(pieces[1].strip())
        if word is None or left is None or right is None:
            return None
        comma = "," if " " in left or " " in right else ""
        return f"{left}{comma} {word} {right}"

    def _operand(self, text: str) -> str | None:
        """A part beside another: in parentheses where it is itself made of parts."""
        inner = bare(text)
        said = self.said(inner)
        if said is None or inner in self.found.things or _NUMBER.fullmatch(inner):
            return said
        return f"({_quoted(self.found, self.name, inner)})"

    def _ratio(self, left: str, right: str) -> str | None:
        if not _is_one(right):
            return None
        above, below = self._operand(left), self._operand(right)
        if above is None or below is None:
            return None
        comma = "," if " " in above or " " in below else ""
        zero = "that" if " " in below else below
        return f"{above}{comma} divided by {below}, NULL where {zero} is 0"

    def _call(self, call: Call) -> str | None:
        if call.name == "seconds_since":
            return self._since(call, "seconds")
        if call.name == "safe_div":
            return self._ratio(*call.args)
        return None

    def _since(self, call: Call, unit: str) -> str | None:
        said = self.said(call.args[0])
        if said is None:
            said = _quoted(self.found, self.name, bare(call.args[0]))
        the = "" if said.startswith(("the ", "whether ")) or " " not in said else "the "
        return f"{unit} since {the}{said}"


def outer_name(project: Project, here: str, aggregates: Callable[[str], str], states: Callable[[str], str]) -> Name:
    """What references outside aggregates are called, seen from the view `here`."""

    def name(ref: Ref | Named) -> str:
        match ref:
            case Named(word):
                return states(word)
            case AggregateRef(aggregation):
                return aggregates(aggregation)
            case StateRef(column) | ColumnRef(column):
                return states(column)
            case FeatureRef(view, feature):
                origin = project.view(view).origin
                own = view == here or (here in project.labels and origin == project.view(here).origin)
                mine = view in project.asked and project.asked[view].of is None
                return feature if own or mine else f"{_role(project, here, view) or origin}.{feature}"
            case RequestRef(column):
                return f"request.{column}"
            case KeyRef(column):
                return f"key.{column}"
            case AsOfRef():
                return "as_of"
            case CompleteRef():
                return "complete"

    return name


def _role(project: Project, here: str, view: str) -> str | None:
    """The role under which a service asks for a view, for its own expressions."""
    service = next((s for s in project.services.values() if s.own == here), None)
    return next((r.name for r in service.roles if r.asked == view), None) if service is not None else None
