"""Asks DuckDB for the types of row expressions, all of one source at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from featc.catalog import DEEPEST, Catalog, TypeProblem
from featc.errors import Diagnostic, Findings, Span
from featc.load.text import Text
from featc.parse import Fragment
from featc.resolve.model import Column, ColumnRef, Expr, Ref
from featc.resolve.pieces import Parts, joined

NARROWED = {
    "HUGEINT": "BIGINT", "UHUGEINT": "BIGINT", "TIMESTAMP_NS": "TIMESTAMP", "TIMESTAMP_S": "TIMESTAMP",
    "TIMESTAMP_MS": "TIMESTAMP",
}  # fmt: skip
"""Types that no lifted value and no output carries, and what they are cast to."""


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(slots=True)
class Asked:
    """A row expression on its way to a type. `expr` is None until settled, and stays so after an error."""

    parts: Parts
    text: Text
    start: int
    length: int
    uses: frozenset[str]
    expr: Expr | None = None

    @property
    def span(self) -> Span:
        return self.text.span_at(self.start, self.length)


def narrowed(parts: Parts, type_: str) -> tuple[Parts, str]:
    """The expression cast to a type that values may have, and that type."""
    target = NARROWED.get(type_, "VARCHAR" if type_.startswith("ENUM") else type_)
    if target == type_:
        return parts, type_
    return joined(("(", *parts, f")::{target}")), target


@dataclass(slots=True)
class RowBatch:
    """The row expressions of one source."""

    columns: tuple[Column, ...]
    asked: list[Asked] = field(default_factory=list)
    broken_lets: set[str] = field(default_factory=set)

    def ask(self, parts: Parts, text: Text, fragment: Fragment, uses: Iterable[str] = ()) -> Asked:
        found = Asked(parts, text, fragment.start, max(1, fragment.end - fragment.start), frozenset(uses))
        self.asked.append(found)
        return found

    def settle(self, catalog: Catalog, findings: Findings) -> None:
        """Gives every expression its type, or reports why it has none. A problem in a `let` is told once."""
        pending = [a for a in self.asked if a.expr is None]
        distinct = list(dict.fromkeys(a.parts for a in pending))
        columns = [(c.name, c.type) for c in self.columns]
        answers = dict(zip(distinct, catalog.types(columns, [_spelled(p) for p in distinct]), strict=True))
        told: set[Parts] = set()
        for asked in pending:
            answer = answers[asked.parts]
            if not isinstance(answer, TypeProblem):
                parts, type_ = narrowed(asked.parts, answer)
                asked.expr = Expr(parts, type_, asked.span)
            elif not asked.uses & self.broken_lets and asked.parts not in told:
                told.add(asked.parts)
                findings.items.append(refused(answer, self._types(asked.parts), asked.span))

    def _types(self, parts: Parts) -> dict[str, str]:
        types = {c.name: c.type for c in self.columns}
        return {p.column: types[p.column] for p in parts if isinstance(p, ColumnRef)}


def refused(problem: TypeProblem, types: dict[str, str], span: Span | None) -> Diagnostic:
    """Why the engine gives an expression no type (F311), or that it is too long (F225). `types` are of its names."""
    if "max_expression_depth" in problem.message:
        message = f"the expression is too long: more than {DEEPEST} operators stand one in another"
        hint = "make features of its parts and combine those; parts of a row can be computed under the source's sql:"
        return Diagnostic("F225", message, span, hint)
    words = engine_words(problem.message)
    return Diagnostic("F311", words, span, types_hint(types, words))


def types_hint(types: Mapping[str, str], words: str) -> str | None:
    """What the names in an expression are, and how the engine's complaint about their types is met."""
    if not types:
        return None
    here = "here " + ", ".join(f"{name} is {type_}" for name, type_ in types.items())
    if "LITERAL" in words and "VARCHAR" in words:
        return f"{here}; text is compared with text in single quotes, and try_cast(x as double) makes it a number"
    if re.search(r"(timestamp|date) field", words):
        return f"{here}; an instant is written timestamp '2026-01-31 10:00:00', a day date '2026-01-31'"
    if "Could not convert string" in words:
        return f"{here}; compare each with values of its own type"
    return f"{here}; a cast is written x::double"


def _spelled(parts: Parts) -> str:
    def name(ref: Ref) -> str:
        assert isinstance(ref, ColumnRef)
        return quoted(ref.column)

    return "".join(p if isinstance(p, str) else name(p) for p in parts)


def engine_words(message: str) -> str:
    """DuckDB's message without its kind: `Binder Error: …` → `…`."""
    first = message.strip().splitlines()[0] if message.strip() else "the engine refuses this"
    head, colon, rest = first.partition(" Error: ")
    words = (rest if colon and " " not in head else first).strip()
    return words.removesuffix(" You might need to add explicit type casts.")
