"""The allow-list's functions of one or two values, casts and `||` (see `rules`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from featc.closures.kernels import DAY, INTEGER_BITS
from featc.closures.syntax import Refused, Term
from featc.closures.typed import Typed, check_type, coerce, strict
from featc.types import decimal_parts

_HOUR, _MINUTE, _SECOND = 3_600_000_000, 60_000_000, 1_000_000


def _one(args: tuple[Typed, ...], op: str) -> Typed:
    if len(args) != 1:
        raise Refused(f"`{op}` does not take {len(args)} operands")
    return args[0] if not args[0].adopts else coerce(args[0], args[0].type)


def _refuse(op: str, type_: str) -> Refused:
    return Refused(f"`{op}` of {type_} is not on the list")


def _abs(term: Term, args: tuple[Typed, ...]) -> Typed:
    arg = _one(args, "abs")
    if arg.type in INTEGER_BITS:
        return strict(arg.type, f"{arg.type.lower()}(abs({{0}}))", arg)
    if arg.type == "DOUBLE":
        return strict("DOUBLE", "abs({0})", arg)
    if decimal_parts(arg.type):
        return strict(arg.type, "dec_abs({0})", arg)
    raise _refuse("abs", arg.type)


def _whole(kernel: str) -> Callable[[Term, tuple[Typed, ...]], Typed]:
    def rule(term: Term, args: tuple[Typed, ...]) -> Typed:
        arg = _one(args, kernel)
        parts = decimal_parts(arg.type)
        if parts:
            return strict(
                f"DECIMAL({parts[0]},0)", f"dec_{parts[0]}_0(dec_{kernel}_{parts[0]}_{parts[1]}({{0}}))", arg
            )
        if arg.type in INTEGER_BITS:
            return coerce(arg, "DOUBLE")
        if arg.type == "DOUBLE":
            return strict("DOUBLE", f"{kernel}({{0}})", arg)
        raise _refuse(kernel, arg.type)

    return rule


def _round(term: Term, args: tuple[Typed, ...]) -> Typed:
    """round(DOUBLE) and round(DOUBLE, n) with n a literal from 0 to 15."""
    if not args or args[0].type != "DOUBLE":
        raise _refuse("round", args[0].type if args else "nothing")
    places = args[1].value if len(args) == 2 and args[1].adopts else 0 if len(args) == 1 else None
    if not isinstance(places, int) or not 0 <= places <= 15:
        raise Refused("`round` needs a number of places from 0 to 15")
    if len(args) == 1:
        return strict("DOUBLE", "half_away({0})", args[0])
    return strict("DOUBLE", f"round_to({{0}}, {10.0**places!r})", args[0])


def _of_double(template: str, type_: str) -> Callable[[Term, tuple[Typed, ...]], Typed]:
    def rule(term: Term, args: tuple[Typed, ...]) -> Typed:
        arg = _one(args, term.op)
        if arg.type != "DOUBLE":
            raise _refuse(term.op, arg.type)
        return strict(type_, template, arg)

    return rule


def _sqrt(term: Term, args: tuple[Typed, ...]) -> Typed:
    """IEEE 754 asks for the correctly rounded root, so that Python's and DuckDB's are one (ln, exp, pow are
    not).
    """
    arg = _one(args, "sqrt")
    if arg.type != "DOUBLE" and arg.type not in INTEGER_BITS:
        raise _refuse("sqrt", arg.type)
    return strict("DOUBLE", "square_root({0})", coerce(arg, "DOUBLE"))


def _length(term: Term, args: tuple[Typed, ...]) -> Typed:
    """length(VARCHAR): code points."""
    arg = _one(args, "length")
    if arg.type != "VARCHAR":
        raise _refuse("length", arg.type)
    return strict("BIGINT", "len({0})", arg)


def _concat(term: Term, args: tuple[Typed, ...]) -> Typed:
    if any(a.type != "VARCHAR" for a in args):
        raise Refused("`||` is on the list for text only")
    return strict("VARCHAR", "{0} + {1}", *args)


def _epoch_us(term: Term, args: tuple[Typed, ...]) -> Typed:
    arg = _one(args, "epoch_us")
    if arg.type not in ("TIMESTAMP", "DATE"):
        raise _refuse("epoch_us", arg.type)
    return strict("BIGINT", "{0}" if arg.type == "TIMESTAMP" else f"in_timestamp({{0}} * {DAY})", arg)


# Over days since 1970 (a Thursday) and over µs since 1970; both floor, also before 1970.
_DAY_PARTS = {
    "year": "calendar({0}).year",
    "month": "calendar({0}).month",
    "day": "calendar({0}).day",
    "quarter": "(calendar({0}).month + 2) // 3",
    "dayofweek": "({0} + 4) % 7",
    "isodow": "({0} + 3) % 7 + 1",
}
_TIME_PARTS = {
    "hour": f"{{0}} // {_HOUR} % 24",
    "minute": f"{{0}} // {_MINUTE} % 60",
    "second": f"{{0}} // {_SECOND} % 60",
}


def _part(term: Term, args: tuple[Typed, ...]) -> Typed:
    arg = _one(args, term.op)
    if arg.type == "TIMESTAMP":
        template = _TIME_PARTS.get(term.op) or _DAY_PARTS[term.op].replace("{0}", f"({{0}} // {DAY})")
        return strict("BIGINT", template, arg)
    if arg.type == "DATE" and term.op in _DAY_PARTS:
        return strict("BIGINT", _DAY_PARTS[term.op], arg)
    raise _refuse(term.op, arg.type)


def _cast(term: Term, args: tuple[Typed, ...]) -> Typed:
    return cast_to(_one(args, "cast"), term.value)


def cast_to(arg: Typed, to: str) -> Typed:
    """The operand cast explicitly: where nothing is parsed and nothing rounded but DOUBLE to integer.
    Raises `Refused` for casts that are not on the list.
    """
    check_type(to)
    if to == "BOOLEAN" and arg.type in INTEGER_BITS:
        return strict(to, "{0} != 0", arg)
    if arg.type == "BOOLEAN" and to in INTEGER_BITS:
        return strict(to, "int({0})", arg)
    if to == "VARCHAR" and arg.type in INTEGER_BITS:
        return strict(to, "str({0})", arg)
    if arg.type == "DOUBLE" and to in INTEGER_BITS:
        return strict(to, f"{to.lower()}(to_integer({{0}}))", arg)
    if arg.type == "TIMESTAMP" and to == "DATE":
        return strict(to, f"{{0}} // {DAY}", arg)
    if arg.form == "constant" and arg.type in INTEGER_BITS and to in INTEGER_BITS:
        return strict(to, f"{to.lower()}({{0}})", arg)
    return coerce(arg, to)


_PARTS = (*_DAY_PARTS, *_TIME_PARTS)

FUNCTIONS: Mapping[str, Callable[[Term, tuple[Typed, ...]], Typed]] = {
    "abs": _abs,
    "floor": _whole("floor"),
    "ceil": _whole("ceil"),
    "round": _round,
    "sqrt": _sqrt,
    "isnan": _of_double("{0} != {0}", "BOOLEAN"),
    "isinf": _of_double("isinf({0})", "BOOLEAN"),
    "isfinite": _of_double("isfinite({0})", "BOOLEAN"),
    "length": _length,
    "||": _concat,
    "epoch_us": _epoch_us,
    "cast": _cast,
    **dict.fromkeys(_PARTS, _part),
}
