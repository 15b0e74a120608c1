"""The rows of an entity that count nowhere: without a time or an arrival, or later than `final_after` lets them be
(semantics.md, "Events and versions")."""

from __future__ import annotations

from collections.abc import Iterator

from featc.lower import witness
from featc.runtime.why.entity import EntityRows
from featc.runtime.why.model import Row, Standing
from featc.visibility import Edges


def absent(rows: EntityRows, edge: Edges, limit: int, counts: dict[Standing, int]) -> tuple[Row, ...]:
    """Some of those that a window would have by their time, or that have none; how many there are goes to `counts`.

    Where only joins say whose a row is, they are nobody's.
    """
    return tuple(row for standing, sql in _conditions(rows, edge) for row in _some(rows, standing, sql, limit, counts))


def _conditions(rows: EntityRows, edge: Edges) -> Iterator[tuple[Standing, str]]:
    if rows.view.finds_keys:
        return
    inside = f"_time <= {edge.upto}" + ("" if edge.after is None else f" AND _time > {edge.after}")
    dead = "NOT _deleted AND " if rows.source.deleted is not None else ""
    yield "never", f"{dead}(_time IS NULL OR (_arrival IS NULL AND {inside}))"
    if rows.source.final_after is not None:
        yield "too late", f"{inside} AND {witness.NUMBER} IN ({witness.too_late_sql(rows.source)})"


def _some(
    rows: EntityRows, standing: Standing, condition: str, limit: int, counts: dict[Standing, int]
) -> Iterator[Row]:
    origin = f"FROM {witness.ROWS} WHERE {witness.is_own(rows.view)} AND {condition}"
    number = rows.number(f"SELECT count(*) {origin}")
    if number:
        counts[standing] = number
    items = "*, greatest(_time, _arrival) AS _enter, NULL AS _superseded, NULL AS _next"
    for found in rows.query(f"SELECT {items} {origin} ORDER BY _time LIMIT {limit}"):
        if standing == "never":
            found["_enter"] = None
        yield rows.row(found | dict.fromkeys(rows.beside), standing, {})
