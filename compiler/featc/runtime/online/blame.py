"""Which expression and which row of a batch are behind an engine's bare message."""

from __future__ import annotations

from functools import partial

import duckdb

from featc.errors import Diagnostic, FeatcError
from featc.lower.online import SourcePlan
from featc.lower.online_lift import BATCH
from featc.lower.written import Written, over_batch
from featc.resolve.model import Source
from featc.runtime.culprit import culprit
from featc.runtime.online.engine import Engine
from featc.runtime.reasons import reason

_PART = "featc_part"


def blamed(engine: Engine, plan: SourcePlan, error: FeatcError) -> FeatcError:
    """An F620 of the lift with its expression's place and its row; as it was, where no expression fails alone."""
    bare = error.diagnostics[0]
    why = reason(error.__cause__) if isinstance(error.__cause__, duckdb.Error) else ""
    for view in plan.views:
        found = culprit(plan.source, view.layout.view, why, partial(_fails, engine, plan.source, BATCH))
        if found is not None:
            row, said = _first_row(engine, plan.source, found)
            message = f"row {row} of the batch makes {found.what} fail: {said or why}"
            return FeatcError(Diagnostic("F620", message, found.expr.span, bare.hint))
    return error


def _fails(engine: Engine, source: Source, table: str, written: Written) -> str | None:
    try:
        with engine.lock:
            engine.connection.execute(over_batch(source, written, table)).fetchall()
    except duckdb.Error as trouble:
        return reason(trouble)
    return None


def _first_row(engine: Engine, source: Source, written: Written) -> tuple[int, str | None]:
    """The number, from 1, of the first row for which an expression fails, by halving; and the reason there."""
    low, high = engine.rows(f"SELECT min(_row), max(_row) + 1 FROM {BATCH}")[0]
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _part_fails(engine, source, written, low, middle) else (middle, high)
    why = _part_fails(engine, source, written, low, high)
    engine.rows(f"DROP TABLE IF EXISTS {_PART}")
    return low + 1, why


def _part_fails(engine: Engine, source: Source, written: Written, start: int, end: int) -> str | None:
    """Over a table of its own: a condition on rows may be asked after the expression."""
    part = f"SELECT * FROM {BATCH} WHERE _row >= {start} AND _row < {end}"
    engine.rows(f"CREATE OR REPLACE TEMP TABLE {_PART} AS {part}")
    return _fails(engine, source, _PART, written)
