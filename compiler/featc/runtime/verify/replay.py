"""Pushing a history as badly as the law allows, and reading on the way (semantics.md, "What “equal” means").

Rows come in random order and random batches, some batches twice under one token, and rows that have an `id`
(one that is not NULL) again without any. Reads happen twice: half-way, when exactly what had arrived by then
is in the store, and at the end, when the store also holds what came later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from random import Random

from featc.resolve.model import Project, Source
from featc.runtime.verify.history import Batch, History
from featc.runtime.verify.plans import TrainingPlan
from featc.runtime.verify.rows import Row
from featc.runtime.verify.wholes import wholes


@dataclass(frozen=True, slots=True)
class Schedule:
    """Batches to push before the cut and after it. Before it are all rows with α ≤ `cut` (µs)."""

    cut: int
    before: tuple[Batch, ...]
    after: tuple[Batch, ...]


def schedule(
    project: Project, history: History, plan: TrainingPlan, cut: int, random: Random, batches: int
) -> Schedule:
    """A random schedule of about `batches` batches."""
    early: list[Batch] = []
    late: list[Batch] = []
    for name, rows in history.rows.items():
        source = plan.project.sources[name]
        arrivals = [arrival for _, arrival in plan.instants(source)]
        identified = _identified(project.sources[name], rows)
        parts = wholes(plan, source, len(rows))  # whose rows have one arrival
        known = [p for p in parts if arrivals[p[0]] is None or arrivals[p[0]] <= cut]  # type: ignore[operator]
        rest = [p for p in parts if p not in set(known)]
        share = max(2, batches // (2 * max(len(history.rows), 1)))
        early += _batches(name, known, identified, random, share, f"{name}-early")
        late += _batches(name, rest, identified, random, share, f"{name}-late")
        again = [p for p in known if identified.issuperset(p)]
        if again:  # what the store has long known comes once more
            picked = random.sample(again, min(len(again), 40))
            late.append(Batch(name, tuple(chain.from_iterable(picked))))
    random.shuffle(early)
    random.shuffle(late)
    return Schedule(cut, tuple(early), tuple(late))


def _identified(source: Source, rows: Sequence[Row]) -> frozenset[int]:
    """The rows that may be pushed again by themselves: those with an id, and those of dumps, with their dump. Others
    are events of their own each time.
    """
    if source.in_dumps:
        return frozenset(range(len(rows)))
    places = [n for n, c in enumerate(source.columns) if c.name in source.id]
    if not places:
        return frozenset()
    return frozenset(n for n, row in enumerate(rows) if all(row[place] is not None for place in places))


def _batches(
    source: str, parts: Sequence[tuple[int, ...]], identified: frozenset[int], random: Random, count: int, token: str
) -> list[Batch]:
    shuffled = list(parts)
    random.shuffle(shuffled)
    found: list[Batch] = []
    size = max(1, -(-len(shuffled) // count))
    start = 0
    while start < len(shuffled):
        taken = random.randint(1, 2 * size)
        part = tuple(chain.from_iterable(shuffled[start : start + taken]))
        start += taken
        # without an id a batch that may come twice needs a token: equal rows are two events
        batch = Batch(source, part, f"{token}-{start}" if random.random() < 0.7 else None)
        found.append(batch)
        again = random.random() < 0.4
        if again and (batch.token is not None or identified.issuperset(part)):
            found.append(batch)
    return found
