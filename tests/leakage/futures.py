"""Other futures: the rows of a project with everything changed that was not known at an instant, before or after.

What is known at `t` is what has α ⊲ t (semantics.md, "Events and versions"). A feature at `t` may not depend on
anything else, whatever becomes of it: another value, key or time, a time before `t`, death, a version of an event that
is known, a copy, or nothing at all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from featc.resolve.model import ColumnRef, Project, Source
from featc.resolve.unfold import unfolded
from featc.runtime.store import FeatureStore
from featc.runtime.verify.closeness import Questions, questions
from featc.runtime.verify.history import Answer, Batch, Probe
from featc.runtime.verify.judge import Difference, differences
from featc.runtime.verify.plans import OnlinePlan, TrainingPlan
from featc.runtime.verify.probing import Group, groups, probes, sightings
from featc.runtime.verify.rows import Row, Rows
from featc.runtime.verify.sampling import own_rows


@dataclass(frozen=True, slots=True)
class Found:
    """What a comparison of two futures found, in both plans. `moved` are the features that a change to what *was*
    known alters: those of which the test says something."""

    wrong: tuple[str, ...]
    probes: int
    changed: int
    moved: frozenset[str]


def rows_of(store: FeatureStore, limit: int) -> dict[str, list[Row]]:
    """About so many rows of each source."""
    with closing(store.connect()) as connection:
        located = unfolded(store.located)
        return {n: own_rows(connection, located, source, limit, 1)[0] for n, source in located.sources.items()}


def arrivals(project: Project, rows: Rows) -> dict[str, list[int | None]]:
    """α of every row."""
    plan = TrainingPlan(project, rows)
    found = {n: [alpha for _, alpha in plan.instants(source)] for n, source in plan.project.stored.items()}
    plan.close()
    return found


def is_known(project: Project, source: str, alpha: int | None, t: int) -> bool:
    """α ⊲ t for any view that may read the source; a NULL α is never known."""
    unions = (u.name for u in project.sources.values() if source in [m.source.name for m in u.members])
    names = {source, *unions}
    readers = [v for v in (*project.views.values(), *project.asked.values()) if names & set(v.sources)]
    at_once = any(v.closed in ("right", "both") or v.source not in names for v in readers)
    return alpha is not None and (alpha <= t if at_once else alpha < t)


def altered(source: Source, row: Row, others: Sequence[Row], random: Random, kept: frozenset[str]) -> Row:
    """A row with other values in about half of its columns, from any rows, or none."""
    found = list(row)
    for place, column in enumerate(source.columns):
        if column.name not in kept and random.random() < 0.5:
            found[place] = None if random.random() < 0.08 else random.choice(others)[place]
    return tuple(found)


def rewritten(project: Project, rows: Rows, t: int, random: Random, *, known: bool = False) -> dict[str, list[Row]]:
    """The rows with another future after `t`; or, with `known`, with another past."""
    before = arrivals(project, rows)
    proposed: dict[str, list[Row]] = {}
    for name, source in project.stored.items():
        arrival = source.available_at or source.time
        fixed = frozenset(r.column for r in arrival.refs if isinstance(r, ColumnRef))
        all_rows = rows[name]
        some = [n for n, alpha in enumerate(before[name]) if is_known(project, name, alpha, t) is known]
        made: list[Row] = []
        for n in some:
            copies = range(random.choice((0, 1, 1, 1, 2)))
            made += [altered(source, all_rows[n], all_rows, random, fixed) for _ in copies]
        proposed[name] = made
    after = arrivals(project, proposed)
    result = {}
    for name in project.stored:
        old = zip(rows[name], before[name], strict=True)
        new = zip(proposed[name], after[name], strict=True)
        result[name] = [r for r, alpha in old if is_known(project, name, alpha, t) is not known]
        result[name] += [r for r, alpha in new if is_known(project, name, alpha, t) is known]
        random.shuffle(result[name])
    return result


class Futures:
    """A project's features at instants, by both plans, over given rows. `built` is what the plans are made of, where
    that is not the project itself."""

    def __init__(self, project: Project, rows: Rows, random: Random, built: Project | None = None) -> None:
        self.project, self.rows, self.random, self.built = project, rows, random, built or project
        wanted = [(v.name, f.name) for v in (*project.views.values(), *project.asked.values()) for f in v.features]
        self.groups = groups(project, wanted)
        self.asked = {g.name: questions(self.built, g.outputs) for g in self.groups}
        plan = TrainingPlan(project, rows)
        self.seen = sightings(project, plan)
        self.probes = {g.name: probes(project, g, plan, self.seen, random, 80) for g in self.groups}
        plan.close()

    def at(self, group: Group, t: int) -> list[Probe]:
        """Who is looked at, at one instant: anybody, and those of whom something was known last."""
        found: dict[tuple[object, ...], Probe] = {}
        last = sorted((s for seen in self.seen.values() for s in seen if s.arrival < t), key=lambda s: -s.arrival)
        for n, p in enumerate(self.probes[group.name]):
            keys = dict(p.keys)
            if n % 2 and n < len(last):
                keys |= {k: v for k, v in last[n].keys.items() if k in keys}
            found.setdefault((*keys.values(), *p.request.values()), Probe(keys, t, p.request))
        return list(found.values())

    def instants(self, count: int) -> list[int]:
        """When something becomes known, in the middle of what there is."""
        known = sorted({a for found in arrivals(self.project, self.rows).values() for a in found if a is not None})
        inner = known[len(known) // 5 : -len(known) // 5] or known
        return sorted(self.random.sample(inner, min(count, len(inner))))

    def compare(self, t: int, folder: Path) -> Found:
        """The features at `t` now and in another future."""
        future = rewritten(self.project, self.rows, t, self.random)
        past = rewritten(self.project, self.rows, t, self.random, known=True)
        with tempfile.TemporaryDirectory(dir=folder) as place:
            both = [(kind, self._apart(kind, t, future, Path(place))) for kind in (_Trained, _Served)]
            moved = self._apart(_Trained, t, past, Path(place))
        asked = 2 * sum(len(self.at(g, t)) * len(g.outputs) for g in self.groups)
        changed = sum(len(set(future[n]) ^ set(self.rows[n])) for n in self.rows)
        wrong = tuple(f"{kind.__name__}: {text}" for kind, found in both for _, text in found)
        return Found(wrong, asked, changed, frozenset(name for name, _ in moved))

    def _apart(self, kind: type[_Plan], t: int, rows: Rows, folder: Path) -> list[tuple[str, str]]:
        """The features that a plan gives otherwise over other rows, each with how."""
        here, there, result = kind(self.built, self.rows, folder), kind(self.built, rows, folder), []
        for group in self.groups:
            wanted, at = self.asked[group.name], self.at(group, t)
            answers = here.answers(wanted, at), there.answers(wanted, at)
            found = differences(wanted, here.plan.connection, at, *answers)
            result += [(d.output, said(d, at)) for d in found]
        here.close()
        there.close()
        return result


def said(difference: Difference, at: Sequence[Probe]) -> str:
    """A difference in words."""
    probe, values = at[difference.probe], f"{difference.training!r}, then {difference.online!r}"
    return f"{difference.output} of {dict(probe.keys)} at {probe.at}: {values}"


class _Plan(Protocol):
    """A plan over given rows."""

    plan: TrainingPlan

    def __init__(self, project: Project, rows: Rows, folder: Path) -> None: ...

    def answers(self, wanted: Questions, at: Sequence[Probe]) -> list[Answer]: ...

    def close(self) -> None: ...


class _Trained:
    """The training query."""

    def __init__(self, project: Project, rows: Rows, folder: Path) -> None:
        self.plan = TrainingPlan(project, rows)

    def answers(self, wanted: Questions, at: Sequence[Probe]) -> list[Answer]:
        return list(self.plan.answers((*wanted.asked, *wanted.companions), at, wanted.training))

    def close(self) -> None:
        self.plan.close()


class _Served:
    """A store that was given everything, the future too."""

    count = 0
    """How many there were: each has files of its own."""

    def __init__(self, project: Project, rows: Rows, folder: Path) -> None:
        _Served.count += 1
        self.number = _Served.count
        self.project, self.rows, self.folder = project, rows, folder
        self.plan = TrainingPlan(project, rows)
        self.stores: dict[int, OnlinePlan] = {}

    def answers(self, wanted: Questions, at: Sequence[Probe]) -> list[Answer]:
        store = self.stores.get(id(wanted)) or self._filled(wanted)
        self.stores[id(wanted)] = store
        found = store.answers(wanted.asked, at)
        beside = self.plan.answers(wanted.companions, at, wanted.training) if wanted.companions else [{} for _ in at]
        return [{**a, **b} for a, b in zip(found, beside, strict=True)]

    def _filled(self, wanted: Questions) -> OnlinePlan:
        store = OnlinePlan(wanted.online, self.folder, f"served_{self.number}_{len(self.stores)}")
        for name, rows in self.rows.items():
            if rows:
                store.push(Batch(name, tuple(range(len(rows)))), self.rows)
        return store

    def close(self) -> None:
        self.plan.close()
        for store in self.stores.values():
            store.close()


def futures_of(store: FeatureStore, limit: int, count: int, folder: Path, seed: int = 5) -> Iterator[Found]:
    """Comparisons at so many instants, over about `limit` rows of each source."""
    found = Futures(store.project.without_labels(), rows_of(store, limit), Random(seed))
    for t in found.instants(count):
        yield found.compare(t, folder)


def all_features(project: Project) -> frozenset[str]:
    """All features by their qualified names."""
    return frozenset(f.qualified for v in (*project.views.values(), *project.asked.values()) for f in v.features)
