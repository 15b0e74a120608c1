"""What holds where a condition is TRUE, and where it is plain that it is or is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from featc.leakage.prover import known
from featc.leakage.query import Level, every_part, line_of, mixed
from featc.leakage.terms import Fact, Sum, at_most, same
from featc.leakage.totals import surplus
from featc.leakage.values import BARE, Scope, Value

Env = Mapping[str, Value]

_ORDERED = (exp.LTE, exp.LT, exp.GTE, exp.GT)
_EQUAL = (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ)
CONDITIONS = (exp.And, exp.Or, exp.Not, exp.Is, *_ORDERED, *_EQUAL)


def condition(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    """A condition as a value, with the facts that hold where it is TRUE."""
    match node:
        case exp.And() | exp.Or():
            return _joined(node, scope, level, env)
        case exp.Not():
            return _negated(node, scope, level, env)
        case exp.Is():
            return _is(node, scope, level, env)
        case exp.NullSafeNEQ() if isinstance(node.this, exp.Window) and isinstance(node.this.this, exp.Lead):
            from featc.leakage.windows import last_of_instant

            return last_of_instant(node, scope, level)
        case _:
            return _compared(node, scope, level, env)


def _read(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    from featc.leakage.expressions import read

    return read(node, scope, level, env)


def _joined(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    both = isinstance(node, exp.And)
    a = _read(node.this, scope, level, env)
    if a.truth is (not both):
        return Value(truth=not both)
    b = _read(node.expression, scope, level, env)
    if b.truth is (not both):
        return Value(truth=not both)
    found = mixed(level, [a, b])
    if both:
        last = b.last if a.truth is True else a.last if b.truth is True else None
        truth = True if a.truth is True and b.truth is True else None
        return replace(found, facts=(*a.facts, *b.facts), truth=truth, last=last)
    if a.truth is False or b.truth is False:
        return replace(found, facts=(b if a.truth is False else a).facts)
    return replace(found, facts=_common(a.facts, b.facts))


def _common(a: tuple[Fact, ...], b: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """What holds where the one or the other list of facts does."""
    pairs = ((a, known(b)), (b, known(a)))
    return tuple(f for mine, other in pairs for f in mine if f.kind == "le" and f in mine and other.implies(f.sum))


def _negated(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    inner = node.this
    while isinstance(inner, exp.Paren):
        inner = inner.this
    value = _read(inner, scope, level, env)
    facts: tuple[Fact, ...] = ()
    if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
        asked = _read(inner.this, scope, level, env)
        if asked.term is not None and asked.term.atom is not None:
            facts = (Fact("some", asked.term, line_of(node)),)
    truth = None if value.truth is None else not value.truth
    return replace(mixed(level, [value]), facts=facts, truth=truth)


def _is(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    asked = _read(node.this, scope, level, env)
    if not isinstance(node.expression, exp.Null):
        return mixed(level, [asked])
    found = replace(mixed(level, [asked]), numbers=BARE)
    if asked.is_null:
        return replace(found, truth=True)
    if asked.truth is not None or asked.text is not None:
        return replace(found, truth=False)
    if asked.term is None or asked.term.atom is None:
        return found
    if asked.term.atom.name == "row":  # every spine row has its number
        return replace(found, truth=False)
    return replace(found, facts=(Fact("none", asked.term, line_of(node)),))


def _compared(node: exp.Expr, scope: Scope, level: Level, env: Env) -> Value:
    a, b = _read(node.this, scope, level, env), _read(node.expression, scope, level, env)
    line = a.given_at or b.given_at or line_of(node)
    if a.is_null or b.is_null:  # NULL, which no condition takes for TRUE
        return Value(truth=None if isinstance(node, (exp.NullSafeEQ, exp.NullSafeNEQ)) else False)
    if a.text is not None and b.text is not None and isinstance(node, (exp.EQ, exp.NEQ)):
        return Value(truth=(a.text == b.text) is isinstance(node, exp.EQ))
    if isinstance(node, (exp.GT, exp.LT)):
        more, less = (a, b) if isinstance(node, exp.GT) else (b, a)
        found = surplus(level, more.total, less.total, line)
        if found is not None:
            return found
    return replace(_of_two(level, a, b), facts=_facts(node, a.term, b.term, line))


def _of_two(level: Level, a: Value, b: Value) -> Value:
    """A comparison as a value: of places on one line it shows only which of two rows comes first."""
    found = mixed(level, [a, b])
    sides = [frozenset(n for part in every_part(v) for n in part.numbers) for v in (a, b)]
    return replace(found, numbers=BARE) if sides[0] and sides[0] == sides[1] else found


def _facts(node: exp.Expr, a: Sum | None, b: Sum | None, line: int) -> tuple[Fact, ...]:
    if a is None or b is None:
        return ()
    whole = all(atom.is_whole for atom, _ in (*a.parts, *b.parts))
    match node:
        case exp.EQ():
            return same(a, b, line)
        case exp.LTE() if whole:
            return (at_most(a, b, line),)
        case exp.LT() if whole:
            return (at_most(a.add(1), b, line),)
        case exp.GTE() if whole:
            return (at_most(b, a, line),)
        case exp.GT() if whole:
            return (at_most(b.add(1), a, line),)
    return ()
