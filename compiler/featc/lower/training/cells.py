"""What a training query computes for a view: cells, the shape each takes, and the edges of regular rows.

Six shapes, each exact; `shape_of` says which one a cell takes:

* running — differences of running totals at the window's edges, for counts and exact sums.
* frame — window frames over the union of rows and spine, by place on one numbered time line.
* latest — ASOF join to the last row whose slot is not NULL; the window's lower edge is a check afterwards.
* rows — rows are numbered in event order, a spine row takes its n newest by number, or those since one of them.
* current — rows of a state source, each with the stretch of time for which it holds, by key (`current.py`).
* join — rows the clock alone does not decide (late, corrected, superseded), by key, and all rows for states that
  cannot be united. Its states are merged with those of the other shapes by the algebra.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from featc.algebra import LAWS, Kind
from featc.decompose import Cell
from featc.lower.training.rows import ViewRows
from featc.resolve.model import Window
from featc.visibility import AS_OF, horizon_sql, strict, upto_sql
from featc_dialects import duckdb as engine

Shape = Literal["running", "frame", "latest", "rows", "join", "current"]
ROW, INSTANT, PLACE = "_row", "_instant", "_place"


def shape_of(cell: Cell, irregular: bool) -> Shape:
    """The shape a cell's main part is computed in."""
    if cell.window.current:
        return "current"
    if cell.window.in_order:
        return "rows"
    if irregular and not engine.merges(cell.partial.kind):
        return "join"
    if LAWS[cell.partial.kind].invertible:
        return "running"
    return "latest" if cell.partial.kind is Kind.LAST else "frame"


@dataclass(slots=True)
class Cells:
    """Where each cell's fields come from: SQL over the joined CTEs, and those CTEs."""

    fields: dict[Cell, tuple[str, ...]] = field(default_factory=dict)
    joins: list[tuple[str, str]] = field(default_factory=list)

    def join(self, cte: str, alias: str) -> None:
        if (cte, alias) not in self.joins:
            self.joins.append((cte, alias))


def known_by(rows: ViewRows, t: str) -> str:
    """SQL of the instant by which rows count that are asked for at `t`, a column of the spine."""
    return t if rows.known is None else t.replace(AS_OF, rows.known)


def settled_sql(rows: ViewRows, t: str) -> str:
    """The greatest τ for which every regular row is known to who asks at `t`. Where rows count by an instant of their
    own that is later than `t`, it may lie beyond `t`."""
    known = horizon_sql(known_by(rows, t), rows.view.closed)
    if rows.irregular:
        return f"{known} - {rows.lag}"
    return f"{known} - {rows.delay}" if rows.delay else known


def bound_sql(rows: ViewRows, window: Window, t: str) -> str:
    """The greatest τ of regular rows that a window at `t` holds."""
    upto = upto_sql(window, t, rows.view.closed)
    if rows.known is not None:
        return f"least({upto}, {settled_sql(rows, t)})" if rows.irregular or rows.delay else upto
    if rows.irregular:
        settled = settled_sql(rows, t)
        return f"least({upto}, {settled})" if window.offset or window.steps else settled
    if not rows.delay:
        return upto
    if not window.steps:
        return f"{t} - {max(window.offset, rows.delay) + strict(rows.view.closed)}"
    return f"least({upto}, {settled_sql(rows, t)})"


def on_keys(rows: ViewRows, left: str, right: str) -> str:
    return " AND ".join(f"{left}.{k} = {right}.{k}" for k in rows.keys) or "true"
