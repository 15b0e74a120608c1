"""Reading a SELECT: from the rows of its FROM clause to the columns it gives."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from featc.leakage.aggregates import group_of, is_aggregate
from featc.leakage.expressions import read
from featc.leakage.items import many, named, unnested
from featc.leakage.joins import chosen, from_clause, loosened
from featc.leakage.query import Group, Level, Query, line_of, uses
from featc.leakage.terms import ARRIVAL, NOBODY, SUPERSEDED, TIME, Atom, one
from featc.leakage.values import NONE, Refused, Relation, Scope, Value, Variant

_INSTANTS = frozenset({TIME, ARRIVAL, SUPERSEDED, "seen"})
_KNOWN = frozenset({
    "expressions", "from_", "joins", "where", "group", "having", "qualify", "windows", "distinct", "order", "kind",
    "hint", "with_",
})  # fmt: skip


def read_query(node: exp.Expr, query: Query) -> Relation:
    """The relation that a SELECT or a UNION gives."""
    if isinstance(node, exp.Subquery):
        return read_query(node.this, query)
    if isinstance(node, exp.Union):
        return _union(node, query)
    if not isinstance(node, exp.Select):
        raise Refused(line_of(node), "the check reads SELECT and UNION only")
    return _select(node, query)


def _union(node: exp.Union, query: Query) -> Relation:
    left, right = read_query(node.this, query), read_query(node.expression, query)
    names = list(dict.fromkeys(n for v in (*left, *right) for n in v.columns))
    found = []
    alone = sum(bool(v.spine) for v in (*left, *right)) == 1  # then no row of the other part is of the same spine row
    for side in (left, right):
        for variant in side:
            if node.args.get("by_name"):
                columns = {n: variant.columns.get(n, Value(is_null=True)) for n in names}
            else:
                columns = dict(zip(left[0].columns, variant.columns.values(), strict=True))
            columns = {n: loosened(v) for n, v in columns.items()}
            found.append(replace(variant, columns=columns, single=variant.single and alone))
    if any(v.open for v in found):
        raise Refused(line_of(node), "a UNION of columns that are not listed")
    return tuple(found)


def _select(node: exp.Select, query: Query) -> Relation:
    unknown = [k for k, v in node.args.items() if v and k not in _KNOWN]
    if unknown:
        raise Refused(line_of(node), f"the check does not know the clause {unknown[0].upper()} here")
    query.selects += 1
    named = {w.name.lower(): w for w in node.args.get("windows") or ()}
    level = Level(query, query.selects, named)
    scopes = from_clause(node, level)
    where = node.args.get("where")
    level.pool = [s for s in scopes if where is None or _passes(where.this, s, level)]
    items = node.expressions
    grouped = node.args.get("group") is not None or any(_aggregates(i) for i in items)
    found = _grouped(node, items, level) if grouped else _plain(node, items, level)
    return _distinct(found, query, node) if node.args.get("distinct") else tuple(found)


def _passes(condition: exp.Expr, scope: Scope, level: Level) -> bool:
    """Tells the ledger what holds of rows that pass WHERE; whether any can."""
    value = read(condition, scope, level)
    if value.truth is False:
        return False
    control = uses(level, value) - scope.rows
    level.ledger.tell(scope.rows, value.facts)
    for variant in scope.items.values():
        kept = {n: loosened(v, value.last, level) for n, v in variant.columns.items()}
        variant.columns = {n: chosen(v, control) for n, v in kept.items()} if control else kept
    return True


def _aggregates(item: exp.Expr) -> bool:
    """Whether an item holds an aggregate that no OVER follows."""
    stack = [item]
    while stack:
        node = stack.pop()
        if isinstance(node, (exp.Window, exp.Subquery, exp.Select)):
            continue
        if is_aggregate(node):
            return True
        stack += list(node.iter_expressions())
    return False


def _plain(node: exp.Select, items: list[exp.Expr], level: Level) -> list[Variant]:
    qualify = node.args.get("qualify")
    found = []
    for scope in level.pool:
        control: frozenset[int] = NONE
        if qualify is not None:
            value = read(qualify.this, scope, level)
            if value.truth is False:
                continue
            level.ledger.tell(scope.rows, value.facts)
            control = uses(level, value)
        for columns in _columns(items, scope, level):
            filtered = qualify is not None
            kept = {n: chosen(loosened(v) if filtered else v, control) for n, v in columns.items()}
            calls = [call for call in map(_bare, items) if isinstance(call, exp.Explode)]
            single = scope.single and not any(many(call) for call in calls)
            opened = any(v.open for i in items if _is_star(i) for v in _starred(i, scope))
            unique = _unique(node, items, scope)
            found.append(Variant(kept, scope.rows, scope.spine, single, opened, unique=unique))
    return found


def _unique(node: exp.Select, items: list[exp.Expr], scope: Scope) -> str | None:
    """The column of which no two rows have the same value, if there was one and it is still there."""
    if node.args.get("joins") or len(scope.items) != 1:
        return None
    (variant,) = scope.items.values()
    named = [(i.alias or i.name).lower() for i in items if isinstance(_bare(i), exp.Column)]
    return variant.unique if variant.unique in named else None


def _bare(item: exp.Expr) -> exp.Expr:
    return item.this if isinstance(item, exp.Alias) else item


def _is_star(item: exp.Expr) -> bool:
    return isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star))


def _columns(items: list[exp.Expr], scope: Scope, level: Level) -> list[dict[str, Value]]:
    """The columns of the row that a scope gives; several where one of them may be this or that."""
    found: list[dict[str, Value]] = [{}]
    scope.aliases = {}
    for item in items:
        if _is_star(item):
            found = [{**f, **_star(item, scope)} for f in found]
            continue
        call = _bare(item)
        if isinstance(call, exp.Explode):
            found = [{**f, **more} for f in found for more in unnested(call, item.alias, scope, level)]
            continue
        name = (item.alias or item.name).lower()
        value = named(item, name, call, scope, level)
        scope.aliases[name] = value
        found = [{**f, name: o} for f in found for o in (value.options or (value,))]
    return found


def _starred(item: exp.Expr, scope: Scope) -> list[Variant]:
    return [scope.items[item.table.lower()]] if isinstance(item, exp.Column) else list(scope.items.values())


def _star(item: exp.Expr, scope: Scope) -> dict[str, Value]:
    star = item.this if isinstance(item, exp.Column) else item
    without = {e.name.lower() for e in star.args.get("except_") or star.args.get("except") or ()}
    if star.args.get("replace") or star.args.get("rename"):
        raise Refused(line_of(item), "the check does not know REPLACE or RENAME after a star")
    found: dict[str, Value] = {}
    for variant in _starred(item, scope):
        for name, value in variant.columns.items():
            if name not in without:
                found.setdefault(name, value)
    return found


def _grouped(node: exp.Select, items: list[exp.Expr], level: Level) -> list[Variant]:
    if node.args.get("qualify") is not None or any(_is_star(i) for i in items):
        raise Refused(line_of(node), "the check does not know QUALIFY or a star beside aggregates")
    keys = _keys(node, items)
    stands = level.pool if keys else level.pool[:1]
    found: list[Variant] = []
    for scope in stands:
        group = group_of(level, keys, scope)
        if group.by_spine and found:
            break  # one row of all branches together
        found.append(_of_group(items, scope, group, level, node.args.get("having")))
    return found


def _keys(node: exp.Select, items: list[exp.Expr]) -> list[exp.Expr]:
    group = node.args.get("group")
    if group is None:
        return []
    if group.args.get("all"):
        return [_bare(i) for i in items if not _aggregates(i)]
    if {k for k, v in group.args.items() if v} - {"expressions"}:
        raise Refused(line_of(group), "the check does not know this kind of GROUP BY")
    return list(group.expressions)


def _of_group(
    items: list[exp.Expr], scope: Scope, group: Group, level: Level, having: exp.Having | None
) -> Variant:
    inside = Level(level.query, level.number, level.windows, level.pool, group, level.totals)
    columns: dict[str, Value] = {}
    for item in items:
        value = read(_bare(item), scope, inside if _aggregates(item) else level)
        name = (item.alias or item.name).lower()
        if group.of is None and not group.by_spine:
            value = _for_all(item, name, value, level)
        columns[name] = value
    if having is not None:
        control = uses(level, read(having.this, scope, inside))
        columns = {n: chosen(v, control) for n, v in columns.items()}
    by_spine = group.by_spine
    rows = NONE if by_spine or group.of is None else scope.rows
    return Variant(columns, rows, scope.spine if by_spine else "", by_spine)


def _for_all(item: exp.Expr, name: str, value: Value, level: Level) -> Value:
    """An aggregate over all there is. Out of a source it may be made of instants only, and is marked so."""
    if not uses(level, value):
        return replace(value, term=None)
    for column in item.find_all(exp.Column):
        terms = [read(column, s, level).term for s in level.pool]
        if not all(t is not None and all(a.kind in _INSTANTS for a, _ in t.parts) for t in terms):
            return value
    call = _bare(item)
    sure = isinstance(call, exp.Coalesce) and isinstance(call.expressions[-1], exp.Literal)
    mark = f"{level.number} {level.query.reading}.{name}"
    return Value(one(Atom(f"{'sure' if sure else 'scalar'}:{mark}", NOBODY)), scalars=frozenset({mark}))


def _distinct(found: list[Variant], query: Query, node: exp.Select) -> Relation:
    """DISTINCT: of the spine's own values what is left belongs to no spine row any more."""
    if node.args["distinct"].args.get("on"):
        raise Refused(line_of(node), "DISTINCT ON takes one row of several")
    result = []
    unique = next(iter(found[0].columns)) if len(found) == 1 and len(found[0].columns) == 1 else None
    for variant in found:
        if variant.spine and variant.rows:
            raise Refused(line_of(node), "DISTINCT over rows of several spine rows")
        columns = {n: loosened(v) for n, v in variant.columns.items()}
        if variant.spine:
            columns = {n: replace(v, term=None) for n, v in columns.items()}
        result.append(replace(variant, columns=columns, spine="", single=False, open=False, unique=unique))
    return tuple(result)
