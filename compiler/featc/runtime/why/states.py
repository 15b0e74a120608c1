"""The row behind a lookup, and the rows behind an aggregate over `current` (semantics.md, "State and snapshot
sources")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from featc.lower import witness
from featc.lower.explained import edges_in_words
from featc.lower.training.rows import chosen_by
from featc.resolve.model import Aggregation, Window
from featc.runtime.why.absent import absent
from featc.runtime.why.counted import ends
from featc.runtime.why.entity import EntityRows
from featc.runtime.why.model import Counted, Edge, LookedUp, Marks, Row, Standing
from featc.runtime.why.words import aggregate_text, argument_text, filter_text, instant_words, span_words, where_text
from featc.visibility import Edges, edges, horizon

NEAR = 3


def looked_up(
    rows: EntityRows, columns: tuple[str, ...], at: int, values: Mapping[str, Any], limit: int
) -> LookedUp:
    """The row that holds at an instant, and those around it; `values` are the columns as the plan has them."""
    view, known = rows.view, horizon(at, rows.view.closed)
    rows.connection.execute(_dumped_sql(rows, at) if rows.source.in_dumps else _standing_sql(rows, at))
    taken = rows.query("SELECT * FROM why_standing WHERE _standing = 'taken'")
    because = _because(rows, taken[0], at) if taken else "no row of it is known at that instant"
    if rows.source.in_dumps and not taken:
        because = _no_dump_row(rows, at)
    ttl = None if view.ttl is None else Window("ttl", view.ttl)
    oldest = None if ttl is None else ends(ttl, edges(ttl, at, view.closed), view.closed)[0]
    own: Standing = "holds" if because is None else "fails"
    counts: dict[Standing, int] = {own: len(taken)} if taken else {}
    others = f"{witness.RELATED} AND _standing <> 'taken'"
    for found in rows.query(f"SELECT _standing, count(*) AS n FROM why_standing {others} GROUP BY 1"):
        counts[found["_standing"]] = found["n"]
    marks = rows.query(
        "SELECT _time, _standing FROM why_standing WHERE _standing <> 'elsewhere' AND _time IS NOT NULL LIMIT 20000"
    )
    return LookedUp(
        view.origin,
        rows.source.name,
        {c: values.get(c) for c in columns},
        view.ttl,
        view.closed,
        counts,
        (*_listed(rows, own, columns, because, limit), *absent(rows, Edges(None, known), limit, counts)),
        Marks(tuple((m["_time"], own if m["_standing"] == "taken" else m["_standing"]) for m in marks)),
        because,
        rows.keys,
        rows.own_rows(),
        where_text(view),
        limit=oldest,
    )


def _listed(
    rows: EntityRows, own: Standing, columns: tuple[str, ...], because: str | None, limit: int
) -> Iterator[Row]:
    few, near = limit, min(NEAR, limit)
    wanted: tuple[tuple[str, Standing, str, int], ...] = (
        ("earlier", "earlier", "_state_order DESC", near),
        ("taken", own, "_state_order", 1),
        ("later", "later", "_state_order", near),
        ("superseded", "superseded", "_state_order DESC", few),
        ("duplicate", "duplicate", "_state_order DESC", few),
        ("deleted", "deleted", "_state_order DESC", few),
        ("unknown", "unknown", "_state_order", few),
    )
    for standing, word, order, most in wanted:
        sql = f"SELECT * FROM why_standing WHERE _standing = '{standing}' ORDER BY {order} LIMIT {most}"
        found = rows.query(sql)
        for f in reversed(found) if order.endswith("DESC") else found:
            made = rows.row(f, word, {c: f[c] for c in columns})
            yield replace(made, note=because) if standing == "taken" else made


def _standing_sql(rows: EntityRows, at: int) -> str:
    """Makes `why_standing`: the entity's rows, the one taken called so."""
    known = horizon(at, rows.view.closed)
    gone = f"coalesce(_superseded <= {known}, false)"
    dead = "_deleted" if rows.source.id or rows.source.kind != "state" else "false"
    stood = (
        f"SELECT *, CASE WHEN {witness.SAME} THEN 'duplicate'\n"
        f"  WHEN {gone} THEN 'superseded'\n"
        f"  WHEN _enter <= {known} AND {dead} THEN 'deleted'\n"
        f"  WHEN _enter <= {known} THEN 'seen'\n"
        f"  WHEN _time <= {known} THEN 'unknown'\n"
        "  ELSE 'later' END AS _stood\n"
        f"FROM (SELECT s.*, h.* EXCLUDE (_why) FROM {witness.SEEN} s JOIN {witness.HISTORY} h USING (_why))\n"
        f"WHERE {witness.MINE}"
    )
    newest = f"max({witness.STATE_ORDER}) FILTER (WHERE _stood = 'seen') OVER ()"
    return (
        f"CREATE OR REPLACE TEMP TABLE why_standing AS\nSELECT *, CASE WHEN _stood <> 'seen' THEN _stood"
        f" WHEN {witness.STATE_ORDER} = {newest} THEN 'taken' ELSE 'earlier' END AS _standing\nFROM (\n{stood}\n)"
    )


def _dumped_sql(rows: EntityRows, at: int) -> str:
    """The same of dumps: the row of the dump in force, those of dumps before it, and of dumps to come."""
    rows.connection.execute(witness.held_sql(rows.source, rows.view))
    known = horizon(at, rows.view.closed)
    return (
        "CREATE OR REPLACE TEMP TABLE why_standing AS\n"
        "SELECT s.*, h.* EXCLUDE (_why), d._from, d._dump, CASE WHEN d._dump IS NULL THEN 'elsewhere'\n"
        f"  WHEN d._from <= {known} AND (d._until IS NULL OR d._until > {known}) THEN 'taken'\n"
        f"  WHEN d._from <= {known} THEN 'earlier'\n"
        f"  WHEN _time <= {known} THEN 'unknown' ELSE 'later' END AS _standing\n"
        f"FROM {witness.SEEN} s JOIN {witness.HISTORY} h USING (_why) LEFT JOIN {witness.HELD} d USING (_why)\n"
        f"WHERE {witness.MINE}"
    )


def _no_dump_row(rows: EntityRows, at: int) -> str:
    """Why no row of a dump holds: there is no dump, or that in force does not have the entity."""
    known = horizon(at, rows.view.closed)
    listed = [d for d in rows.query(witness.dumps_sql(rows.source)) if d["_from"] <= known]
    if not listed:
        return "no dump is in force yet at that instant"
    return f"the dump in force, that of {instant_words(listed[-1]['_time'])}, does not have it"


def _because(rows: EntityRows, row: Mapping[str, Any], at: int) -> str | None:
    """Why the newest row holds nothing; None where it holds."""
    view, known = rows.view, horizon(at, rows.view.closed)
    if row["_deleted"]:
        return "it says that there is nothing any more (deleted)"
    if not row[witness.PASSES]:
        return "it does not pass where, and hides those before it"
    if row["_until"] is not None and row["_until"] <= known:
        return f"it held until {instant_words(row['_until'])} only"
    if view.ttl is not None:
        edge = edges(Window("ttl", view.ttl), at, view.closed)
        if edge.after is not None and row["_time"] <= edge.after:
            return f"it is {span_words(at - row['_time'])} old, and ttl is {span_words(view.ttl)}"
    return None


# ── over current ──────────────────────────────────────────────────────────────────────────────────────────────────


def counted_current(rows: EntityRows, aggregation: Aggregation, at: int, limit: int, value: Any) -> Counted:
    """How the entity's rows stand to an aggregate over the rows that hold at an instant."""
    view, known = rows.view, horizon(at, rows.view.closed)
    rows.connection.execute(witness.held_sql(rows.source, view))
    rows.connection.execute(_current_sql(rows, aggregation, at))
    counts: dict[Standing, int] = {}
    for found in rows.query(f"SELECT _standing, count(*) AS n FROM why_standing {witness.RELATED} GROUP BY 1"):
        counts[found["_standing"]] = found["n"]
    slots = [f"_slot_{rows.slots[s]} IS NULL" for s in aggregation.slots]
    where = f"_standing = 'counted' AND ({' OR '.join(slots) or 'false'})"
    marks = rows.query("SELECT _time, _standing FROM why_standing WHERE _standing <> 'elsewhere' LIMIT 20000")
    return Counted(
        aggregation.name,
        view.origin,
        rows.source.name,
        aggregate_text(view, aggregation),
        "current",
        edges_in_words(aggregation.window, view.closed),
        view.closed,
        None,
        None,
        Edge(at, view.closed in ("right", "both")),
        value,
        counts,
        rows.number(f"SELECT count(*) FROM why_standing WHERE {where}"),
        (*_current_rows(rows, aggregation, at, limit), *absent(rows, Edges(None, known), limit, counts)),
        Marks(tuple((m["_time"], m["_standing"]) for m in marks)),
        rows.keys,
        rows.own_rows(),
        where_text(view),
        filter_text(view, aggregation),
    )


def _current_sql(rows: EntityRows, aggregation: Aggregation, at: int) -> str:
    """Makes `why_standing`: the entity's rows, each once, by the stretch that holds at the instant, else by the last
    before it, else by the next."""
    view, known = rows.view, horizon(at, rows.view.closed)
    filters = [f"_filter_{rows.slots[s]}" for s in aggregation.slots] or ["true"]
    holds = f"d._from <= {known} AND (d._until IS NULL OR d._until > {known})"
    ended = f"s._until IS NOT NULL AND s._until <= {known}"
    old = "false"
    if view.ttl is not None:
        old = f"_time <= {edges(Window('ttl', view.ttl), at, view.closed).after}"
    gone = f"coalesce(_superseded <= {known}, false)"
    nearest = f"({holds}) DESC NULLS LAST, (d._from <= {known}) DESC NULLS LAST, d._from DESC"
    return (
        "CREATE OR REPLACE TEMP TABLE why_standing AS\n"
        f"SELECT s.*, h.* EXCLUDE (_why), {rows.orders[chosen_by(aggregation)]} AS _nth, d._from, d._until AS _gone,"
        f" CASE WHEN {witness.SAME} THEN 'duplicate'\n"
        f"  WHEN ({holds}) AND NOT _deleted AND {witness.PASSES} AND NOT ({ended}) AND NOT ({old})"
        f" THEN CASE WHEN {' AND '.join(filters)} THEN 'counted' ELSE 'filtered' END\n"
        f"  WHEN ({holds}) AND NOT ({witness.PASSES}) THEN 'where'\n"
        f"  WHEN ({holds}) AND _deleted THEN 'deleted'\n"
        f"  WHEN ({holds}) AND NOT ({ended}) AND ({old}) THEN 'before'\n"
        f"  WHEN {gone} THEN 'superseded'\n"
        f"  WHEN _enter > {known} THEN CASE WHEN _time <= {known} THEN 'unknown' ELSE 'after' END\n"
        f"  WHEN d._why IS NULL AND _deleted THEN 'deleted'\n"
        "  ELSE 'ended' END AS _standing\n"
        f"FROM {witness.SEEN} s JOIN {witness.HISTORY} h USING (_why) LEFT JOIN {witness.HELD} d USING (_why)\n"
        f"WHERE {witness.MINE}\n"
        f"QUALIFY row_number() OVER (PARTITION BY s._why ORDER BY {nearest}) = 1"
    )


def _current_rows(rows: EntityRows, aggregation: Aggregation, at: int, limit: int) -> Iterator[Row]:
    names = [(argument_text(rows.view, s), rows.slots[s]) for s in aggregation.slots]
    standings: tuple[Standing, ...] = (
        "counted", "filtered", "where", "deleted", "before", "ended", "superseded", "duplicate", "unknown", "after",
    )  # fmt: skip
    for standing in standings:
        most = limit if standing in ("counted", "filtered") else min(limit, NEAR)
        order = "_nth DESC" if standing == "ended" else "_nth"
        sql = f"SELECT * FROM why_standing WHERE _standing = '{standing}' ORDER BY {order} LIMIT {most}"
        for f in rows.query(sql):
            made = rows.row(f, standing, {t: f[f"_slot_{n}"] for t, n in names if t != "*"})
            note = f"older than ttl, {span_words(rows.view.ttl or 0)}" if standing == "before" else None
            if standing == "ended" and f["_gone"] is not None:
                note = f"another row took over at {instant_words(f['_gone'])}"
            yield replace(made, note=note)
