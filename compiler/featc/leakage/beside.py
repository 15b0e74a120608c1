"""Joins: what held of another source at an event's own time, as the event could know it (semantics.md, "Enrichment
joins").

The rows of the events are numbered, and become the spine of a lookup of their own (`…_asked`): there SPINE is an event,
AS_OF its τ, and `KNOWN` when it entered. What the lookup found is proven where it is put beside the events
(`…_joined`), and counts as a column of the event from there on: who may see the event may see it.

Features of another view are proven where they are computed, as any, but that they know what was `KNOWN`.
"""

from __future__ import annotations

import re
from dataclasses import replace

import sqlglot
from sqlglot import exp

from featc.leakage.features import row_refused
from featc.leakage.goals import KNOWN, Goal, arrival_of
from featc.leakage.items import opaque
from featc.leakage.query import Level, Query, every_part, line_of, uses
from featc.leakage.selects import read_query
from featc.leakage.terms import AS_OF, NOBODY, SPINE, TIME, Atom, Sum, of_row, one
from featc.leakage.values import Refused, Relation, Scope, Value, Variant
from featc.resolve.model import ColumnRef, Expr, Join, ViewJoin, Window


def join_of(name: str, ending: str, query: Query) -> Join | ViewJoin | None:
    """The join whose stage a CTE of this name is to be; the name has a number where it is not the first of its kind."""
    project = query.project
    views = (*project.views.values(), *project.asked.values(), *project.labels.values())
    joins = ((view.name, join) for view in views for join in view.joins)
    return next((join for view, join in joins if _is_stage(name, f"{view} {join.name}{ending}")), None)


def _is_stage(name: str, stage: str) -> bool:
    return re.fullmatch(rf"{re.escape(stage.lower())}(_\d+)?", name) is not None


def asked(name: str, body: exp.Expr, join: Join | ViewJoin, query: Query) -> Relation:
    """The events as the spine of a lookup, or of another view. Raises Refused F577 where they do not ask at their own
    τ, by what they knew when they entered, for the keys that the definition says."""
    relation = read_query(body, query)
    line = line_of(body)
    (variant,) = relation if len(relation) == 1 else (Variant(),)
    number = variant.columns.get("_row", Value()).term
    numbered = number.atom if number is not None else None
    if numbered is None or not numbered.name.startswith("row:") or variant.spine:
        raise Refused(line, f"the rows that {join.name} is looked up for are not numbered", "F577")
    event = numbered.owner
    source = query.project.sources[query.ledger.sources[event]]
    time = of_row(TIME, event)
    entered = one(Atom("greatest", NOBODY, (time, arrival_of(source, event))))
    wanted: dict[str, Sum | None] = {"_as_of": time, "_known": entered}
    keys = join.rows.keys if isinstance(join, Join) else join.keys_of
    for key, expr in zip(keys, join.keys, strict=True):
        wanted[key.name.lower()] = _term(expr, event, query)
    for column, term in wanted.items():
        found = variant.columns.get(column)
        if found is None or (found.term or _spelled(body, column, query)) != term:
            raise Refused(line, f"{column} of what {join.name} is looked up at is not the event's own", "F577")
    columns = {"_row": Value(of_row("row", SPINE)), "_as_of": Value(AS_OF), "_known": Value(KNOWN)}
    columns |= {k.name.lower(): Value(of_row(f"col:{k.name.lower()}", SPINE)) for k in keys}
    if isinstance(join, ViewJoin):  # the same instant as a time, which expressions call as_of
        moment = next((i.this.sql(dialect="duckdb").lower() for i in body.expressions if i.alias == "_at"), "")
        if moment != "make_timestamp(_as_of)":
            raise Refused(line, f"_at of what {join.name} is asked at is not the event's own time", "F577")
        columns["_at"] = Value(of_row("col:_at", SPINE))
    query.lookups[name] = numbered.name
    return (Variant(columns, spine=name, single=True),)


def _spelled(body: exp.Expr, column: str, query: Query) -> Sum | None:
    """The term of a key that is an expression, read once more where its columns are."""
    item = next(i for i in body.expressions if (i.alias or i.name).lower() == column)
    start = body.args["from_"].this
    (variant,) = query.relations[start.name.lower()]
    copies = query.ledger.copied(variant.owners())
    scope = Scope({"": variant.renamed(copies)}, frozenset(copies.values()))
    term = opaque(item.this, scope, Level(query, 0, {}))
    return None if term is None else term.renamed({v: k for k, v in copies.items()})


def _term(expr: Expr, event: int, query: Query) -> Sum | None:
    text = expr.render(lambda ref: '"' + getattr(ref, "column", "").replace('"', '""') + '"')
    columns = {r.column.lower() for r in expr.refs if isinstance(r, ColumnRef)}
    there = Variant({c: Value(of_row(f"col:{c}", event)) for c in columns})
    return opaque(sqlglot.parse_one(text, dialect="duckdb"), Scope({"": there}), Level(query, 0, {}))


def joined(name: str, body: exp.Expr, join: Join | ViewJoin, query: Query) -> Relation:
    """The events with what their lookup found, proven row by row. Raises Refused F577 for another form."""
    line = line_of(body)
    joins = body.args.get("joins") or []
    first = f"{re.sub('_joined(_[0-9]+)?$', '', name)}_asked"
    plain = isinstance(body, exp.Select) and {k for k, v in body.args.items() if v} == {"expressions", "from_", "joins"}
    if not plain or len(joins) != 1:
        raise Refused(line, f"the check cannot follow how {join.name} is put beside the events", "F577")
    events, found = (query.relations.get(t.this.name.lower(), ()) for t in (body.args["from_"], joins[0]))
    using = [i.name.lower() for i in joins[0].args.get("using") or ()]
    universe = found[0].spine if found else ""
    if universe not in query.lookups or not _is_stage(universe, first):
        raise Refused(line, f"{join.name} is not what was looked up for it", "F577")
    met = using == ["_row"] and str(joins[0].args.get("side")).upper() == "LEFT"
    if not met or len(events) != 1 or not found or not all(f.spine == universe and f.single for f in found):
        raise Refused(line_of(joins[0]), f"{join.name} is not met by the number of the event", "F577")
    names = query.ledger.copied(events[0].owners())
    variant = events[0].renamed(names)
    number = variant.columns["_row"].term
    numbered = number.atom if number is not None else None
    if numbered is None or numbered.name != query.lookups[universe]:
        raise Refused(line, f"{join.name} is met by the number of another event", "F577")
    return (_beside(body, variant, found, join, numbered.owner, query),)


def _beside(
    body: exp.Expr, variant: Variant, found: Relation, join: Join | ViewJoin, event: int, query: Query
) -> Variant:
    """An event with the columns that a lookup brings, each branch of which is proven."""
    columns = dict(variant.columns)
    beside = _alias(body)
    for item in body.expressions:
        if isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
            if item.table.lower() == beside or any(v for k, v in item.this.args.items() if k != "this"):
                raise Refused(line_of(item), "the events are not given as they are", "F577")
            continue
        column = item.this if isinstance(item, exp.Alias) else item
        name = (item.alias or item.name).lower()
        brought = isinstance(column, exp.Column) and column.table.lower() == beside
        if not brought or name not in [c.lower() for c in join.columns]:
            raise Refused(line_of(item), "the check cannot follow what is put beside the events", "F577")
        for branch in found:
            value = branch.columns.get(column.name.lower())
            if isinstance(join, Join):
                _prove(name, value, join, line_of(item), query)
            else:
                _is_feature(name, value, join, line_of(item))
        columns[name] = Value(of_row(f"col:{name}", event), frozenset({event}), line=line_of(item))
    return replace(variant, columns=columns)


def _alias(body: exp.Expr) -> str:
    """The alias of what is joined."""
    joined_to = body.args["joins"][0].this
    return str(joined_to.alias or joined_to.name).lower()


def _is_feature(name: str, value: Value | None, join: ViewJoin, line: int) -> None:
    """Whether a column is the feature that the join says, as it was proven where it was computed: of the event's τ, by
    what was known when it entered."""
    pair = next(p for p, column in zip(join.pairs, join.columns, strict=True) if column.lower() == name)
    feature = ".".join(pair)
    plain = value is not None and value.term == of_row(f"feature:{feature}".lower(), SPINE) and not value.rows
    if not plain:
        raise Refused(line, f"{name} is not {feature} as it was proven", "F577")


def _prove(name: str, value: Value | None, join: Join, line: int, query: Query) -> None:
    """Notes what is wrong with a column that a lookup brings."""
    if value is None:
        raise Refused(line, f"there is no column {name}")
    level = Level(query, 0, {})
    if any(m.numbers or m.scalars or m.labels or m.features for m in every_part(value)):
        query.wrong.append(Refused(line, f"{name} shows data that no instant bounds", "F571"))
    rows = join.rows
    window = Window("within", length=rows.ttl) if rows.ttl else Window("lifetime")
    goal = Goal(rows, query.project.sources[rows.source or ""], window, looks_up=True, beside=True)
    counted = {row for row in uses(level, value) if row in value.rows}
    for row in sorted(uses(level, value)):
        refused = row_refused(name, row, [goal], level, line, counted=row in counted)
        if refused is not None:
            query.wrong.append(refused)
