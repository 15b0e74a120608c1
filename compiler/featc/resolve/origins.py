"""Sources as resolved: where rows lie, what columns they have, and what these mean in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from featc.errors import Span
from featc.names import HAPPENED as HAPPENED
from featc.resolve.expressions import Expr

if TYPE_CHECKING:
    from featc.resolve.beside import Join, ViewJoin

SourceKind = Literal["event", "state", "snapshot"]


@dataclass(frozen=True, slots=True)
class Location:
    """Where rows lie. Not part of a version, except the text of `sql`. `path` is relative to the project's root;
    `union` names the sources whose rows they are."""

    kind: Literal["path", "table", "sql", "union"]
    value: str


@dataclass(frozen=True, slots=True)
class Column:
    """A source column: the type found in the data, and the type expressions see.

    They differ where semantics.md ("Time", "Types") converts: TIMESTAMP WITH TIME ZONE / TIMESTAMP_NS / TIMESTAMP_S
    / TIMESTAMP_MS → TIMESTAMP (naive UTC, floored to µs, ±infinity → NULL), and a DOUBLE declared integral.
    """

    name: str
    physical: str
    type: str
    tags: tuple[str, ...] = ()
    known_after: str | None = None
    brought: Join | ViewJoin | None = None
    """Set where a join brings the column to the rows of another source."""
    computed: bool = False
    """Set in a union where all members compute it of what else their rows hold, so that it tells no two rows apart."""
    hidden: bool = False
    """Set in a union where featc makes it, and no author names it."""
    stands_for: str | None = None
    """Set in a union where it holds what the data of members have under a name that is a `let` of others."""


MEMBER = "_source"
"""The column of a union with the name of the source that a row is of."""
KNOWN, DEAD = "_known_at", "_dead"
"""Columns of a union that its members compute, beside HAPPENED: when a row was known (µs), and whether it is dead."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source of events, states or dumps of states. `columns` are all columns of the data, in the data's order.

    `time`, `available_at`, `deleted`, `valid_to` are expressions over columns; the instants among them have type
    TIMESTAMP or DATE. `delay` is 0 when `available_at` is given. `id` is empty when every row is an event of its own.
    Where rows hold, `key` is the identity of a row (columns), empty = the keys of the view that reads it.
    `final_after` in µs: how long after its event a version may still arrive; None is for ever.
    """

    name: str
    kind: SourceKind
    location: Location
    columns: tuple[Column, ...]
    time: Expr
    available_at: Expr | None = None
    delay: int = 0
    timezone: str | None = None
    id: tuple[str, ...] = ()
    deleted: Expr | None = None
    tie_break: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    valid_to: Expr | None = None
    final_after: int | None = None
    meta: Mapping[str, object] = field(default_factory=dict)
    span: Span | None = field(default=None, compare=False)
    lets: tuple[tuple[str, Expr], ...] = field(default=(), compare=False)  # written out wherever they are used
    members: tuple[Member, ...] = ()
    """Of a union: the sources whose rows it has. It has none of its own, and nothing is pushed to it."""
    query: str | None = None
    """The text of its own `sql:`, which is part of what it means wherever a target lays the data."""

    @property
    def told_by(self) -> tuple[str, ...]:
        """The columns that come last in the event order: the id; of a union without one, which source a row is of."""
        return self.id or ((MEMBER,) if self.members else ())

    @property
    def places(self) -> tuple[Location, ...]:
        """Where its rows lie: a union's in several places."""
        return tuple(p for m in self.members for p in m.source.places) if self.members else (self.location,)

    @property
    def settles(self) -> int:
        """How long after an event the last of what labels need to know of it usually comes, in µs (semantics.md,
        "Labels")."""
        if self.final_after is not None:
            return self.final_after
        return max((self.delay, *(m.source.delay for m in self.members)))

    def found(self, sources: Mapping[str, Source]) -> Source:
        """The source as it is among `sources`, a union with the members as they are there."""
        members = tuple(replace(m, source=sources[m.source.name]) for m in self.members)
        return replace(self, members=members) if members else self

    @property
    def holds(self) -> bool:
        """Whether its rows hold for a time: states, and the rows of dumps."""
        return self.kind != "event"

    @property
    def in_dumps(self) -> bool:
        """Whether its rows of one time and arrival are one whole dump."""
        return self.kind == "snapshot"

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)


@dataclass(frozen=True, slots=True)
class Member:
    """A source that is part of a union. `values` are expressions over its columns, by the union's column; a column
    without one is NULL in its rows, but for those that say when, which the lowering makes."""

    source: Source
    values: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class Attributed:
    """A source that is made of others: the events of `base`, with what follows them in the sources `matched`."""

    name: str
    base: str
    matched: tuple[str, ...]
    meta: Mapping[str, object] = field(default_factory=dict)
    span: Span | None = field(default=None, compare=False)
