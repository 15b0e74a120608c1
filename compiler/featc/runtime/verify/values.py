"""What values a column, key or request column is given in made-up histories.

Half of them come from the project itself: constants its expressions compare the column with (so that
`where status = 'paid'` is met and missed) and values found in its data. The others are those that go wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any
from uuid import UUID

from featc.encoding import RANGES, as_single
from featc.resolve.model import ColumnRef, Expr, Project, Ref, RequestRef, Source
from featc.runtime.verify.rows import STAMPS
from featc.types import FLOATS, INTEGERS, decimal_parts, family

_LITERAL = re.compile(r"'((?:[^']|'')*)'|(?<![\w.])(\d+(?:\.\d+)?)(?![\w.])")
_TEXTS = ("a", "b", "", "é", "Z", "it's", "～", "😀", "a b", "12")
_WILD_DOUBLES = (float("nan"), float("nan"), float("inf"), float("-inf"), 1e16, -1e16, 1e-9)
_TAME_DOUBLES = (0.0, -0.0, 0.1, 0.2, 0.3, 1.5, -2.25, 100.0, 3e-200)
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Pool:
    """Where a column's values come from: `named` in expressions, `found` in the data."""

    type: str
    named: tuple[Any, ...] = ()
    found: tuple[Any, ...] = ()

    def draw(self, random: Random, *, wild: bool, tame: bool = False) -> Any:
        """A value. `wild` allows NaN, infinities, integers that no DOUBLE holds; `tame` only known ones."""
        known = [*self.named, *self.found]
        if self.named and random.random() < 0.5:
            return random.choice(self.named)
        if known and (tame or random.random() < 0.3):
            return random.choice(known)
        return special(self.type, random, wild=wild)


def special(type_: str, random: Random, *, wild: bool) -> Any:
    """A value that plans tend to treat differently, of this type; None where none is known."""
    if type_ == "FLOAT":
        return as_single(special("DOUBLE", random, wild=wild))
    if type_ in INTEGERS:
        if wild and type_ in ("BIGINT", "HUGEINT") and random.random() < 0.3:
            return random.choice((_EXACT + 1, -_EXACT - 1, _EXACT + 3))
        return random.randint(0 if type_.startswith("U") else -3, 5)
    if type_ in FLOATS:
        if wild and random.random() < 0.5:
            return random.choice(_WILD_DOUBLES)
        return random.choice(_TAME_DOUBLES) if random.random() < 0.5 else random.randint(-40, 60) / 8
    parts = decimal_parts(type_)
    if parts:
        top = 10 ** min(parts[0], 11) - 1 if wild and random.random() < 0.2 else min(500, 10 ** parts[0] - 1)
        return Decimal(random.randint(-top, top)).scaleb(-parts[1])
    match family(type_):
        case "text":
            return random.choice(_TEXTS)
        case "boolean":
            return random.random() < 0.5
        case "date":
            return date(2024, 2, 27) + timedelta(days=random.randint(0, 5))
        case "uuid":
            return UUID(int=random.randint(1, 4))
        case _:
            if type_ in STAMPS:
                return datetime(2024, 3, 30, 22) + timedelta(microseconds=random.randint(-3, 3) * 1_800_000_000)
            return None


def key_value(type_: str, number: int) -> Any:
    """The `number`-th of a key's values: short ones, so that composite keys glued together collide."""
    if type_ in INTEGERS:
        return number % 100 if type_ in ("TINYINT", "UTINYINT") else number
    if type_ in FLOATS:
        return float(number)
    parts = decimal_parts(type_)
    if parts:
        return Decimal(number % 10 ** (parts[0] - parts[1]))
    match family(type_):
        case "text":
            return str(number)
        case "boolean":
            return bool(number % 2)
        case "date":
            return date(2024, 1, 1) + timedelta(days=number)
        case "uuid":
            return UUID(int=number)
        case _:
            return datetime(2024, 1, 1) + timedelta(hours=number) if type_ in STAMPS else None


def parsed(text: str, type_: str) -> Any:
    """A constant's text as a value of the type, or None when it is none (or the type has no constants)."""
    try:
        if type_ in INTEGERS:
            low, past = RANGES[type_]
            return int(text) if low <= int(text) < past else None
        if type_ in FLOATS:
            return as_single(float(text)) if type_ == "FLOAT" else float(text)
        parts = decimal_parts(type_)
        if parts:
            value = Decimal(text)
            fits = value == round(value, parts[1]) and abs(value) < 10 ** (parts[0] - parts[1])
            return round(value, parts[1]) if fits else None
        match family(type_):
            case "text":
                return text
            case "boolean":
                return {"true": True, "false": False}[text.lower()]
            case "date":
                return date.fromisoformat(text)
            case "uuid":
                return UUID(text)
            case _:
                return datetime.fromisoformat(text).replace(tzinfo=None) if type_ in STAMPS else None
    except (ValueError, KeyError, InvalidOperation, OverflowError):
        return None


# ── constants of the project ────────────────────────────────────────────────────────────────────────────────


def _constants(exprs: Iterable[Expr]) -> dict[Ref, list[str]]:
    """The constants that stand in one expression with a reference, by reference."""
    found: dict[Ref, list[str]] = {}
    for expr in exprs:
        text = "".join(p for p in expr.parts if isinstance(p, str))
        constants = [a.replace("''", "'") if a or not b else b for a, b in _LITERAL.findall(text)]
        for ref in expr.refs:
            found.setdefault(ref, []).extend(constants)
    return found


def _row_exprs(project: Project, source: Source) -> list[Expr]:
    exprs = [source.time, source.available_at, source.deleted, source.valid_to]
    for view in project.views.values():
        if view.source == source.name:
            exprs += [view.where, *(k.expr for k in view.keys)]
            exprs += [e for s in view.slots for e in (s.value, s.filter)]
            # features over state columns: `monthly_price > 0` says what to try as well
            exprs += [f.expr for f in view.features]
    return [e for e in exprs if e is not None]


def _typed(texts: Sequence[str], type_: str) -> tuple[Any, ...]:
    values = [parsed(t, type_) for t in dict.fromkeys(texts)]
    return tuple(v for v in values if v is not None)


def column_pools(project: Project, source: Source, found: Mapping[str, Sequence[Any]]) -> dict[str, Pool]:
    """The pool of every column of a source; `found` has values of its data by column."""
    constants: dict[str, list[str]] = {}
    for ref, texts in _constants(_row_exprs(project, source)).items():
        name = getattr(ref, "column", None)
        if name is not None:
            constants.setdefault(name, []).extend(texts)
    return {
        c.name: Pool(c.physical, _typed(constants.get(c.name, ()), c.physical), tuple(found.get(c.name, ())))
        for c in source.columns
    }


def request_pools(project: Project, request: Mapping[str, str]) -> dict[str, Pool]:
    """The pool of every request column, from the constants it meets in features."""
    exprs = [f.expr for v in project.views.values() for f in v.features]
    constants = {r.name: t for r, t in _constants(exprs).items() if isinstance(r, RequestRef)}
    return {name: Pool(type_, _typed(constants.get(name, ()), type_)) for name, type_ in request.items()}


def settable(expr: Expr | None) -> str | None:
    """The column an instant or key is read from, when it is nothing but that column."""
    if expr is None or not expr.is_bare:
        return None
    ref = expr.parts[0]
    return ref.column if isinstance(ref, ColumnRef) else None
