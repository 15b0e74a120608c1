"""What a training set knows: the knowledge instant of its labels, and how far its data reaches (semantics.md,
"Observation", "Labels")."""

from __future__ import annotations

from dataclasses import dataclass

from featc.lower import source as src
from featc.lower.ctes import Ctes, select
from featc.lower.source import ARRIVAL, TIME
from featc.lower.training.rows import AtT, Known, KnownBy, versions
from featc.resolve.model import Source, View


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Instants in µs: labels know what was known at `known_at` (None: all there is), and the data reaches to
    `data_until` (None: to the source's greatest enter), at most to `known_at`.

    With `hindsight` features know all there is. That is no training set: it is what others silently make, for telling
    how much it would differ.
    """

    known_at: int | None = None
    data_until: int | None = None
    hindsight: bool = False

    def of(self, view: View) -> Known:
        """What the rows of a view are known by."""
        if view.ahead:
            return KnownBy(self.known_at)
        return KnownBy(None) if self.hindsight else AtT()


LATEST = Knowledge()
"""Labels know all there is."""


def watermark(ctes: Ctes, source: Source, view: View, base: str, knowledge: Knowledge) -> str:
    """The CTE with the instant to which the data of a source reaches, one row `us`; NULL without any data."""
    until = str(knowledge.data_until)
    relation = ""
    if knowledge.data_until is None:
        relation = f"FROM {versions(ctes, source, view, base)}"
        until = f"max(greatest({TIME}, {ARRIVAL})) FILTER (WHERE {TIME} IS NOT NULL AND {ARRIVAL} IS NOT NULL)"
    if knowledge.known_at is not None:
        until = f"CASE WHEN {until} > {knowledge.known_at} THEN {knowledge.known_at} ELSE {until} END"
    comment = f"{source.name}: the instant to which its data reaches; labels beyond it are not complete"
    return ctes.add(src.quoted(f"{source.name}_watermark"), select([f"{until} AS us"], relation), comment)
