"""Aggregates over the rows of a group: which rows reach the value, and what is known of them there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from sqlglot import exp

from featc.leakage.ledger import renamed
from featc.leakage.query import Group, Level, conditional, line_of, mixed, uses
from featc.leakage.terms import SPINE, Fact, same
from featc.leakage.values import BARE, NONE, Refused, Scope, Value

_NAMED = frozenset({"quantile_disc", "quantile_cont", "list", "arg_max", "arg_min", "any_value", "bit_xor", "bool_and"})
Told = Callable[[Mapping[int, int]], Iterable[Fact]]
_OF_ONE = (exp.Max, exp.Min, exp.AnyValue)


def is_aggregate(node: exp.Expr) -> bool:
    """Whether a node is a call of an aggregate, its FILTER included."""
    if isinstance(node, (exp.Filter, exp.IgnoreNulls, exp.RespectNulls)):
        return is_aggregate(node.this)
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in _NAMED
    return isinstance(node, exp.AggFunc)


def split(node: exp.Expr) -> tuple[exp.Expr, exp.Expr | None]:
    """The call itself, and the condition of its FILTER."""
    found = None
    while isinstance(node, (exp.Filter, exp.IgnoreNulls, exp.RespectNulls)):
        if isinstance(node, exp.Filter):
            found = node.expression.this
        node = node.this
    return node, found


def arguments(call: exp.Expr) -> list[exp.Expr]:
    """The arguments of a call, without DISTINCT around them."""
    listed = list(call.iter_expressions())
    return [e for x in listed for e in (x.expressions if isinstance(x, exp.Distinct) else [x])]


def is_constant(node: exp.Expr) -> bool:
    return isinstance(node, (exp.Literal, exp.Star, exp.Boolean))


class Taken:
    """What one branch brings to an aggregate: its rows as the aggregate sees them, and its arguments there."""

    def __init__(self, scope: Scope, rows: frozenset[int], values: list[Value], names: dict[int, int]) -> None:
        self.scope, self.rows, self.values, self.names = scope, rows, values, names


def take(
    level: Level, scope: Scope, call: exp.Expr, condition: exp.Expr | None, more: Told = lambda names: ()
) -> Taken | None:
    """An arbitrary row of the branch `scope` that the call sees; None where it sees none. `more` gives what else holds
    of it, from the names that its rows get."""
    from featc.leakage.expressions import read

    plain = replace_group(level)
    when = Value(truth=True) if condition is None else read(condition, scope, plain)
    if when.truth is False:
        return None
    values = [read(a, scope, plain) for a in arguments(call) if not isinstance(a, exp.Star)]
    nulls = [v for v, a in zip(values, arguments(call), strict=False) if v.is_null]
    if nulls:
        return None  # no aggregate here takes a row with a NULL argument
    if any(isinstance(a, exp.Star) for a in arguments(call)):  # whatever says that the row is there
        values = [v for variant in scope.items.values() for v in variant.columns.values() if v.total is None]
    rows = scope.rows.union(uses(plain, when), *(uses(plain, v) for v in values))
    owners = rows.union(*(f.sum.owners() for f in when.facts), *(v.owners() for v in values))
    names = level.ledger.copied(owners)
    mine = renamed(rows, names)
    level.ledger.tell(mine, [*(f.renamed(names) for f in when.facts), *more(names)])
    for row in mine:
        level.ledger.lines[row] = line_of(call) or level.ledger.lines[row]
    return Taken(scope, mine, [v.renamed(names) for v in values], names)


def replace_group(level: Level) -> Level:
    """The same SELECT where nothing is grouped: inside an aggregate's arguments."""
    return Level(level.query, level.number, level.windows, level.pool, None, level.totals)


def aggregate(node: exp.Expr, level: Level) -> Value:
    """The value of an aggregate over the rows of a group."""
    group = level.group
    assert group is not None
    call, condition = split(node)
    taken = [t for s in level.pool for t in [take(level, s, call, condition, _in_group(group, s))] if t is not None]
    if not taken:
        return Value(is_null=True)
    alone = taken[0] if len(taken) == 1 else None
    if isinstance(call, _OF_ONE):
        if alone is not None and group.by_spine and alone.scope.single:
            return _passed(level, alone, condition)
        plain = _same_for_all(taken) if group.by_spine else None
        if plain is not None:
            return plain
    rows = NONE.union(*(t.rows for t in taken))
    found = replace(mixed(level, [v for t in taken for v in t.values], line_of(call)), rows=rows)
    if isinstance(call, exp.Count):
        return replace(found, numbers=BARE)
    if isinstance(call, (exp.ArgMax, exp.ArgMin)):
        return _picked(level, taken, found)
    if isinstance(call, (exp.Max, exp.Min)) and alone is not None and alone.values[0].numbers:
        return replace(found, term=alone.values[0].term)  # the place of one of its rows
    return found


def _passed(level: Level, alone: Taken, condition: exp.Expr | None) -> Value:
    """The one row's own value."""
    from featc.leakage.expressions import read

    plain = replace_group(level)
    call_value = alone.values[0]
    # nothing was chosen among several rows, so the value stays what it is in the row
    back = {new: old for old, new in alone.names.items()}
    when = Value() if condition is None else read(condition, alone.scope, plain)
    return conditional(level, call_value.renamed(back), when.facts)


def _same_for_all(taken: list[Taken]) -> Value | None:
    """A value that is the spine row's own, the same in every row of the group."""
    firsts = [t.values[0] for t in taken]
    if any(v.term is None or v.term.owners() or v.rows for v in firsts) or len({v.term for v in firsts}) > 1:
        return None
    return firsts[0]


def _picked(level: Level, taken: list[Taken], found: Value) -> Value:
    """`arg_max(x, place)`: x of one of the rows."""
    chosen = [t.values[0] for t in taken]
    numbers = frozenset(n for v in chosen for n in v.numbers)
    found = replace(found, numbers=numbers)
    if any(v.fields is None for v in chosen):
        return found
    marked = tuple(
        replace(v, fields={n: replace(f, rows=f.rows | t.rows) for n, f in (v.fields or {}).items()})
        for v, t in zip(chosen, taken, strict=True)
    )
    return marked[0] if len(marked) == 1 else replace(found, options=marked)


def _in_group(group: Group, scope: Scope) -> Told:
    """What makes a row of a branch one of the group."""

    def told(names: Mapping[int, int]) -> Iterable[Fact]:
        if group.of is None:
            return []
        pairs = zip(group.keys[id(scope)], group.keys[id(group.of)], strict=True)
        terms = [(mine.term, its.term) for mine, its in pairs if mine.term is not None and its.term is not None]
        return [f for mine, its in terms for f in same(mine.renamed(names), its, sure=False)]

    return told


def group_of(level: Level, keys: list[exp.Expr], scope: Scope | None) -> Group:
    """The group that a SELECT aggregates into one row. `scope` is the branch whose row stands for it."""
    from featc.leakage.expressions import read

    listed = {id(s): tuple(read(k, s, level) for k in keys) for s in level.pool}
    by_spine = bool(keys) and all(_is_of_spine(v) for values in listed.values() for v in values)
    if by_spine and all(any(_is_row(v) for v in values) for values in listed.values()):
        return Group(None, listed, by_spine=True)
    if any(s.spine for s in level.pool) and any(uses(level, v) for s in level.pool for v in listed[id(s)]):
        raise Refused(line_of(keys[0]) if keys else 0, "rows of several spine rows are aggregated together")
    return Group(scope if keys else None, listed)


def _is_of_spine(value: Value) -> bool:
    return value.term is not None and not value.term.owners() and not value.rows


def _is_row(value: Value) -> bool:
    atom = value.term.atom if value.term is not None else None
    return atom is not None and atom.name == "row" and atom.owner == SPINE
