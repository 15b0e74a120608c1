"""Derived and on-demand expressions as Python closures, where that is provably DuckDB's value.

Implements architecture.md, "Where expressions run". `compile_closure` gives a `Closure` when every operator,
function and type is on the allow-list, else None, and `why_not` the reason. The contract of a closure `c`:

- `c(values)` with `values[ref]` for every reference gives the value DuckDB gives for the same values and
  types, or raises `FallBack`; then the caller evaluates the expression in DuckDB, which gives the value or
  the error. It falls back where DuckDB would raise (overflow, division of integers by zero), for a value
  that is not of its type's Python class or range, and for a few extremes (a DECIMAL beyond 2^53 units that
  becomes a DOUBLE; a TIMESTAMP result outside the years 1 to 9999).
- Integers are `int`, DOUBLE and FLOAT `float`, VARCHAR `str`, BOOLEAN `bool`, NULL `None`. DECIMAL is
  `Decimal`: any scale up to the type's going in, exactly the type's coming out. TIMESTAMP is a naive UTC
  `datetime` or an `int` of µs since 1970, DATE a `date` or an `int` of days since 1970; they come out as
  `datetime` and `date`.
- Classes are checked exactly: a numpy or pandas scalar falls back. Only an expression that is one reference
  and nothing else hands its value through unseen, whatever the type.
- The list is proven against DuckDB `PROVEN_ENGINE` (tests/closures); with another version use DuckDB alone:
  `unproven` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from featc.closures.documentation import allow_list_markdown
from featc.closures.emit import build
from featc.closures.functions import cast_to
from featc.closures.kernels import FallBack
from featc.closures.rules import type_term
from featc.closures.syntax import Refused, parse
from featc.closures.typed import Typed, coerce, common_type
from featc.resolve.model import Expr, Ref

PROVEN_ENGINE = "2.0.1"
"""The one release whose values and types the allow-list, and `featc_dialects.duckdb_functions`, are compared with:
2.0.1 rounds other than 2.0.0. Raise it with both lists' tests (docs/decisions/0007).
"""

__all__ = ["PROVEN_ENGINE", "Closure", "FallBack", "allow_list_markdown", "compile_closure", "unproven", "why_not"]


@dataclass(frozen=True, slots=True)
class Closure:
    """A compiled expression. `evaluate` takes the values of `refs` in order; calling takes a mapping."""

    refs: tuple[Ref, ...]
    type: str
    evaluate: Callable[..., object]
    source: str

    def __call__(self, values: Mapping[Ref, object]) -> object:
        """The value, for a value of each reference. Raises `FallBack`; see the package."""
        return self.evaluate(*[values[r] for r in self.refs])


def unproven(engine: str) -> str | None:
    """Why closures may not stand in for this version of DuckDB; None when they may."""
    if engine == PROVEN_ENGINE:
        return None
    return f"closures are proven for DuckDB {PROVEN_ENGINE}, and this is {engine}"


def compile_closure(
    expr: Expr, types: Mapping[Ref, str], default: str | None = None, result_type: str | None = None
) -> Closure | None:
    """The closure of `coalesce(expr, default)` as `result_type` (default: the expression's), or None.

    `types` has DuckDB's type of each reference; `default` is SQL literal text.
    """
    try:
        return _compile(expr, types, default, result_type or expr.type)
    except Refused:
        return None


def why_not(
    expr: Expr, types: Mapping[Ref, str], default: str | None = None, result_type: str | None = None
) -> str | None:
    """Why `compile_closure` gives None, in a few words; None when it gives a closure."""
    try:
        _compile(expr, types, default, result_type or expr.type)
    except Refused as refused:
        return str(refused)
    return None


def _compile(expr: Expr, types: Mapping[Ref, str], default: str | None, result_type: str) -> Closure:
    missing = [r for r in expr.refs if r not in types]
    if missing:
        raise Refused(f"the type of {missing[0]} is not known")
    if expr.is_bare and default is None and types[expr.refs[0]] == expr.type == result_type:
        return Closure(expr.refs, expr.type, lambda value: value, "def evaluate(a0):\n return a0")
    term, refs = parse(expr.parts)
    ref_types = tuple(types[r] for r in refs)
    node = type_term(term, ref_types)
    if node.type != expr.type:
        # never expected; what DuckDB says of the expression outranks the rules here
        raise Refused(f"DuckDB gives {expr.type} where the list has {node.type}")
    if default is not None:
        node = _with_default(node, default)
    node = cast_to(node, result_type)
    function, source = build(node, ref_types)
    return Closure(refs, node.type, function, source)


def _with_default(node: Typed, default: str) -> Typed:
    term, refs = parse((default,))
    if refs:
        raise Refused("the default is not a literal")
    operands = (node, type_term(term, ()))
    type_ = common_type(operands)
    return Typed("coalesce", type_, tuple(coerce(o, type_) for o in operands))
