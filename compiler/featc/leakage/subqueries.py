"""Subqueries in expressions: numbers that are the same for every row, and lists of keys.

A number out of a source's data may only be made of instants: a lag or a watermark decides how a row is looked for, and
never is a feature's value.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from featc.leakage.query import Level, line_of, mixed, uses
from featc.leakage.terms import NOBODY, Atom, one
from featc.leakage.values import Refused, Scope, Value

Env = Mapping[str, Value]


def scalar(node: exp.Subquery, level: Level) -> Value:
    """`(SELECT x FROM …)` with one row."""
    from featc.leakage.selects import read_query

    relation = read_query(node.this, level.query)
    if len(relation) != 1 or len(relation[0].columns) != 1:
        raise Refused(line_of(node), "a subquery gives more than one number")
    (value,) = relation[0].columns.values()
    name = node.this.sql()
    if value.scalars and value.term is not None:
        return value
    if not uses(level, value):
        if value.term is not None and not value.term.owners() and not relation[0].spine:
            return Value(value.term)  # the same number wherever it stands
        return Value(one(Atom(f"scalar:{name}", NOBODY)))
    raise Refused(line_of(node), "a number out of all rows of a source, those of the future too, is read here")


def within(node: exp.In, scope: Scope, level: Level, env: Env) -> Value:
    """`key IN (SELECT key FROM spine)`, which only leaves rows out."""
    from featc.leakage.expressions import read
    from featc.leakage.selects import read_query

    relation = read_query(node.args["query"].this, level.query)
    if any(uses(level, v) for variant in relation for v in variant.columns.values()):
        raise Refused(line_of(node), "rows are chosen by data of a source that is not bound to an instant")
    return mixed(level, [read(node.this, scope, level, env)])
