"""Random attribution: a source made of the events of one and of what follows them in another, and a view over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import oracle
from oracle import Probe

from .choices import Draw
from .definitions import ViewMaker
from .expressions import Expr
from .histories import History
from .joins import brought, draw_keys
from .model import Case, Read, ViewSpec
from .timeline import Timeline, duration
from .windows import Windows

NAME = "attributed"


def with_matches(draw: Draw, case: Case, histories: Sequence[History], windows: Windows) -> Case:
    """The case, now and then with one more view, over an attributed source, for an entity that another view has, and a
    few more probes. It is drawn last, so that a case is the same with and without it."""
    events = [h for h in histories if h.spec.meaning.kind == "event"]
    entities = [(v.yaml["entity"], v) for v in case.views if v.source is not None]
    if len(events) < 2 or not entities or not draw.chance(70):
        return case
    base, other = events if draw.chance(50) else events[::-1]
    matches, yaml, names = draw_matches(draw, base, other, windows.line)
    entity, like = draw.one(entities)
    types = {k: t for keys in case.entities.values() for k, t in keys.items()}
    maker = ViewMaker(draw, "m", base, windows, {})
    maker.names += names
    made = maker.view(entity, {k: types[k] for k in like.keys}, case.defaults.get("closed", "left"))
    view = replace(made, yaml={**made.yaml, "source": NAME}, matches=matches, attributed={NAME: yaml})
    picks = tuple((f.name, f"{view.name}.{f.name}") for s in view.features for f in s.outputs)
    service = case.service_yaml
    probes = draw_probes(draw, case, view, base, other)
    numbers = range(len(case.probes), len(case.probes) + len(probes))
    return case.with_(
        views=(*case.views, view),
        picks=(*case.picks, *picks),
        service_yaml=None if service is None else (*service, view.name),
        library=windows.library,
        vars=windows.vars,
        probes=(*case.probes, *probes),
        steps=(*case.steps, Read(tuple(numbers))),
    )


def draw_matches(
    draw: Draw, base: History, other: History, line: Timeline
) -> tuple[tuple[oracle.Match, ...], dict[str, Any], list[Expr]]:
    """One or two matches: what they mean, the source's YAML, and the names they bring."""
    matches: list[oracle.Match] = []
    written: dict[str, Any] = {}
    names: list[Expr] = []
    for number in range(draw.weighted(((75, 1), (25, 2)))):
        name = other.spec.name if number == 0 and draw.chance(30) else f"m{number + 1}"
        keys = draw_keys(draw, base, other, ())
        within = line.length(draw, 1, 14)
        take = draw.weighted(((60, "first"), (40, "last")))
        mature = not draw.chance(30)
        given = {} if name == other.spec.name else {"source": other.spec.name}
        given |= {"keys": {c: e.sql for c, e in keys.items()}, "within": duration(within)}
        given |= {"take": take} if take == "last" or draw.chance(20) else {}
        given |= {"mature": mature} if not mature or draw.chance(20) else {}
        matches.append(oracle.Match(name, other.spec.name, keys, within, take, mature))
        written[name] = given
        names += brought(name, other)
    return tuple(matches), {"from": base.spec.name, "match": written}, names


def draw_probes(draw: Draw, case: Case, view: ViewSpec, base: History, other: History) -> list[Probe]:
    """Probes where an event matures, and where something that may match it becomes known, ±1 µs."""
    if not base.rows:
        return []
    found = []
    for _ in range(draw.between(3, 6)):
        row = draw.one(base.rows)
        moments = [row["ts"] + m.within for m in view.matches if row["ts"] is not None]
        later = draw.some(list(other.rows), 1, min(3, len(other.rows))) if other.rows else []
        moments += [r[other.spec.meaning.available_at or "ts"] for r in later]
        known = [m for m in moments if m is not None] or [case.probes[0].t]
        keys: Mapping[str, Any] = {k: row[base.spec.key_columns[k]] for k in case.spine_keys}
        request = case.probes[0].request
        found.append(Probe(keys, draw.one(known) + draw.between(-1, 1), request))
    return found
