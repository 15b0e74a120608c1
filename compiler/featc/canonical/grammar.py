"""Words → a tree, where DuckDB can read the words in one way only.

Operators are believed to bind as their levels say, which tests compare with DuckDB. What binds by rules that are not
certain (a power beside a sign, two operators of one kind in a row, comparisons in a row) is Unreadable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from featc.canonical.spellings import INTERVALS, TYPES, called, interval, type_named
from featc.canonical.words import Unreadable, Word


@dataclass(frozen=True, slots=True)
class Term:
    """An operator, call, literal or leaf. `value`: a literal's text, a leaf's number, a call's name, a cast's type."""

    op: str
    args: tuple[Term, ...] = ()
    value: str = ""


OR, AND, NOT, COMPARES, OTHER, ADDS, TIMES, SIGN, POWER = range(9)
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_INFIX = {
    "||": OTHER, "&": OTHER, "|": OTHER, "<<": OTHER, ">>": OTHER,
    "+": ADDS, "-": ADDS, "*": TIMES, "/": TIMES, "//": TIMES, "%": TIMES, "^": POWER, "**": POWER,
}  # fmt: skip
_LIKES = ("like", "ilike", "glob")
_CONSTANTS = ("true", "false", "null")
_RESERVED = frozenset(
    """
    and or not is in between like ilike glob similar case when then else end escape collate at distinct from over filter
    within order by any all some exists select as using
    """.split()  # noqa: SIM905
)
_WORDED = ("position", "overlay")
"""Functions whose arguments words part that are operators elsewhere: `position(x in y)`."""
DEEPEST = 60
"""Brackets in brackets; Python goes down some twenty calls for each."""


def read(words: Sequence[Word]) -> Term:
    """The tree of an expression. Raises Unreadable where that is not certain."""
    reader = _Reader(words)
    found = reader.expression(OR)
    if reader.at < len(words):
        raise Unreadable(str(reader.word))
    return found


class _Reader:
    """A place in the words."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.words, self.at, self.depth = words, 0, 0

    # ── words ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def word(self) -> Word | None:
        return self.words[self.at] if self.at < len(self.words) else None

    def ahead(self, distance: int) -> Word | None:
        return self.words[self.at + distance] if self.at + distance < len(self.words) else None

    def take(self) -> Word:
        if self.word is None:
            raise Unreadable("the end")
        self.at += 1
        return self.words[self.at - 1]

    def is_name(self, *names: str) -> bool:
        return self.word is not None and self.word.kind == "name" and self.word.value in names

    def is_symbol(self, *symbols: str) -> bool:
        return self.word is not None and self.word.kind == "symbol" and self.word.value in symbols

    def took(self, *values: str) -> bool:
        """Whether the next word is one of these names or symbols; it is taken then."""
        found = self.is_name(*values) or self.is_symbol(*values)
        self.at += found
        return found

    def need(self, value: str) -> None:
        if not self.took(value):
            raise Unreadable(value)

    # ── operators ────────────────────────────────────────────────────────────────────────────────────────────────

    def expression(self, level: int) -> Term:
        """What binds at least as tightly as `level`."""
        inner = level in (OR, NOT)  # a bracket, or what a NOT is of; the levels between them are no nesting
        self.depth += inner
        if self.depth > DEEPEST:
            raise Unreadable("nested too deeply")
        try:
            return self._expression(level)
        finally:
            self.depth -= inner

    def _expression(self, level: int) -> Term:
        if level <= NOT:
            return self._logic(level)
        if level == COMPARES:
            return self._comparison()
        if level == SIGN:
            return self._signed()
        return self._power() if level == POWER else self._infix(level)

    def _logic(self, level: int) -> Term:
        if level == NOT:
            return Term("not", (self.expression(NOT),)) if self.took("not") else self.expression(COMPARES)
        name = "or" if level == OR else "and"
        operands = [self.expression(level + 1)]
        while self.took(name):
            operands.append(self.expression(level + 1))
        return Term(name, tuple(operands)) if len(operands) > 1 else operands[0]

    def _infix(self, level: int) -> Term:
        left, before = self.expression(level + 1), ""
        while self.word is not None and self.word.kind == "symbol" and _INFIX.get(self.word.value) == level:
            op = self.take().value
            if level == OTHER and before not in ("", op):
                raise Unreadable(op)
            left, before = Term(op, (left, self.expression(level + 1))), op
        return left

    def _signed(self) -> Term:
        if self.took("+"):
            raise Unreadable("+")
        if not self.took("-"):
            return self.expression(POWER)
        if self.is_symbol("-", "+"):
            raise Unreadable("-")
        operand = self.atom()
        if self.is_symbol("^", "**"):
            raise Unreadable("^")
        return Term("neg", (operand,))

    def _power(self) -> Term:
        left = self.atom()
        if not self.took("^", "**"):
            return left
        right = self.atom()
        if self.is_symbol("^", "**"):
            raise Unreadable("^")
        return Term("call", (left, right), "pow")

    def _comparison(self) -> Term:
        left = self.expression(OTHER)
        found = self._compared(left)
        if found is None:
            return left
        if self.is_symbol(*_COMPARISONS) or self.is_name("is", "in", "between", "not", *_LIKES, "similar"):
            raise Unreadable("comparisons in a row")
        return found

    def _compared(self, left: Term) -> Term | None:
        if self.is_symbol(*_COMPARISONS):
            op = self.take().value
            if self.is_name("any", "all", "some"):
                raise Unreadable("any")
            return Term(op, (left, self.expression(OTHER)))
        if self.took("is"):
            return self._is(left)
        if self.is_name("not"):
            self.at += 1
            found = self._member(left)
            if found is None:
                raise Unreadable("not")
            return Term("not", (found,))
        return self._member(left)

    def _is(self, left: Term) -> Term:
        negated = self.took("not")
        if self.took("distinct"):
            self.need("from")
            found = Term("is distinct", (left, self.expression(OTHER)))
        elif self.is_name(*_CONSTANTS):
            found = Term(f"is {self.take().value}", (left,))
        else:
            raise Unreadable("is")
        return Term("not", (found,)) if negated else found

    def _member(self, left: Term) -> Term | None:
        if self.took("in"):
            self.need("(")
            return Term("in", (left, *self.listed(")")))
        if self.took("between"):
            low = self.expression(OTHER)
            self.need("and")
            return Term("between", (left, low, self.expression(OTHER)))
        if self.is_name(*_LIKES):
            name = self.take().value
            pattern = self.expression(OTHER)
            if self.is_name("escape"):
                self.at += 1
                return Term(name, (left, pattern, self.expression(OTHER)))
            return Term(name, (left, pattern))
        if self.is_name("similar"):
            raise Unreadable("similar")
        return None

    def listed(self, end: str) -> tuple[Term, ...]:
        """Expressions up to a closing bracket."""
        found: list[Term] = []
        if self.took(end):
            return ()
        while True:
            found.append(self.expression(OR))
            if self.took(end):
                return tuple(found)
            self.need(",")

    # ── atoms ────────────────────────────────────────────────────────────────────────────────────────────────────

    def atom(self) -> Term:
        """A literal, leaf, call or bracket, with the casts, places and parts that follow it."""
        found = self._bare_atom()
        while True:
            if self.took("::"):
                found = Term("cast", (found,), self.type())
            elif self.took("["):
                index = self.expression(OR)
                self.need("]")
                found = Term("place", (found, index))
            elif self.took("."):
                part = self.take()
                if part.kind not in ("name", "quoted"):
                    raise Unreadable(str(part))
                found = Term("part", (found,), part.value)
            elif self.is_name("collate", "over", "filter", "within"):
                raise Unreadable(str(self.word))
            elif self.is_name("at"):
                self.at += 1
                self.need("time")
                self.need("zone")
                found = Term("at zone", (found, self._bare_atom()))
                if self.is_symbol("::", "[", "."):  # of the zone, or of all?
                    raise Unreadable("at time zone")
            else:
                return found

    def _bare_atom(self) -> Term:
        word = self.take()
        match word.kind:
            case "leaf" | "number" | "text":
                return Term(word.kind, value=word.value)
            case "quoted":
                return Term("name", value=word.value)
            case "symbol" if word.value == "(":
                items = self.listed(")")
                if not items:
                    raise Unreadable("()")
                return items[0] if len(items) == 1 else Term("row", items)
            case "symbol" if word.value == "[":
                return Term("list", self.listed("]"))
            case "name":
                return self._named(word.value)
            case _:
                raise Unreadable(str(word))

    def _named(self, name: str) -> Term:
        follows = self.word
        if name in _CONSTANTS:
            return Term(name)
        if name == "case":
            return self._case()
        if name == "interval":
            return self._interval()
        if name in ("cast", "try_cast") and self.took("("):
            value = self.expression(OR)
            self.need("as")
            to = self.type()
            self.need(")")
            return Term(name, (value,), to)
        if name in _RESERVED:
            raise Unreadable(name)
        if name == "array" and self.took("["):
            return Term("list", self.listed("]"))
        if follows is not None and follows.kind == "text" and name in TYPES:
            return Term("cast", (Term("text", value=self.take().value),), type_named(name, ()))
        if follows is not None and follows.kind == "symbol" and follows.value == "(":
            self.at += 1
            return self._call(name)
        if follows is not None and follows.kind != "symbol" and follows.value not in _RESERVED:
            raise Unreadable(name)
        return Term("name", value=name)

    def _call(self, name: str) -> Term:
        if name == "extract":
            part = self.take()
            self.need("from")
            value = self.expression(OR)
            self.need(")")
            return Term("call", (Term("text", value=part.value), value), "date_part")
        if name in _WORDED or self.is_name("distinct", "all") or self.is_symbol("*"):
            raise Unreadable(name)
        arguments = self.listed(")")  # what is written with FROM, FOR or => is Unreadable at the comma it lacks
        return Term("call", arguments, called(name))

    def _case(self) -> Term:
        of = () if self.is_name("when") else (self.expression(OR),)
        branches: list[Term] = []
        while self.took("when"):
            branches.append(self.expression(OR))
            self.need("then")
            branches.append(self.expression(OR))
        if not branches:
            raise Unreadable("case")
        branches.append(self.expression(OR) if self.took("else") else Term("null"))
        self.need("end")
        return Term("case of" if of else "case", (*of, *branches))

    def _interval(self) -> Term:
        amount = self.take()
        if amount.kind not in ("text", "number"):
            raise Unreadable("interval")
        unit = self.take().value if self.word is not None and self.word.value in INTERVALS else ""
        return Term("interval", value=interval(amount.value, unit))

    def type(self) -> str:
        """A type, in the spelling that all spellings of it share."""
        first = self.take()
        if first.kind != "name" or first.value not in TYPES:
            raise Unreadable(str(first))
        name = first.value
        for rest in ("double precision", "timestamp with time zone", "timestamp without time zone"):
            said, *more = rest.split()
            if name == said and [str(self.ahead(n)) for n in range(len(more))] == more:
                self.at += len(more)
                name = rest
                break
        numbers: list[str] = []
        if self.took("("):
            while not self.took(")"):
                numbers.append(self.take().value)
                self.took(",")
        found = type_named(name, tuple(numbers))
        while self.is_symbol("[") and (follows := self.ahead(1)) is not None and follows.value == "]":
            self.at += 2
            found += "[]"
        if self.is_symbol("["):  # the length of an array, or a place in what is cast?
            raise Unreadable("[")
        return found
