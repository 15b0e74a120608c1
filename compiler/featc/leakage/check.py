"""The check of one training query: every row that can reach a feature was there to be known at the spine row's instant.

It reads the emitted text alone, with the names that the resolved project gives; it shares nothing with what emits it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from featc.errors import Diagnostic, Span
from featc.leakage.beside import asked, join_of, joined
from featc.leakage.features import row_refused
from featc.leakage.following import follow, following_of
from featc.leakage.goals import goals_of
from featc.leakage.holding import stage, stage_of
from featc.leakage.query import Level, Query, every_part, line_of, uses
from featc.leakage.selects import read_query
from featc.leakage.sources import source_of, source_rows
from featc.leakage.values import Refused, Relation
from featc.leakage.versions import is_versions, versions
from featc.resolve.model import Output, Project, feature_closure

_HINT = "the SQL is featc's own: if nobody changed the file, please report this; featc verify compares values"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a query, at a line of it."""

    code: str
    line: int
    message: str

    def diagnostic(self, file: str, sql: str) -> Diagnostic:
        """The finding as an error of the file."""
        lines = sql.splitlines()
        text = lines[self.line - 1] if 0 < self.line <= len(lines) else ""
        column = len(text) - len(text.lstrip()) + 1
        span = Span(file, max(self.line, 1), column, max(len(text.strip()), 1), text)
        return Diagnostic(self.code, self.message, span, hint=_HINT)


@dataclass(frozen=True, slots=True)
class Checked:
    """The features that a query computes, and what is wrong with it."""

    features: tuple[str, ...]
    findings: tuple[Finding, ...]


def check_sql(
    project: Project, outputs: Sequence[Output], sql: str, *, time: str = "as_of", known_at: int | None = None
) -> Checked:
    """Proves of a training query that no row can reach an output but one that is visible to the spine row, of its
    entity, and in the window (semantics.md, "Observation", "Windows", "Labels"). What it cannot follow it refuses.

    `time` is the spine's instant, `known_at` the instant (µs) that labels are known by; None is all there is.
    """
    query = Query(project, time, known_at)
    try:
        tree = _parsed(sql)
        for cte in _ctes(tree):
            name = cte.alias.lower()
            query.bodies[name], query.reading = cte.this, name
            query.relations[name] = _relation(name, cte.this, query)
        tree.args.pop("with_", None)
        _check_outputs(read_query(tree, query), outputs, query, line_of(tree))
    except Refused as refused:
        query.wrong.append(refused)
    found = dict.fromkeys(Finding(r.code, r.line, r.message) for r in query.wrong)
    return Checked(tuple(query.proven), tuple(found))


def _parsed(sql: str) -> exp.Expr:
    try:
        trees = [t for t in sqlglot.parse(sql, dialect="duckdb") if t is not None]
    except SqlglotError as error:
        raise Refused(0, f"the query cannot be read: {str(error).splitlines()[0]}") from None
    if len(trees) != 1:
        raise Refused(0, "the file holds more than one statement")
    return trees[0]


def _ctes(tree: exp.Expr) -> list[exp.CTE]:
    with_ = tree.args.get("with_")
    if with_ is None:
        return []
    if with_.args.get("recursive"):
        raise Refused(line_of(with_), "the check does not follow recursion")
    return list(with_.expressions)


def _relation(name: str, body: exp.Expr, query: Query) -> Relation:
    source = source_of(name, query)
    if source is not None:
        return source_rows(body, source, query)
    matching = following_of(name, query)
    if matching is not None:
        return follow(name, body, matching, query)
    join = join_of(name, "_asked", query)
    if join is not None:
        return asked(name, body, join, query)
    join = join_of(name, "_joined", query)
    if join is not None:
        return joined(name, body, join, query)
    holding = stage_of(name, query)
    if holding is not None:
        return stage(name, body, holding, query)
    if isinstance(body, exp.Union) and is_versions(body):
        return versions(body, query)
    return read_query(body, query)


def _check_outputs(relation: Relation, outputs: Sequence[Output], query: Query, line: int) -> None:
    """Each output has to be made of features that were proven where they were computed."""
    level = Level(query, 0, {})
    for variant in relation:
        if not (variant.spine == "spine" and variant.single):
            query.wrong.append(Refused(line, "the query can give more than one row for a spine row"))
        for output in outputs:
            value = variant.columns.get(output.name.lower())
            if value is None:
                query.wrong.append(Refused(line, f"the query gives no column {output.name}"))
                continue
            closure = feature_closure(query.project, ((output.view, output.feature),))
            features = [query.project.feature(*pair) for pair in closure]
            allowed = {f.qualified for f in features}
            marks = every_part(value)
            strange = sorted(n for m in marks for n in m.features if n not in allowed)
            if strange:
                mine = f"{output.view}.{output.feature}"
                message = f"the column {output.name} is made of {strange[0]}, which {mine} is not"
                query.wrong.append(Refused(value.line, message))
            goals = [g for f in features for g in goals_of(query.project, f)]
            if any(m.numbers or m.scalars for m in marks):
                message = f"the column {output.name} shows data that no instant bounds"
                query.wrong.append(Refused(value.line, message, "F571"))
            for row in sorted(uses(level, value)):
                refused = row_refused(output.name, row, goals, level, value.line)
                if refused is not None:
                    query.wrong.append(refused)
        spare = set(variant.columns) - {o.name.lower() for o in outputs}
        shown = [n for n in sorted(spare) if uses(level, variant.columns[n]) or variant.columns[n].features]
        if shown:
            query.wrong.append(Refused(variant.columns[shown[0]].line, f"the query also gives the column {shown[0]}"))
