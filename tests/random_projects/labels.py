"""Random labels on the views of a case, and what its training sets are asked to know.

They are drawn last, so that a case is the same with and without them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import oracle
from oracle import Value, Window

from .choices import Draw
from .definitions import Call, draw_call, draw_default, entry, minus, visible
from .expressions import Expr, column
from .histories import History
from .model import Case, FeatureSpec, Knowledge, ViewSpec
from .timeline import Timeline, duration


def with_labels(draw: Draw, case: Case, histories: Sequence[History], line: Timeline) -> Case:
    """The case, now and then with labels on one or two of its views."""
    if not draw.chance(45):
        return case
    by_source = {h.spec.name: h for h in histories}
    able = [v for v in case.views if v.source is not None and _changes(by_source[v.source])]
    chosen = {v.name for v in draw.some(able, 1, 2)}
    if not chosen:
        return case
    views = [
        replace(v, labels=LabelMaker(draw, v, by_source[str(v.source)], case, line).labels()) if v.name in chosen else v
        for v in case.views
    ]
    made = case.with_(views=tuple(views))
    return made.with_(knowledge=tuple(draw_knowledge(draw, made) for _ in range(draw.between(1, 2))))


def _changes(history: History) -> bool:
    """Whether aggregates are drawn over the source: tombstones as changes are nobody's business here."""
    meaning = history.spec.meaning
    return meaning.kind == "event" or meaning.id is not None or meaning.deleted is None


class LabelMaker:
    """Draws the labels of one view."""

    def __init__(self, draw: Draw, view: ViewSpec, history: History, case: Case, line: Timeline):
        self.draw, self.view, self.history, self.line = draw, view, history, line
        steps = sorted({b - a for a, b in zip(self.times(case), self.times(case)[1:], strict=False) if b > a})
        self.unit = steps[0] if steps and steps[0] > 2 else steps[-1] if steps else 1
        self.specs: list[FeatureSpec] = []

    def times(self, case: Case) -> list[int]:
        """The instants of the source's rows, in order."""
        return sorted(r["ts"] for r in case.rows[self.history.spec.name] if isinstance(r["ts"], int))

    def window(self) -> tuple[str, Window]:
        """A built-in window ahead: as long as some rows lie apart, or a microsecond off."""
        length = max(1, self.unit * self.draw.between(1, 8) + self.draw.weighted(((70, 0), (15, 1), (15, -1))))
        return f"next_{duration(length, combine=self.draw.chance(20))}", Window(next=length)

    def call(self) -> Call:
        """Any aggregate but those that weigh rows by how long ago they are."""
        found = draw_call(self.draw, self.history.names, [Window(next=1)], self.line)
        return Call("count(*)", "count", (), None, "bigint") if found.fn.startswith("decay") else found

    def labels(self) -> tuple[FeatureSpec, ...]:
        """A few aggregates, then what is derived from them."""
        for _ in range(self.draw.between(1, 3)):
            name = f"y{self.view.name[1:]}{len(self.specs) + 1}"
            self.specs.append(self.draw.weighted(((60, self.plain), (20, self.family), (20, self.question)))(name))
        if self.draw.chance(40):
            self.specs += self.derived(f"y{self.view.name[1:]}{len(self.specs) + 1}")
        return tuple(self.specs)

    def plain(self, name: str) -> FeatureSpec:
        call, (w, window) = self.call(), self.window()
        default = draw_default(self.draw, call.type)
        return FeatureSpec(name, entry(self.draw, f"{call.sql} over {w}", default), (call.over(name, window, default),))

    def family(self, name: str) -> FeatureSpec:
        call, default = self.call(), None
        chosen = dict(self.window() for _ in range(2))
        outputs = tuple(call.over(f"{name}_{w}", window, default) for w, window in chosen.items())
        return FeatureSpec(name, entry(self.draw, call.sql, default, windows=list(chosen)), outputs, family=True)

    def question(self, name: str) -> FeatureSpec:
        """Whether there will be any, over one window or two."""
        hidden, words = [], []
        for part in "lr"[: self.draw.between(1, 2)]:
            call = self.call()
            call = call if call.fn in ("count", "count_distinct") else Call("count(*)", "count", (), None, "bigint")
            w, window = self.window()
            hidden.append(call.over(f"#{name}{part}", window))
            words.append(f"{call.sql} over {w}")
        inputs = tuple(f"{self.view.name}.{h.name}" for h in hidden)

        def more(found: Mapping[str, Value]) -> Value:
            return any(found[i] > 0 for i in inputs)

        sql = " or ".join(f"{word} > 0" for word in words)
        default = draw_default(self.draw, "boolean")
        feature = oracle.Derived(name, Expr(sql, "boolean", more), inputs, "boolean", default)
        return FeatureSpec(name, entry(self.draw, sql, default), (feature,), tuple(hidden))

    def derived(self, name: str) -> list[FeatureSpec]:
        """A label over another, or over one and a feature of its view."""
        here = [f for s in self.specs for f in s.outputs if f.type == "bigint" and oracle.feature_kind(f) == "bigint"]
        if not here:
            return []
        first = self.draw.one(here)
        mine = f"{self.view.name}.{first.name}"
        known = {f"{self.view.name}.{f.name}": column(f.name, "bigint") for f in here}
        reading = {full: column(full, "bigint") for full in known}
        before = visible(self.view.features, self.view.name, qualified=False)
        known |= {n: e for n, e in before.items() if e.type == "bigint"}
        reading = {**known, **reading}  # features read their inputs as they are, some as cardinality(…)
        other = self.draw.one(list(known))
        expr = replace(minus(known[mine], known[other]), fn=minus(reading[mine], reading[other]).fn)
        uses = frozenset({mine, other})
        return [FeatureSpec(name, entry(self.draw, expr.sql), (oracle.Derived(name, expr, (mine, other), "bigint"),),
                            uses=uses)]  # fmt: skip


def draw_knowledge(draw: Draw, case: Case) -> Knowledge:
    """Instants where something becomes known or complete, ±1 µs."""
    judge = case.oracle()
    moments = [m for versions in judge.data.values() for v in versions for m in (v.alpha, v.tau) if m is not None]
    moments += [p.t for p in case.probes]
    ends = [
        p.t + label.window.next + judge.lateness(judge.sources[str(view.source)])
        for p in case.probes
        for view, label in judge.labels.values()
        if isinstance(label, oracle.Aggregate) and label.window.next is not None
    ]
    known = draw.one(moments) + draw.between(-1, 1) if draw.chance(75) else None
    until = draw.one(ends) + draw.between(-1, 1) if ends and (known is None or draw.chance(40)) else None
    return Knowledge(known, until)
