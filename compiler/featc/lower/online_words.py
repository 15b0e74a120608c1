"""Names for columns of the online store, out of what they hold.

A name follows from the canonical form of an expression, so that it is the same however the expression is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from featc.canonical import Leaf, canonical
from featc.digests import Value
from featc.resolve.model import MEMBER, ColumnRef, Expr, Slot, Source

_LONGEST = 40
_DIGITS = 6
_SHARED = ("=", "<>", "+", "*", "is distinct")
"""Operators whose operands may change places: what is read stands first."""
_SAID = {"<": "lt", "<=": "le", "<>": "ne", "=": "", "+": "", "-": "minus", "*": "", "/": "per", "neg": "minus"}
_TURNED = {"<": "gt", "<=": "ge"}
_BETWEEN = ("and", "or", "like", "ilike", "glob", "is distinct", *_SAID)
"""Operators whose word stands between their operands."""


def slot_name(source: Source, slot: Slot) -> str:
    """What a slot holds, as an identifier in snake case without a double underscore.

    `amount`, `amount_where_status_paid`, `is_quantity_gt_1` (whether a row passes).
    """
    value, said = _form(source, slot.value), {c.name: c.stands_for or c.name for c in source.columns}
    passes = "" if slot.filter is None else _joined(_words(_form(source, slot.filter), said))
    if passes and value == ("true", ()):
        return f"is_{passes}"
    found = _joined(_words(value, said)) + (f"_where_{passes}" if passes else "")
    return found if found[:1].isalpha() else f"v_{found}".strip("_")


def told_apart(given: Iterable[tuple[str, str]], taken: Iterable[str] = ()) -> Mapping[str, str]:
    """By fingerprint a name, for (name, fingerprint) pairs: the name itself, where it is no other's and not `taken`,
    else with digits of the fingerprint. So no name depends on the order in which they are given."""
    marks: dict[str, set[str]] = {}
    for name, mark in given:
        marks.setdefault(name, set()).add(mark)
    free = {name for name, own in marks.items() if len(own) == 1} - set(taken)
    return {m: name if name in free else f"{name}_{m[:_DIGITS]}" for name, own in marks.items() for m in own}


def _form(source: Source, expr: Expr) -> Value:
    """The canonical form, in which columns stand by name."""
    columns = [r for r in expr.refs if isinstance(r, ColumnRef)]
    numbers = {ref: number for number, ref in enumerate(columns)}
    parts = tuple(p if isinstance(p, str) else numbers[p] for p in expr.parts)  # type: ignore[index]
    return canonical(parts, [Leaf(r.column, source.column(r.column).type) for r in columns])


def _words(form: Value, said: Mapping[str, str]) -> Iterator[str]:
    """The words of a form, in an order that follows from the form; columns as they are `said`."""
    match form:
        case ("leaf", str(column)):
            yield said[column]
        case ("case of", (("leaf", str(column)), *branches)) if column == MEMBER:
            for value in branches[1::2]:  # what each member of a union has for it
                yield from _words(value[2][0] if value[0] == "cast" else value, said)
        case ("words", tuple(items)):
            yield from (i[1] if isinstance(i, tuple) else i for i in items)
        case (str(op), str(value), tuple(args)):
            found = [w for a in args for w in _words(a, said)]
            yield from [value, *found] if op == "call" else [*found, value]
        case (str(op), tuple(args)) if op in _BETWEEN and len(args) > 1:
            word = _SAID.get(op, op)
            if op in _TURNED and not _reads(args[0]):
                args, word = args[::-1], _TURNED[op]
            elif op in _SHARED:
                args = tuple(sorted(args, key=lambda a: not _reads(a)))
            for number, arg in enumerate(args):
                yield word if number else ""
                yield from _words(arg, said)
        case ("is null", (one,)):
            yield from _words(one, said)
            yield "null"
        case (str(op), tuple(args)):
            yield _SAID.get(op, op)
            yield from (w for a in args for w in _words(a, said))


def _reads(form: Value) -> bool:
    """Whether a form reads a column."""
    return isinstance(form, tuple) and (form[:1] == ("leaf",) or any(map(_reads, form)))


def _joined(words: Iterable[str]) -> str:
    snake = (re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower() for word in words)
    found = "_".join(w for word in snake for w in re.findall(r"[a-z0-9]+", word))
    return found[:_LONGEST].strip("_") or "value"
