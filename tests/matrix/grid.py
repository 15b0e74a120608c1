"""The cases: one for each kind of window and `closed`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import oracle
from oracle import Probe, Window
from random_projects.calls import Call
from random_projects.expressions import column
from random_projects.model import Case, FeatureSpec, Push, Read, ViewSpec

from .calls import all_calls
from .situations import ELSEWHERE, HOUR, SITUATIONS, instants, rows, source

FLAG = column("b", "boolean")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of window: its name in SQL, what it means, its declaration where it is not built in."""

    name: str
    window: Window
    yaml: Mapping[str, Any] | None = None


KINDS: Mapping[str, Kind] = {
    "range": Kind("last_4h", Window(range=4 * HOUR)),
    "offset": Kind("prev_3h", Window(range=3 * HOUR, offset=3 * HOUR)),
    "hop": Kind("hopping", Window(range=4 * HOUR, hop=2 * HOUR), {"range": "4h", "hop": "2h"}),
    "aligned": Kind(
        "aligned", Window(range=4 * HOUR, hop=2 * HOUR, align=True), {"range": "4h", "hop": "2h", "align": True}
    ),
    "rows": Kind("last_3_rows", Window(rows=3)),
    "rows in range": Kind("three", Window(range=6 * HOUR, rows=3), {"range": "6h", "rows": 3}),
    "lifetime": Kind("lifetime", Window()),
    "calendar": Kind(
        "today", Window(calendar="day", timezone="Europe/Berlin"), {"calendar": "day", "timezone": "Europe/Berlin"}
    ),
    "calendar previous": Kind(
        "yesterday",
        Window(calendar="day", timezone="Europe/Berlin", previous=1),
        {"calendar": "day", "timezone": "Europe/Berlin", "previous": 1},
    ),
    "since": Kind("since_flag", Window(since=FLAG), {"since": "b"}),
    "next": Kind("next_4h", Window(next=4 * HOUR)),
}


def legal(call: Call, kind: str) -> bool:
    """Whether an aggregate may stand over a kind of window (F305): a rate needs a window of one length, and what weighs
    rows by how long ago they are needs a past."""
    if call.fn.startswith("rate_per_hour"):
        return kind in ("range", "offset", "aligned", "next")
    return kind != "next" or not call.fn.startswith("decay_")


def features(kind: str, calls: Sequence[Call]) -> list[FeatureSpec]:
    """The calls as features over the window."""
    window, specs = KINDS[kind], []
    for number, call in enumerate(calls):
        name = f"f{number}_{call.fn}"
        specs.append(FeatureSpec(name, f"{call.sql} over {window.name}", (call.over(name, window.window),)))
    return specs


def view(kind: str, closed: str) -> ViewSpec:
    """A view with every aggregate over the window."""
    specs = features(kind, [c for c in all_calls() if legal(c, kind)])
    yaml = {"entity": "user", "source": "orders", "closed": closed}
    keys = {"uid": column("uid", "bigint")}
    if kind != "next":
        return ViewSpec("v", "orders", keys, tuple(specs), yaml, closed=closed)
    count = oracle.Aggregate("known", "count", (), Window(), "bigint")
    known = FeatureSpec("known", "count(*) over lifetime", (count,))
    return ViewSpec("v", "orders", keys, (known,), yaml, closed=closed, labels=tuple(specs))


def case(kind: str, closed: str, *, backwards: bool) -> Case:
    """Rows pushed by their arrival, or the other way round, in twos; then all again; then every probe is asked."""
    data, found = rows(), KINDS[kind]
    v = view(kind, closed)
    probes = tuple(Probe({"uid": uid}, t, {}) for uid in (*SITUATIONS, ELSEWHERE) for t in instants())
    order = sorted(range(len(data)), key=lambda n: (data[n]["arr"], n), reverse=backwards)
    pushes = [Push("orders", tuple(order[n : n + 2]), None, "arrow") for n in range(0, len(order), 2)]
    again = Push("orders", tuple(range(len(data))), None, "dicts", replay=True)
    return Case(
        label=f"{kind}, {closed}",
        entities={"user": {"uid": "bigint"}},
        library={} if found.yaml is None else {found.name: found.yaml},
        vars={},
        sources=(source(),),
        views=(v,),
        rows={"orders": data},
        picks=tuple((f.name, f"v.{f.name}") for s in v.features for f in s.outputs),
        service_yaml=("v",),
        request={},
        probes=probes,
        steps=(*pushes, Read(tuple(range(len(probes)))), again, Read(tuple(range(0, len(probes), 3)))),
    )
