"""Requests for which a service's key expressions name entities that there are.

A key that a view computes from its rows and a service from its request is mostly one expression over other names, as
`geo_cell(pickup_lat, pickup_lng, 6)` and `geo_cell(request.drop_lat, request.drop_lng, 6)`. Where they are, a row's
values of the one are a request's of the other. What has another form meets entities by chance, or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from featc.lower.source import quoted
from featc.resolve.model import ColumnRef, Expr, FeatureRef, RequestRef, View
from featc.runtime.verify.closeness import output_of
from featc.runtime.verify.history import Failed, Probe
from featc.runtime.verify.plans import TrainingPlan, normalised

_ROWS = 500


@dataclass(frozen=True, slots=True)
class Likely:
    """`keys` are the keys that the views' service computes; `columns` are rows of request columns that go together."""

    plan: TrainingPlan
    random: Random
    keys: tuple[FeatureRef, ...]
    columns: tuple[Sequence[Mapping[str, Any]], ...]

    def draw(self) -> dict[str, Any]:
        """Values of request columns; those that no key is known to come from are missing."""
        found: dict[str, Any] = {}
        for rows in self.columns:
            if self.random.random() < 0.9:
                found |= self.random.choice(rows)
        return found

    def given(self, probes: Sequence[Probe]) -> list[Mapping[FeatureRef, Any]]:
        """What the keys are at each probe."""
        project = self.plan.project
        outputs = {key: output_of(project.feature(key.view, key.feature)) for key in self.keys}
        answers = self.plan.answers(list(outputs.values()), probes)
        found: list[Mapping[FeatureRef, Any]] = []
        for answer in answers:
            values = {key: answer[output.name] for key, output in outputs.items()}
            found.append({key: None if isinstance(v, Failed) else v for key, v in values.items()})
        return found


def likely_requests(views: Sequence[View], plan: TrainingPlan, random: Random) -> Likely:
    """What requests of a group over these views should bring. Asks the plan's connection for rows."""
    keys = dict.fromkeys(k.given for v in views for k in v.keys if k.given is not None)
    columns: list[Sequence[Mapping[str, Any]]] = []
    for view in views:
        matched: dict[str, Expr] = {}
        for key in view.keys:
            if key.given is not None and key.expr is not None:
                expr = plan.project.feature(key.given.view, key.given.feature).expr
                matched |= _matched(expr, key.expr)
        rows = _rows(plan, view, matched) if matched else []
        if rows:
            columns.append(rows)
    return Likely(plan, random, tuple(keys), tuple(columns))


def _matched(asked: Expr, own: Expr) -> dict[str, Expr]:
    """Request columns of a service's expression, and what stands in their places in the view's own."""
    if asked.is_bare and isinstance(ref := asked.refs[0], RequestRef):
        return {ref.name: own}
    texts = [[_plain(p) for p in e.parts if isinstance(p, str)] for e in (_bare(asked, own), own)]
    if texts[0] != texts[1]:
        return {}
    pairs = zip(_refs(_bare(asked, own)), _refs(own), strict=True)
    return {a.name: Expr((b,), own.type) for a, b in pairs if isinstance(a, RequestRef) and isinstance(b, ColumnRef)}


def _bare(asked: Expr, own: Expr) -> Expr:
    """The expression without the cast to its key's type."""
    first, last = asked.parts[0], asked.parts[-1]
    if isinstance(first, str) and isinstance(last, str) and first.startswith("try_cast(") and own.parts[0] != first:
        parts = (first.removeprefix("try_cast("), *asked.parts[1:-1], last.rpartition(" AS ")[0])
        return Expr(tuple(p for p in parts if p != ""), asked.type)
    return asked


def _plain(text: str) -> str:
    return "".join(text.split()).lower()


def _refs(expr: Expr) -> list[Any]:
    return [p for p in expr.parts if not isinstance(p, str)]


def _rows(plan: TrainingPlan, view: View, matched: Mapping[str, Expr]) -> list[Mapping[str, Any]]:
    """Rows of the view's source, as values of the request columns."""
    source = plan.project.sources[view.source or ""]
    items = [e.render(lambda r: quoted(r.column) if isinstance(r, ColumnRef) else "NULL") for e in matched.values()]
    sql = f"SELECT DISTINCT {', '.join(items)} FROM ({normalised(source)}) ORDER BY ALL LIMIT {_ROWS}"
    rows = plan.connection.execute(sql).fetchall()
    return [dict(zip(matched, row, strict=True)) for row in rows if None not in row]
