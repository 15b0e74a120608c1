"""Random expressions as text, with only the parentheses DuckDB's grammar needs, or not even those."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache

from closure_differential import Rows, corners, make_rows

TYPES = (
    "BIGINT",
    "INTEGER",
    "DOUBLE",
    "DECIMAL(12,2)",
    "VARCHAR",
    "BOOLEAN",
    "TIMESTAMP",
    "DATE",
    "BIGINT",
    "DOUBLE",
)
_COLUMNS = {
    "number": ("x0", "x1", "x2", "x3", "x8", "x9"), "text": ("x4",), "bool": ("x5",), "time": ("x6", "x7"),
}  # fmt: skip
_LITERALS = {
    "number": (
        "0",
        "1",
        "2",
        "7",
        "100",
        "0.5",
        "1.5",
        "2.25",
        "1e6",
        "1e-3",
        "2147483647",
        "3000000000",
        "null",
    ),
    "text": ("''", "'a'", "'it''s'", "'😀'"),
    "bool": ("true", "false", "null"),
    "time": ("timestamp '2026-01-01 00:00:00'", "date '1969-12-31'", "'2026-01-01'::date"),
}
_ORDINARY: dict[str, Sequence[object]] = {
    "BIGINT": (0, 1, 2, 3, 5, 8, -1, -4, 1000), "INTEGER": (0, 1, 2, 3, 60, -1, -7), "DOUBLE": (0.0, 1.0,
    0.5, -2.5, 3.75, 1e6),
    "DECIMAL(12,2)": tuple(Decimal(v) for v in ("0.00", "1.00", "12.34", "-0.01", "99.99")),
    "VARCHAR": ("a", "ab", "", "b"),
    "BOOLEAN": (True, False), "TIMESTAMP": (datetime(2026, 1, 1), datetime(2026, 1, 8, 10, 30),
    datetime(1969, 7, 20, 20, 17)),
    "DATE": (date(2026, 1, 1), date(1969, 12, 31), date(2025, 6, 30)),
}  # fmt: skip


@cache
def tree_rows(count: int = 240, seed: int = 7) -> Rows:
    """Rows of which a third are corner values, a third ordinary ones and a third mixed."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        extreme = (0.0, 0.15, 0.7)[i % 3]
        rows.append(tuple(rng.choice(corners(t) if rng.random() < extreme else _ORDINARY[t]) for t in TYPES))
    return make_rows(TYPES, rows)


@dataclass
class Trees:
    """Draws an expression. `pick` chooses one of several; `bare` leaves out some of the parentheses that
    are needed.
    """

    pick: Callable[[Sequence[str]], str]
    bare: bool = False

    def draw(self, kind: str, depth: int) -> tuple[str, int]:
        """Text of the kind and how tightly its outermost operator binds (9: an atom)."""
        if depth <= 0 or self.pick("nnnl") == "l":
            leaf = self.pick(_COLUMNS[kind] * 3 + _LITERALS[kind])
            return leaf, 9
        form = self.pick(_FORMS[kind])
        return getattr(self, f"_{form}")(kind, depth - 1)

    def operand(self, kind: str, depth: int, level: int) -> str:
        text, binds = self.draw(kind, depth)
        if binds >= level or (self.bare and self.pick("yn") == "y"):
            return text
        return f"({text})"

    def _arithmetic(self, kind: str, depth: int) -> tuple[str, int]:
        op = self.pick(("+", "-", "*", "/", "//", "%"))
        level = 5 if op in "+-" else 6
        return f"{self.operand(kind, depth, level)} {op} {self.operand(kind, depth, level + 1)}", level

    def _negation(self, kind: str, depth: int) -> tuple[str, int]:
        return f"- {self.operand(kind, depth, 7)}", 7

    def _cast(self, kind: str, depth: int) -> tuple[str, int]:
        to = self.pick(("double", "bigint", "int", "decimal(12,2)", "decimal(18,4)"))
        if self.pick("yn") == "y":
            return f"{self.operand(kind, depth, 9)}::{to}", 9
        return f"cast({self.operand(kind, depth, 0)} as {to})", 9

    def _function(self, kind: str, depth: int) -> tuple[str, int]:
        name = self.pick(("abs", "floor", "ceil", "round", "sqrt"))
        return f"{name}({self.operand(kind, depth, 0)})", 9

    def _choice(self, kind: str, depth: int) -> tuple[str, int]:
        name = self.pick(("coalesce", "ifnull", "nullif", "greatest", "least", "greatest3", "coalesce3"))
        count = 3 if name.endswith("3") else 2
        return f"{name.rstrip('3')}({', '.join(self.operand(kind, depth, 0) for _ in range(count))})", 9

    def _case(self, kind: str, depth: int) -> tuple[str, int]:
        condition, first = self.operand("bool", depth, 0), self.operand(kind, depth, 0)
        match self.pick(("if", "case", "of")):
            case "if":
                return f"if({condition}, {first}, {self.operand(kind, depth, 0)})", 9
            case "of":
                subject = self.pick(("number", "text", "time"))
                value = self.operand(subject, depth, 0)
                return f"case {self.operand(subject, depth, 0)} when {value} then {first} end", 9
            case _:
                return f"case when {condition} then {first} else {self.operand(kind, depth, 0)} end", 9

    def _from_time(self, kind: str, depth: int) -> tuple[str, int]:
        name = self.pick(("epoch_us", "hour", "isodow", "month", "dayofweek", "year"))
        return f"{name}({self.operand('time', depth, 0)})", 9

    def _length(self, kind: str, depth: int) -> tuple[str, int]:
        return f"length({self.operand('text', depth, 0)})", 9

    def _concat(self, kind: str, depth: int) -> tuple[str, int]:
        return f"{self.operand('text', depth, 4)} || {self.operand('text', depth, 5)}", 4

    def _comparison(self, kind: str, depth: int) -> tuple[str, int]:
        of = self.pick(("number", "number", "text", "time", "bool"))
        op = self.pick(
            ("=", "<>", "!=", "==", "<", "<=", ">", ">=", "is distinct from", "is not distinct from")
        )
        return f"{self.operand(of, depth, 4)} {op} {self.operand(of, depth, 4)}", 3

    def _is_null(self, kind: str, depth: int) -> tuple[str, int]:
        of = self.pick(("number", "text", "time", "bool"))
        return f"{self.operand(of, depth, 4)} is {self.pick(('', 'not '))}null", 3

    def _between(self, kind: str, depth: int) -> tuple[str, int]:
        of = self.pick(("number", "text", "time"))
        a, low, high = (self.operand(of, depth, 4) for _ in range(3))
        return f"{a} {self.pick(('', 'not '))}between {low} and {high}", 3

    def _in(self, kind: str, depth: int) -> tuple[str, int]:
        of = self.pick(("number", "text", "time"))
        items = ", ".join(self.operand(of, depth - 1, 0) for _ in self.pick(("1", "12", "123")))
        return f"{self.operand(of, depth, 4)} {self.pick(('', 'not '))}in ({items})", 3

    def _inversion(self, kind: str, depth: int) -> tuple[str, int]:
        return f"not {self.operand('bool', depth, 2)}", 2

    def _logic(self, kind: str, depth: int) -> tuple[str, int]:
        op = self.pick(("and", "or"))
        level = 1 if op == "and" else 0
        return f"{self.operand('bool', depth, level)} {op} {self.operand('bool', depth, level + 1)}", level


_FORMS = {
    "number": ("arithmetic",) * 4 + ("negation", "cast", "function", "choice", "case", "from_time", "length"),
    "bool": ("comparison",) * 3
    + ("logic",) * 3
    + ("inversion", "is_null", "between", "in", "case", "choice"),
    "text": ("concat", "concat", "choice", "case"),
    "time": ("choice", "case"),
}
