"""The rows behind an aggregate over a window: those it counts, and how all others that one could expect stand to it
(semantics.md, "Windows", "Events and versions").

Edges are `featc.visibility`'s, the rows and what they bring `featc.lower.witness`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from featc.lower import witness
from featc.lower.explained import edges_in_words, join_explained
from featc.lower.training import Knowledge
from featc.lower.training.rows import chosen_by
from featc.resolve.model import Aggregation, Join, ViewJoin, Window
from featc.runtime.online.calendars import begins
from featc.runtime.why.absent import absent
from featc.runtime.why.deciding import deciding
from featc.runtime.why.entity import EntityRows
from featc.runtime.why.model import Counted, Edge, Marks, Row, Standing
from featc.runtime.why.words import aggregate_text, argument_text, filter_text, where_text
from featc.visibility import Edges, edges, horizon, known_sql, visible_sql

NEAR = 3
"""How many rows are shown beyond each edge."""
MOST_MARKS = 20_000
_KNOWN: tuple[Standing, ...] = ("filtered", "where", "superseded", "duplicate", "deleted", "unknown")


@dataclass(frozen=True, slots=True)
class Instant:
    """When is asked, and by what is known (µs; None: all there is, of labels)."""

    at: int
    knowledge: Knowledge


def counted(rows: EntityRows, aggregation: Aggregation, instant: Instant, limit: int, value: Any) -> Counted:
    """How the entity's rows stand to one aggregation's window. `limit`: so many of each end are listed."""
    view, window = rows.view, aggregation.window
    edge = edges(window, instant.at, view.closed, begins)
    rows.connection.execute(_standing_sql(rows, aggregation, edge, instant))
    counts: dict[Standing, int] = {}
    for found in rows.query(f"SELECT _standing, count(*) AS n FROM why_standing {witness.RELATED} GROUP BY 1"):
        counts[found["_standing"]] = found["n"]
    known_at = horizon(instant.at, view.closed)
    listed = tuple(_listed(rows, aggregation, edge, limit, known_at))
    listed += absent(rows, edge, limit, counts)
    calendar = window.calendar
    return Counted(
        aggregation.name,
        view.origin,
        rows.source.name,
        aggregate_text(view, aggregation),
        window.name,
        edges_in_words(window, view.closed) if window.since is None else "from the last row that begins it on",
        view.closed,
        None if calendar is None else calendar.zone,
        *ends(window, edge, view.closed),
        value,
        counts,
        _nulls(rows, aggregation),
        listed,
        _marks(rows),
        rows.keys,
        rows.own_rows(),
        where_text(view),
        filter_text(view, aggregation),
        {j["join"]: j["finds"] for j in (join_explained(rows.project, join, rows.source) for join in _used(rows))},
    )


def _used(rows: EntityRows) -> list[Join | ViewJoin]:
    """The joins whose columns are shown."""
    return [join for join in rows.view.joins if set(join.columns) & set(rows.beside)]


def ends(window: Window, edge: Edges, closed: str) -> tuple[Edge | None, Edge]:
    """The edges as instants, open or closed: `after < τ ≤ upto` says the same one microsecond apart."""
    past_end = window.calendar is not None and window.calendar.previous > 0
    upper = Edge(edge.upto, True) if closed in ("right", "both") and not past_end else Edge(edge.upto + 1, False)
    if edge.after is None:
        return None, upper
    if window.is_ahead:
        lower = Edge(edge.after + 1, True) if closed in ("left", "neither") else Edge(edge.after, False)
    else:
        inside = window.calendar is not None or closed in ("left", "both")
        lower = Edge(edge.after + 1, True) if inside else Edge(edge.after, False)
    return lower, upper


# ── standings ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _standing_sql(rows: EntityRows, aggregation: Aggregation, edge: Edges, instant: Instant) -> str:
    """Makes `why_standing`: the entity's rows with how each stands to the window."""
    slots, window = rows.slots, aggregation.window
    order = rows.orders[chosen_by(aggregation)]
    filters = [f"_filter_{slots[s]}" for s in aggregation.slots] or ["true"]
    stood = _stood_sql(rows, edge, instant)
    chosen = "true"
    if window.rows is not None:
        chosen = f"row_number() OVER (PARTITION BY _stood ORDER BY {order} DESC) <= {window.rows}"
    elif window.since is not None:
        first = f"max({order}) FILTER (WHERE _stood = 'member' AND _slot_{slots[window.since]}) OVER ()"
        chosen = f"coalesce({order} >= {first}, false)"
    return (
        "CREATE OR REPLACE TEMP TABLE why_standing AS\n"
        f"SELECT *, {order} AS _nth, CASE WHEN _stood <> 'member' THEN _stood\n"
        f"  WHEN NOT ({chosen}) THEN 'beyond'\n"
        f"  WHEN NOT ({' AND '.join(filters)}) THEN 'filtered'\n"
        "  ELSE 'counted' END AS _standing\n"
        f"FROM (\n{stood}\n)"
    )


def _stood_sql(rows: EntityRows, edge: Edges, instant: Instant) -> str:
    """The entity's rows, members of the window by their time and by what is known called so. Of the answers of an
    attributed row there is the one that is seen, else the first to come, else the last that was."""
    view = rows.view
    inside = f"_time <= {edge.upto}" + ("" if edge.after is None else f" AND _time > {edge.after}")
    passes = f"{witness.PASSES} AND NOT _deleted"
    seen, gone, coming = _knowledge(rows, instant)
    older = "false" if edge.after is None else f"_time <= {edge.after}"
    source = f"FROM {witness.SEEN} s JOIN {witness.HISTORY} h USING ({witness.NUMBER})"
    items, one = "s.*, h.* EXCLUDE (_why)", ""
    if view.attributed is not None:
        one = f"\nQUALIFY row_number() OVER (PARTITION BY _why ORDER BY {seen} DESC, {coming} DESC, _enter) = 1"
        items = (
            "s.*, h.* EXCLUDE (_why, _arrival, _enter, _superseded), _answer_arrival AS _arrival,"
            " _answer_enter AS _enter, _answer_superseded AS _superseded"
        )
    return (
        f"SELECT *, CASE\n"
        f"  WHEN {witness.SAME} THEN CASE WHEN {inside} THEN 'duplicate' ELSE 'elsewhere' END\n"
        f"  WHEN {inside} AND {seen} AND {passes} THEN 'member'\n"
        f"  WHEN {inside} AND {seen} AND _deleted THEN 'deleted'\n"
        f"  WHEN {inside} AND {seen} THEN 'where'\n"
        f"  WHEN {inside} AND {gone} THEN 'superseded'\n"
        f"  WHEN {inside} AND {coming} THEN 'unknown'\n"
        f"  WHEN NOT ({passes}) OR {gone} THEN 'elsewhere'\n"
        f"  WHEN {older} THEN 'before'\n"
        f"  WHEN _time > {edge.upto} THEN 'after'\n"
        f"  ELSE 'elsewhere' END AS _stood\n"
        f"FROM (SELECT * FROM (SELECT {items} {source}){one})\n"
        f"WHERE {witness.MINE}"
    )


def _knowledge(rows: EntityRows, instant: Instant) -> tuple[str, str, str]:
    """When a row is seen, when another took its place before, and when it is still to come."""
    view = rows.view
    if view.ahead:
        arrival = "_arrival" if view.attributed is None else "_enter"
        k = instant.knowledge.known_at
        seen = " AND ".join(known_sql(arrival, "_superseded", k, view.closed)) or "true"
        if k is None:
            return f"({seen})", "_superseded IS NOT NULL", "false"
        known = horizon(k, view.closed)
        return f"({seen})", f"coalesce(_superseded <= {known}, false)", f"{arrival} > {known}"
    known = horizon(instant.at, view.closed)
    seen = visible_sql("_enter", "_superseded", str(instant.at), view.closed)
    return f"({seen})", f"coalesce(_superseded <= {known}, false)", f"_enter > {known}"


# ── what is listed ────────────────────────────────────────────────────────────────────────────────────────────────


def _listed(
    rows: EntityRows, aggregation: Aggregation, edge: Edges, limit: int, known: int
) -> Iterator[Row]:
    """The rows in the order of the report: counted ones from both ends, a few of the others, the nearest outside."""
    few = min(limit, 10**9)

    def some(standing: Standing, order: str, most: int) -> list[dict[str, Any]]:
        sql = f"SELECT * FROM why_standing WHERE _standing = '{standing}' ORDER BY {order} LIMIT {most}"
        return rows.query(sql)

    def made(
        found: list[dict[str, Any]], standing: Standing, missed: Callable[[int], int] | None = None
    ) -> Iterator[Row]:
        for f in found:
            away = None if missed is None or f["_time"] is None else missed(f["_time"])
            row = rows.row(f, standing, _values(rows, aggregation, f), distance=away)
            yield replace(row, note=_note(rows, f, known, standing))

    own = {f["_nth"]: f for f in (*some("counted", "_nth", few), *some("counted", "_nth DESC", few))}
    decides = None
    if (order := deciding(rows.view, aggregation, rows.slots)) is not None:
        deciders = some("counted", order, 1)
        decides = deciders[0]["_nth"] if deciders else None
        own |= {f["_nth"]: f for f in deciders}
    for nth in sorted(own):
        yield from (replace(row, decides=nth == decides) for row in made([own[nth]], "counted"))
    for standing in _KNOWN:
        yield from made(some(standing, "_time NULLS FIRST, _nth", few), standing)
    near = min(NEAR, few)
    yield from made(list(reversed(some("beyond", "_nth DESC", near))), "beyond")
    lower, upper = ends(aggregation.window, edge, rows.view.closed)
    if lower is not None:
        lowest = lower.at
        older = list(reversed(some("before", "_nth DESC", near)))
        yield from made(older, "before", lambda time: time - lowest)
    yield from made(some("after", "_nth", near), "after", lambda time: time - upper.at)


def _values(rows: EntityRows, aggregation: Aggregation, found: Mapping[str, Any]) -> dict[str, Any]:
    """What a row brings to the aggregation, by its arguments; nothing where its FILTER does not hold."""
    if not all(found[f"_filter_{rows.slots[s]}"] for s in aggregation.slots):
        return {}
    names = [(argument_text(rows.view, s), rows.slots[s]) for s in aggregation.slots]
    return {text: found[f"_slot_{number}"] for text, number in names if text != "*"}


def _note(rows: EntityRows, found: Mapping[str, Any], known: int, standing: Standing) -> str | None:
    if standing in ("unknown", "after") and found["_deleted"]:
        return "it deletes the event"
    if standing == "unknown" and not found[witness.PASSES]:
        return "it will not pass where"
    if standing == "after" and found["_time"] <= known < found["_enter"]:
        return "not known yet"
    return None


def _nulls(rows: EntityRows, aggregation: Aggregation) -> int:
    """How many counted rows bring NULL in an argument."""
    slots = [f"_slot_{rows.slots[s]} IS NULL" for s in aggregation.slots]
    if not slots:
        return 0
    return rows.number(f"SELECT count(*) FROM why_standing WHERE _standing = 'counted' AND ({' OR '.join(slots)})")


def _marks(rows: EntityRows) -> Marks:
    found = rows.query(
        "SELECT _time, _standing FROM why_standing WHERE _time IS NOT NULL AND _standing <> 'elsewhere'"
        f" ORDER BY _standing = 'counted' DESC, _time DESC LIMIT {MOST_MARKS}"
    )
    return Marks(tuple((f["_time"], f["_standing"]) for f in found))
