"""Reading a SELECT: from the rows of its FROM clause to the columns it gives."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from featc.leakage.aggregates import group_of, is_aggregate
from featc.leakage.expressions import read
from featc.leakage.joins import from_clause, loosened
from featc.leakage.query import Group, Level, Query, line_of, mixed, uses
from featc.leakage.terms import ARRIVAL, AS_OF, NOBODY, SUPERSEDED, TIME, Atom, Sum, at_most, of_row, one
from featc.leakage.values import NONE, Refused, Relation, Scope, Value, Variant

_INSTANTS = frozenset({TIME, ARRIVAL, SUPERSEDED})
_KNOWN = frozenset(
    "expressions from_ from joins where group having qualify windows distinct order kind hint with_ with".split()
)


def read_query(node: exp.Expression, query: Query) -> Relation:
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
    alone = sum(v.spine for v in (*left, *right)) == 1  # then no row of the other part is of the same spine row
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


def _passes(condition: exp.Expression, scope: Scope, level: Level) -> bool:
    """Tells the ledger what holds of rows that pass WHERE; whether any can."""
    value = read(condition, scope, level)
    if value.truth is False:
        return False
    level.ledger.tell(scope.rows, value.facts)
    for variant in scope.items.values():
        variant.columns = {n: loosened(v, value.last, level) for n, v in variant.columns.items()}
    return True


def _aggregates(item: exp.Expression) -> bool:
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


def _plain(node: exp.Select, items: list[exp.Expression], level: Level) -> list[Variant]:
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
            chosen = {n: _chosen(loosened(v) if filtered else v, control) for n, v in columns.items()}
            single = scope.single and not any(isinstance(_bare(i), exp.Explode) and _many(_bare(i)) for i in items)
            opened = any(v.open for i in items if _is_star(i) for v in _starred(i, scope))
            unique = _unique(node, items, scope)
            found.append(Variant(chosen, scope.rows, scope.spine, single, opened, unique=unique))
    return found


def _chosen(value: Value, control: frozenset[int]) -> Value:
    """A value of a row that others have let through; the spine's own values are what they are."""
    of_spine = value.term is not None and not value.term.owners() and not value.rows
    return value if of_spine else replace(value, rows=value.rows | control)


def _unique(node: exp.Select, items: list[exp.Expression], scope: Scope) -> str | None:
    """The column of which no two rows have the same value, if there was one and it is still there."""
    if node.args.get("joins") or len(scope.items) != 1:
        return None
    (variant,) = scope.items.values()
    named = [(i.alias or i.name).lower() for i in items if isinstance(_bare(i), exp.Column)]
    return variant.unique if variant.unique in named else None


def _bare(item: exp.Expression) -> exp.Expression:
    return item.this if isinstance(item, exp.Alias) else item


def _is_star(item: exp.Expression) -> bool:
    return isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star))


def _many(call: exp.Explode) -> bool:
    """Whether `unnest` makes rows that are not told apart by a literal."""
    inner = call.this
    return not (isinstance(inner, exp.Array) and all(isinstance(e, exp.Struct) for e in inner.expressions))


def _columns(items: list[exp.Expression], scope: Scope, level: Level) -> list[dict[str, Value]]:
    """The columns of the row that a scope gives; several where one of them may be this or that."""
    found: list[dict[str, Value]] = [{}]
    scope.aliases = {}
    for item in items:
        if _is_star(item):
            found = [{**f, **_star(item, scope)} for f in found]
            continue
        call = _bare(item)
        if isinstance(call, exp.Explode):
            found = [{**f, **more} for f in found for more in _unnested(call, item.alias, scope, level)]
            continue
        name = (item.alias or item.name).lower()
        value = _named(item, name, call, scope, level)
        scope.aliases[name] = value
        found = [{**f, name: o} for f in found for o in (value.options or (value,))]
    return found


def _starred(item: exp.Expression, scope: Scope) -> list[Variant]:
    return [scope.items[item.table.lower()]] if isinstance(item, exp.Column) else list(scope.items.values())


def _star(item: exp.Expression, scope: Scope) -> dict[str, Value]:
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


def _named(item: exp.Expression, name: str, call: exp.Expression, scope: Scope, level: Level) -> Value:
    """The value of an item, with a term where the check has to know it again by one."""
    from featc.leakage.features import proven

    if name == "_as_of" and _is_instant(call, level.query.instant) and _is_base(scope):
        return Value(AS_OF)
    value = read(call, scope, level)
    if scope.spine:
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


def _is_instant(call: exp.Expression, instant: str) -> bool:
    """Whether an item is the spine's instant in µs."""
    if not (isinstance(call, exp.Anonymous) and call.name.lower() == "epoch_us" and len(call.expressions) == 1):
        return False
    column = call.expressions[0]
    return isinstance(column, exp.Column) and column.name.lower() == instant.lower() and not column.table


def _is_base(scope: Scope) -> bool:
    return scope.single and [v.open and not v.columns for v in scope.items.values()] == [True]


def opaque(node: exp.Expression, scope: Scope, level: Level) -> Sum | None:
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


def _unnested(call: exp.Explode, alias: str, scope: Scope, level: Level) -> list[dict[str, Value]]:
    """`unnest` of a list of structs that a literal tells apart, of a series of places, or of anything else."""
    inner = call.this
    if not _many(call):
        fields = [read(e, scope, level).fields or {} for e in inner.expressions]
        marked = [{n: replace(v, line=line_of(e)) for n, v in f.items()} for f, e in zip(fields, inner.expressions)]
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


def _grouped(node: exp.Select, items: list[exp.Expression], level: Level) -> list[Variant]:
    if node.args.get("qualify") is not None or any(_is_star(i) for i in items):
        raise Refused(line_of(node), "the check does not know QUALIFY or a star beside aggregates")
    keys = _keys(node, items)
    stands = level.pool if keys else level.pool[:1]
    found, seen = [], set()
    for scope in stands:
        group = group_of(level, keys, scope)
        if group.by_spine and seen:
            break
        seen.add(True)
        found.append(_of_group(items, scope, group, level))
    return found


def _keys(node: exp.Select, items: list[exp.Expression]) -> list[exp.Expression]:
    group = node.args.get("group")
    if group is None:
        return []
    if group.args.get("all"):
        return [_bare(i) for i in items if not _aggregates(i)]
    if set(k for k, v in group.args.items() if v) - {"expressions"}:
        raise Refused(line_of(group), "the check does not know this kind of GROUP BY")
    return list(group.expressions)


def _of_group(items: list[exp.Expression], scope: Scope, group: Group, level: Level) -> Variant:
    inside = Level(level.query, level.number, level.windows, level.pool, group, level.totals)
    columns: dict[str, Value] = {}
    for item in items:
        value = read(_bare(item), scope, inside if _aggregates(item) else level)
        name = (item.alias or item.name).lower()
        if group.of is None and not group.by_spine:
            value = _for_all(item, name, value, level)
        columns[name] = value
    by_spine = group.by_spine
    rows = NONE if by_spine or group.of is None else scope.rows
    return Variant(columns, rows, by_spine, by_spine)


def _for_all(item: exp.Expression, name: str, value: Value, level: Level) -> Value:
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
    result = []
    unique = next(iter(found[0].columns)) if len(found) == 1 and len(found[0].columns) == 1 else None
    for variant in found:
        if variant.spine and variant.rows:
            raise Refused(line_of(node), "DISTINCT over rows of several spine rows")
        columns = {n: replace(loosened(v), term=None) if variant.spine else loosened(v) for n, v in variant.columns.items()}
        result.append(replace(variant, columns=columns, spine=False, single=False, open=False, unique=unique))
    return tuple(result)
