"""Joins of a view: what lies beside each of its events (semantics.md, "Enrichment joins")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from featc.resolve.expressions import Expr

if TYPE_CHECKING:
    from featc.resolve.model import Key, Source, View

JOINED = "."
"""What stands between a join's name and a column's, in the name of a column that the join brings."""


def join_column(join: str, column: str) -> str:
    """What a column that a join brings is called among those of the events."""
    return f"{join}{JOINED}{column}"


@dataclass(frozen=True, slots=True)
class Match:
    """How a join of an attributed source looks ahead: for a row with `τ(e) ≤ τ < τ(e) + within` (µs), the `take` one in
    event order. `mature`: the event counts once `within` and the other source's delay are over."""

    within: int
    take: Literal["first", "last"]
    mature: bool


@dataclass(frozen=True, slots=True)
class Join:
    """A join of a view: at each event, the row of another source that held then (semantics.md, "Enrichment joins").

    `rows` looks that row up: its keys are the other source's columns, its `state_columns` what the events get, under
    `join_column` of `name`; its `ttl` is `within`. `keys` are what these have to equal, over the event's columns and
    those of the joins before this one. `source` is the other source as it is defined. `match` is set where it looks
    ahead instead of back.
    """

    name: str
    source: Source
    rows: View
    keys: tuple[Expr, ...]
    match: Match | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """What the events' rows get."""
        return tuple(join_column(self.name, c) for c in self.rows.state_columns)


@dataclass(frozen=True, slots=True)
class Beside:
    """A feature of another view beside each event, and its type."""

    feature: str
    type: str


@dataclass(frozen=True, slots=True)
class ViewJoin:
    """A join of a view with another view: at each event, features of that view at t = τ(e), by what was known at
    k = enter(e) (semantics.md, "Enrichment joins").

    `view` is the other view; `features` what the events get, under `join_column` of `name`. `keys` give the entity
    that is asked for, a key of the other view each (`keys_of`, without expressions), over the event's columns and those
    of the joins before this one.
    """

    name: str
    view: str
    features: tuple[Beside, ...]
    keys_of: tuple[Key, ...]
    keys: tuple[Expr, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """What the events' rows get."""
        return tuple(join_column(self.name, f.feature) for f in self.features)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(view, feature) of what the events get."""
        return tuple((self.view, f.feature) for f in self.features)
