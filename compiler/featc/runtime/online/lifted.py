"""A batch after DuckDB: the rows every view takes, their versions, and the rows nobody can ever see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from featc.errors import FeatcError
from featc.lower.online import SourcePlan, ViewPlan
from featc.lower.online_lift import BATCH, reasons_sql
from featc.lower.source import quoted
from featc.resolve.model import ColumnRef, Source
from featc.runtime.online.batch import rejected_rows
from featc.runtime.online.blame import blamed
from featc.runtime.online.engine import Engine

Row = tuple[Any, ...]
_WHOLE = "featc_whole"


@dataclass(frozen=True, slots=True)
class Lifted:
    """Some rows of a batch, lifted. Every row starts with its place in the batch.

    `versions` are census rows by their stream's table; `kept` the rows of views with joins, as they came; `faults`
    why rows are rejected, `texts` these rows as JSON;
    `unseen` are the places that no view can see.
    """

    rows: int
    versions: dict[str, list[Row]]
    views: list[tuple[ViewPlan, list[Row]]]
    kept: list[tuple[ViewPlan, list[Row]]]
    faults: dict[int, list[str]]
    unseen: frozenset[int]
    texts: dict[int, str]
    newest_arrival: int | None
    dumps: list[Row]
    """(τ, α, different rows, their digest, rows) of the dumps that these rows are."""
    dump_places: list[Row]
    """(place, τ, α) of their rows."""
    texts_of: Callable[[Iterable[int]], dict[int, str]]
    """Rows as JSON by their places, while the batch, or this slice of it, is still at hand."""
    reasons_of: Callable[[Iterable[int]], dict[int, list[str]]]
    """All reasons why rows are rejected, where `faults` has the first of each; while they are at hand."""
    behind: Callable[[int], frozenset[int]]
    """The places of the rows whose α is before an instant, while they are at hand."""
    first: int = 0
    """The place of the first of them."""


def lift(engine: Engine, plan: SourcePlan, rows: int) -> Lifted:
    """Lifts what lies in the table of the batch. The caller holds `engine.batch`.

    Raises FeatcError F620 where a value makes an expression fail, at the expression's place.
    """
    try:
        return _lift(engine, plan, rows)
    except FeatcError as error:
        if error.code != "F620":
            raise
        raise blamed(engine, plan, error) from error


def _lift(engine: Engine, plan: SourcePlan, rows: int) -> Lifted:
    census = engine.rows(plan.census_sql)
    faults: dict[int, list[str]] = {}
    for row in census:
        if row[1] is not None:
            faults.setdefault(row[0], []).append(row[1])
    _tell_infinite(engine, plan.source, faults)
    unseen = frozenset(faults)
    versions = {s.stream.table: engine.rows(s.lift_sql) if s.lift_sql else census for s in plan.streams}
    views = [(view, _seen(view, engine.rows(view.lift_sql), faults)) for view in plan.views]
    kept = [(view, engine.rows(view.joins.raw_sql)) for view in plan.joined if view.joins is not None]
    texts = rejected_rows(engine, plan.source, sorted(faults))
    newest = max((row[2] for row in census if row[1] is None and row[2] is not None), default=None)
    texts_of = partial(rejected_rows, engine, plan.source)
    reasons_of = partial(_reasons, engine, plan)
    behind = partial(_behind, engine, plan)
    dumps = engine.rows(plan.dumps.listed_sql) if plan.dumps else []
    places = engine.rows(plan.dumps.places_sql) if plan.dumps else []
    return Lifted(
        rows, versions, views, kept, faults, unseen, texts, newest, dumps, places, texts_of, reasons_of, behind
    )


def _tell_infinite(engine: Engine, source: Source, faults: dict[int, list[str]]) -> None:
    """Says of instants that count as NULL because they are infinite (semantics.md, "Time") that they are; of a union's
    rows its members say it."""
    if source.members:
        return
    for word, expr in (("time", source.time), ("available_at", source.available_at)):
        ref = expr.parts[0] if expr is not None and expr.is_bare else None
        null = f"{word} is NULL"
        lacking = [place for place, reasons in faults.items() if null in reasons]
        if lacking and isinstance(ref, ColumnRef):
            infinite = f"NOT isfinite({quoted(ref.column)}::TIMESTAMP)"
            sql = f"SELECT _row FROM {BATCH} WHERE _row IN (SELECT unnest($1::BIGINT[])) AND {infinite}"
            for (place,) in engine.rows(sql, [lacking]):
                faults[place][faults[place].index(null)] = f"{word} is infinite"


def _reasons(engine: Engine, plan: SourcePlan, places: Iterable[int]) -> dict[int, list[str]]:
    sql = reasons_sql(plan.source, (v.layout.view for v in plan.views))
    found = dict(engine.rows(sql, [list(places)]))
    _tell_infinite(engine, plan.source, found)
    return found


def _behind(engine: Engine, plan: SourcePlan, instant: int) -> frozenset[int]:
    return frozenset(row[0] for row in engine.rows(plan.behind_sql, [instant]))


def _seen(view: ViewPlan, rows: list[Row], faults: dict[int, list[str]]) -> list[Row]:
    """The rows without a fault; those with one are noted."""
    seen = [row for row in rows if row[1] is None]
    if len(seen) < len(rows):
        for row in rows:
            if row[1] is not None:
                faults.setdefault(row[0], []).append(f"{view.layout.view.name}: {row[1]}")
    return seen


def lift_slices(engine: Engine, plan: SourcePlan, rows: int, size: int) -> Iterator[Lifted]:
    """Lifts a large batch slice by slice, so that memory does not grow with it."""
    engine.rows(f"DROP TABLE IF EXISTS {_WHOLE}")
    engine.rows(f"ALTER TABLE {BATCH} RENAME TO {_WHOLE}")
    try:
        for start in range(0, rows, size):
            part = f"SELECT * FROM {_WHOLE} WHERE _row >= {start} AND _row < {start + size}"
            engine.rows(f"CREATE OR REPLACE TEMP TABLE {BATCH} AS {part}")
            yield replace(lift(engine, plan, min(size, rows - start)), first=start)
    finally:
        engine.rows(f"DROP TABLE {_WHOLE}")
