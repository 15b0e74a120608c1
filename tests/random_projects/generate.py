"""Random cases: a project, histories, probes at the interesting instants, and an order of arrival."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import oracle
from oracle import Probe, Row, Value

from .choices import Draw, SeededDraw
from .definitions import ViewMaker, draw_on_demand, is_exact, visible
from .dumps import draw_dumps, with_pushes
from .expressions import Expr
from .histories import History, Key, draw_history
from .holding import CURRENT, HoldingMaker, with_probes
from .labels import with_labels
from .matches import with_matches
from .midnights import with_midnights
from .model import Case, Push, Read, SourceSpec, ViewSpec
from .over_views import RowsMaker, and_view
from .timeline import Timeline, timeline
from .unions import with_unions
from .view_joins import with_joins, with_view_joins
from .windows import Windows, crossing

Entities = Mapping[str, Mapping[str, str]]
Picks = tuple[tuple[str, str], ...]

PAIRS = (("1", "23"), ("12", "3"), ("123", ""), ("1", "2"), ("a|", "b"), ("a", "|b"), ("é", "😀"))
"""Composite keys that a glued key cannot tell apart."""


def make_case(seed: int, size: int = 40) -> Case:
    """The case of a seed: the same on every machine."""
    return draw_case(SeededDraw(seed), size, f"seed {seed}")


def draw_case(draw: Draw, size: int = 40, label: str = "drawn") -> Case:
    """A case from any stream of choices; `size` bounds the rows of a source."""
    line = timeline(draw)
    entities, domain = draw_entities(draw)
    keys = {k: t for own in entities.values() for k, t in own.items()}
    histories = [
        draw_history(draw, name, line, keys, domain, size if name == "ev" else size // 2)
        for name in ("ev", "other")[: draw.weighted(((60, 1), (40, 2)))]
    ]
    windows = Windows(line)
    windows.fill(draw)
    closed = draw.one((None, "left", "right"))
    views = draw_views(draw, histories, windows, entities, closed)
    request = {c: t for v in views for c, t in v.yaml.get("request", {}).items()}
    picks, service_yaml = draw_service(draw, views)
    case = Case(
        label=label,
        entities=entities,
        library=windows.library,
        vars=windows.vars,
        sources=tuple(h.spec for h in histories),
        views=tuple(views),
        rows={h.spec.name: h.rows for h in histories},
        picks=picks,
        service_yaml=service_yaml,
        request=request,
        probes=(),
        steps=(),
        defaults={"closed": closed} if closed else {},
    )
    case = case.with_(probes=tuple(ProbeMaker(draw, line, case, domain).probes(draw.between(8, 13))))
    case = with_labels(draw, case.with_(steps=tuple(draw_steps(draw, case))), histories, line)
    case = with_joins(draw, case, histories, windows)
    case = with_matches(draw, case, histories, windows)
    case = with_view_joins(draw, case, histories, windows)
    case = with_holding(draw, case, histories, windows)
    case = with_dumps(draw, case, windows, domain)
    case = with_midnights(draw, with_rows(draw, case, histories, windows))
    return with_unions(draw.own("unions"), case, histories, windows, domain, size // 2)


def with_holding(draw: Draw, case: Case, histories: Sequence[History], windows: Windows) -> Case:
    """The case, now and then with one more view, of the rows of a state source that hold. It is drawn after all others,
    so that a case is the same with and without it."""
    states = [h for h in histories if h.spec.meaning.kind == "state"]
    entities: list[tuple[Any, tuple[str, ...]]] = [
        (v.yaml["entity"], tuple(v.keys)) for v in case.views if v.source is not None
    ]
    if not states or not entities or not draw.chance(85):
        return case
    entity, keys = ([], ()) if draw.chance(12) else draw.one(entities)
    types = {k: t for own in case.entities.values() for k, t in own.items()}
    pool = Windows(windows.line, windows.library, windows.vars, [CURRENT])
    history = draw.one(states)
    maker = HoldingMaker(draw, "h", history, pool, {})
    view = maker.view(entity, {k: types[k] for k in keys}, case.defaults.get("closed", "left"))
    return with_probes(draw, and_view(case, view, windows), view, history, windows.line)


def with_dumps(draw: Draw, case: Case, windows: Windows, domain: list[Key]) -> Case:
    """The case, now and then with one more source, of dumps, and a view of it; drawn after all that was there
    before."""
    entities: list[tuple[Any, tuple[str, ...]]] = [
        (v.yaml["entity"], tuple(v.keys)) for v in case.views if v.source is not None
    ]
    if not entities or not draw.chance(45):
        return case
    types = {k: t for own in case.entities.values() for k, t in own.items()}
    history = draw_dumps(draw, "dump", windows.line, types, domain)
    whole = [e for e in entities if set(e[1]) == set(types)]
    lone = not history.spec.meaning.key  # then the view's keys are what a row is about
    if lone and not whole:
        return case
    entity, keys = draw.one(whole if lone else entities)
    if not lone and draw.chance(12):
        entity, keys = [], ()
    pool = Windows(windows.line, windows.library, windows.vars, [CURRENT])
    maker = HoldingMaker(draw, "s", history, pool, {})
    view = maker.view(entity, {k: types[k] for k in keys}, case.defaults.get("closed", "left"))
    rows = {**case.rows, history.spec.name: history.rows}
    case = case.with_(sources=(*case.sources, history.spec), rows=rows)
    case = with_probes(draw, and_view(case, view, windows), view, history, windows.line)
    return with_pushes(draw, case, history)


def with_rows(draw: Draw, case: Case, histories: Sequence[History], windows: Windows) -> Case:
    """The case, now and then with a view over the rows of another one."""
    by_name = {h.spec.name: h for h in histories}
    events = {n for n, h in by_name.items() if h.spec.meaning.kind == "event"}
    plain = [v for v in case.views if v.source in events and not v.matches]
    bases = [v for v in plain if not any(isinstance(j, oracle.ViewJoin) for j in v.joins)]
    entities: list[tuple[Any, tuple[str, ...]]] = [
        (v.yaml["entity"], tuple(v.keys)) for v in case.views if v.source is not None
    ]
    if not bases or not draw.chance(30):
        return case
    base = draw.one(bases)
    entity, keys = ([], ()) if draw.chance(8) else draw.one(entities)
    types = {k: t for own in case.entities.values() for k, t in own.items()}
    maker = RowsMaker(draw, "o", by_name[str(base.source)], windows, base, by_name)
    view = maker.view(entity, {k: types[k] for k in keys}, case.defaults.get("closed", "left"))
    return and_view(case, view, windows)


# ------------------------------------------------------------------------------------- project


def draw_entities(draw: Draw) -> tuple[Entities, list[Key]]:
    """Entities with their keys' SQL types, and the keys that occur, the hot one first."""
    match draw.weighted(((40, "number"), (15, "text"), (30, "pair"), (15, "mixed"))):
        case "number":
            keys = {"uid": "bigint"}
            domain: list[Key] = [{"uid": k} for k in (1, 2, 3)]
            entities: dict[str, Mapping[str, str]] = {"user": keys}
            if draw.chance(20):
                entities["flag"] = {"fl": "boolean"}
                domain = [{**k, "fl": f} for k in domain for f in (True, False)]
        case "text":
            entities = {"user": {"name": "varchar"}}
            domain = [{"name": k} for k in ("a", "é", "", "A")]
        case "pair":
            entities = {"pair": {"ka": "varchar", "kb": "varchar"}, "head": {"ka": "varchar"}}
            domain = [{"ka": a, "kb": b} for a, b in draw.some(PAIRS, 3, 5)]
        case _:
            entities = {"pair": {"ka": "bigint", "kb": "varchar"}}
            domain = [{"ka": int(a), "kb": b} for a, b in PAIRS[:4]]
    return entities, domain


def draw_views(
    draw: Draw, histories: Sequence[History], windows: Windows, entities: Entities, closed: str | None
) -> list[ViewSpec]:
    """One to three views on the sources, sometimes one on demand."""
    views: list[ViewSpec] = []
    for letter in "abc"[: draw.weighted(((45, 1), (40, 2), (15, 3)))]:
        history = histories[len(views)] if len(views) < len(histories) else draw.one(histories)
        yaml, keys = draw_entity(draw, history, entities)
        parents = features_of([v for v in views if v.keys.keys() <= keys.keys()])
        maker = ViewMaker(draw, letter, history, windows, parents if draw.chance(50) else {})
        views.append(maker.view(yaml, keys, closed or "left"))
    if draw.chance(25):
        view = draw_on_demand(draw, "d", features_of(views), views)
        if view.features and view.keys:
            views.append(view)
    return views


def features_of(views: Sequence[ViewSpec]) -> dict[str, Expr]:
    """All features of other views, as names for derived ones."""
    found: dict[str, Expr] = {}
    for v in views:
        found |= visible(v.features, v.name, qualified=True)
    return found


def draw_entity(draw: Draw, history: History, entities: Entities) -> tuple[Any, Mapping[str, str]]:
    """A view's entity as YAML, and its keys; a state view's is what its source is keyed by."""
    if history.spec.meaning.kind == "state":
        whole = {k: t for own in entities.values() for k, t in own.items()}
        exact = [e for e, keys in entities.items() if keys.keys() == whole.keys()]
        return (exact[0] if exact else list(entities)), whole
    if draw.chance(8):
        return [], {}
    if len(entities) == 2 and "flag" in entities and draw.chance(40):
        return list(entities), {k: t for own in entities.values() for k, t in own.items()}
    name = draw.weighted([(3 - i, e) for i, e in enumerate(entities)])
    return name, entities[name]


def draw_service(draw: Draw, views: Sequence[ViewSpec]) -> tuple[Picks, tuple[Any, ...] | None]:
    """(output, view.feature) pairs; and the short YAML list when every view is picked whole."""
    whole = [(f.name, f"{v.name}.{f.name}") for v in views for s in v.features for f in s.outputs]
    if draw.chance(60):
        names = tuple(f"{v.name}.*" if draw.chance(20) else v.name for v in views)
        return tuple(whole), names
    picked: list[tuple[str, str]] = []
    needed = inexact_parents(views)
    for output, name in whole:
        if name in needed or draw.chance(75):
            picked.append((f"r{len(picked)}" if draw.chance(20) else output, name))
    for v in views:
        if not any(name.startswith(v.name + ".") for _, name in picked):
            f = v.features[0].outputs[0]
            picked.append((f.name, f"{v.name}.{f.name}"))
    return tuple(picked), None


def inexact_parents(views: Sequence[ViewSpec]) -> set[str]:
    """Features with a tolerance that a derived one reads: output too, so that it can be judged by them."""
    known = {f"{v.name}.{f.name}": f for v in views for s in v.features for f in s.outputs}
    read = {i for f in known.values() if isinstance(f, oracle.Derived) for i in f.inputs}
    return {name for name in read if name in known and not is_exact(known[name])}


# ------------------------------------------------------------------------------------- probes


@dataclass(slots=True)
class ProbeMaker:
    """Draws observations where something happens: at the edges of the windows over the rows, ±1 µs."""

    draw: Draw
    line: Timeline
    case: Case
    domain: list[Key]

    def probes(self, count: int) -> list[Probe]:
        """The spine: duplicates, NULL and unknown keys among it."""
        found: list[Probe] = []
        instants: list[int] = []
        for _ in range(count):
            if found and self.draw.chance(6):
                found.append(self.draw.one(found))
                continue
            source = self.draw.one(self.case.sources)
            rows = self.case.rows[source.name]
            row = self.draw.one(rows) if rows else None
            at = self.draw.one(instants) if instants and self.draw.chance(20) else self.instant(source, row)
            instants.append(at)
            found.append(Probe(self.keys(source, row), at, self.request()))
        return found

    def keys(self, source: SourceSpec, row: Mapping[str, Value] | None) -> dict[str, Value]:
        """The row's own key most of the time."""
        if row is not None and self.draw.chance(85):
            found = {k: row[source.key_columns[k]] for k in self.case.spine_keys}
        else:
            found = {k: self.draw.one(self.domain)[k] for k in self.case.spine_keys}
        if found and self.draw.chance(4):
            found[self.draw.one(list(found))] = None
        return found

    def request(self) -> dict[str, Value]:
        """Request columns."""
        values: Mapping[str, Sequence[Value]] = {"bigint": (0, 1, -3, None), "varchar": ("a", "é", "", None)}
        return {c: self.draw.one(values[t]) for c, t in self.case.request.items()}

    def instant(self, source: SourceSpec, row: Row | None) -> int:
        """An instant at which the row enters, leaves or is superseded, or any."""
        if row is None or self.draw.chance(12):
            return self.anywhere()
        tau: int | None = row["ts"]
        moments = [m for m in (tau, alpha_of(source, row)) if m is not None]
        if not moments:
            return self.anywhere()
        anchor = max(moments) if self.draw.chance(30) else self.draw.one(moments)
        if tau is not None and self.draw.chance(60):
            anchor = self.draw.one(self.edges(source.name, tau))
        return anchor + self.draw.weighted(((5, 0), (3, 1), (3, -1), (2, 2 * self.line.unit)))

    def edges(self, source: str, tau: int) -> list[int]:
        """The instants at which an event at tau crosses an edge of a window over its source."""
        found = [tau]
        for view in self.case.views:
            if view.source != source:
                continue
            if view.ttl is not None:
                found += [tau + view.ttl] * 2
            for spec in view.features:
                for f in (*spec.outputs, *spec.hidden):
                    if isinstance(f, oracle.Aggregate):
                        found += crossing(f.window, tau)
        return found

    def anywhere(self) -> int:
        """Any instant in or around the domain, rarely far away."""
        if self.draw.chance(8):
            return self.line.base + self.draw.one((-1, 1)) * 40 * self.line.span * self.line.unit
        return self.line.instant(self.draw) + self.draw.between(0, 6) * self.line.unit


# ------------------------------------------------------------------------------------- arrival


def draw_steps(draw: Draw, case: Case) -> list[Push | Read]:
    """Every row pushed in some order and batching, with replays; reads when probes are due and at the end."""
    in_order = draw.chance(40)
    batches: list[tuple[str, list[int]]] = []
    for source in case.sources:
        batches += draw_batches(draw, case, source.name, in_order)
    if in_order:
        batches.sort(key=lambda b: min(map(sortable, (arrival(case, b[0], n) for n in b[1]))))
    else:
        batches = draw.shuffled(batches)
    return ArrivalMaker(draw, case).steps(batches)


def sortable(alpha: int | None) -> tuple[int, int]:
    """NULL arrivals first."""
    return (0, 0) if alpha is None else (1, alpha)


def arrival(case: Case, source: str, number: int) -> int | None:
    """The arrival of a row of the case."""
    return alpha_of(case.source(source), case.rows[source][number])


def alpha_of(source: SourceSpec, row: Row) -> int | None:
    """The row's alpha."""
    meaning = source.meaning
    alpha: int | None = row[meaning.available_at or meaning.time]
    return alpha if alpha is None or meaning.available_at else alpha + meaning.delay


def draw_batches(draw: Draw, case: Case, source: str, in_order: bool) -> list[tuple[str, list[int]]]:
    """A source's rows, cut into batches."""
    numbers = list(range(len(case.rows[source])))
    if in_order:
        numbers.sort(key=lambda n: sortable(arrival(case, source, n)))
    else:
        numbers = draw.shuffled(numbers)
    largest = draw.one((3, 8, 20, 100))
    found = []
    while numbers:
        size = draw.between(1, largest)
        found.append((source, numbers[:size]))
        numbers = numbers[size:]
    return found


class ArrivalMaker:
    """Turns batches into pushes with replays, and reads between them."""

    def __init__(self, draw: Draw, case: Case):
        self.draw, self.case = draw, case
        self.waiting = {s.name: set(range(len(case.rows[s.name]))) for s in case.sources}
        self.pushed: list[Push] = []
        self.read_late = draw.chance(50)
        self.unread = set(range(len(case.probes)))
        self.arrivals = {
            s.name: [arrival(case, s.name, n) for n in range(len(case.rows[s.name]))] for s in case.sources
        }

    def steps(self, batches: Sequence[tuple[str, list[int]]]) -> list[Push | Read]:
        """Pushes, and reads of probes whose every version with alpha ⊲ t has been accepted."""
        found: list[Push | Read] = []
        for number, (source, rows) in enumerate(batches):
            token = f"t{number}" if self.draw.chance(55) else None
            push = Push(source, tuple(rows), token, self.draw.one(("dicts", "arrow")))
            self.pushed.append(push)
            found.append(push)
            self.waiting[source] -= set(rows)
            if self.draw.chance(35):
                found += self.replay()
            if not self.read_late:
                found += self.due()
        return [*found, Read(tuple(range(len(self.case.probes))))]

    def replay(self) -> list[Push | Read]:
        """An earlier batch again under its token, or rows that have an id again in any batch."""
        old = self.draw.one(self.pushed)
        identity = self.case.source(old.source).meaning.id
        if identity is None:
            return [] if old.token is None else [Push(old.source, old.rows, old.token, old.form, True)]
        if old.token is not None and self.draw.chance(50):
            return [Push(old.source, old.rows, old.token, old.form, True)]
        rows = self.case.rows[old.source]
        again = tuple(n for n in old.rows if rows[n][identity] is not None and self.draw.chance(70))
        return [Push(old.source, again, None, old.form, True)] if again else []

    def due(self) -> list[Push | Read]:
        """A read of the probes that can be answered by now and were not yet asked."""
        ready = []
        for n in sorted(self.unread):
            t = self.case.probes[n].t
            if all(self.accepted(source, t) for source in self.waiting):
                ready.append(n)
        self.unread -= set(ready)
        return [Read(tuple(ready))] if ready else []

    def accepted(self, source: str, t: int) -> bool:
        """Whether every row with alpha ≤ t has been pushed."""
        alphas = self.arrivals[source]
        return not any((alpha := alphas[n]) is not None and alpha <= t for n in self.waiting[source])
