"""Rows that hold: where a query finds out from when to when each does, and which dump is in force.

Which of a key's rows is taken depends on its other rows, which may come later than the instant that is asked for. So
this is recognised, and not derived: each stage is compared with the definition as a tree, and what it says (`_from`,
`_until`, `_dump`, `_turn`) is marked as a number that may choose rows and never be shown. That a row which is chosen
was there to be known is proven of the row itself, as of any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlglot
from sqlglot import exp

from featc.leakage.joins import fresh
from featc.leakage.query import Level, Query, line_of
from featc.leakage.selects import read_query
from featc.leakage.sources import plain
from featc.leakage.values import Refused, Relation, Value
from featc.leakage.versions import version_order
from featc.resolve.model import ColumnRef, Source, View

STAGES = ("stretches", "seen", "turns", "own", "dumped", "in_force", "state")


def stage_of(name: str, query: Query) -> tuple[str, Source, View | None] | None:
    """The stage that a CTE of this name is to be, of which source and view; None where it is none of these."""
    project = query.project
    for source in project.sources.values():
        if source.in_dumps and name == f"{source.name}_dumps".lower():
            return "dumps", source, None
    for view in (*project.views.values(), *project.asked.values()):
        source_name = view.source
        if source_name is None or not project.sources[source_name].holds:
            continue
        source = project.sources[source_name]
        for stage in STAGES:
            if name == f"{view.name}_{stage}".lower() and (stage != "state" or source.in_dumps):
                return stage, source, view
    return None


def stage(name: str, body: exp.Expr, found: tuple[str, Source, View | None], query: Query) -> Relation:
    """The relation of a stage. Raises Refused F577 where it does not say what the definition says."""
    kind, source, view = found
    if view is None:
        return _dumps(body, source)
    match kind:
        case "seen":
            return read_query(_unpruned(body), query)
        case "turns" | "own":
            _check(body, _turns(source, view) if kind == "turns" else _own(source, view))
            return ()
        case "stretches":
            return _stretches(body, source, view, query)
        case "dumped":
            return _dumped(body, source, view, query)
        case "in_force":
            return _in_force(body, source, view, query)
        case _:  # of one dump a key has one row
            return tuple(replace(variant, single=True) for variant in read_query(body, query))


def _mark(what: str) -> Value:
    """A number out of all of a source's rows, which may choose rows and never be shown."""
    return Value(scalars=frozenset({what}))


def _check(body: exp.Expr, wanted: str) -> None:
    if plain(body) != plain(sqlglot.parse_one(wanted, dialect="duckdb")):
        raise Refused(line_of(body), "which rows hold is not found out as the definition says", "F577")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _places(source: Source, view: View) -> list[str]:
    """SQL of what a row is about."""
    if source.key:
        return [_quoted(c) for c in source.key]
    found = []
    for key in view.keys:
        assert key.expr is not None
        text = key.expr.render(lambda ref: _quoted(ref.column) if isinstance(ref, ColumnRef) else "")
        found.append(text if key.expr.type == key.type else f"{text}::{key.type}")
    return found


def _by(parts: Iterable[str]) -> str:
    listed = ", ".join(parts)
    return f"PARTITION BY {listed} " if listed else ""


def _unpruned(body: exp.Expr) -> exp.Expr:
    """A SELECT without the condition that its rows are of keys that some row of the spine's entities is about, which
    every row of such an entity meets."""
    copy = body.copy()
    where = copy.args.get("where")
    start = copy.args["from_"].this
    if where is None or not isinstance(start, exp.Table):
        return copy
    parts = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
    kept = [p for p in parts if not _is_pruning(p, start)]
    copy.set("where", exp.Where(this=exp.and_(*kept, copy=False)) if kept else None)
    return copy


def _is_pruning(condition: exp.Expr, start: exp.Table) -> bool:
    query = condition.args.get("query") if isinstance(condition, exp.In) else None
    inner = query.this if query is not None else None
    if not isinstance(inner, exp.Select) or not isinstance(inner.args["from_"].this, exp.Table):
        return False
    asked = [plain(i) for i in inner.expressions]
    same = plain(condition.this) == ", ".join(asked) or plain(condition.this) in asked
    return same and inner.args["from_"].this.name == start.name


def _columns(relation: Relation, more: dict[str, Value]) -> Relation:
    return tuple(replace(v, columns={**v.columns, **more}) for v in relation)


# ── states ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _stretches(body: exp.Expr, source: Source, view: View, query: Query) -> Relation:
    """Each row with the time for which it is its key's own."""
    start = body.args["from_"].this
    if isinstance(start, exp.Subquery):
        order = ["_time NULLS FIRST", *version_order(source)]
        over = f"{_by(_places(source, view))}ORDER BY {', '.join(order)}"
        inner = start.this.sql(dialect="duckdb")
        _check(body, f"SELECT *, lead(_from) OVER ({over}) AS _until FROM ({inner})")
        return _columns(read_query(_unpruned(start.this), query), {"_until": _mark(f"{view.name} until")})
    seen, own = (f"{view.name}_{stage}".lower() for stage in ("seen", "own"))
    places = [f"_place_{n}" for n, _ in enumerate(_places(source, view), 1)]
    met = " AND ".join([*(f"o.{p} = r.{p}" for p in places), "o._turn = r._turn"])
    _check(body, f"SELECT r.*, o._from, o._until FROM {_quoted(own)} o JOIN {_quoted(seen)} r ON {met}")
    marks = {c: _mark(f"{view.name} {c}") for c in ("_from", "_until", "_turn")}
    if seen not in query.relations or own not in query.relations:
        raise Refused(line_of(body), f"there is no {seen} or {own}", "F577")
    return _columns(fresh(query.relations[seen], Level(query, 0, {})), marks)


def _turns(source: Source, view: View) -> str:
    seen = _quoted(f"{view.name}_seen")
    places = [f"_place_{n}" for n, _ in enumerate(_places(source, view), 1)]
    listed = "".join(f"{p}, " for p in places)
    instants = f"SELECT {listed}_enter AS _from FROM {seen} UNION SELECT {listed}_superseded FROM {seen}"
    over = f"{_by(places)}ORDER BY _from"
    return (
        f"SELECT {listed}_from, lead(_from) OVER ({over}) AS _until FROM"
        f" ({instants} WHERE _superseded IS NOT NULL)"
    )


def _own(source: Source, view: View) -> str:
    seen, turns = _quoted(f"{view.name}_seen"), _quoted(f"{view.name}_turns")
    places = [f"_place_{n}" for n, _ in enumerate(_places(source, view), 1)]
    listed = "".join(f"c.{p}, " for p in places)
    same = " AND ".join(f"c.{p} = r.{p}" for p in places) or "true"
    there = "r._enter <= c._from AND (r._superseded IS NULL OR r._superseded > c._from)"
    return (
        f"SELECT {listed}c._from, c._until, max(r._turn) AS _turn FROM {turns} c JOIN {seen} r ON {same}"
        f" WHERE {there} GROUP BY ALL"
    )


# ── dumps ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _dumps(body: exp.Expr, source: Source) -> Relation:
    """The dumps of a source: of its rows only their instants, which choose."""
    relation = _quoted(f"{source.name}_{'source' if source.final_after is None else 'in_time'}")
    later = "min(_from) OVER (ORDER BY _time, _arrival ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)"
    listed = (
        f"SELECT DISTINCT _time, _arrival, greatest(_time, _arrival) AS _from FROM {relation}"
        " WHERE _time IS NOT NULL AND _arrival IS NOT NULL"
    )
    _check(
        body,
        "SELECT _time, _arrival, _from, row_number() OVER (ORDER BY _time, _arrival) AS _dump"
        f" FROM ({listed}) QUALIFY coalesce(_from < {later}, true)",
    )
    return ()


def _dumped(body: exp.Expr, source: Source, view: View, query: Query) -> Relation:
    """The rows of dumps, one of each key."""
    start = body.args["from_"].this
    where = body.args.get("where")
    order = [c.replace(" NULLS FIRST", " DESC NULLS LAST") for c in version_order(source)]
    own = f"row_number() OVER (PARTITION BY {', '.join(['_dump', *_places(source, view)])} ORDER BY {', '.join(order)})"
    condition = "" if where is None else f" WHERE {where.this.sql(dialect='duckdb')}"
    table = _quoted(start.name)
    dumps = _quoted(f"{source.name}_dumps")
    joined = f"FROM {table} r JOIN {dumps} d USING (_time, _arrival)"
    _check(body, f"SELECT r.*, d._dump {joined}{condition} QUALIFY {own} = 1")
    rows = body.copy()
    for clause in ("joins", "qualify"):
        rows.set(clause, None)
    rows.set("expressions", [exp.Star()])
    return _columns(read_query(_unpruned(rows), query), {"_dump": _mark(f"{view.name} dump")})


def _in_force(body: exp.Expr, source: Source, view: View, query: Query) -> Relation:
    """The spine's rows with the dump in force at each."""
    keys = [_quoted(k.name) for k in view.keys]
    spine = body.args["from_"].this
    strict = " - 1" if view.closed in ("left", "neither") else ""
    items = ", ".join(["s._row", "s._as_of", *(f"s.{k}" for k in keys), "d._dump"])
    dumps = _quoted(f"{source.name}_dumps")
    _check(
        body,
        f"SELECT {items} FROM {_quoted(spine.name)} s ASOF JOIN {dumps} d ON d._from <= s._as_of{strict}",
    )
    rows = body.copy()
    rows.set("joins", None)
    rows.set("expressions", rows.expressions[:-1])
    found = tuple(replace(variant, single=True) for variant in read_query(rows, query))
    return _columns(found, {"_dump": _mark(f"{view.name} dump")})
