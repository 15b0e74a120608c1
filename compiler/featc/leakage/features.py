"""Proving features: each row that reaches one satisfies what the definition of the feature asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp

from featc.leakage.goals import Duty, Goal, duties, goals_of, spine_key
from featc.leakage.joins import UNKNOWN
from featc.leakage.prover import Known, known
from featc.leakage.query import Level, counts, every_part, uses
from featc.leakage.terms import SPINE, TIME, Atom, Fact, Sum, as_inequality, of_row, same
from featc.leakage.values import BARE, Refused, Scope, Value, Variant
from featc.resolve.model import ColumnRef, Feature, FeatureRef, Key


@dataclass(frozen=True, slots=True)
class Miss:
    """What a row was not proven to satisfy, and what is known instead."""

    duty: Duty
    row: int
    known: Known


def proven(name: str, value: Value, scope: Scope, level: Level, line: int) -> Value | None:
    """The column of a feature of the project, after what reaches it has been proven; None for any other column.

    What is wrong is noted in the query, so that all of it is told together.
    """
    feature = level.query.features.get(name)
    if feature is None:
        return None
    query = level.query
    wrong = _unproven(feature, value, level, line, beside=scope.spine in query.lookups)
    query.wrong += wrong
    ahead = query.project.view(feature.view).ahead
    query.proven.setdefault(feature.qualified, [])
    labels = frozenset({feature.qualified}) if ahead else BARE
    term = of_row(f"feature:{name}", SPINE)
    return Value(term, labels=labels, features=frozenset({feature.qualified}), line=line)


def _unproven(feature: Feature, value: Value, level: Level, line: int, *, beside: bool) -> list[Refused]:
    """What is wrong with a feature's column; `beside` an event, or not."""
    query = level.query
    view = query.project.view(feature.view)
    marks = every_part(value)
    wrong = []
    if any(m.numbers for m in marks):
        wrong.append(Refused(line, f"{feature.qualified} shows a row's number, which counts rows of any time", "F571"))
    if not view.ahead:
        if any(m.scalars for m in marks):
            wrong.append(Refused(line, f"{feature.qualified} shows how far the data reaches", "F571"))
        labels = sorted(n for m in marks for n in m.labels)
        if labels:
            wrong.append(Refused(line, f"{feature.qualified} reads the label {labels[0]}", "F576"))
    parents = {(r.view, r.feature) for r in feature.expr.refs if isinstance(r, FeatureRef)}
    strange = sorted(n for m in marks for n in m.features if tuple(n.rsplit(".", 1)) not in parents)
    if strange:
        wrong.append(Refused(line, f"{feature.qualified} reads {strange[0]}, which its definition does not", "F570"))
    goals = goals_of(query.project, feature, beside=beside)
    told = set()
    counted = counts(level, value)
    for row in sorted(uses(level, value) | counted):
        refused = row_refused(feature.qualified, row, goals, level, line, counted=row in counted)
        if refused is not None and refused.message not in told:
            told.add(refused.message)
            wrong.append(refused)
    return wrong


def row_refused(
    name: str, row: int, goals: list[Goal], level: Level, line: int, *, counted: bool = True
) -> Refused | None:
    """What is wrong with a row that reaches a feature; None where it may. `counted`: its data counts, and not only
    whether it is there."""
    ledger = level.query.ledger
    source = ledger.sources.get(row)
    if source is None:
        return None
    listed = [g for g in goals if g.source.name == source]
    if source == UNKNOWN or not listed:
        of = "" if source == UNKNOWN else f" of {source}"
        return Refused(ledger.lines[row] or line, f"a row{of} reaches {name}, whose definition reads none", "F570")
    facts = ledger.known(row)
    asked = known(facts)
    misses: list[list[Miss]] = []
    for goal in listed:
        asked_of = [d for d in _all_duties(goal, row, level) if counted or not d.begins]
        missed = [Miss(d, row, asked) for d in asked_of if not _is_met(d, asked)]
        if not missed:
            return None
        misses.append(missed)
    if asked.contradicts(Atom(TIME, row)):
        return None
    least = min(misses, key=len)
    return _said(name, source, least[0], facts, level, line)


def _is_met(duty: Duty, known: Known) -> bool:
    return known.present(duty.sum) if duty.present else known.implies(duty.sum)


def _all_duties(goal: Goal, row: int, level: Level) -> list[Duty]:
    found = duties(goal, row, level.query.known_at)
    for key in goal.view.keys:
        its, asked = _row_key(key, row, level), spine_key(goal.view, key.name)
        says = f"{key.name} = the spine row's"
        found += [Duty("F574", "of its entity", f.sum, says=says) for f in same(its, asked)]
    return found


def _row_key(key: Key, row: int, level: Level) -> Sum:
    """The term of a row's key, by the definition of the view."""
    from featc.leakage.items import opaque

    assert key.expr is not None
    node = _key_tree(key)
    columns = {r.column for r in key.expr.refs if isinstance(r, ColumnRef)}
    values = {c.lower(): Value(of_row(f"col:{c.lower()}", row)) for c in columns}
    term = opaque(node, Scope({"": Variant(values)}), level)
    assert term is not None
    return term


@lru_cache(maxsize=512)
def _key_tree(key: Key) -> exp.Expr:
    assert key.expr is not None
    text = key.expr.render(lambda ref: '"' + getattr(ref, "column", "").replace('"', '""') + '"')
    if key.expr.type != key.type:
        text = f"{text}::{key.type}"
    return sqlglot.parse_one(text, dialect="duckdb")


def _said(name: str, source: str, miss: Miss, facts: list[Fact], level: Level, line: int) -> Refused:
    """The error: where the bound stands that is too weak, or the row comes in, and what is missing."""
    near = _nearest(miss.duty, facts, miss.row)
    place = near.line if near is not None else level.query.ledger.lines.get(miss.row) or line
    missing = miss.duty.says or as_inequality(miss.duty.sum)
    but = f"; known is {as_inequality(near.sum)}" if near is not None and not miss.duty.says else ""
    what = "that need not be" if miss.duty.code != "F574" else "that need not be one"
    text = f"a row of {source} reaches {name} {what} {miss.duty.what}: nothing implies {missing}{but}"
    return Refused(place, text, miss.duty.code)


def _nearest(duty: Duty, facts: list[Fact], row: int) -> Fact | None:
    """The fact that bounds the row's own number, or its place, in the same direction, if there is one: what the spine
    row, or an edge of it, says of it."""
    mine = [(a, n) for a, n in duty.sum.parts if row in a.owners()]
    signs = {n > 0 for _, n in mine}
    places = [(a, n) for f in facts for a, n in f.sum.parts if a.kind == "rank" and a.owner == row and n > 0 in signs]
    for wanted in (mine, places):
        for atom, n in wanted:
            for fact in facts:
                parts = dict(fact.sum.parts)
                if fact.kind == "le" and fact.line and parts.get(atom, 0) * n > 0 and _is_edge(fact):
                    return fact
    return None


def _is_edge(fact: Fact) -> bool:
    return any(a.owner == SPINE or a.kind == "cut" for a, _ in fact.sum.parts)
