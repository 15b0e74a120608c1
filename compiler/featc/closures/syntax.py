"""Text of an expression → a small checked tree (`Term`), or a reason why not.

sqlglot reads the text, but its tree is believed only where it can have one meaning: every word and symbol
is known here, every node class and every argument of it is expected, the numbers of operators, literals and
references in the tree and in the text agree (so nothing was dropped, like a unary plus), and the tree obeys
DuckDB's precedences, given in `_LEVEL`. An in-order tree that obeys them is the only one DuckDB can read,
whatever sqlglot's own precedences are.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token

from featc.closures.words import OPENERS, SYMBOLS, TYPE_WORDS, WORDS
from featc.resolve.model import Ref

MAX_DEPTH = 60


class Refused(Exception):
    """The expression is not on the allow-list; the message is the reason, for `featc explain`."""


@dataclass(frozen=True, slots=True)
class Term:
    """One operator, function, literal or reference.

    `op` is a row of the allow-list, or one of `ref` (value: index), `number`, `text`, `true`, `false`,
    `null`, `instant` (value: literal text, type: DATE or TIMESTAMP). `value` is also a cast's target type
    or a date part.
    """

    op: str
    args: tuple[Term, ...] = ()
    value: str = ""
    type: str = ""


# How tightly DuckDB binds, from 9 (atoms) to 0 (OR). Comparisons, IS, IN and BETWEEN share a level and do not
# chain.
_LEVEL: Mapping[type[exp.Expr], int] = {
    exp.Neg: 7,
    exp.Mul: 6, exp.Div: 6, exp.IntDiv: 6, exp.Mod: 6,
    exp.Add: 5, exp.Sub: 5,
    exp.DPipe: 4,
    exp.EQ: 3, exp.NEQ: 3, exp.LT: 3, exp.LTE: 3, exp.GT: 3, exp.GTE: 3,
    exp.NullSafeEQ: 3, exp.NullSafeNEQ: 3, exp.Is: 3, exp.In: 3, exp.Between: 3,
    exp.Not: 2,
    exp.And: 1,
    exp.Or: 0,
}  # fmt: skip
_ATOM, _COMPARISON = 9, 3

_BINARY: Mapping[type[exp.Expr], str] = {
    exp.Mul: "*", exp.Div: "/", exp.IntDiv: "//", exp.Mod: "%", exp.Add: "+", exp.Sub: "-", exp.DPipe: "||",
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
    exp.NullSafeEQ: "is not distinct from", exp.NullSafeNEQ: "is distinct from", exp.And: "and", exp.Or: "or",
}  # fmt: skip

# sqlglot's class → the function's name here and the arguments that carry operands, in DuckDB's order.
_CALLS: Mapping[type[exp.Expr], tuple[str, tuple[str, ...]]] = {
    exp.Coalesce: ("coalesce", ("this", "expressions")),
    exp.Nullif: ("nullif", ("this", "expression")),
    exp.Greatest: ("greatest", ("this", "expressions")),
    exp.Least: ("least", ("this", "expressions")),
    exp.If: ("if", ("this", "true", "false")),
    exp.Abs: ("abs", ("this",)),
    exp.Floor: ("floor", ("this",)),
    exp.Ceil: ("ceil", ("this",)),
    exp.Round: ("round", ("this", "decimals")),
    exp.Sqrt: ("sqrt", ("this",)),
    exp.IsNan: ("isnan", ("this",)),
    exp.Length: ("length", ("this",)),
    exp.Year: ("year", ("this",)),
    exp.Month: ("month", ("this",)),
    exp.Day: ("day", ("this",)),
    exp.DayOfMonth: ("day", ("this",)),
    exp.Hour: ("hour", ("this",)),
    exp.Minute: ("minute", ("this",)),
    exp.Second: ("second", ("this",)),
    exp.DayOfWeek: ("dayofweek", ("this",)),
    exp.DayOfWeekIso: ("isodow", ("this",)),
    exp.Quarter: ("quarter", ("this",)),
}
_ANONYMOUS = frozenset({"epoch_us", "isfinite", "date_part"})
_PARTS = frozenset({"year", "month", "day", "hour", "minute", "second", "dayofweek", "isodow", "quarter"})
# Arguments that sqlglot sets by itself and that say nothing beyond the class (with the value they must have).
_HARMLESS: Mapping[str, tuple[object, ...]] = {
    "typed": (False,), "safe": (False, True), "ignore_nulls": (True,), "_type": (), "is_string": (),
    "nested": (False,),
}  # fmt: skip

_NUMBER = re.compile(r"\d+|\d+\.\d+|\d+(\.\d+)?[eE][+-]?\d+")
_INSTANT = re.compile(r"(?!0000)\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d{1,6})?)?")
_TOUCHES, _TOUCHED = re.compile(r"[\w$.'\"]$"), re.compile(r"[\w$.'\"(\[]")
_REF = "featc_ref_"


def parse(parts: Sequence[str | Ref]) -> tuple[Term, tuple[Ref, ...]]:
    """The tree of an expression's parts and its distinct references, in order of first use.

    Raises `Refused` for whatever is not certain to mean the same to DuckDB.
    """
    refs = tuple(dict.fromkeys(p for p in parts if not isinstance(p, str)))
    text = _joined(parts, refs)
    try:
        tokens = sqlglot.tokenize(text, dialect="duckdb")
        counted = _count_tokens(text, tokens)
        tree = sqlglot.parse_one(text, dialect="duckdb")
        reader = _Reader(atoms_only="::" in text)
        term = reader.term(tree, 0)
    except SqlglotError as error:
        raise Refused("the text was not understood") from error
    except RecursionError as error:
        raise Refused("nested too deeply") from error
    if counted != +reader.seen:
        raise Refused("the text holds something its tree does not")
    return term, refs


def _joined(parts: Sequence[str | Ref], refs: tuple[Ref, ...]) -> str:
    pieces: list[str] = []
    for part in parts:
        if not isinstance(part, str):
            pieces.append(f"{_REF}{refs.index(part)}")
            continue
        if _REF in part.casefold():
            raise Refused(f"`{_REF}` is a reserved name")
        pieces.append(part)
    for before, after in itertools.pairwise(pieces):
        if _TOUCHES.search(before) and _TOUCHED.match(after):
            raise Refused("a reference touches another word")
    return "".join(pieces)


def _count_tokens(text: str, tokens: Sequence[Token]) -> Counter[str]:
    """How often each symbol, literal and counted keyword stands in the text. Refuses unknown words and
    symbols.
    """
    if "--" in text or "/*" in text or "\x00" in text:
        raise Refused("comments are left to DuckDB")
    counted: Counter[str] = Counter()
    last_symbol_end, word = -2, ""
    for token in tokens:
        raw = text[token.start : token.end + 1]
        before, word = word, raw.casefold()
        if raw in SYMBOLS:
            if last_symbol_end + 1 == token.start and raw not in "(),":
                raise Refused("operators without a space between them are left to DuckDB")
            if raw not in "(),":
                last_symbol_end = token.end
            counted[SYMBOLS[raw]] += 1
            # sqlglot puts parentheses of its own into trees (`1 < x is null`), so all are counted
            counted["parentheses"] += raw == "(" and before not in OPENERS
        elif raw.startswith("'"):
            counted["text"] += 1
            counted["cast"] += before in ("date", "timestamp")  # DATE '2026-01-01'
        elif _NUMBER.fullmatch(raw):
            counted["number"] += 1
        elif word.startswith(_REF):
            counted["ref"] += 1
        elif word in WORDS:
            counted[WORDS[word]] += 1
        else:
            raise Refused(f"`{raw}` is not on the list")
    counted.pop("", None)
    return counted


class _Reader:
    """Translates sqlglot's tree and counts what it saw, to be compared with the text."""

    def __init__(self, *, atoms_only: bool) -> None:
        self.seen: Counter[str] = Counter()
        # `cast(a + b as T)` and a misread `a + b::T` are one tree: with `::` in the text, casts take atoms.
        self.cast_level = _ATOM if atoms_only else 0

    def term(self, node: exp.Expr, level: int, depth: int = 0) -> Term:
        """`node` as an operand that has to bind at least as tightly as `level`."""
        if depth > MAX_DEPTH:
            raise Refused("nested too deeply")
        if _LEVEL.get(type(node), _ATOM) < level:
            raise Refused("operators of different kinds are mixed without parentheses")
        kind = type(node)
        if kind is exp.Paren:
            self._expect(node, "this")
            self.seen["parentheses"] += 1
            return self.term(node.this, 0, depth + 1)
        if kind in _BINARY:
            return self._binary(node, depth)
        if kind in _CALLS:
            return self._call(node, depth)
        read = _READERS.get(kind)
        if read is None:
            raise Refused(f"`{_spelled(node)}` is not on the list")
        return read(self, node, depth)

    def _expect(self, node: exp.Expr, *names: str) -> None:
        for name, value in node.args.items():
            if name in names or value is None or value == []:
                continue
            if name not in _HARMLESS or (_HARMLESS[name] and value not in _HARMLESS[name]):
                raise Refused(f"`{_spelled(node)}` is used in a form that is not on the list")

    def _binary(self, node: exp.Expr, depth: int) -> Term:
        self._expect(node, "this", "expression")
        op = _BINARY[type(node)]
        level = _LEVEL[type(node)]
        self._count(op)
        left = level + 1 if level == _COMPARISON else level
        right = level if op in ("and", "or") else level + 1
        return Term(op, (self.term(node.this, left, depth + 1), self.term(node.expression, right, depth + 1)))

    def _count(self, op: str) -> None:
        if op.endswith("distinct from"):
            self.seen.update(("is", "distinct", "from") + (("not",) if "not" in op else ()))
        else:
            self.seen[op] += 1

    def _call(self, node: exp.Expr, depth: int) -> Term:
        name, operands = _CALLS[type(node)]
        self._expect(node, *operands)
        values: list[exp.Expr] = []
        for operand in operands:
            value = node.args.get(operand)
            values += value if isinstance(value, list) else [] if value is None else [value]
        self.seen["function"] += 1
        return Term(name, tuple(self.term(v, 0, depth + 1) for v in values))

    def anonymous(self, node: exp.Expr, depth: int) -> Term:
        self._expect(node, "this", "expressions")
        name = str(node.this).casefold()
        if name not in _ANONYMOUS:
            raise Refused(f"`{name}` is not on the list")
        self.seen["function"] += 1
        operands = tuple(self.term(v, 0, depth + 1) for v in node.expressions)
        if name != "date_part":
            return Term(name, operands)
        if len(operands) != 2 or operands[0].op != "text" or operands[0].value not in _PARTS:
            raise Refused("this date part is not on the list")
        return Term(operands[0].value, operands[1:])

    def inf(self, node: exp.Expr, depth: int) -> Term:
        self._expect(node, "this")
        self.seen["function"] += 1
        return Term("isinf", (self.term(node.this, 0, depth + 1),))

    def column(self, node: exp.Expr, depth: int) -> Term:
        self._expect(node, "this")
        name = node.name
        if not re.fullmatch(_REF + r"\d+", name):
            raise Refused(f"`{name}` is not a reference")
        self.seen["ref"] += 1
        return Term("ref", value=name.removeprefix(_REF))

    def literal(self, node: exp.Expr, depth: int) -> Term:
        if node.args["is_string"]:
            self.seen["text"] += 1
            return Term("text", value=str(node.this))
        if not _NUMBER.fullmatch(str(node.this)):
            raise Refused(f"the number `{node.this}` is written in a form that is not on the list")
        self.seen["number"] += 1
        return Term("number", value=str(node.this))

    def constant(self, node: exp.Expr, depth: int) -> Term:
        word = "null" if type(node) is exp.Null else "true" if node.this else "false"
        self.seen[word] += 1
        return Term(word)

    def negation(self, node: exp.Expr, depth: int) -> Term:
        self._expect(node, "this")
        self.seen["-"] += 1
        return Term("neg", (self.term(node.this, 7, depth + 1),))

    def inversion(self, node: exp.Expr, depth: int) -> Term:
        self._expect(node, "this")
        self.seen["not"] += 1
        return Term("not", (self.term(node.this, 2, depth + 1),))

    def is_null(self, node: exp.Expr, depth: int) -> Term:
        self._expect(node, "this", "expression")
        if type(node.args["expression"]) is not exp.Null:
            raise Refused("`IS` is on the list with NULL only")
        self.seen.update(("is", "null"))
        return Term("is null", (self.term(node.this, 4, depth + 1),))

    def between(self, node: exp.Expr, depth: int) -> Term:
        self._expect(node, "this", "low", "high")
        self.seen.update(("between", "and"))
        return Term("between", tuple(self.term(node.args[n], 4, depth + 1) for n in ("this", "low", "high")))

    def membership(self, node: exp.Expr, depth: int) -> Term:
        self._expect(node, "this", "expressions")
        self.seen["in"] += 1
        items = tuple(self.term(v, 0, depth + 1) for v in node.expressions)
        return Term("in", (self.term(node.this, 4, depth + 1), *items))

    def case(self, node: exp.Expr, depth: int) -> Term:
        """`case x when v` becomes op `case of`: x, v1, r1, v2, r2, …, else."""
        self._expect(node, "this", "ifs", "default")
        branches: list[Term] = []
        for branch in node.args["ifs"]:
            self._expect(branch, "this", "true")
            branches += [self.term(branch.args[n], 0, depth + 1) for n in ("this", "true")]
        default = node.args.get("default")
        branches.append(Term("null") if default is None else self.term(default, 0, depth + 1))
        self.seen.update(("case", "else") if default is not None else ("case",))
        self.seen["when"] += len(node.args["ifs"])
        if node.this is None:
            return Term("case", tuple(branches))
        return Term("case of", (self.term(node.this, 0, depth + 1), *branches))

    def cast(self, node: exp.Expr, depth: int) -> Term:
        self._expect(node, "this", "to")
        to = _type_name(node.args["to"])
        self.seen["cast"] += 1
        if to.startswith("DECIMAL"):
            self.seen["number"] += 2
        inner = node.this
        if type(inner) is exp.Literal and inner.args["is_string"]:
            self.seen["text"] += 1
            if to not in ("DATE", "TIMESTAMP") or not _INSTANT.fullmatch(str(inner.this)):
                raise Refused("text is cast to another type")
            return Term("instant", value=str(inner.this), type=to)
        return Term("cast", (self.term(inner, self.cast_level, depth + 1),), value=to)

    def extract(self, node: exp.Expr, depth: int) -> Term:
        self._expect(node, "this", "expression")
        part = str(node.this.name).casefold()
        if type(node.this) is not exp.Var or part not in _PARTS:
            raise Refused(f"the date part `{part}` is not on the list")
        self.seen.update(("function", "from", "function"))
        return Term(part, (self.term(node.expression, 0, depth + 1),))


def _type_name(to: exp.Expr) -> str:
    """The canonical name of a cast's target, or a refusal: only plain spellings of types on the list."""
    name = TYPE_WORDS.get(str(to.this.value) if hasattr(to.this, "value") else str(to.this))
    params = to.expressions
    if name is None or to.args.get("nested") or bool(params) != (name == "DECIMAL"):
        raise Refused("a cast to this type is not on the list")
    if name != "DECIMAL":
        return name
    numbers = [p.this.name for p in params]
    if len(numbers) != 2 or not all(n.isdigit() for n in numbers):
        raise Refused("a cast to DECIMAL needs precision and scale")
    return f"DECIMAL({int(numbers[0])},{int(numbers[1])})"


def _spelled(node: exp.Expr) -> str:
    return type(node).__name__.casefold()


_READERS: Mapping[type[exp.Expr], Callable[[_Reader, exp.Expr, int], Term]] = {
    exp.Anonymous: _Reader.anonymous,
    exp.IsInf: _Reader.inf,
    exp.Column: _Reader.column,
    exp.Literal: _Reader.literal,
    exp.Null: _Reader.constant,
    exp.Boolean: _Reader.constant,
    exp.Neg: _Reader.negation,
    exp.Not: _Reader.inversion,
    exp.Is: _Reader.is_null,
    exp.Between: _Reader.between,
    exp.In: _Reader.membership,
    exp.Case: _Reader.case,
    exp.Cast: _Reader.cast,
    exp.Extract: _Reader.extract,
}
