"""Cuts the author's text at names and calls. What is left is known, word for word, or refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from featc.algebra import Aggregate, Constant, Param, lookup
from featc.errors import nearest
from featc.parse.constants import constant
from featc.parse.frames import read_over
from featc.parse.functions import BUILTINS, EXAMPLES, LISTED, is_aggregate
from featc.parse.lexer import Token
from featc.parse.model import AggregateCall, BuiltinCall, Fragment, Name, Over, Piece, Problem
from featc.parse.words import KEYWORDS, UNITS, type_places
from featc.zones import zones

_TYPED_LITERALS = frozenset({"date", "timestamp", "time", "interval", "datetime"})
_EXAMPLES = {"filter": "filter (where …)", "over": "over lifetime"}
_REFUSED_INSIDE = {
    "order by": (
        "ORDER BY inside an aggregate is not possible",
        "rows are in the order of the source's time; arg_max(x, y) takes x where y is greatest",
    ),
    "ignore": ("IGNORE NULLS is already so: NULL arguments are ignored", "leave it out"),
    "respect": ("RESPECT NULLS is not built yet", "leave it out: NULL arguments are ignored"),
    "within": ("WITHIN GROUP is not possible here", "max(x), min(x) and avg(x) need no order"),
}


def cut(text: str, tokens: Sequence[Token], columns: Mapping[int, int]) -> Fragment | list[Problem]:
    """The fragment `tokens` say, `columns` being where names stand (start → end)."""
    cutter = _Cutter(text, tokens, columns, _partners(tokens), _typed(tokens))
    fragment = cutter.fragment(0, len(tokens), None)
    return cutter.problems or fragment


def _partners(tokens: Sequence[Token]) -> dict[int, int]:
    """For each opening bracket, the index of the closing one."""
    found: dict[int, int] = {}
    stack: list[int] = []
    for i, token in enumerate(tokens):
        if token.is_symbol("(", "["):
            stack.append(i)
        elif token.is_symbol(")", "]"):
            found[stack.pop()] = i
    return found


def _typed(tokens: Sequence[Token]) -> frozenset[int]:
    return frozenset(i for start, end in type_places(tokens) for i in range(start, end))


@dataclass(slots=True)
class _Cutter:
    text: str
    tokens: Sequence[Token]
    columns: Mapping[int, int]
    partners: Mapping[int, int]
    typed: frozenset[int]
    problems: list[Problem] = field(default_factory=list)

    def fragment(self, low: int, high: int, inside: AggregateCall | str | None) -> Fragment:
        """Tokens [low, high) as a fragment; `inside` names the aggregate they are an argument of."""
        pieces: list[Piece] = []
        run: list[int] = []
        i = low
        while i < high:
            piece, after = self.piece(i, high, inside)
            if piece is None:
                run.append(i)
            else:
                self.flush(run, pieces, i)
                pieces.append(piece)
            i = after
        self.flush(run, pieces, high)
        start = self.tokens[low].start if low < high else (self.tokens[low - 1].end if low else 0)
        end = self.tokens[high - 1].end if low < high else start
        return Fragment(tuple(pieces), start, end)

    def piece(self, i: int, high: int, inside: AggregateCall | str | None) -> tuple[Piece | None, int]:
        """What token i begins, and the index after it; None for plain text."""
        token = self.tokens[i]
        calls = i + 1 < high and self.tokens[i + 1].is_symbol("(")
        if token.start in self.columns and not calls and i not in self.typed:
            return self.name(i)
        word = token.word
        if calls and is_aggregate(word) and i not in self.typed:
            return self.aggregate(i, high, inside)
        if calls and word in BUILTINS:
            return self.builtin(i, inside)
        self.check_text(i, high, calls)
        return None, i + 1

    def name(self, i: int) -> tuple[Name, int]:
        start, end = self.tokens[i].start, self.columns[self.tokens[i].start]
        after = i
        parts = []
        while after < len(self.tokens) and self.tokens[after].end <= end:
            token = self.tokens[after]
            if (after - i) % 2 == 0:
                parts.append(token.name)
            if token.kind not in ("word", "quoted") if (after - i) % 2 == 0 else not token.is_symbol("."):
                # sqlglot takes even an operator for a column's name when it finds one where a name should be
                self.problem(
                    "F201",
                    f"something is missing before '{token.text}'",
                    after,
                    after,
                    "an operand is missing",
                )
            after += 1
        return Name(tuple(parts), start, end), max(after, i + 1)

    def builtin(self, i: int, inside: AggregateCall | str | None) -> tuple[BuiltinCall, int]:
        close = self.partners[i + 1]
        name = self.tokens[i].word
        args = self.arguments(i + 2, close, inside)
        if len(args) != BUILTINS[name]:
            n = BUILTINS[name]
            message = f"{name} takes {n} argument{'s' * (n > 1)}, not {len(args)}"
            self.problem("F217", message, i, close, f"write {name}({EXAMPLES[name]})")
        if name == "in_zone" and len(args) == 2:
            self.check_zone(args[1])
        return BuiltinCall(name, args, self.tokens[i].start, self.tokens[close].end), close + 1

    def check_zone(self, zone: Fragment) -> None:
        """Refuses a literal zone that does not exist: the engine would say so only at the first row."""
        text = zone.pieces[0] if len(zone.pieces) == 1 else None
        if not isinstance(text, str) or not text.startswith("'"):
            return
        known = zones()
        name = text.strip("'")
        if known and name.casefold() not in known:
            close = nearest(name, known.values())
            hint = f"did you mean '{close}'?" if close else "zones are called 'Europe/Berlin', 'UTC' …"
            self.problems.append(
                Problem("F217", f"there is no time zone '{name}'", zone.start, zone.end - zone.start, hint)
            )

    def aggregate(self, i: int, high: int, inside: AggregateCall | str | None) -> tuple[AggregateCall, int]:
        close = self.partners[i + 1]
        name = self.tokens[i].word
        if inside is not None:
            self.problem(
                "F213",
                f"{name} stands inside {inside}, and an aggregate takes the source's rows",
                i,
                close,
                "give the inner one a feature of its own, or use a row expression",
            )
        low = i + 2
        distinct = low < close and self.tokens[low].word in ("distinct", "all")
        is_all = distinct and self.tokens[low].word == "all"
        low += distinct
        star = low < close and self.tokens[low].is_symbol("*")
        row, args, constants = self.split(name, low, close, star, distinct and not is_all)
        after = close + 1
        where, after = self.filter(after, high, name)
        over, after = self.over(after, high)
        call = AggregateCall(
            name,
            args,
            star,
            distinct and not is_all,
            where,
            over,
            self.tokens[i].start,
            self.tokens[after - 1].end,
            row,
            constants,
        )
        return call, after

    def split(
        self, name: str, low: int, close: int, star: bool, distinct: bool
    ) -> tuple[str, tuple[Fragment, ...], tuple[tuple[str, Constant], ...]]:
        """(row of the algebra, what rows bring, parameters) of an aggregate's arguments, tokens [low, close)."""
        places = list(self.places(low, close))[star:]
        placed = [p for p in places if not self.is_named(p)]
        named = {self.tokens[a].word: (a + 2, b) for a, b in places if self.is_named((a, b))}
        row = lookup(name, star=star, distinct=distinct, given=len(placed), named=bool(named))
        if row is None:
            return "", (), ()
        args = tuple(self.fragment(a, b, name) for a, b in placed[: row.arity])
        given = dict(zip((p.name for p in row.placed), placed[row.arity :], strict=False)) | named
        constants = ((p.name, self.constant(row, p, *given[p.name])) for p in row.params if p.name in given)
        return row.name, args, tuple(constants)

    def is_named(self, place: tuple[int, int]) -> bool:
        """Whether an argument is given by name."""
        return place[1] - place[0] > 1 and self.tokens[place[0] + 1].is_symbol("=>")

    def constant(self, row: Aggregate, param: Param, low: int, high: int) -> Constant:
        """The value of a parameter: one literal, of its kind."""
        token = self.tokens[low] if high == low + 1 else None
        try:
            return constant(param, token)
        except ValueError as wrong:
            reason, hint = wrong.args
            self.problem("F218", f"{param.name} of {row.word} {reason}", min(low, high - 1), high - 1, hint)
            return 1

    def filter(self, at: int, high: int, name: str) -> tuple[Fragment | None, int]:
        if at >= high or self.tokens[at].word != "filter":
            return None, at
        if at + 1 >= high or not self.tokens[at + 1].is_symbol("("):
            self.problem("F201", "FILTER needs a condition", at, at, "write filter (where …)")
            return None, at + 1
        close = self.partners[at + 1]
        if at + 2 >= close or self.tokens[at + 2].word != "where":
            self.problem("F201", "WHERE is missing after FILTER (", at, close, "write filter (where …)")
            return None, close + 1
        return self.fragment(at + 3, close, f"the FILTER of {name}"), close + 1

    def over(self, at: int, high: int) -> tuple[Over | None, int]:
        if at >= high or self.tokens[at].word != "over":
            return None, at
        found = read_over(self.text, self.tokens, at)
        if isinstance(found, Problem):
            self.problems.append(found)
            return None, at + 1
        return found, at + 2

    def arguments(self, low: int, close: int, inside: AggregateCall | str | None) -> tuple[Fragment, ...]:
        return tuple(self.fragment(a, b, inside) for a, b in self.places(low, close))

    def places(self, low: int, close: int) -> Iterator[tuple[int, int]]:
        """The tokens of each argument, as [first, past)."""
        if low >= close:
            return
        start = i = low
        while i < close:
            if self.tokens[i].is_symbol(","):
                yield start, i
                start = i + 1
            i = self.partners[i] + 1 if i in self.partners else i + 1
        yield start, close

    def check_text(self, i: int, high: int, calls: bool) -> None:
        """Refuses a word that has no part in the grammar where it stands."""
        token = self.tokens[i]
        word = token.word
        if i + 1 < high and self.tokens[i + 1].is_symbol("=>"):
            return  # the arrow is told
        if token.is_symbol("=>"):
            hint = "give arguments by their place; aggregates such as decay_sum(x, half_life => '6h') have names"
            self.problem("F204", "this argument has no name to be given by", i, i, hint)
        if token.kind == "quoted":
            self.problem(
                "F202",
                f"{token.text} means nothing here",
                i,
                i,
                "is an operator or a comma missing before it?",
            )
        if token.kind != "word" or i in self.typed:
            return
        if word in ("filter", "over"):
            self.problem(
                "F213",
                f"{word.upper()} stands after something that is no aggregate",
                i,
                i,
                f"{word.upper()} belongs to an aggregate, as in last(x) {_EXAMPLES[word]};"
                f" {LISTED}",
            )
        elif i and (self.tokens[i - 1].word == "over" or self.tokens[i - 1].word in ("ignore", "respect")):
            return  # the word before it is told already
        elif word in _REFUSED_INSIDE:
            message, hint = _REFUSED_INSIDE[word]
            self.problem("F212", message, i, i, hint)
        elif word in ("any", "some", "all", "exists", "collate", "lambda", "select"):
            hint = "use and, or, not, in (…) and scalar functions"
            self.problem("F204", f"{word.upper()} is not possible here", i, i, hint)
        elif not (calls or word in KEYWORDS or self._is_literal(i, high) or self._is_unit(i)):
            self.problem(
                "F202",
                f"'{token.text}' means nothing here",
                i,
                i,
                f"a unit stands in single quotes: '{token.text}'"
                if word in UNITS and i and self.tokens[i - 1].is_symbol("(")
                else f'if it is a column, quote it: "{token.text}"',
            )

    def _is_literal(self, i: int, high: int) -> bool:
        """Whether token i is the type of a literal, as in date '2026-01-31'."""
        return self.tokens[i].word in _TYPED_LITERALS and i + 1 < high and self.tokens[i + 1].kind == "string"

    def _is_unit(self, i: int) -> bool:
        """Whether token i is the unit in extract(year …), interval 30 day or interval (…) day."""
        if self.tokens[i].word not in UNITS or i == 0:
            return False
        if i > 1 and self.tokens[i - 1].is_symbol("(") and self.tokens[i - 2].word == "extract":
            return True
        j = i - 1
        if self.tokens[j].is_symbol(")"):
            j = next(o for o, c in self.partners.items() if c == j)
        return j > 0 and self.tokens[j - 1].word == "interval"

    def problem(self, code: str, message: str, first: int, last: int, hint: str | None = None) -> None:
        start = self.tokens[first].start
        self.problems.append(Problem(code, message, start, self.tokens[last].end - start, hint))

    def flush(self, run: list[int], pieces: list[Piece], upto: int) -> None:
        """Adds the text of the collected tokens, spaced one way, with its spaces toward the neighbours."""
        if not run:
            return
        parts = [(" " if self.spaced(i) else "") + self.spelled(i) for i in run]
        tail = " " if upto < len(self.tokens) and self.spaced(upto) else ""
        text = "".join(parts) + tail
        if run[0] == 0 or not pieces:
            text = text.lstrip()
        pieces.append(text)
        run.clear()

    def spelled(self, i: int) -> str:
        token = self.tokens[i]
        return token.word if token.kind == "word" else token.text

    def spaced(self, i: int) -> bool:
        """Whether a space stands before token i: one rule, so that spacing never makes a difference."""
        if i == 0:
            return False
        left, right = self.tokens[i - 1], self.tokens[i]
        if left.is_symbol("(", "[", ".", "::") or right.is_symbol(")", "]", ",", ".", "::"):
            return False
        if right.is_symbol("("):
            return not (left.kind == "word" and left.word not in KEYWORDS)
        if right.is_symbol("["):
            return left.kind == "symbol" and not left.is_symbol(")", "]")
        if left.is_symbol("-", "+", "~") and right.kind != "symbol":
            before = self.tokens[i - 2] if i > 1 else None
            unary = (
                before is None
                or before.is_symbol("(", "[", ",")
                or (before.kind == "symbol" and not before.is_symbol(")", "]"))
                or before.word in KEYWORDS - {"null", "true", "false", "end"}
            )
            return not unary
        return True
