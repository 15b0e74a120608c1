"""Where a query reads a source: that `_time` and `_arrival` are the instants that the definition of the source says.

What a definition says is compared with the SQL as trees. From here on a row's τ, α and columns are atoms of that row.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from featc.leakage.expressions import read
from featc.leakage.goals import arrival_of
from featc.leakage.query import Level, Query, line_of
from featc.leakage.terms import TIME, of_row
from featc.leakage.unions import check_part, parts_of
from featc.leakage.values import Refused, Relation, Scope, Value, Variant
from featc.resolve.model import HAPPENED, KNOWN, Expr, Source


def source_of(name: str, query: Query) -> Source | None:
    """The source whose rows a CTE of this name is to be."""
    return next((s for s in query.project.sources.values() if name == f"{s.name}_source".lower()), None)


def source_rows(node: exp.Expr, source: Source, query: Query) -> Relation:
    """The relation of a source's rows with their instants. Raises Refused F577 where they are not those of its
    definition."""
    if not isinstance(node, exp.Select) or {k for k, v in node.args.items() if v} - {"expressions", "from_"}:
        raise Refused(line_of(node), f"the check cannot follow how {source.name} is read", "F577")
    if source.members:
        _check_union(node, source, query)
    else:
        _check_origin(node, source, query)
    row = query.ledger.row(line_of(node), source.name)
    columns = {
        c.name.lower(): Value(of_row(f"col:{c.name.lower()}", row), frozenset({row})) for c in source.columns
    }
    scope = Scope({"": Variant(columns)}, frozenset({row}))
    level = Level(query, 0, {})
    found: dict[str, Value] = {}
    for item in node.expressions:
        name = (item.alias or item.name).lower()
        if source.members and name in ("_time", "_arrival"):
            value = _of_members(item, source, row, scope, level)
        elif name == "_time":
            _check_same(item, source.time, source)
            value = Value(of_row(TIME, row), frozenset({row}), line=line_of(item))
        elif name == "_arrival":
            value = _arrival(item, source, row, scope, level)
        else:
            value = read(item.this if isinstance(item, exp.Alias) else item, scope, level)
        scope.aliases[name] = value
        found[name] = value
    return (Variant(found, frozenset({row})),)


def _check_union(node: exp.Select, union: Source, query: Query) -> None:
    """The rows of a union have to be those of its sources, by the definitions of these."""
    for part, member in parts_of(node.args["from_"].this, union):
        source = member.source
        _check_origin(part, source, query)
        instants = check_part(part, union, member)
        by_name = {(item.alias or item.name).lower(): item for item in part.expressions}
        for name, expr in instants.items():
            if name in by_name:
                _check_same(by_name[name], expr, source)
        known = by_name.get(KNOWN)
        if known is not None and source.available_at is None:
            happened = by_name[HAPPENED].this.sql(dialect="duckdb")
            wanted = f"{happened} + {source.delay}" if source.delay else happened
            if plain(known.this) != plain(sqlglot.parse_one(wanted, dialect="duckdb")):
                message = f"{KNOWN} of {source.name} is not {wanted}, as its definition says"
                raise Refused(line_of(known), message, "F577")


def _of_members(item: exp.Expr, union: Source, row: int, scope: Scope, level: Level) -> Value:
    """τ and α of a union's row: what its source says of it, or τ and the delay that all its sources have."""
    if item.alias == "_arrival" and union.available_at is None:
        return _arrival(item, union, row, scope, level)
    wanted = HAPPENED if item.alias == "_time" else KNOWN
    if not (isinstance(item.this, exp.Column) and item.this.name == wanted):
        raise Refused(line_of(item), f"{item.alias} of {union.name} is not {wanted}", "F577")
    term = of_row(TIME, row) if item.alias == "_time" else arrival_of(union, row)
    return Value(term, frozenset({row}), line=line_of(item))


def _check_origin(node: exp.Select, source: Source, query: Query) -> None:
    """What normalises the data's columns has to leave each in its place, row by row. The author's own query is the
    data: what it may bring from other rows, build warns of (F366)."""
    read_here = [t for t in node.find_all(exp.Table) if isinstance(t.this, exp.Identifier) and not t.db]
    for table in read_here:
        if table.name.lower() in (*query.relations, "spine"):
            raise Refused(line_of(table), f"the rows of {source.name} are those of {table.name}", "F577")
    node = _without_query(node, source)
    start = node.args["from_"].this
    other = next(node.find_all(exp.Window, exp.AggFunc, exp.Filter, exp.Explode), None)
    if other is not None or len(list(node.find_all(exp.Select))) > 1 + isinstance(start, exp.Subquery):
        raise Refused(line_of(other or node), f"a row of {source.name} is made of other rows", "F577")
    if not isinstance(start, exp.Subquery):
        return
    inner = start.this
    if not isinstance(inner, exp.Select) or {k for k, v in inner.args.items() if v} - {"expressions", "from_"}:
        raise Refused(line_of(start), f"the check cannot follow how {source.name} is read", "F577")
    for item in inner.expressions:
        name = (item.alias or item.name).lower()
        strange = [c for c in item.find_all(exp.Column) if c.name.lower() != name]
        if strange or isinstance(item, exp.Star):
            place = f" is read from {strange[0].name}" if strange else " is not listed"
            raise Refused(line_of(item), f"the column {name} of {source.name}{place}", "F577")


def _without_query(node: exp.Select, source: Source) -> exp.Select:
    """The SELECT with a table in the place of the query that the source's `sql:` says."""
    if source.location.kind != "sql":
        return node
    try:
        wanted = plain(sqlglot.parse_one(source.location.value.strip().removesuffix(";"), dialect="duckdb"))
    except SqlglotError:
        return node
    copy = node.copy()
    for subquery in copy.find_all(exp.Subquery):
        if plain(subquery.this) == wanted:
            subquery.replace(exp.to_table("featc_rows"))
            return copy
    return node


def _arrival(item: exp.Expr, source: Source, row: int, scope: Scope, level: Level) -> Value:
    """α: the column that says so, or τ and the source's delay."""
    if source.available_at is not None:
        _check_same(item, source.available_at, source)
        return Value(arrival_of(source, row), frozenset({row}), line=line_of(item))
    value = read(item.this, scope, level)
    if value.term != arrival_of(source, row):
        wanted = f"_time + {source.delay}" if source.delay else "_time"
        raise Refused(line_of(item), f"_arrival of {source.name} is not {wanted}, as its definition says", "F577")
    return value


def _check_same(item: exp.Expr, expr: Expr, source: Source) -> None:
    """An instant of the SQL has to be the definition's expression, in µs."""
    text = expr.render(lambda ref: '"' + getattr(ref, "column", "").replace('"', '""') + '"')
    spelled = [text, f"({text})::TIMESTAMP", f"{text}::TIMESTAMP"]
    if source.timezone is not None:
        zone = source.timezone.replace("'", "''")
        spelled += [f"({s}) AT TIME ZONE '{zone}' AT TIME ZONE 'UTC'" for s in spelled[1:]]
    wanted = {plain(sqlglot.parse_one(f"epoch_us({s})", dialect="duckdb")) for s in spelled}
    if plain(item.this) not in wanted:
        name = item.alias
        message = f"{name} of {source.name} is {item.this.sql(dialect='duckdb')}, and not epoch_us({text})"
        raise Refused(line_of(item), message, "F577")


def plain(node: exp.Expr) -> str:
    """A tree's text without parentheses and quotes that mean nothing."""
    copy = node.copy()
    for paren in list(copy.find_all(exp.Paren)):
        paren.replace(paren.this)
    for identifier in copy.find_all(exp.Identifier):
        identifier.set("quoted", False)
    return copy.sql(dialect="duckdb", normalize_functions="lower").lower()
