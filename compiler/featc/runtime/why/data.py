"""The report as plain data: what `featc why --format json` prints, documented in docs/json.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from featc.runtime.why.model import Counted, Edge, Explained, LookedUp, OnlineRows, Plan, Replacement, Row, WhyReport

_EPOCH = datetime(1970, 1, 1)


def as_data(report: WhyReport) -> dict[str, Any]:
    """The report; instants are datetimes, which JSON writes as ISO 8601 with a Z, lengths of time seconds."""
    return {
        "project": report.project,
        "service": report.service,
        "output": report.output,
        "feature": report.feature,
        "type": report.type,
        "keys": dict(report.keys),
        "request": dict(report.request),
        "at": _instant(report.at),
        "training": _plan(report.training),
        "online": _plan(report.online),
        "differs": report.differs,
        "notes": list(report.notes),
        "features": [_feature(f) for f in report.features],
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {"value": plan.value, "missing": plan.missing}


def _feature(found: Explained) -> dict[str, Any]:
    return {
        "name": found.name,
        "expression": found.text,
        "place": found.place,
        "type": found.type,
        "value": found.value,
        "defaulted": found.defaulted,
        "failed": found.failed,
        "because": found.because,
        "inputs": [{"name": i.name, "kind": i.kind, "value": i.value} for i in found.inputs],
        "aggregates": [_counted(c) for c in found.aggregates],
        "lookup": None if found.state is None else _lookup(found.state),
    }


def _counted(found: Counted) -> dict[str, Any]:
    return {
        "expression": found.text,
        "view": found.view,
        "source": found.source,
        "entity": dict(found.entity),
        "window": found.window,
        "holds": found.words,
        "closed": found.closed,
        "zone": found.zone,
        "lower": None if found.lower is None else _edge(found.lower),
        "upper": _edge(found.upper),
        "where": found.where,
        "filter": found.filter,
        "joins": dict(found.beside),
        "value": found.value,
        "failed": found.failed,
        "counts": dict(found.counts),
        "nulls": found.nulls,
        "rows": [_row(r) for r in found.rows],
        "online": None if found.online is None else _online(found.online),
    }


def _lookup(found: LookedUp) -> dict[str, Any]:
    return {
        "view": found.view,
        "source": found.source,
        "entity": dict(found.entity),
        "columns": dict(found.columns),
        "closed": found.closed,
        "ttl": None if found.ttl is None else found.ttl / 1e6,
        "where": found.where,
        "because": found.because,
        "online": None if found.online is None else {"time": _instant(found.online.time)},
        "counts": dict(found.counts),
        "rows": [_row(r) for r in found.rows],
    }


def _edge(edge: Edge) -> dict[str, Any]:
    return {"at": _instant(edge.at), "included": edge.included}


def _row(row: Row) -> dict[str, Any]:
    return {
        "standing": row.standing,
        "time": _instant(row.time),
        "arrival": _instant(row.known_at),
        "known_from": _instant(row.enter),
        "superseded_at": _instant(row.superseded_at),
        "seconds_outside": None if row.distance is None else row.distance / 1e6,
        "decides": row.decides,
        "note": row.note,
        "replaced_by": None if row.replaced_by is None else _replacement(row.replaced_by),
        "id": dict(row.id),
        "values": dict(row.values),
        "joined": dict(row.joined),
        "row": dict(row.data),
    }


def _replacement(found: Replacement) -> dict[str, Any]:
    return {
        "known_at": _instant(found.known_at),
        "time": _instant(found.time),
        "deleted": found.deleted,
        "moved": found.moved,
        "changes": {name: {"from": old, "to": new} for name, (old, new) in found.changes.items()},
    }


def _online(found: OnlineRows) -> dict[str, Any]:
    tiles = [
        {"start": _instant(t.start), "width_seconds": t.width / 1e6, "rows": t.rows, "used": t.used}
        for t in found.tiles
    ]
    apart: Mapping[str, Any] = {"lacking": found.lacking, "surplus": found.surplus}
    listed = {k: [{"time": _instant(t), "known_from": _instant(e)} for t, e in v] for k, v in apart.items()}
    return {"tiles": tiles, "rows": found.raw, **listed}


def _instant(us: int | None) -> datetime | int | None:
    """An instant in UTC; its µs where the years 1 to 9999 do not hold it."""
    if us is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=us)
    except OverflowError:
        return us
