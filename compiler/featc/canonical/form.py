"""The canonical form: one value for all the ways of writing an expression that differ by these laws only.

* letter case, spaces, comments, brackets that change nothing, names of types and functions that mean the same
* the order of the operands of `=`, `<>`, `+`, `*`; and of AND and OR, but never across one that can fail on a row
* `a > b` is `b < a`; `x BETWEEN a AND b` is `x >= a AND x <= b` where both ends are of one type
* NOT goes inwards: `NOT a < b` is `a >= b`, `NOT (p AND q)` is `NOT p OR NOT q`
* the order and repetition of the literals of IN; IN of one is `=`

All hold in three-valued logic and under DuckDB's order of NaN, whose sign nothing but its text shows. Sums and products
are never put together in another way: rounding and overflow depend on it. Nothing is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from featc.canonical.grammar import Term, read
from featc.canonical.raising import Types, are_exact, can_raise, kind
from featc.canonical.words import Unreadable, Word, words
from featc.digests import Value, encode
from featc.types import family

Part = str | int
"""Text, or the number of a leaf."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What stands at a place of an expression: what it means, as a canonical value, and its type, None if unknown."""

    value: Value
    type: str | None


def canonical_text(text: str) -> Value:
    """The form of an expression without leaves."""
    return canonical((text,), ())


def canonical(parts: tuple[Part, ...], leaves: Sequence[Leaf]) -> Value:
    """The form of an expression: its text, cut at the leaves that it refers to by number.

    >>> canonical_text("NOT (x >= 5)") == canonical_text("x < 5")
    True
    """
    tree, said = _read(parts)
    if tree is None:
        return ("words", tuple((w.kind, w.value) if w.kind != "leaf" else leaves[int(w.value)].value for w in said))
    return _Former(leaves).form(tree)


@lru_cache(maxsize=100_000)
def _read(parts: tuple[Part, ...]) -> tuple[Term | None, tuple[Word, ...]]:
    """The tree of an expression, or its words where that is not certain."""
    said: list[Word] = []
    whole = True
    for part in parts:
        if isinstance(part, int):
            said.append(Word("leaf", str(part)))
            continue
        try:
            said += words(part)
        except Unreadable:
            said.append(Word("raw", part))
            whole = False
    try:
        return (read(said) if whole else None), tuple(said)
    except Unreadable:
        return None, tuple(said)


_FLIPPED = {">": "<", ">=": "<="}
_NEGATED = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_SWAPPED = ("=", "<>", "is distinct", "*")
_SCALARS = ("integer", "decimal", "float", "timestamp", "date")


class _Former:
    """Forms of one expression."""

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        self.leaves = leaves

    def type(self, number: str) -> str | None:
        return self.leaves[int(number)].type

    @property
    def types(self) -> Types:
        return self.type

    def form(self, term: Term) -> Value:
        match term.op:
            case "leaf":
                return ("leaf", self.leaves[int(term.value)].value)
            case "not":
                return self.negated(term.args[0])
            case "and" | "or":
                return self.chain(term.op, term.args, negated=False)
            case "between":
                return self.between(term, negated=False)
            case "in":
                return self.member(term)
            case "+" if any(self._is_scalar(a) for a in term.args):  # lists are appended to one another
                return ("+", _sorted(map(self.form, term.args)))
        if term.op in _FLIPPED:
            return (_FLIPPED[term.op], (self.form(term.args[1]), self.form(term.args[0])))
        found = tuple(map(self.form, term.args))
        found = _sorted(found) if term.op in _SWAPPED else found
        return (term.op, term.value, found) if term.value else (term.op, found)

    def _is_truth(self, term: Term) -> bool:
        """Whether it is a BOOLEAN itself, and needs no cast to be one."""
        return kind(term, self.types) == "BOOLEAN"

    def _is_scalar(self, term: Term) -> bool:
        """Whether it is known to be a number or an instant, and no list."""
        if term.op in ("-", "*", "/", "//", "%", "neg"):
            return True
        if term.op == "+":
            return any(map(self._is_scalar, term.args))
        if term.op == "case":
            return any(map(self._is_scalar, (*term.args[1::2], term.args[-1])))
        said = kind(term, self.types)
        return said == "9" or (said is not None and family(said) in _SCALARS)

    # ── truth ────────────────────────────────────────────────────────────────────────────────────────────────────

    def negated(self, term: Term) -> Value:
        """The form of NOT term."""
        match term.op:
            case "and" | "or":
                return self.chain("or" if term.op == "and" else "and", term.args, negated=True)
            case "not" if self._is_truth(term.args[0]):
                return self.form(term.args[0])
            case "between":
                return self.between(term, negated=True)
            case "in" if len(term.args) == 2:
                return self.form(Term("<>", term.args))
            case "true" | "false":
                return ("false" if term.op == "true" else "true", ())
        if term.op in _NEGATED:
            return self.form(Term(_NEGATED[term.op], term.args))
        return ("not", (self.form(term),))

    def chain(self, op: str, operands: Iterable[Term], *, negated: bool) -> Value:
        """AND or OR of operands, each negated before if so wished, in order; but what cannot fail is sorted between
        what can."""
        found: list[Value] = []
        quiet: list[Value] = []
        for value, raises in self._operands(op, operands, negated):
            if raises:
                found += [*_once(quiet), value]
                quiet = []
            else:
                quiet.append(value)
        found += _once(quiet)
        return (op, tuple(found)) if len(found) > 1 else found[0]

    def _operands(self, op: str, operands: Iterable[Term], negated: bool) -> Iterable[tuple[Value, bool]]:
        """(form, whether it can fail) of each operand, those of operands that are such chains themselves in place."""
        opposite = {"and": "or", "or": "and"}
        for term in operands:
            inner, flipped = term, negated
            while inner.op == "not" and self._is_truth(inner.args[0]):
                inner, flipped = inner.args[0], not flipped
            if inner.op == (opposite[op] if flipped else op):
                yield from self._operands(op, inner.args, flipped)
            elif inner.op == "between" and self._splits(inner) and op == ("or" if flipped else "and"):
                yield from self._operands(op, _ends(inner), flipped)
            else:
                value = self.negated(inner) if flipped else self.form(inner)
                yield value, not self._is_truth(inner) or can_raise(inner, self.types)

    def between(self, term: Term, *, negated: bool) -> Value:
        if self._splits(term):
            return self.chain("or" if negated else "and", _ends(term), negated=negated)
        found = ("between", tuple(map(self.form, term.args)))
        return ("not", (found,)) if negated else found

    def _splits(self, term: Term) -> bool:
        """Whether both comparisons are made in the type that BETWEEN would make them in, and both may be looked at."""
        value, low, high = (kind(a, self.types) for a in term.args)
        alike = (low == high and low is not None) or are_exact((value, low, high))
        return alike and not can_raise(term, self.types)

    def member(self, term: Term) -> Value:
        value, *items = term.args
        if len(items) == 1:
            return self.form(Term("=", term.args))
        found = tuple(map(self.form, items))
        literal = all(i.op in ("text", "number") for i in items)
        return ("in", (self.form(value), *(_once(found) if literal else found)))


def _ends(between: Term) -> tuple[Term, Term]:
    value, low, high = between.args
    return Term(">=", (value, low)), Term("<=", (value, high))


def _sorted(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple(sorted(values, key=encode))


def _once(values: Iterable[Value]) -> list[Value]:
    """Sorted, each once: `p AND p` is `p`."""
    return [v for _, v in sorted({encode(v): v for v in values}.items())]
