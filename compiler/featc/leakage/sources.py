"""Where a query reads a source: that `_time` and `_arrival` are the instants that the definition of the source says.

What a definition says is compared with the SQL as trees. From here on a row's τ, α and columns are atoms of that row.
"""

from __future__ import annotations

from dataclasses import replace

import sqlglot
from sqlglot import exp

from featc.leakage.expressions import read
from featc.leakage.goals import arrival_of, superseded_of
from featc.leakage.query import Level, Query, line_of
from featc.leakage.terms import TIME, of_row
from featc.leakage.values import Refused, Relation, Scope, Value, Variant
from featc.resolve.model import Expr, Source, View


def source_of(name: str, query: Query) -> Source | None:
    """The source whose rows a CTE of this name is to be."""
    return next((s for s in query.project.sources.values() if name == f"{s.name}_source".lower()), None)


def source_rows(node: exp.Expr, source: Source, query: Query) -> Relation:
    """The relation of a source's rows with their instants. Raises Refused F577 where they are not those of its
    definition."""
    if not isinstance(node, exp.Select) or any(node.args.get(k) for k in ("joins", "where", "group", "distinct")):
        raise Refused(line_of(node), f"the check cannot follow how {source.name} is read", "F577")
    _check_origin(node, source)
    row = query.ledger.row(line_of(node), source.name)
    columns = {
        c.name.lower(): Value(of_row(f"col:{c.name.lower()}", row), frozenset({row})) for c in source.columns
    }
    scope = Scope({"": Variant(columns)}, frozenset({row}))
    level = Level(query, 0, {})
    found: dict[str, Value] = {}
    for item in node.expressions:
        name = (item.alias or item.name).lower()
        if name == "_time":
            _check_same(item, source.time, source)
            value = Value(of_row(TIME, row), frozenset({row}), line=line_of(item))
        elif name == "_arrival":
            value = _arrival(item, source, row, scope, level)
        else:
            value = read(item.this if isinstance(item, exp.Alias) else item, scope, level)
        scope.aliases[name] = value
        found[name] = value
    return (Variant(found, frozenset({row})),)


def _check_origin(node: exp.Select, source: Source) -> None:
    """What normalises the data's columns has to leave each in its place."""
    start = node.args["from_"].this
    if not isinstance(start, exp.Subquery):
        return
    inner = start.this
    if not isinstance(inner, exp.Select) or any(inner.args.get(k) for k in ("joins", "where", "group", "qualify")):
        raise Refused(line_of(start), f"the check cannot follow how {source.name} is read", "F577")
    for item in inner.expressions:
        name = (item.alias or item.name).lower()
        strange = [c for c in item.find_all(exp.Column) if c.name.lower() != name]
        if strange or isinstance(item, exp.Star):
            other = f" is read from {strange[0].name}" if strange else " is not listed"
            raise Refused(line_of(item), f"the column {name} of {source.name}{other}", "F577")


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
    wanted = {_plain(sqlglot.parse_one(f"epoch_us({s})", dialect="duckdb")) for s in spelled}
    if _plain(item.this) not in wanted:
        name = item.alias
        message = f"{name} of {source.name} is {item.this.sql(dialect='duckdb')}, and not epoch_us({text})"
        raise Refused(line_of(item), message, "F577")


def _plain(node: exp.Expr) -> str:
    """A tree's text without parentheses and quotes that mean nothing."""
    copy = node.copy()
    for paren in list(copy.find_all(exp.Paren)):
        paren.replace(paren.this)
    for identifier in copy.find_all(exp.Identifier):
        identifier.set("quoted", False)
    return copy.sql(dialect="duckdb", normalize_functions="lower").lower()


def versions(node: exp.Union, query: Query) -> Relation:
    """Rows with `_superseded`, α of the next version of the same event: those of repeated identities in the order of
    their versions, and those of others, which nothing supersedes. Raises Refused F577."""
    several, single = node.this, node.expression
    base = _read_table(several, "SEMI")
    if base != _read_table(single, "ANTI") or node.args.get("by_name") or node.args.get("distinct"):
        raise Refused(line_of(node), "the two parts of versions are not of the same rows", "F577")
    relation = query.relations.get(base)
    source = _source_read(base, query)
    if relation is None or source is None:
        raise Refused(line_of(node), f"versions are numbered of {base}, which is no source's rows", "F577")
    identity = _identity(several, source, query)
    _check_order(several, source)
    for part in (several, single):
        _check_repeated(part, base, identity, query)
    names = query.ledger.copied(frozenset(o for v in relation for o in v.owners()))
    (variant,) = (v.renamed(names) for v in relation)
    (row,) = variant.rows
    value = Value(superseded_of(identity, row), frozenset({row}), line=line_of(several))
    return (replace(variant, columns={**variant.columns, "_superseded": value}),)


def is_versions(node: exp.Union) -> bool:
    """Whether a CTE is to say what supersedes each row."""
    return all(any(i.alias == "_superseded" for i in s.expressions) for s in (node.this, node.expression))


def _read_table(node: exp.Expr, kind: str) -> str:
    """The relation that a part of versions reads, SEMI or ANTI joined."""
    joins = node.args.get("joins") or []
    start = node.args["from_"]
    if isinstance(start.this, exp.Subquery) and not joins:  # of those that arrived before their event was final
        return _read_table(start.this.this, kind)
    right = len(joins) == 1 and str(joins[0].args.get("kind") or "").upper() == kind
    if not right or not isinstance(start.this, exp.Table):
        raise Refused(line_of(node), f"versions are not {kind} JOINed with the events that came more than once", "F577")
    return str(start.this.name.lower())


def _source_read(name: str, query: Query) -> Source | None:
    """The source whose rows a CTE holds, perhaps without those that came after their event was final."""
    source = source_of(name, query)
    if source is not None:
        return source
    for candidate in query.project.sources.values():
        if name == f"{candidate.name}_in_time".lower() and candidate.final_after is not None:
            body = query.bodies[name]
            wanted = f"SELECT * FROM {candidate.name}_source WHERE _time IS NULL OR _arrival <= _time + "
            if _plain(body) == f"{wanted}{candidate.final_after}".lower():
                return candidate
    return None


def _identities(source: Source, query: Query) -> list[tuple[str, ...]]:
    from featc.leakage.goals import identity_of

    project = query.project
    views: list[View] = [*project.views.values(), *project.asked.values(), *project.labels.values()]
    return [i for v in views if v.source == source.name for i in [identity_of(source, v)] if i]


def _lead(node: exp.Expr) -> exp.Window:
    item = next(i for i in node.expressions if i.alias == "_superseded")
    window = item.this
    if not isinstance(window, exp.Window) or not isinstance(window.this, exp.Lead):
        raise Refused(line_of(item), "_superseded is not the arrival of the next version", "F577")
    asked = window.this.this
    if not isinstance(asked, exp.Column) or asked.name != "_arrival" or window.this.args.get("offset"):
        raise Refused(line_of(item), "_superseded is not the arrival of the next version", "F577")
    return window


def _identity(node: exp.Expr, source: Source, query: Query) -> tuple[str, ...]:
    """What parts the versions, which has to be an identity that the source has."""
    window = _lead(node)
    found = tuple(_plain(p) for p in window.args.get("partition_by") or ())
    for identity in _identities(source, query):
        if found == tuple(_plain(sqlglot.parse_one(i, dialect="duckdb")) for i in identity):
            return identity
    named = ", ".join(found) or "nothing"
    raise Refused(line_of(window), f"versions of {source.name} are numbered by {named}, not by its identity", "F577")


def _check_order(node: exp.Expr, source: Source) -> None:
    """Versions follow each other by α, tie_break, death, and then all other columns by name."""
    window = _lead(node)
    order = window.args.get("order")
    listed = [] if order is None else order.expressions
    dead = ["_deleted"] if source.deleted is not None else []
    others = sorted(c.name for c in source.columns if c.name not in source.tie_break)
    wanted = [c.lower() for c in ("_arrival", *source.tie_break, *dead, *others)]
    if [o.this.name.lower() for o in listed] != wanted or any(
        o.args.get("desc") or not o.args.get("nulls_first") for o in listed
    ):
        raise Refused(line_of(window), f"versions of {source.name} are not in the order of their arrival", "F577")


def _check_repeated(part: exp.Expr, base: str, identity: tuple[str, ...], query: Query) -> None:
    """The events that came more than once have to be just those of the same rows."""
    inner = part
    start = part.args["from_"]
    if isinstance(start.this, exp.Subquery):
        inner = start.this.this
    join = inner.args["joins"][0]
    name = join.this.name.lower()
    columns = [_plain(sqlglot.parse_one(i, dialect="duckdb")) for i in identity]
    given = [f"not {c} is null" for c in [*columns, "_arrival"]]
    items = ", ".join(f"{c} as _id_{n}" for n, c in enumerate(columns, 1))
    wanted = f"select {items} from {base} where {' and '.join(given)} group by all having count(*) > 1"
    body = query.bodies.get(name)
    if body is None or _plain(body) != wanted:
        raise Refused(line_of(body or join), "the events that came more than once are not found among all rows", "F577")
    meets = [f"{c} = m._id_{n}" for n, c in enumerate(columns, 1)]
    where = inner.args.get("where")
    asked = _plain(join.args["on"]).split(" and ")
    filtered = [] if where is None else _plain(where.this).split(" and ")
    if inner is part and str(join.args.get("kind")).upper() == "ANTI":
        right = asked == [*meets, *given] and not filtered
    else:
        right = asked == meets and filtered == given
    if not right:
        raise Refused(line_of(join), "versions are not met with the events that came more than once", "F577")
