"""From a difference in a large history to the fewest, plainest rows that show it through `featc test`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from featc.errors import FeatcError
from featc.resolve.model import Output, Project, feature_closure
from featc.resolve.upstream import read_sources
from featc.runtime.verify.equal import as_expected
from featc.runtime.verify.history import Batch, Failed, History, Probe
from featc.runtime.verify.plans import TrainingPlan, pruned
from featc.runtime.verify.routes import ROUTES, Reader
from featc.runtime.verify.rows import Row

Item = tuple[str, Row]
"""A row and its source, in the order of pushing."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest case found: rows in order, the probe, both values, and the route that shows it."""

    output: Output
    items: tuple[Item, ...]
    probe: Probe
    training: Any
    online: Any
    route: str


def shrink(
    project: Project,
    output: Output,
    probe: Probe,
    history: History,
    pushed: Sequence[Batch],
    folder: Path,
    seconds: float,
) -> Shrunk | None:
    """The smallest case found in about `seconds` that shows the difference by one of the routes `featc test`
    takes; None when none does.
    """
    # with only the views behind the output a try is several times quicker; the whole has the last word
    for part in (pruned(project, [output]), project):
        found = _Shrinker(part, output, probe, folder, seconds).run(_relevant(project, output, history, pushed))
        if found is not None and (part is project or _confirmed(project, found, folder)):
            return found
    return None


def _confirmed(project: Project, found: Shrunk, folder: Path) -> bool:
    shrinker = _Shrinker(project, found.output, found.probe, folder, 0)
    try:
        return shrinker.differs(found.items, found.route)
    finally:
        shrinker.close()


class _Shrinker:
    """Tries smaller histories for one output at one probe until `seconds` are used up."""

    def __init__(self, project: Project, output: Output, probe: Probe, folder: Path, seconds: float) -> None:
        self.project, self.output, self.probe = project, output, probe
        self.reader = Reader(project, folder)
        self.training = TrainingPlan(project, {})
        self.until = time.monotonic() + seconds
        self.route = ""
        self.best: Shrunk | None = None

    def run(self, items: list[Item]) -> Shrunk | None:
        """The smallest case, or None when the difference does not show by any route."""
        try:
            if any(self.differs(items, route) for route in ROUTES):
                self._plainer(self._fewer(items))
            return self.best
        finally:
            self.close()

    def close(self) -> None:
        self.training.close()

    def _spent(self) -> bool:
        return time.monotonic() > self.until

    def differs(self, items: Sequence[Item], route: str | None = None) -> bool:
        way = route or self.route
        rows = by_source(items)
        try:
            for name, source in self.training.project.stored.items():
                self.training.give(source, rows.get(name, []))
            (training,) = self.training.answers([self.output], [self.probe])
            (online,) = self.reader.answers(rows, way, [self.output], [self.probe])
        except (FeatcError, duckdb.Error):
            return False  # rows that cannot be pushed are not the difference looked for
        a, b = training[self.output.name], online[self.output.name]
        if as_expected(a, b, self.output.type) or (isinstance(a, Failed) and isinstance(b, Failed)):
            return False
        self.route = way
        self.best = Shrunk(self.output, tuple(items), self.probe, a, b, way)
        return True

    def _fewer(self, items: list[Item]) -> list[Item]:
        """Delta debugging: leaves out ever smaller parts."""
        parts = 2
        while items and not self._spent():
            size = -(-len(items) // parts)
            smaller = self._first(items[:start] + items[start + size :] for start in range(0, len(items), size))
            if smaller is not None:
                items, parts = smaller, max(2, parts - 1)
            elif size == 1:
                break
            else:
                parts = min(len(items), parts * 2)
        return items

    def _first(self, candidates: Iterable[list[Item]]) -> list[Item] | None:
        for candidate in candidates:
            if self._spent():
                return None
            if self.differs(candidate):
                return candidate
        return None

    def _plainer(self, items: list[Item]) -> None:
        """Empties values, and makes numbers small, where that changes nothing."""
        for number in range(len(items)):
            source, row = items[number]
            for column in range(len(row)):
                for value in _plainer_values(row[column]):
                    if self._spent():
                        return
                    made = (*row[:column], value, *row[column + 1 :])
                    candidate = [*items[:number], (source, made), *items[number + 1 :]]
                    if self.differs(candidate):
                        items, row = candidate, made
                        break


def _plainer_values(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value not in (0, 1):
        return [None, type(value)(1)]
    return [None]


def by_source(items: Sequence[Item]) -> dict[str, list[Row]]:
    """The rows of each source, in order."""
    found: dict[str, list[Row]] = {}
    for source, row in items:
        found.setdefault(source, []).append(row)
    return found


def _relevant(project: Project, output: Output, history: History, pushed: Sequence[Batch]) -> list[Item]:
    """The rows of the sources behind an output, in the order they were pushed, each once."""
    views = {v for v, _ in feature_closure(project, ((output.view, output.feature),))}
    sources = {name for v in views for name in read_sources(project, project.view(v))}
    order = dict.fromkeys((b.source, n) for b in pushed for n in b.rows if b.source in sources)
    return [(source, history.rows[source][n]) for source, n in order]
