"""What of an expression can fail on a row. Only what cannot may change places with what decides if it is looked at.

All that is not known for certain can fail.
"""

from __future__ import annotations

from collections.abc import Callable

from featc.canonical.grammar import Term
from featc.types import family

Types = Callable[[str], str | None]
"""The type of a leaf by its number, in DuckDB's canonical spelling; None where it is not known."""

_TEXT_CALLS = ("lower", "upper", "trim", "ltrim", "rtrim", "length", "starts_with", "ends_with", "contains", "instr")
_COMPARES = ("=", "<>", "<", "<=", ">", ">=", "is distinct")
_LITERALS = {"text": "'", "number": "9", "true": "BOOLEAN", "false": "BOOLEAN", "null": "NULL"}
_HUGE = ("HUGEINT", "UHUGEINT", "UBIGINT")


def kind(term: Term, types: Types) -> str | None:
    """The type of a value: DuckDB's name, `'` a text literal, `9` a number as written, `NULL`; None if not known."""
    if term.op in _LITERALS:
        return _LITERALS[term.op]
    match term.op:
        case "leaf":
            return types(term.value)
        case "cast" | "try_cast":
            return term.value
        case "and" | "or" | "not" | "in" | "between" | "like" | "ilike" | "glob":
            return "BOOLEAN"
        case "neg":
            return "9" if term.args[0].op == "number" else kind(term.args[0], types)
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


def compare_quietly(a: str | None, b: str | None) -> bool:
    """Whether values of two kinds can be compared on every row. A literal is brought to the other's type once, before
    any row; text beside a number is read as one, row by row."""
    if a is None or b is None:
        return False
    if a == b or "NULL" in (a, b):
        return True
    if "'" in (a, b):
        return True
    families = {family(t) if t != "9" else "number" for t in (a, b)}
    if "number" in families:
        return families <= {"number", "integer", "decimal", "float"} and not {a, b} & set(_HUGE)
    return families == {"integer"} or (families == {"integer", "float"} and not {a, b} & set(_HUGE))


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
            return not all(compare_quietly(kinds[0], k) and k in ("'", "9", kinds[0]) for k in kinds[1:])
        case "like" | "ilike" if len(kinds) == 2:
            return not all(k in ("VARCHAR", "'") for k in kinds)
        case "call" if term.value in _TEXT_CALLS:
            return not all(k in ("VARCHAR", "'") for k in kinds)
        case "call" if term.value == "coalesce":
            return len(set(kinds)) > 1 or kinds[0] is None
    return not (term.op in _COMPARES and compare_quietly(*kinds))
