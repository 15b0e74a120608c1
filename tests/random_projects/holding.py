"""Random views over the rows of a state source that hold: aggregates over `current`, for entities that its rows may
leave for each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from oracle import Probe, Row, Window

from .choices import Draw
from .definitions import ViewMaker
from .expressions import Expr, as_key, predicate
from .histories import History, abstract_type
from .model import Case, Read, ViewSpec
from .timeline import Timeline

CURRENT = ("current", Window(current=True))


class HoldingMaker(ViewMaker):
    """Draws a view of which every window is `current`, with lookups beside it where they are allowed."""

    def view(self, entity: Any, keys: Mapping[str, str], closed: str | None) -> ViewSpec:
        """As others, with a `where` more often."""
        made = super().view(entity, keys, closed)
        if made.where is not None or not self.draw.chance(35):
            return made
        where = predicate(self.draw, self.names)
        return replace(made, where=where, yaml={**made.yaml, "where": where.sql})

    def keys(self, keys: Mapping[str, str]) -> tuple[dict[str, Expr], dict[str, str]]:
        """The entity of a row: its own key, or now and then what another column says, which changes from row to row."""
        exprs, _ = super().keys(keys)
        for key, sql_type in keys.items():
            type_ = abstract_type(sql_type)
            others = [e for e in self.names if e.type == type_ and e.sql in self.history.spec.types]
            if others and type_ in ("bigint", "text") and self.draw.chance(45):
                exprs[key] = as_key(self.draw.one(others))
        return exprs, {k: e.sql for k, e in exprs.items() if e.sql != k}

    def features(self) -> None:
        """A few aggregates over the rows that hold, in a family or by themselves."""
        of_rows = sorted(e.sql for e in self.exprs.values())
        own = of_rows == sorted(self.history.spec.meaning.key or of_rows)
        for _ in range(self.draw.between(1, 4)):
            if own and self.draw.chance(25):
                self.lookup()
            elif self.family and self.draw.chance(50):
                self.member_of_family()
            else:
                self.over_window()


def with_probes(draw: Draw, case: Case, view: ViewSpec, history: History, line: Timeline) -> Case:
    """The case with more observations at its end: of entities that rows are about, when another row of the same key, or
    another dump, has just entered."""
    rows = [row for row in history.rows if enters(history, row) is not None]
    if not rows:
        return case
    key = history.spec.meaning.key
    found: list[Probe] = []
    for _ in range(draw.between(4, 8)):
        row = draw.one(rows)
        others = [r for r in rows if history.spec.meaning.kind == "snapshot" or all(r[c] == row[c] for c in key)]
        at = enters(history, draw.one(others))
        assert at is not None
        keys = {k: row[history.spec.key_columns[k]] for k in case.spine_keys}
        keys |= {k: expr(row) for k, expr in view.keys.items()}
        jitter = draw.weighted(((4, 1), (3, 0), (1, -1), (3, line.unit)))
        found.append(Probe(keys, at + jitter, case.probes[0].request))
    first = len(case.probes)
    read = Read(tuple(range(first, first + len(found))))
    return case.with_(probes=(*case.probes, *found), steps=(*case.steps, read))


def enters(history: History, row: Row) -> int | None:
    """When a row enters; None when it never does."""
    meaning = history.spec.meaning
    tau, alpha = row["ts"], row[meaning.available_at or "ts"]
    return None if tau is None or alpha is None else max(tau, alpha + (0 if meaning.available_at else meaning.delay))
