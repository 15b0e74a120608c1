"""Random unions: a source that is two or three event sources together, and a view over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import oracle
from oracle import Aggregate, Probe, Version

from .choices import Draw
from .definitions import ViewMaker, entry
from .dumps import first_read
from .expressions import Expr, as_key, coalesce, column, compare, constant, literal, nullif, one_of, predicate, scalar
from .histories import History, Key, abstract_type
from .ignoring import OVER_UNION
from .labels import LabelMaker, draw_knowledge
from .members import draw_member
from .model import Case, FeatureSpec, Push, Read, SourceSpec, ViewSpec
from .over_views import and_view
from .timeline import Timeline
from .view_joins import SCALARS, joinable
from .windows import Windows, crossing

NAMES = ("all", "united")
OWN = ("app", "web")
"""Members that are there for their union only: one comes before the others by name, one after."""


def with_unions(
    draw: Draw, case: Case, histories: Sequence[History], windows: Windows, domain: list[Key], size: int
) -> Case:
    """The case, now and then with a union of its event sources, or of one and others of its own, of at most `size`
    rows, and a view over it. It is drawn last, from a stream of its own, so that a case is the same with and without
    it."""
    events = [h for h in histories if h.spec.meaning.kind == "event"]
    entities: list[tuple[Any, tuple[str, ...]]] = [
        (v.yaml["entity"], tuple(v.keys)) for v in case.views if v.source is not None
    ]
    if not events or not entities or not draw.chance(45):
        return case
    members = draw_members(draw, case, events, windows.line, domain, size)
    if len(members) < 2:
        return case
    added = [m for m in members if m not in events]
    union, keys = unite(draw, members)
    types = {k: t for own in case.entities.values() for k, t in own.items()}
    entity, of = draw.one(entities)
    upstream = {v.name: joinable(v, case) for v in case.views} if draw.chance(20) else {}
    upstream = {name: found for name, found in upstream.items() if found.features}
    maker = UnionMaker(draw, OVER_UNION[1:], union, windows, {}, histories if draw.chance(25) else (), upstream)
    maker.own = keys
    view = maker.view(entity, {k: types[k] for k in of}, case.defaults.get("closed", "left"))
    case = case.with_(
        sources=(*case.sources, *(m.spec for m in added)),
        unions=(union.spec,),
        rows={**case.rows, **{m.spec.name: m.rows for m in added}},
    )
    case = and_view(case, view, windows)
    if not view.joins and draw.chance(55):
        case = labelled(draw, case, view, union, windows.line)
    case = with_probes(draw, case, view, {**keys, **view.keys}, windows.line)
    for member in added:
        case = with_pushes(draw, case, member)
    return case


# ------------------------------------------------------------------------------------- the source


def draw_members(
    draw: Draw, case: Case, events: Sequence[History], line: Timeline, domain: list[Key], size: int
) -> list[History]:
    """Two or three sources that may be united, in any order."""
    base = draw.one(events)
    others = [h for h in events if h is not base and fit([base, h])]
    members = [base, *others] if draw.chance(90) else [base]
    wanted = draw.weighted(((75, 2), (25, 3)))
    names = draw.shuffled(OWN)
    while len(members) < wanted:
        rows = case.rows[base.spec.name]
        made = draw_member(draw, names[len(members) % 2], line, base, rows, domain, size)
        if not fit([*members, made]):  # with an id of another type, where the base has none
            break
        members.append(made)
    return draw.shuffled(members)


def fit(members: Sequence[History]) -> bool:
    """Whether every name has a common type, and all are final as late."""
    finals = {m.spec.meaning.final_after for m in members}
    return len(finals) == 1 and all(common(kinds) is not None for kinds in kinds_of(members).values())


def kinds_of(members: Sequence[History]) -> dict[str, set[str]]:
    """Column or `let` name in small letters -> its types in the members."""
    found: dict[str, set[str]] = {}
    for m in members:
        let = {e.sql: e.type for e in m.names if e.sql in m.spec.meaning.let}
        for name, kind in [*((c, abstract_type(t)) for c, t in m.spec.types.items()), *let.items()]:
            found.setdefault(name.lower(), set()).add(kind)
    return found


def common(kinds: set[str]) -> str | None:
    """The common type: one of its own, DOUBLE of numbers. None where there is none."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return "double" if kinds == {"bigint", "double"} else None


def unite(draw: Draw, members: Sequence[History]) -> tuple[History, dict[str, Expr]]:
    """The union, and what each key is in its rows."""
    kinds = kinds_of(members)
    types = {name: str(common(of)) for name, of in kinds.items()}
    times = {c for m in members for c in (m.spec.meaning.time, m.spec.meaning.available_at)}
    names = [column(name, t) for name, t in types.items() if name not in times]
    chosen = draw.one(members).spec.name
    source = column("_source", "text")
    from_one = compare("=", source, literal(chosen, "text"))
    names += [source, source, Expr(f"({from_one.sql})", "boolean", from_one.fn)]
    let: dict[str, Expr] = {}
    if draw.chance(30):
        let["big"] = predicate(draw, names)
    if draw.chance(25):
        let["worth"] = scalar(draw, names, "bigint")
    keys: dict[str, Expr] = {}
    for key in members[0].spec.key_columns:
        keys[key] = whole = key_of(key, members, types)
        if whole.sql not in types and draw.chance(50):
            let[f"k_{key}"] = whole
            keys[key] = column(f"k_{key}", whole.type)
    names += [column(name, e.type) for name, e in let.items()]
    own = tuple(m.spec.name for m in members)
    doubles = tuple(name for name, of in kinds.items() if len(of) > 1)
    identities = {(m.spec.meaning.id or "").lower() for m in members}
    id_types = {kinds_of([m])[m.spec.meaning.id.lower()].pop() for m in members if m.spec.meaning.id is not None}
    text_ids = len(identities) > 1 and len(id_types) > 1
    meaning = oracle.Source(draw.one(NAMES), tuple(types), let=let, union=own, doubles=doubles, text_ids=text_ids)
    yaml: dict[str, Any] = {"union": list(own)}
    if let:
        yaml["let"] = {name: e.sql for name, e in let.items()}
    if draw.chance(15):
        yaml |= {"description": "what several sources say", "owner": "data@example.com"}
    firsts = {k: c.lower() for k, c in members[0].spec.key_columns.items()}
    columns = {k: e.sql if e.sql in {**types, **let} else firsts[k] for k, e in keys.items()}
    return History(SourceSpec(meaning, columns, types, yaml, {}), names, ()), keys


def key_of(key: str, members: Sequence[History], types: Mapping[str, str]) -> Expr:
    """A key by its column, or by the columns it has in the members: all but one of them are NULL."""
    first, *others = dict.fromkeys(m.spec.key_columns[key].lower() for m in members)
    found = column(first, types[first])
    for c in others:
        found = coalesce(found, column(c, types[c]))
    return found


# ------------------------------------------------------------------------------------- the view


class UnionMaker(ViewMaker):
    """Draws a view over a union, which often asks for a member."""

    own: Mapping[str, Expr]

    def view(self, entity: Any, keys: Mapping[str, str], closed: str | None) -> ViewSpec:
        made = super().view(entity, keys, closed)
        if made.where is not None or not self.draw.chance(30):
            return made
        source, members = column("_source", "text"), self.history.spec.meaning.union
        where = compare(self.draw.one(("=", "<>", ">=")), source, literal(self.draw.one(members), "text"))
        if self.draw.chance(30):
            where = one_of(source, [literal(m, "text") for m in self.draw.some(members, 1, 2)])
        return replace(made, where=where, yaml={**made.yaml, "where": where.sql})

    def features(self) -> None:
        """As others, and now and then what only the order of events decides."""
        super().features()
        for _ in range(self.draw.between(0, 2)):
            w, window = self.draw.one([*self.windows.pool, ("last_2_rows", oracle.Window(rows=2))])
            arg = self.draw.one([e for e in self.names if e.type in SCALARS])
            fn, name = self.draw.one(("first", "last", "last")), self.name()
            feature = Aggregate(name, fn, (arg,), window, arg.type)
            self.specs.append(FeatureSpec(name, entry(self.draw, f"{fn}({arg.sql}) over {w}"), (feature,)))

    def keys(self, keys: Mapping[str, str]) -> tuple[dict[str, Expr], dict[str, str]]:
        """The key of a row, or now and then an expression over it or another name."""
        exprs: dict[str, Expr] = {}
        for key in keys:
            expr = self.own[key]
            others = [e for e in self.history.names if e.type == expr.type]
            if self.draw.chance(8):
                expr = self.draw.one((coalesce, nullif))(expr, constant(self.draw, expr.type))
            elif expr.type in ("bigint", "text") and self.draw.chance(10):
                expr = as_key(self.draw.one(others))
            exprs[key] = expr
        return exprs, {k: e.sql for k, e in exprs.items() if e.sql != k}


class UnionLabels(LabelMaker):
    """Draws labels over the rows of all members."""

    def times(self, case: Case) -> list[int]:
        return sorted(v.tau for v in case.oracle().data[self.history.spec.name] if v.tau is not None)


def labelled(draw: Draw, case: Case, view: ViewSpec, union: History, line: Timeline) -> Case:
    """The case with labels on the view, and a training set more that knows little."""
    view = replace(view, labels=UnionLabels(draw, view, union, case, line).labels())
    case = case.with_(views=(*case.views[:-1], view))
    return case.with_(knowledge=(*case.knowledge, draw_knowledge(draw, case)))


# ------------------------------------------------------------------------------------- uses


def with_probes(draw: Draw, case: Case, view: ViewSpec, keys: Mapping[str, Expr], line: Timeline) -> Case:
    """The case with more observations at its end: where a row of a member enters, leaves a window or is superseded."""
    rows = [v for v in case.oracle().data[str(view.source)] if v.enter is not None]
    if not rows:
        return case
    windows = [f.window for s in view.features for f in (*s.outputs, *s.hidden) if isinstance(f, Aggregate)]
    found: list[Probe] = []
    for _ in range(draw.between(5, 9)):
        v = draw.one(rows)
        assert v.tau is not None
        edges = crossing(draw.one(windows), v.tau) if windows else []
        at = draw.one(edges if edges and draw.chance(40) else moments(v))
        asked = {k: keys[k](v.row) for k in case.spine_keys}
        jitter = draw.weighted(((4, 1), (3, 0), (1, -1), (3, line.unit), (3, 6 * line.unit)))
        found.append(Probe(asked, at + jitter, case.probes[0].request))
    first = len(case.probes)
    read = Read(tuple(range(first, first + len(found))))
    return case.with_(probes=(*case.probes, *found), steps=(*case.steps, read))


def moments(v: Version) -> list[int]:
    """The instants at which something happens to a row."""
    return [m for m in (v.tau, v.enter, v.superseded_at) if m is not None]


def with_pushes(draw: Draw, case: Case, member: History) -> Case:
    """The case with a member's rows pushed in any order, before any read that has to know them; some twice."""
    steps, name = list(case.steps), member.spec.name
    waiting = draw.shuffled(list(range(len(member.rows))))
    identity = member.spec.meaning.id
    number = 0
    while waiting:
        size = draw.between(1, 8)
        rows, waiting = waiting[:size], waiting[size:]
        token = f"{name}{number}" if draw.chance(50) else None
        push = Push(name, tuple(rows), token, draw.one(("dicts", "arrow")))
        place = draw.between(0, first_read(case, steps, member, rows))
        steps.insert(place, push)
        if draw.chance(30):
            known = () if identity is None else tuple(n for n in rows if member.rows[n][identity] is not None)
            again = replace(push, replay=True) if token else replace(push, rows=known, replay=True)
            if again.rows:
                steps.insert(draw.between(place + 1, len(steps)), again)
        number += 1
    return case.with_(steps=tuple(steps))
