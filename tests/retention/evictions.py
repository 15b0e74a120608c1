"""Random histories pushed into a store that is evicted again and again, and compared with the oracle.

The oracle is told the rows that the store accepted: all that were pushed but those that arrived before the horizon
their source had by then. From the horizon on, every read has its value; before it, every read is an error.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from featc.errors import FeatcError
from featc.lower import online_layout
from featc.runtime.online.taking import BEHIND
from featc.runtime.store import FeatureStore
from oracle import Derived, Probe, Row, moment
from random_projects import render
from random_projects.dumps import wholes
from random_projects.generate import arrival, make_case, sortable
from random_projects.judge import Difference, Judge
from random_projects.model import SERVICE, Case

_MEANWHILE = 0.3
"""The share of observations that are compared before a history's end."""
_REFUSED = 0.2
"""The share of those before the horizon that are asked for."""


@dataclass(slots=True)
class Outcome:
    """What happened along the way, so that a test can see that it was something."""

    seen: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)


def small_tiles(patch: pytest.MonkeyPatch, case: Case, chance: random.Random) -> None:
    """Tiles as wide as a few of the case's instants, for its days are microseconds now and then."""
    taus = [t for s in case.sources for row in case.rows[s.name] if (t := row[s.meaning.time]) is not None]
    span = max(taus, default=0) - min(taus, default=0)
    patch.setattr(online_layout, "_WIDTHS", (max(1, span // chance.choice((4, 9, 20, 41))),))


class Evicted:
    """A case's store, what it was given, and the horizons it should have."""

    def __init__(self, case: Case, folder: Path, chance: random.Random) -> None:
        render.write(case, folder)
        self.case, self.chance = case, chance
        self.store = FeatureStore(folder)
        self.accepted: dict[str, list[Row]] = {s.name: [] for s in case.sources}
        self.horizons: dict[str, int] = {}
        self.sources = set(sources_read(case))
        self.outcome = Outcome()
        self.thin = random.Random(len(case.probes))
        """Says which observations are left out, apart from `chance`: histories are the same without it."""

    def push(self, source: str, numbers: list[int]) -> None:
        """A batch, of which only what arrived at the horizon or later is taken."""
        rows = render.batch(self.case, source, numbers, self.chance.choice(("dicts", "arrow")))
        report = self.store.push(source, rows)
        horizon = self.horizons.get(source)
        alphas = {n: arrival(self.case, source, n) for n in numbers}
        behind = {n for n, alpha in alphas.items() if None not in (horizon, alpha) and alpha < horizon}
        self.accepted[source] += [self.case.rows[source][n] for n in numbers if n not in behind]
        refused = report.rejected.get(BEHIND, 0)
        assert refused <= len(behind)
        if self.case.source(source).meaning.id is None and self.case.source(source).meaning.kind == "event":
            assert refused == len(behind)
        self.outcome.seen["rows refused"] += refused

    def evict(self, replay: int) -> None:
        """An eviction, tried first; the horizons move and never go back."""
        tried = self.store.online.evict(replay, dry_run=True)
        done = self.store.online.evict(replay)
        assert tried == done
        for found in done:
            if found.horizon is None:
                continue
            assert found.horizon >= self.horizons.get(found.source, found.horizon)
            self.horizons[found.source] = found.horizon
            self.outcome.seen["versions dropped"] += found.versions
            for view in found.views:
                self.outcome.seen["superseded rows dropped"] += view.superseded
                self.outcome.seen["final rows dropped"] += view.final
                self.outcome.seen["tiles dropped or merged"] += view.tiles
                self.outcome.seen["tiles kept"] += view.kept_tiles

    def probes(self) -> Iterator[Probe]:
        """The case's observations at their own instants, and around the horizons."""
        yield from self.case.probes
        for probe in self.case.probes:
            for horizon in self.horizons.values():
                at = horizon + self.chance.choice((0, 0, 1, -1, 2))
                yield Probe(probe.keys, at, probe.request)

    def compare(self, share: float = 1.0) -> None:
        """All observations, or a share of them, with the oracle of what was accepted; of what must be refused a few."""
        case = self.case.with_(rows=self.accepted, probes=tuple(self.probes()))
        judge = Judge(case)
        least = max((h for s, h in self.horizons.items() if s in self.sources), default=None)
        for number, probe in enumerate(case.probes):
            if self.thin.random() >= (_REFUSED if least is not None and probe.t < least else share):
                continue
            ask = [{**{k: probe.keys[k] for k in case.spine_keys}, **probe.request}]
            if least is not None and probe.t < least:
                with pytest.raises(FeatcError) as refused:
                    self.store.get_online_features(SERVICE, ask, at=moment(probe.t))
                assert refused.value.diagnostics[0].code == "F660"
                self.outcome.seen["reads refused"] += 1
                continue
            (answer,) = self.store.get_online_features(SERVICE, ask, at=moment(probe.t))
            self.outcome.seen["reads at the horizon or later"] += least is not None
            self.outcome.differences += judge.values("online", number, answer)


def sources_read(case: Case) -> Iterator[str]:
    """The sources that the service's features come from."""
    features = case.oracle().features
    waiting = [name for _, name, _ in case.outputs()]
    while waiting:
        view, feature = features[waiting.pop()]
        if isinstance(feature, Derived):
            waiting += [name for name in feature.inputs if name in features]
        elif view.source is not None:
            yield view.source


def batches(case: Case, chance: random.Random) -> list[tuple[str, list[int]]]:
    """All rows, most of them in the order of arrival, cut into batches; some again."""
    found = []
    for source in case.sources:
        name = source.name
        parts = sorted(wholes(source, case.rows[name]), key=lambda part: sortable(arrival(case, name, part[0])))
        late = [part for part in parts if chance.random() < 0.12]
        parts = [part for part in parts if part not in late]
        size = chance.choice((2, 5, 9)) if source.meaning.kind != "snapshot" else 1
        cut = [[n for part in parts[k : k + size] for n in part] for k in range(0, len(parts), size)]
        for part in late:
            cut.insert(chance.randrange(len(cut) + 1), part)
        if source.meaning.id is not None and cut:
            again = [n for n in chance.choice(cut) if case.rows[name][n][source.meaning.id] is not None]
            cut.insert(chance.randrange(len(cut) + 1), again or cut[0][:0])
        if source.meaning.kind == "snapshot" and cut:
            cut.append(chance.choice(cut))
        found.append([(name, batch) for batch in cut if batch])
    merged: list[tuple[str, list[int]]] = []
    while any(found):
        merged.append(chance.choice([f for f in found if f]).pop(0))
    return merged


def play(seed: int, folder: Path, patch: pytest.MonkeyPatch) -> tuple[Case, Outcome]:
    """One case: pushes, evictions between them, comparisons all along."""
    chance = random.Random(seed)
    case = make_case(seed)
    small_tiles(patch, case, chance)
    evicted = Evicted(case, folder, chance)
    taus = [t for s in case.sources for row in case.rows[s.name] if (t := row[s.meaning.time]) is not None]
    span = max(taus, default=0) - min(taus, default=0) + 1
    try:
        for source, numbers in batches(case, chance):
            evicted.push(source, numbers)
            if chance.random() < 0.35:
                evicted.evict(chance.choice((0, 1, span // 20, span // 5, span // 2)))
                evicted.compare(_MEANWHILE)
            if evicted.outcome.differences:
                break
        evicted.compare()
        evicted.evict(0)
        evicted.compare()
    finally:
        evicted.store.close()
    return case, evicted.outcome
