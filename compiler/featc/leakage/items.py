"""The items of a SELECT: columns with names, and the rows that `unnest` makes."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from featc.leakage.expressions import read
from featc.leakage.query import Level, line_of, mixed, uses
from featc.leakage.terms import AS_OF, NOBODY, Atom, Sum, at_most, of_row, one
from featc.leakage.values import Refused, Scope, Value


def named(item: exp.Expr, name: str, call: exp.Expr, scope: Scope, level: Level) -> Value:
    """The value of an item, with a term where the check has to know it again by one."""
    from featc.leakage.features import proven

    if name == "_as_of" and _is_instant(call, level.query.instant) and _is_base(scope):
        return Value(AS_OF)
    value = read(call, scope, level)
    if scope.spine == "spine" or scope.spine in level.query.lookups:
        feature = proven(name, value, scope, level, line_of(item))
        if feature is not None:
            return feature
    if value.term is None and name in level.query.key_names and not scope.spine:
        value = replace(value, term=opaque(call, scope, level))
    if value.term is None and name == "_begin" and not scope.spine and not uses(level, value):
        owner = level.ledger.row(line_of(item))
        scope.rows |= {owner}
        return replace(value, term=of_row("begin", owner))
    if value.facts and value.term is None and len(scope.rows) == 1:
        (owner,) = scope.rows
        flag = of_row(f"flag:{level.number} {name}", owner)
        return replace(value, term=flag, facts=(*value.facts, at_most(Sum(const=1), flag)))
    return value if value.line else replace(value, line=line_of(item))


def many(call: exp.Explode) -> bool:
    """Whether `unnest` makes rows that are not told apart by a literal."""
    inner = call.this
    return not (isinstance(inner, exp.Array) and all(isinstance(e, exp.Struct) for e in inner.expressions))


def _is_instant(call: exp.Expr, instant: str) -> bool:
    """Whether an item is the spine's instant in µs."""
    if not (isinstance(call, exp.Anonymous) and call.name.lower() == "epoch_us" and len(call.expressions) == 1):
        return False
    column = call.expressions[0]
    return isinstance(column, exp.Column) and column.name.lower() == instant.lower() and not column.table


def _is_base(scope: Scope) -> bool:
    return scope.single and [v.open and not v.columns for v in scope.items.values()] == [True]


def opaque(node: exp.Expr, scope: Scope, level: Level) -> Sum | None:
    """A term for any function of a row's columns: the same for the same function of the same columns."""
    args = []
    copy = node.copy()
    for column in list(copy.find_all(exp.Column)):
        term = read(column, scope, level).term
        if term is None:
            return None
        args.append(term)
        if column is copy:
            return term
        column.replace(exp.Placeholder())
    text = copy.sql(dialect="duckdb", normalize_functions="lower")
    return one(Atom(f"fn:{text}", NOBODY, tuple(args)))


def unnested(call: exp.Explode, alias: str, scope: Scope, level: Level) -> list[dict[str, Value]]:
    """`unnest` of a list of structs that a literal tells apart, of a series of places, or of anything else."""
    inner = call.this
    if not many(call):
        fields = [read(e, scope, level).fields or {} for e in inner.expressions]
        pairs = zip(fields, inner.expressions, strict=True)
        marked = [{n: replace(v, line=line_of(e), given_at=line_of(e)) for n, v in f.items()} for f, e in pairs]
        texts = [tuple(v.text for v in f.values() if v.text is not None) for f in fields]
        if len(set(texts)) < len(texts) or not all(texts):
            raise Refused(line_of(call), "two edges of one name")
        return marked
    if isinstance(inner, exp.GenerateSeries):
        low, high = (read(inner.args[k], scope, level) for k in ("start", "end"))
        if low.term is None or high.term is None or inner.args.get("step"):
            raise Refused(line_of(call), "a series of places that the check does not know")
        owner = level.ledger.row(line_of(call))
        at = of_row("at", owner)
        level.ledger.tell([owner], [at_most(low.term, at), at_most(at, high.term)])
        level.ledger.bind([owner], scope.rows)
        scope.rows |= {owner}
        return [{alias.lower(): replace(mixed(level, [low, high]), term=at)}]
    return [{alias.lower(): mixed(level, [read(inner, scope, level)])}]
