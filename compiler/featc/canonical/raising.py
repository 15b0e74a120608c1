"""What of an expression can fail on a row. Only what cannot may change places with what decides if it is looked at.

All that is not known for certain can fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from featc.canonical.grammar import Term
from featc.types import decimal_parts, family

Types = Callable[[str], str | None]
"""The type of a leaf by its number, in DuckDB's canonical spelling; None where it is not known."""

_TEXT_CALLS = ("lower", "upper", "trim", "ltrim", "rtrim", "length", "starts_with", "ends_with", "contains", "instr")
_COMPARES = ("=", "<>", "<", "<=", ">", ">=", "is distinct")
_LITERALS = {"text": "'", "true": "BOOLEAN", "false": "BOOLEAN", "null": "NULL"}
_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "UTINYINT": 3, "USMALLINT": 5, "UINTEGER": 10}
_WIDEST = 38


def kind(term: Term, types: Types) -> str | None:
    """The type of a value: DuckDB's name, `'` a text literal, `9` a whole number as written, `NULL`; None if not known.
    """
    if term.op in _LITERALS:
        return _LITERALS[term.op]
    if term.op == "number":
        return number_kind(term.value)
    match term.op:
        case "leaf":
            return types(term.value)
        case "cast" | "try_cast":
            return term.value
        case "and" | "or" | "not" | "in" | "between" | "like" | "ilike" | "glob":
            return "BOOLEAN"
        case "neg":
            return kind(term.args[0], types)
        case "call" if term.value in ("lower", "upper", "trim", "ltrim", "rtrim"):
            return "VARCHAR"
        case "call" if term.value in ("length", "instr"):
            return "BIGINT"
        case "call" if term.value in ("starts_with", "ends_with", "contains"):
            return "BOOLEAN"
        case "call" if term.value == "coalesce":
            found = {kind(a, types) for a in term.args}
            return found.pop() if len(found) == 1 else None
    return "BOOLEAN" if term.op in _COMPARES or term.op.startswith("is ") else None


def number_kind(text: str) -> str:
    """The type of a number as written: with an exponent DOUBLE, with a point DECIMAL, else whole."""
    if "e" in text:
        return "DOUBLE"
    whole, point, rest = text.partition(".")
    return f"DECIMAL({max(1, len(whole) + len(rest))},{len(rest)})" if point else "9"


def are_exact(kinds: Iterable[str | None]) -> bool:
    """Whether all are whole numbers or decimals, which one DECIMAL holds: comparing them rounds nothing."""
    parts = [_parts(k) for k in kinds]
    known = [p for p in parts if p is not None]
    return len(known) == len(parts) and max(w for w, _ in known) + max(s for _, s in known) <= _WIDEST


def _parts(type_: str | None) -> tuple[int, int] | None:
    """(digits before the point, after it) of whole and decimal types; None for others and for those too wide."""
    if type_ is None:
        return None
    if type_ == "9":
        return _DIGITS["BIGINT"], 0
    found = decimal_parts(type_)
    if found is not None:
        return found[0] - found[1], found[1]
    return (_DIGITS[type_], 0) if type_ in _DIGITS else None


def compare_quietly(a: str | None, b: str | None) -> bool:
    """Whether values of two kinds can be compared on every row. A literal is brought to the other's type once, before
    any row; text beside a number is read as one, row by row."""
    if a is None or b is None:
        return False
    if a == b or "NULL" in (a, b):
        return True
    if "'" in (a, b):
        return True
    if are_exact((a, b)):
        return True
    others = [t for t in (a, b) if family(t) != "float"]
    return len(others) < 2 and all(_parts(t) is not None for t in others)


def can_raise(term: Term, types: Types) -> bool:
    """Whether evaluating it can fail on some row."""
    if any(can_raise(a, types) for a in term.args):
        return True
    kinds = [kind(a, types) for a in term.args]
    match term.op:
        case "leaf" | "text" | "number" | "true" | "false" | "null":
            return False
        case "and" | "or" | "not":
            return any(k != "BOOLEAN" for k in kinds)
        case "neg":
            return term.args[0].op != "number"
        case "is null":
            return False
        case "is true" | "is false":
            return kinds[0] != "BOOLEAN"
        case "in" | "between":
            alike = all(k in ("'", kinds[0]) for k in kinds[1:]) or are_exact(k for k in kinds if k != "'")
            return not (alike and all(compare_quietly(kinds[0], k) for k in kinds[1:]))
        case "like" | "ilike" if len(kinds) == 2:
            return not all(k in ("VARCHAR", "'") for k in kinds)
        case "call" if term.value in _TEXT_CALLS:
            return not all(k in ("VARCHAR", "'") for k in kinds)
        case "call" if term.value == "coalesce":
            return len(set(kinds)) > 1 or kinds[0] is None
    return not (term.op in _COMPARES and compare_quietly(*kinds))
