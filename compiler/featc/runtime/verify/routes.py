"""Ways of bringing the same rows into a store: whichever is taken, reads must give the same.

Small histories (author tests, shrunk cases) go through all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from featc.resolve.model import Output, Project
from featc.runtime.verify.history import Answer, Batch, Probe
from featc.runtime.verify.plans import OnlinePlan
from featc.runtime.verify.rows import Rows
from featc.runtime.verify.wholes import Parts, parts_of

_SINGLE = 60
"""More rows than this are pushed in that many batches instead of one by one."""

Route = Callable[[Parts], list[Batch]]


def whole(parts: Parts) -> list[Batch]:
    """One batch per source."""
    return [Batch(source, tuple(chain.from_iterable(listed))) for source, listed in parts.items() if listed]


def in_order(parts: Parts) -> list[Batch]:
    """Row by row, as written; dumps each whole."""
    total = sum(len(listed) for listed in parts.values())
    size = max(1, -(-total // _SINGLE))
    return [
        Batch(source, tuple(chain.from_iterable(listed[start : start + size])))
        for source, listed in parts.items()
        for start in range(0, len(listed), size)
    ]


def backwards(parts: Parts) -> list[Batch]:
    """Row by row from the last to the first, every batch sent twice under its token."""
    found = []
    for number, batch in enumerate(reversed(in_order(parts))):
        named = Batch(batch.source, batch.rows[::-1], f"batch-{number}")
        found += [named, named]
    return found


ROUTES: Mapping[str, Route] = {
    "in one batch": whole,
    "row by row": in_order,
    "row by row backwards, each batch twice": backwards,
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads outputs from a fresh store per route."""

    project: Project
    folder: Path

    def answers(self, rows: Rows, route: str, outputs: Sequence[Output], probes: Sequence[Probe]) -> list[Answer]:
        """Online answers after the rows came by `route`. Raises what a push raises."""
        online = OnlinePlan(self.project, self.folder, "route")
        try:
            for batch in ROUTES[route](parts_of(self.project, rows)):
                online.push(batch, rows)
            return online.answers(outputs, probes)
        finally:
            online.close()
