"""The allow-list: for each operator and function, DuckDB's types and the Python that gives the same value.

`RULES` maps a `Term.op` to a function from typed operands to a typed expression, raising `Refused` for what
is not proven. Every row, with every type it takes, is compared with DuckDB in `tests/closures`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from featc.closures.functions import FUNCTIONS
from featc.closures.kernels import DAY, INTEGER_BITS, in_timestamp
from featc.closures.syntax import Refused, Term
from featc.closures.typed import (
    MAX_DIGITS,
    NULL,
    Typed,
    check_type,
    coerce,
    common_type,
    decimal_shape,
    integer_literal,
    strict,
)
from featc.types import decimal_parts

Rule = Callable[[Term, tuple[Typed, ...]], Typed]


def type_term(term: Term, ref_types: Sequence[str]) -> Typed:
    """The typed form of a term. `ref_types[i]` is the type of reference i. Raises `Refused`."""
    args = tuple(type_term(a, ref_types) for a in term.args)
    if term.op == "ref":
        index = int(term.value)
        return Typed("ref", check_type(ref_types[index]), value=index)
    rule = RULES.get(term.op)
    if rule is None:
        raise Refused(f"`{term.op}` is not on the list")
    return rule(term, args)


# ── literals ──────────────────────────────────────────────────────────────────────────────────────


def _number(term: Term, args: tuple[Typed, ...]) -> Typed:
    text = term.value
    if text.isdigit():
        return integer_literal(int(text))
    if "e" in text.casefold():
        return Typed("constant", "DOUBLE", value=float(text))
    whole, fraction = text.split(".")
    # DuckDB counts the digits as they are written, a leading zero only where it stands for nothing else
    digits = len(whole.lstrip("0") or "0" if whole != "0" else "0") + len(fraction)
    if (whole != "0" and whole.startswith("0")) or digits > 18:
        raise Refused(f"the number {text} is written in a form that is not on the list")
    return Typed("constant", f"DECIMAL({digits},{len(fraction)})", value=Decimal(text))


def _literal(type_: str, value: object) -> Rule:
    return lambda term, args: Typed("constant", type_, value=value)


def _instant(term: Term, args: tuple[Typed, ...]) -> Typed:
    try:
        micros = in_timestamp(datetime.fromisoformat(term.value))
    except ValueError:
        raise Refused(f"'{term.value}' is no {term.type.lower()}") from None
    if term.type == "TIMESTAMP":
        return Typed("constant", "TIMESTAMP", value=micros)
    if len(term.value) > 10:
        raise Refused("a DATE with a time of day")
    return Typed("constant", "DATE", value=micros // DAY)


# ── arithmetic ────────────────────────────────────────────────────────────────────────────────────

_SYMBOL_KERNELS = {"+": "add", "-": "subtract", "*": "multiply"}


def _arithmetic(term: Term, args: tuple[Typed, ...]) -> Typed:
    """+ - *: integers stay in their width (overflow falls back), decimals grow as DuckDB's do, DOUBLE is
    IEEE.
    """
    _need(args, 2, _is_number, term.op)
    if all(a.type in INTEGER_BITS for a in args):
        type_ = common_type(args)
        return strict(type_, f"{type_.lower()}({{0}} {term.op} {{1}})", *args)
    if any(a.type in ("DOUBLE", "FLOAT") for a in args):
        _refuse_float(args)
        return strict("DOUBLE", f"{{0}} {term.op} {{1}}", *_to("DOUBLE", args))
    (p1, s1), (p2, s2) = (decimal_shape(a.type) for a in args)
    if term.op == "*":
        scale, digits = s1 + s2, p1 + p2
    else:
        scale = max(s1, s2)
        digits = max(p1 - s1, p2 - s2) + scale + 1
        if digits > MAX_DIGITS + 1:
            raise Refused("decimals that need more than 38 digits together")
    if scale > MAX_DIGITS:
        raise Refused("decimals that need more than 38 digits together")
    # DuckDB keeps a product in 64 bits, checked, while both operands are
    digits = 18 if term.op == "*" and max(p1, p2) <= 18 < digits else min(digits, MAX_DIGITS)
    operands = (
        a if decimal_parts(a.type) else coerce(a, f"DECIMAL({decimal_shape(a.type)[0]},0)") for a in args
    )
    template = f"dec_{digits}_{scale}({_SYMBOL_KERNELS[term.op]}({{0}}, {{1}}))"
    return strict(f"DECIMAL({digits},{scale})", template, *operands)


def _minus(term: Term, args: tuple[Typed, ...]) -> Typed:
    if term.op == "-" and all(a.type == "DATE" for a in args):
        return strict("BIGINT", "{0} - {1}", *args)
    return _arithmetic(term, args)


def _divide(term: Term, args: tuple[Typed, ...]) -> Typed:
    """/: DOUBLE division whatever the operands; x / 0 is ±inf or NaN."""
    _need(args, 2, _is_number, "/")
    _refuse_float(args)
    return strict("DOUBLE", "{0} / {1} if {1} else divide_by_zero({0}, {1})", *_to("DOUBLE", args))


def _refuse_float(args: Sequence[Typed]) -> None:
    """FLOAT is computed with in 32 bits unless a DOUBLE is there."""
    types = [a.type for a in args]
    if "FLOAT" in types and "DOUBLE" not in types:
        raise Refused("FLOAT arithmetic is not on the list")


def _whole_divide(term: Term, args: tuple[Typed, ...]) -> Typed:
    _need(args, 2, _is_integer, "//")
    type_ = common_type(args)
    return strict(type_, f"{type_.lower()}(quotient({{0}}, {{1}}))", *args)


def _modulo(term: Term, args: tuple[Typed, ...]) -> Typed:
    """%: the sign of the dividend; by zero an error for integers and decimals (fall back), NaN for DOUBLE."""
    _need(args, 2, _is_number, "%")
    type_ = common_type(args)
    operands = _to(type_, args)
    if type_ in INTEGER_BITS:
        return strict(type_, "int_remainder({0}, {1})", *operands)
    if type_ == "DOUBLE":
        return strict(type_, "modulo({0}, {1})", *operands)
    p, s = _decimal(type_, "%")
    return strict(type_, f"dec_{p}_{s}(dec_remainder({{0}}, {{1}}))", *operands)


def _negate(term: Term, args: tuple[Typed, ...]) -> Typed:
    _need(args, 1, _is_number, "-")
    (arg,) = args
    if arg.adopts:
        assert isinstance(arg.value, int)
        # typed by its digits before the sign is seen: -2147483648 is a BIGINT
        return replace(arg, value=-arg.value)
    if arg.type in INTEGER_BITS:
        return strict(arg.type, f"{arg.type.lower()}(-{{0}})", arg)
    if arg.type in ("DOUBLE", "FLOAT"):
        return strict(arg.type, "-{0}", arg)
    if arg.form == "constant" and isinstance(arg.value, Decimal):
        return Typed("constant", arg.type, value=-arg.value if arg.value else arg.value)
    return strict(arg.type, "negate({0})", arg)


# ── comparisons and logic ─────────────────────────────────────────────────────────────────────────

_PYTHON_COMPARISON = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
# NaN equals itself and is greater than everything else
_DOUBLE_COMPARISON = {
    "=": "({0} == {1} or ({0} != {0} and {1} != {1}))",
    "<>": "({0} != {1} and ({0} == {0} or {1} == {1}))",
    "<": "({0} < {1} or ({1} != {1} and {0} == {0}))",
    "<=": "({0} <= {1} or {1} != {1})",
    ">": "({0} > {1} or ({0} != {0} and {1} == {1}))",
    ">=": "({0} >= {1} or {0} != {0})",
}


def _compared(op: str, args: tuple[Typed, ...]) -> tuple[str, tuple[Typed, ...]]:
    """The Python comparison of two values that are not NULL, and all operands in the type they are compared
    in.
    """
    type_ = common_type(args)
    template = (
        _DOUBLE_COMPARISON[op] if type_ in ("DOUBLE", "FLOAT") else f"({{0}} {_PYTHON_COMPARISON[op]} {{1}})"
    )
    return template, _to(type_, args)


def _comparison(term: Term, args: tuple[Typed, ...]) -> Typed:
    template, operands = _compared(term.op, args)
    return strict("BOOLEAN", template, *operands)


def _distinct(term: Term, args: tuple[Typed, ...]) -> Typed:
    template, operands = _compared("<>", args)
    found = Typed("distinct", "BOOLEAN", operands, template)
    return strict("BOOLEAN", "not {0}", found) if term.op.startswith("is not") else found


def _between(term: Term, args: tuple[Typed, ...]) -> Typed:
    template, operands = _compared("<=", args)
    return Typed("between", "BOOLEAN", operands, template)


def _in(term: Term, args: tuple[Typed, ...]) -> Typed:
    if len(args) < 2:
        raise Refused("an empty list")
    template, operands = _compared("=", args)
    return Typed("in", "BOOLEAN", operands, template)


def _logic(term: Term, args: tuple[Typed, ...]) -> Typed:
    """AND, OR: both sides are always evaluated, so that an error on either side falls back."""
    _need(args, 2, _is_condition, term.op)
    return Typed("and" if term.op == "and" else "or", "BOOLEAN", _to("BOOLEAN", args))


def _not(term: Term, args: tuple[Typed, ...]) -> Typed:
    _need(args, 1, _is_condition, "not")
    return strict("BOOLEAN", "not {0}", *_to("BOOLEAN", args))


def _is_null(term: Term, args: tuple[Typed, ...]) -> Typed:
    if args[0].type == NULL:
        raise Refused("NULL IS NULL")
    return Typed("is null", "BOOLEAN", args)


# ── choosing ──────────────────────────────────────────────────────────────────────────────────────


def _coalesce(term: Term, args: tuple[Typed, ...]) -> Typed:
    type_ = common_type(args)
    return Typed("coalesce", type_, _to(type_, args))


def _case(term: Term, args: tuple[Typed, ...]) -> Typed:
    """when1, then1, when2, then2, …, else. Branches that are not chosen are not evaluated."""
    conditions, results = args[:-1:2], (*args[1::2], args[-1])
    _need(conditions, len(conditions), _is_condition, "case")
    type_ = common_type(results)
    coerced = _to(type_, results)
    pairs = [p for c, r in zip(_to("BOOLEAN", conditions), coerced, strict=False) for p in (c, r)]
    return Typed("case", type_, (*pairs, coerced[-1]))


def _if(term: Term, args: tuple[Typed, ...]) -> Typed:
    if len(args) not in (2, 3):
        raise Refused("`if` takes two or three operands")
    return _case(term, args if len(args) == 3 else (*args, Typed("constant", NULL)))


def _case_of(term: Term, args: tuple[Typed, ...]) -> Typed:
    """CASE x WHEN v …: only while x and every v have one type, so that there is nothing to convert."""
    subject, rest = args[0], args[1:]
    if any(v.type != subject.type and not (v.adopts and _fits(v, subject)) for v in rest[:-1:2]):
        raise Refused("CASE x WHEN v with values of another type than x")
    branches = list(rest)
    branches[:-1:2] = [_comparison(Term("="), (subject, v)) for v in rest[:-1:2]]
    return _case(term, tuple(branches))


def _nullif(term: Term, args: tuple[Typed, ...]) -> Typed:
    """nullif(a, b) keeps the type of a; they are compared in their common type."""
    if len(args) != 2 or args[0].type == NULL:
        raise Refused("`nullif` takes two operands")
    value = coerce(args[0], args[0].type)
    null = Typed("constant", value.type)
    return Typed("case", value.type, (_comparison(Term("="), args), null, value))


def _extremum(term: Term, args: tuple[Typed, ...]) -> Typed:
    """greatest, least: NULLs are passed over; of equals the first stays."""
    template, operands = _compared(">" if term.op == "greatest" else "<", args)
    if operands[0].type == "FLOAT":
        raise Refused(
            f"`{term.op}` of FLOAT is not on the list"
        )  # DuckDB turns -0.0 into 0.0 there, not for DOUBLE
    return Typed("extremum", operands[0].type, operands, template)


# ── shared by the rules ───────────────────────────────────────────────────────────────────────────


def _fits(literal: Typed, subject: Typed) -> bool:
    return subject.type in INTEGER_BITS and common_type((literal, subject)) == subject.type


def _need(args: Sequence[Typed], count: int, accepts: Callable[[str], bool], op: str) -> None:
    if len(args) != count:
        raise Refused(f"`{op}` does not take {len(args)} operands")
    for arg in args:
        if not accepts(arg.type):
            raise Refused(f"`{op}` of {arg.type} is not on the list")


def _to(type_: str, args: Sequence[Typed]) -> tuple[Typed, ...]:
    return tuple(coerce(a, type_) for a in args)


def _decimal(type_: str, op: str) -> tuple[int, int]:
    parts = decimal_parts(type_)
    if parts is None:
        raise Refused(f"`{op}` of {type_} is not on the list")
    return parts


def _is_number(type_: str) -> bool:
    return type_ in INTEGER_BITS or type_ in ("DOUBLE", "FLOAT") or decimal_parts(type_) is not None


def _is_integer(type_: str) -> bool:
    return type_ in INTEGER_BITS


def _is_condition(type_: str) -> bool:
    return type_ in ("BOOLEAN", NULL)


RULES: Mapping[str, Rule] = {
    "number": _number,
    "text": lambda term, args: Typed("constant", "VARCHAR", value=term.value),
    "true": _literal("BOOLEAN", True),
    "false": _literal("BOOLEAN", False),
    "null": _literal(NULL, None),
    "instant": _instant,
    "+": _arithmetic, "-": _minus, "*": _arithmetic, "/": _divide, "//": _whole_divide, "%": _modulo,
    "neg": _negate,
    **dict.fromkeys(_PYTHON_COMPARISON, _comparison),
    "is distinct from": _distinct, "is not distinct from": _distinct, "is null": _is_null,
    "between": _between, "in": _in, "and": _logic, "or": _logic, "not": _not,
    "coalesce": _coalesce, "case": _case, "case of": _case_of, "if": _if, "nullif": _nullif,
    "greatest": _extremum, "least": _extremum,
    **FUNCTIONS,
}  # fmt: skip
