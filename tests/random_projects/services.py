"""A service with roles, computed keys and derived features over a random project, and what its values are.

    asked = draw_service(draw, case)     # None where the project has nothing to ask for
    asked.yaml                           # the service, beside the project's own
    asked.case                           # the case with the request columns that the service declares
    check(asked, folder)                 # (values compared by kind, differences of both plans from the oracle)

A view in a role is the same view at other keys: the oracle is asked at a probe with these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

import oracle
from oracle import Derived, Oracle, Probe, Value, feature_kind, micros, same

from . import render
from .choices import Draw
from .definitions import is_exact
from .histories import abstract_type
from .judge import members_of, open_featc, rows_of
from .model import Case, Push, ViewSpec

NAME = "asked"
Evaluate = Callable[[Oracle, Probe], Value]


@dataclass(frozen=True, slots=True)
class KeyExpr:
    """A key expression: its text, its value at a probe, and what it is made of."""

    sql: str
    value: Evaluate
    kind: str


@dataclass(frozen=True, slots=True)
class Out:
    """An output: `feature` of a view at the keys `given`, or with no feature a comparison of two others."""

    name: str
    feature: str | None
    given: Mapping[str, KeyExpr]
    kind: str
    pair: tuple[Out, Out] | None = None

    def value(self, judge: Oracle, probe: Probe) -> Value:
        """What it is at a probe."""
        if self.pair is not None:
            a, b = (out.value(judge, probe) for out in self.pair)
            kind = feature_kind(judge.features[str(self.pair[0].feature)][1])
            return not same(kind, a, python(judge, self.pair[1], b))
        return judge.value(str(self.feature), self.probe(judge, probe))

    def probe(self, judge: Oracle, probe: Probe) -> Probe:
        """The observation that the view is asked at."""
        return replace(probe, keys={**probe.keys, **{k: e.value(judge, probe) for k, e in self.given.items()}})


@dataclass(frozen=True, slots=True)
class Asked:
    """A service over a case."""

    case: Case
    yaml: Mapping[str, Any]
    outputs: tuple[Out, ...]
    computed: frozenset[str]


def python(judge: Oracle, out: Out, value: Value) -> Value:
    """A value as `same` wants it of a plan."""
    return render.python(judge.features[str(out.feature)][1].type, value)


# ------------------------------------------------------------------------------------- drawing


def draw_service(draw: Draw, case: Case) -> Asked | None:
    """A service with one to three roles, perhaps with keys of its own, and a derived feature or two."""
    views = [v for v in case.views if v.keys and exact_outputs(v)]
    if not views:
        return None
    case, columns = with_columns(draw, case)
    maker = Maker(draw, case, columns)
    own = maker.own_keys(views)
    outputs: list[Out] = []
    picks: list[Any] = []
    picked: set[str] = set()  # the keys of the views that are; a service has no others
    for number in range(draw.between(1, 3)):
        view = draw.one(views)
        picked.update(view.keys)
        mine = {k: maker.key(k, own, view) for k in draw.some(sorted(view.keys), 0, 2)}
        role = f"r{number}"
        chosen = draw.some(exact_outputs(view), 1, 4)
        entry: dict[str, Any] = {"view": view.name}
        if mine:
            entry["keys"] = {k: e.sql for k, e in mine.items()}
        if len(chosen) < len(list(all_outputs(view))):
            entry["features"] = list(chosen)
        else:
            chosen = exact_outputs(view)
        picks.append({role: entry})
        given = {k: e for k, e in {**own, **mine}.items() if k in view.keys}
        outputs += [Out(f"{role}_{f}", f"{view.name}.{f}", given, kind_of(given)) for f in chosen]
    for view in draw.some(views, 0, 1):
        picked.update(view.keys)
        given = {k: e for k, e in own.items() if k in view.keys}
        for f in exact_outputs(view):
            picks.append(f"{view.name}.{f}")
            outputs.append(Out(f, f"{view.name}.{f}", given, kind_of(given) if given else "as it is"))
    derived = maker.derived(outputs)
    spec: dict[str, Any] = {"features": picks}
    if columns:
        spec["request"] = dict(columns)
    own = {k: e for k, e in own.items() if k in picked}
    if own:
        spec["keys"] = {k: e.sql for k, e in own.items()}
    if derived:
        spec["derived"] = {out.name: f"{spoken(out.pair[0])} is distinct from {spoken(out.pair[1])}" for out in derived}
    return Asked(case, spec, (*outputs, *derived), frozenset(own))


def all_outputs(view: ViewSpec) -> list[str]:
    return [f.name for spec in view.features for f in spec.outputs]


def exact_outputs(view: ViewSpec) -> list[str]:
    """The features that can be judged alone: aggregates, lookups, and what is derived from request and keys only."""
    return [f.name for spec in view.features for f in spec.outputs if not (isinstance(f, Derived) and spec.uses)]


def kind_of(given: Mapping[str, KeyExpr]) -> str:
    return " and ".join(sorted({e.kind for e in given.values()})) or "a role at the spine's keys"


def spoken(out: Out) -> str:
    """How the service's own expressions name an output."""
    feature = str(out.feature)
    head, _, _ = out.name.partition("_")
    if head.startswith("r") and head[1:].isdigit() and out.name != feature.partition(".")[2]:
        return f"{head}.{feature.partition('.')[2]}"
    return feature


def with_columns(draw: Draw, case: Case) -> tuple[Case, dict[str, str]]:
    """The case with a request column per key, that holds keys of other probes, of nobody, and NULLs."""
    columns = {f"for_{k}": t for k, t in case.spine_keys.items()}
    known = {f"for_{k}": [p.keys[k] for p in case.probes] for k in case.spine_keys}
    drawn = [{c: draw.one(values) for c, values in known.items()} for _ in case.probes]
    probes = tuple(replace(p, request={**p.request, **more}) for p, more in zip(case.probes, drawn, strict=True))
    return case.with_(probes=probes, request={**case.request, **columns}), columns


@dataclass(slots=True)
class Maker:
    """Draws key expressions."""

    draw: Draw
    case: Case
    columns: Mapping[str, str]

    def own_keys(self, views: list[ViewSpec]) -> dict[str, KeyExpr]:
        """Keys that the service computes for all its views."""
        names = sorted({k for v in views for k in v.keys})
        return {k: self.key(k, {}, None) for k in self.draw.some(names, 0, 1)} if self.draw.chance(60) else {}

    def key(self, key: str, own: Mapping[str, KeyExpr], view: ViewSpec | None) -> KeyExpr:
        """An expression for one key; `own` are keys that have one already, `view` the view of a role."""
        type_ = self.case.spine_keys[key]
        features = [o for o in self.features(type_) if view is not None or key not in o[1].keys]
        shapes: list[tuple[int, Callable[[], KeyExpr]]] = [(6, lambda: self.column(key))]
        if view is not None and key not in own:
            shapes.append((6, lambda: self.coalesced(key)))
        if features:
            shapes.append((6, lambda: self.feature(*self.draw.one(features), own)))
        return self.draw.weighted(shapes)()

    def column(self, key: str) -> KeyExpr:
        return KeyExpr(f"request.for_{key}", lambda _, p: p.request[f"for_{key}"], "a request column")

    def coalesced(self, key: str) -> KeyExpr:
        def value(_: Oracle, probe: Probe) -> Value:
            found = probe.request[f"for_{key}"]
            return probe.keys[key] if found is None else found

        return KeyExpr(f"coalesce(request.for_{key}, key.{key})", value, "an expression over a key")

    def features(self, sql_type: str) -> list[tuple[str, ViewSpec]]:
        """Features of a type that a key can be taken from."""
        wanted = abstract_type(sql_type)
        return [
            (f"{v.name}.{f.name}", v)
            for v in self.case.views
            for spec in v.features
            for f in spec.outputs
            if f.type == wanted and not isinstance(f, Derived)
        ]

    def feature(self, name: str, view: ViewSpec, own: Mapping[str, KeyExpr]) -> KeyExpr:
        given = {k: e for k, e in own.items() if k in view.keys}
        out = Out("", name, given, "")
        return KeyExpr(name, lambda judge, p: judge.value(name, out.probe(judge, p)), "a feature of another view")

    def derived(self, outputs: list[Out]) -> list[Out]:
        """Comparisons of two outputs of one type that have no tolerance."""
        features = {f"{v.name}.{f.name}": f for v in self.case.views for s in v.features for f in s.outputs}
        plain = [o for o in outputs if is_exact(features[str(o.feature)])]
        found = []
        for number in range(self.draw.between(0, 2) if plain else 0):
            a = self.draw.one(plain)
            others = [o for o in plain if features[str(o.feature)].type == features[str(a.feature)].type]
            found.append(Out(f"d{number}", None, {}, "derived", (a, self.draw.one(others))))
        return found


# ------------------------------------------------------------------------------------- checking


def write(asked: Asked, folder: Path) -> None:
    """The project with the service beside its own."""
    render.write(asked.case, folder)
    (folder / "features" / "asked.yaml").write_text(
        yaml.safe_dump({"feature_services": {NAME: dict(asked.yaml)}}, sort_keys=False, width=10**6), encoding="utf-8"
    )


def check(asked: Asked, folder: Path) -> tuple[Counter[str], list[str]]:
    """Both plans against the oracle at every probe, online after everything arrived."""
    case, judge = asked.case, asked.case.oracle()
    write(asked, folder)
    store: Any = open_featc(folder)
    service = store.project.services[NAME]
    assert not set(asked.computed) & {k for k, _ in service.keys} or uses_key(asked), "computed keys are not asked for"
    columns = [n for n, _ in (*service.keys, *service.request)]
    try:
        training = rows_of(store.get_historical_features(NAME, render.spine(case)))
        for step in case.steps:
            if isinstance(step, Push):
                store.push(step.source, render.batch(case, step.source, step.rows, step.form), token=step.token)
        requests = [{c: {**p.keys, **p.request}[c] for c in columns} for p in case.probes]
        reads = zip(case.probes, requests, strict=True)
        online = [store.get_online_features(NAME, [row], at=oracle.moment(p.t))[0] for p, row in reads]
    finally:
        store.close()
    met: Counter[str] = Counter()
    wrong: list[str] = []
    for number, probe in enumerate(case.probes):
        for out in asked.outputs:
            expected = out.value(judge, probe)
            met.update(situations(out, judge, probe, expected))
            for plan, rows in (("training", training), ("online", online)):
                if not agrees(out, judge, probe, expected, rows[number].get(out.name, "absent")):
                    got = rows[number].get(out.name, "absent")
                    wrong.append(f"{case.label}, {plan}, {out.name} at probe {number}: {expected!r}, got {got!r}")
    return met, wrong


def uses_key(asked: Asked) -> bool:
    """Whether an expression takes the spine's own key, so that it is asked for although the service computes it."""
    return any("key." in e.sql for out in asked.outputs for e in out.given.values())


def agrees(out: Out, judge: Oracle, probe: Probe, expected: Value, got: Value) -> bool:
    if out.feature is None:
        return bool(got is expected)
    _, feature = judge.features[out.feature]
    members = members_of(judge, out.feature, out.probe(judge, probe))
    if feature.type == "timestamp" and isinstance(got, datetime):
        return expected is not None and micros(got) == expected
    return same(feature_kind(feature), expected, got, members)


def situations(out: Out, judge: Oracle, probe: Probe, expected: Value) -> list[str]:
    """What a compared value depended on."""
    found = []
    if out.feature is None:
        found.append("derived: a true one" if expected else "derived: a false one")
    elif out.given:
        keys = {k: e.value(judge, probe) for k, e in out.given.items()}
        if None in keys.values():
            found.append("a key that is NULL")
        plain = judge.value(out.feature, probe)
        kind, members = feature_kind(judge.features[out.feature][1]), members_of(judge, out.feature, probe)
        if not same(kind, plain, python(judge, out, expected), members):
            found.append(f"other values than at the spine's keys: {out.kind}")
    elif out.kind.startswith("a role"):
        found.append(out.kind)
    return found


SITUATIONS = (
    "derived: a true one",
    "derived: a false one",
    "a key that is NULL",
    "a role at the spine's keys",
    "other values than at the spine's keys: a request column",
    "other values than at the spine's keys: an expression over a key",
    "other values than at the spine's keys: a feature of another view",
)
