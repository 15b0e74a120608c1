"""Reading FROM: relations, joins, and what an ASOF join finds."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from featc.leakage.ledger import renamed
from featc.leakage.query import Level, line_of, uses
from featc.leakage.terms import NOBODY, SPINE, Atom, Sum, one
from featc.leakage.values import NONE, Refused, Relation, Scope, Value, Variant

UNKNOWN = "?"
"""The source of rows that are read where no source's rows are to be read."""


def loosened(value: Value, last: str | None = None, level: Level | None = None) -> Value:
    """A value after rows were left out: its line has gaps, and a running total may not reach the next edge. Where just
    the last row of each instant is left, a total that goes row by row is one of all rows of the instant."""
    total = value.total
    if last is not None and level is not None:
        if total is not None and level.query.pools[total.pool].line == last:
            return replace(value, total=replace(total, settled=True), dense=False)
        if value.term is not None and value.term.atom is not None and value.term.atom.name == f"rank:{last}":
            return replace(value, edge=True, dense=False)
    if total is not None and not total.fixed:
        total = replace(total, settled=False)
    return replace(value, total=total, dense=False, edge=False)


def from_clause(node: exp.Select, level: Level) -> list[Scope]:
    """An arbitrary row of each branch of a FROM clause."""
    start = node.args.get("from_")
    if start is None:
        return [Scope()]
    alias, relation = _relation(start.this, level)
    scopes = [Scope({alias: v}, v.rows, v.spine, v.single) for v in relation]
    for join in node.args.get("joins") or ():
        alias, relation = _relation(join.this, level)
        scopes = [found for s in scopes for found in _join(s, alias, relation, join, level)]
    return scopes


def _relation(node: exp.Expr, level: Level) -> tuple[str, Relation]:
    from featc.leakage.selects import read_query

    query = level.query
    strange = {k for k, v in node.args.items() if v} - {"this", "alias", "db", "catalog"}
    if strange:
        raise Refused(line_of(node), f"the check does not know {min(strange).upper()} of what is read")
    alias = (node.alias or (node.name if isinstance(node, exp.Table) else "")).lower()
    if isinstance(node, exp.Subquery):
        return alias or f"({len(query.relations)}", read_query(node.this, query)
    if not isinstance(node, exp.Table):
        raise Refused(line_of(node), "the check cannot follow what is read here")
    name = node.name.lower() if isinstance(node.this, exp.Identifier) and not node.db else ""
    if name in query.relations:
        return alias, fresh(query.relations[name], level)
    if name == "spine":
        return alias, (Variant(spine=True, single=True, open=True),)
    owner = level.ledger.row(line_of(node), UNKNOWN)
    raise Refused(level.ledger.lines[owner], f"rows are read of {node.sql()}, which is no source's place here")


def fresh(relation: Relation, level: Level) -> Relation:
    """The relation with rows of its own: two references to a CTE are two rows."""
    names = level.ledger.copied(frozenset(o for v in relation for o in v.owners()))
    return tuple(v.renamed(names) for v in relation)


def _join(scope: Scope, alias: str, relation: Relation, join: exp.Join, level: Level) -> list[Scope]:
    """The rows that joining a relation to a row gives."""
    strange = {k for k, v in join.args.items() if v} - {"this", "on", "using", "kind", "side", "method"}
    kind, side, method = (str(join.args.get(k) or "").upper() for k in ("kind", "side", "method"))
    if strange or kind not in ("", "INNER", "CROSS") or side not in ("", "LEFT") or method not in ("", "ASOF"):
        raise Refused(line_of(join), f"the check does not know {method} {side} {kind} JOIN here")
    found = []
    for variant in relation:
        names = level.ledger.copied(scope.owners() | variant.owners())
        left, right = scope.renamed(names), variant.renamed(names)
        joined = _joined(left, alias, right, join, level, alone=len(relation) == 1)
        if joined is not None:
            found.append(joined)
        elif side == "LEFT":
            nulls = {n: Value(is_null=True) for n in right.columns}
            found.append(Scope({**left.items, alias: Variant(nulls)}, left.rows, left.spine, left.single))
    return found


def _joined(
    left: Scope, alias: str, right: Variant, join: exp.Join, level: Level, *, alone: bool
) -> Scope | None:
    """The two rows side by side, with what the join's condition says; None where it is plain that they do not meet."""
    from featc.leakage.expressions import read

    using = [i.name.lower() for i in join.args.get("using") or ()]
    outer, asof = bool(join.args.get("side")), str(join.args.get("method") or "").upper() == "ASOF"
    found = Scope({**left.items, alias: right}, left.rows | right.rows, left.spine or right.spine)
    conditions = _conditions(join, using, left, alias)
    values = [read(c, found, level) for c in conditions]
    if any(v.truth is False for v in values):
        return None
    by_row = _meets_by_row(conditions, found, right, level)
    if left.spine and right.spine and not by_row:
        raise Refused(line_of(join), "rows of several spine rows are joined")
    one_each = (by_row and right.single) or _meets_by_unique(conditions, found, right, level)
    found.single = left.single and (one_each or asof)
    facts = [f for v in values for f in v.facts]
    mine, its = left.rows, right.rows
    level.ledger.tell(its if outer else its | mine, facts)
    level.ledger.bind(its, mine)
    if not outer:
        level.ledger.bind(mine, its)
    keeps = outer and one_each
    for name, variant in left.items.items():
        columns = variant.columns if keeps else {n: loosened(v) for n, v in variant.columns.items()}
        found.items[name] = replace(variant, columns=columns)
    columns = _found_last(conditions, found, right, level, alone=alone) if asof else right.columns
    found.items[alias] = replace(right, columns={n: loosened(v) for n, v in columns.items()})
    control = frozenset(row for v in values for row in uses(level, v)) - found.rows
    for name, variant in found.items.items() if control else ():
        if name == alias or not outer:
            found.items[name] = replace(variant, columns={n: chosen(v, control) for n, v in variant.columns.items()})
    return found


def chosen(value: Value, control: frozenset[int]) -> Value:
    """A value of a row that others have let through; the spine's own values are what they are."""
    of_spine = value.term is not None and not value.term.owners() and not value.rows
    return value if of_spine else replace(value, rows=value.rows | control)


def _conditions(join: exp.Join, using: list[str], left: Scope, alias: str) -> list[exp.Expr]:
    """The parts of a join's condition."""
    found: list[exp.Expr] = []
    for name in using:
        there = next((a for a, v in left.items.items() if name in v.columns), next(iter(left.items)))
        found.append(exp.EQ(this=_column(there, name, join), expression=_column(alias, name, join)))
    on = join.args.get("on")
    return found + (list(on.flatten()) if isinstance(on, exp.And) else [on] if on is not None else [])


def _column(alias: str, name: str, join: exp.Join) -> exp.Column:
    identifier = exp.to_identifier(name, quoted=True)
    identifier.meta["line"] = line_of(join)
    return exp.Column(this=identifier, table=exp.to_identifier(alias, quoted=True))


def _sides(condition: exp.Expr, scope: Scope, right: Variant, level: Level) -> tuple[Value, Value] | None:
    """The values that a comparison compares, the right relation's second."""
    from featc.leakage.expressions import read

    if not isinstance(condition, (exp.EQ, exp.LTE, exp.LT, exp.GTE, exp.GT)):
        return None
    a, b = read(condition.this, scope, level), read(condition.expression, scope, level)
    of_right = {id(v) for v in right.columns.values()}
    if id(b) in of_right:
        return a, b
    return (b, a) if id(a) in of_right else None


def _meets_by_row(conditions: list[exp.Expr], scope: Scope, right: Variant, level: Level) -> bool:
    row = one(Atom("row", SPINE))
    for condition in conditions:
        sides = _sides(condition, scope, right, level) if isinstance(condition, exp.EQ) else None
        if sides is not None and sides[0].term == row and sides[1].term == row:
            return True
    return False


def _meets_by_unique(conditions: list[exp.Expr], scope: Scope, right: Variant, level: Level) -> bool:
    """Whether at most one row of the right relation can meet a row."""
    if right.unique is None:
        return False
    for condition in conditions:
        sides = _sides(condition, scope, right, level) if isinstance(condition, exp.EQ) else None
        if sides is not None and sides[1] is right.columns[right.unique]:
            return True
    return False


def _found_last(
    conditions: list[exp.Expr], scope: Scope, right: Variant, level: Level, *, alone: bool
) -> dict[str, Value]:
    """The columns of the row that an ASOF join finds: the last at or before the left side's bound.

    A running total there is that of all rows up to the bound; a place there is where the bound cuts the line.
    """
    keys: dict[Sum, Sum] = {}
    bound: tuple[Sum, Sum, int] | None = None
    for condition in conditions:
        sides = _sides(condition, scope, right, level)
        if sides is None or sides[0].term is None or sides[1].term is None:
            if isinstance(condition, exp.Boolean):
                continue
            raise Refused(line_of(condition), "the check cannot follow the condition of this ASOF join")
        mine, its = sides[0].term, sides[1].term
        if isinstance(condition, exp.EQ):
            keys[its] = mine
        elif bound is None and isinstance(condition, (exp.LTE, exp.LT)) == _is_left(condition, sides[1], scope, level):
            at = mine.add(-1) if isinstance(condition, (exp.LT, exp.GT)) else mine
            bound = (its, at, sides[0].given_at or line_of(condition))
        else:
            raise Refused(line_of(condition), "an ASOF join looks for the first row after an instant")
    if bound is None:
        raise Refused(0, "an ASOF join without a bound")
    return {n: _at_bound(v, bound, keys, alone) for n, v in right.columns.items()}


def _is_left(condition: exp.Expr, value: Value, scope: Scope, level: Level) -> bool:
    """Whether a column stands on the left of a comparison."""
    from featc.leakage.expressions import read

    return read(condition.this, scope, level) is value


def _at_bound(value: Value, bound: tuple[Sum, Sum, int], keys: dict[Sum, Sum], alone: bool) -> Value:
    order, at, line = bound
    total = value.total
    if total is not None and total.at == order:
        mine = tuple(keys.get(k, k) for k in total.keys)
        settled = total.settled and alone and keys.keys() == set(total.keys)
        return replace(value, total=replace(total, at=at, keys=mine, settled=settled, fixed=True, line=line))
    place = value.term.atom if value.term is not None else None
    if place is None or place.kind != "rank" or place.args[0] != order:
        return value
    exact = value.edge and alone and keys.keys() == set(place.args[1:])
    name = f"cut:{place.name.partition(':')[2]}{':exact' if exact else ''}"
    mine = tuple(keys.get(k, k) for k in place.args[1:])
    return replace(value, term=one(Atom(name, NOBODY, (at, *mine))))


__all__ = ["NONE", "from_clause", "loosened", "renamed"]
