"""Where a query finds out what supersedes a version: that it does so as the definition of its source says.

The two parts of it, rows of repeated identities and all others, are compared with the definition as trees.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlglot
from sqlglot import exp

from featc.leakage.goals import identity_of, superseded_of
from featc.leakage.query import Query, line_of
from featc.leakage.sources import plain, source_of
from featc.leakage.values import Refused, Relation, Value
from featc.resolve.model import Source, View


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
    _check_items(several, single)
    identity = _identity(several, source, query)
    _check_order(several, source)
    for part in (several, single):
        _check_repeated(part, base, identity, query)
    _check_final(several, source)
    names = query.ledger.copied(frozenset(o for v in relation for o in v.owners()))
    (variant,) = (v.renamed(names) for v in relation)
    (row,) = variant.rows
    value = Value(superseded_of(identity, row), frozenset({row}), line=line_of(several))
    return (replace(variant, columns={**variant.columns, "_superseded": value}),)


def is_versions(node: exp.Union) -> bool:
    """Whether a CTE is to say what supersedes each row."""
    return all(any(i.alias == "_superseded" for i in s.expressions) for s in (node.this, node.expression))


def _check_items(several: exp.Expr, single: exp.Expr) -> None:
    """Both parts give the rows as they are, and what supersedes them."""
    inner = several.args["from_"].this
    parts = [several, single, *([inner.this] if isinstance(inner, exp.Subquery) else [])]
    for part in parts:
        stars = [i for i in part.expressions if isinstance(i, exp.Column) and isinstance(i.this, exp.Star)]
        whole = len(stars) == 1 and not any(v for k, v in stars[0].this.args.items() if k != "this")
        others = [i for i in part.expressions if i not in stars and i.alias != "_superseded"]
        if not whole or others:
            raise Refused(line_of(part), "versions are not the source's rows as they are", "F577")
    last = next(i for i in single.expressions if i.alias == "_superseded")
    if not isinstance(last.this, exp.Null):
        raise Refused(line_of(last), "_superseded is not NULL where there is one version", "F577")


def _check_final(several: exp.Expr, source: Source) -> None:
    """Of versions only those may be left out that came after their event was final."""
    start = several.args["from_"].this
    allowed = {"expressions", "from_", "joins", "where"}
    if isinstance(start, exp.Subquery):
        inner, allowed = start.this, {"expressions", "from_"}
        if {k for k, v in inner.args.items() if v} - {"expressions", "from_", "joins", "where", "qualify"}:
            raise Refused(line_of(inner), "versions are left out", "F577")
        history = f"PARTITION BY {', '.join(_quoted(source.id))} ORDER BY {', '.join(version_order(source))}"
        first = f"min(_time) OVER ({history} ROWS UNBOUNDED PRECEDING)"
        wanted = sqlglot.parse_one(f"coalesce(_arrival <= {first} + {source.final_after}, true)", dialect="duckdb")
        qualify = inner.args.get("qualify")
        if source.final_after is None or qualify is None or plain(qualify.this) != plain(wanted):
            raise Refused(line_of(inner), "versions are left out that came before their event was final", "F577")
    if {k for k, v in several.args.items() if v} - allowed:
        raise Refused(line_of(several), "versions are left out", "F577")


def _quoted(names: Iterable[str]) -> list[str]:
    return ['"' + name.replace('"', '""') + '"' for name in names]


def version_order(source: Source) -> list[str]:
    """By what versions follow each other: α, tie_break, death, and then all other columns by name."""
    dead = ["_deleted"] if source.deleted is not None else []
    listed = sorted(source.columns, key=lambda c: ((c.stands_for or c.name).lower(), c.name))
    others = [c.name for c in listed if c.name not in source.tie_break and not c.computed]
    return [f"{c} NULLS FIRST" for c in _quoted(("_arrival", *source.tie_break, *dead, *others))]


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
            if plain(body) == f"{wanted}{candidate.final_after}".lower():
                return candidate
    return None


def _identities(source: Source, query: Query) -> list[tuple[str, ...]]:
    project = query.project
    views: list[View] = [*project.views.values(), *project.asked.values(), *project.labels.values()]
    views += [join.rows for view in list(views) for join in view.lookups]
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
    found = tuple(plain(p) for p in window.args.get("partition_by") or ())
    for identity in _identities(source, query):
        if found == tuple(plain(sqlglot.parse_one(i, dialect="duckdb")) for i in identity):
            return identity
    named = ", ".join(found) or "nothing"
    raise Refused(line_of(window), f"versions of {source.name} are numbered by {named}, not by its identity", "F577")


def _check_order(node: exp.Expr, source: Source) -> None:
    """Versions follow each other in the order of the law."""
    window = _lead(node)
    wanted = sqlglot.parse_one(f"x() OVER (ORDER BY {', '.join(version_order(source))})", dialect="duckdb")
    order = window.args.get("order")
    if order is None or plain(order) != plain(wanted.args["order"]) or window.args.get("spec"):
        raise Refused(line_of(window), f"versions of {source.name} are not in the order of their arrival", "F577")


def _check_repeated(part: exp.Expr, base: str, identity: tuple[str, ...], query: Query) -> None:
    """The events that came more than once have to be just those of the same rows."""
    inner = part
    start = part.args["from_"]
    if isinstance(start.this, exp.Subquery):
        inner = start.this.this
    join = inner.args["joins"][0]
    name = join.this.name.lower()
    columns = [plain(sqlglot.parse_one(i, dialect="duckdb")) for i in identity]
    given = [f"not {c} is null" for c in [*columns, "_arrival"]]
    items = ", ".join(f"{c} as _id_{n}" for n, c in enumerate(columns, 1))
    wanted = f"select {items} from {base} where {' and '.join(given)} group by all having count(*) > 1"
    body = query.bodies.get(name)
    if body is None or plain(body) != wanted:
        raise Refused(line_of(body or join), "the events that came more than once are not found among all rows", "F577")
    meets = [f"{c} = m._id_{n}" for n, c in enumerate(columns, 1)]
    where = inner.args.get("where")
    asked = plain(join.args["on"]).split(" and ")
    filtered = [] if where is None else plain(where.this).split(" and ")
    if inner is part and str(join.args.get("kind")).upper() == "ANTI":
        right = asked == [*meets, *given] and not filtered
    else:
        right = asked == meets and filtered == given
    if not right:
        raise Refused(line_of(join), "versions are not met with the events that came more than once", "F577")
