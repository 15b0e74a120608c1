"""Events exactly where calendar units begin, which no random instant meets often enough.

They are drawn last, so that a case is the same with and without them, and pushed first: what a read in between may
know is known by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from oracle import Aggregate, Probe, Row

from .choices import Draw
from .model import Case, Push, SourceSpec, ViewSpec


def with_midnights(draw: Draw, case: Case) -> Case:
    """The case, now and then with a few more events for its calendar windows."""
    events = {s.name for s in case.sources if s.meaning.kind == "event"}
    views = [v for v in case.views if v.source in events and _calendars(v)]
    if not views or not draw.chance(60):
        return case
    rows = dict(case.rows)
    first: list[Push] = []
    for view in views:
        source = case.source(str(view.source))
        added = list(_events(draw, case, view, source))
        numbers = tuple(range(len(rows[source.name]), len(rows[source.name]) + len(added)))
        rows[source.name] = (*rows[source.name], *added)
        if added:
            first.append(Push(source.name, numbers, None, draw.one(("dicts", "arrow"))))
    return case.with_(rows=rows, steps=(*first, *case.steps))


def _calendars(view: ViewSpec) -> list[Aggregate]:
    return [
        f
        for s in view.features
        for f in (*s.outputs, *s.hidden)
        if isinstance(f, Aggregate) and f.window.calendar is not None
    ]


def _events(draw: Draw, case: Case, view: ViewSpec, source: SourceSpec) -> Iterator[Row]:
    """Events of the probes' own entities, at the edges of their windows or 1 µs off, known in time."""
    plain, known = case.oracle(), case.rows[source.name]
    for number in range(draw.between(2, 5)):
        probe = draw.one(case.probes)
        mine = [r for r in known if _is_of(r, probe, source)] or list(known)
        if not mine:
            return
        edges = [e for e in plain.edges(draw.one(_calendars(view)).window, probe.t) if e is not None]
        row: dict[str, Any] = dict(draw.one(mine))
        row["ts"] = draw.one(edges) + draw.weighted(((6, 0), (1, -1), (1, 1)))
        if source.meaning.available_at:
            row["arr"] = row["ts"] + draw.one((0, 0, 1))
        if source.meaning.id:
            row["eid"] = 9_000 + number if source.types["eid"] == "bigint" else f"midnight {view.name} {number}"
        yield row


def _is_of(row: Row, probe: Probe, source: SourceSpec) -> bool:
    return all(row[c] == probe.keys.get(k) for k, c in source.key_columns.items())
