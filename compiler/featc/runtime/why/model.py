"""What `featc why` finds: the report, as data. `text` and `data` say it to people and to programs.

Instants are µs since the epoch; values are Python's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Standing = Literal[
    "counted", "filtered", "beyond", "where", "deleted", "superseded", "duplicate", "unknown", "never", "too late",
    "before", "after", "holds", "fails", "earlier", "later", "ended",
]  # fmt: skip
"""How a row stands to a window, or to a lookup, at the instant asked for.

| standing | meaning |
|---|---|
| counted | a member of the window, and its FILTER holds |
| filtered | a member whose FILTER does not hold |
| beyond | in the window's reach, but not one of its last rows, or before the row it begins with |
| where | in the window, and the view's `where` does not hold |
| deleted | in the window, and known to be deleted |
| superseded | in the window, and another version took its place before |
| duplicate | the same row once more |
| unknown | in the window, and not known yet |
| never | without a time or an arrival, so never visible |
| too late | later than the source's `final_after` lets it be |
| before, after | passes everything but an edge: older than the window, or newer |
| holds | the row that a lookup takes |
| fails | the newest row, which hides older ones and does not hold |
| earlier, later | the rows before and after the one taken |
| ended | a row of `current` whose time is over |
"""


@dataclass(frozen=True, slots=True)
class Replacement:
    """The version that took a row's place: when that was known, and how it differs. `moved`: it is about another
    entity; `changes` are the columns of the data that differ, (old, new)."""

    known_at: int | None
    time: int | None
    deleted: bool
    moved: bool
    changes: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a source. `enter` is when it is visible from; `distance` how far from the edge it misses, in µs;
    `values` what it brings to the aggregate, by expression; `joined` what lies beside it; `data` the row as the data
    has it. `decides`: the aggregate is the value of this row (max, last, arg_min …)."""

    standing: Standing
    time: int | None
    known_at: int | None
    enter: int | None
    superseded_at: int | None
    id: Mapping[str, Any]
    values: Mapping[str, Any]
    joined: Mapping[str, Any]
    data: Mapping[str, Any]
    distance: int | None = None
    replaced_by: Replacement | None = None
    note: str | None = None
    decides: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """An end of a window, and whether a row at that very instant is in it."""

    at: int
    included: bool


@dataclass(frozen=True, slots=True)
class Marks:
    """Where rows lie in time, for the time line: (τ, standing), at most so many."""

    places: tuple[tuple[int, Standing], ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of the online store: where it begins, how long it is, how many rows it has, and whether a read at the
    instant uses it: not while it is unsettled then, so that its rows are read instead."""

    start: int
    width: int
    rows: int
    used: bool


@dataclass(frozen=True, slots=True)
class OnlineRows:
    """What the online store reads for a window: its tiles, and how many rows beside them. `lacking` are counted rows
    of the source that the store has not, (τ, enter); `surplus` those that only the store has."""

    tiles: tuple[Tile, ...]
    raw: int
    lacking: tuple[tuple[int, int], ...]
    surplus: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The row that a lookup in the online store comes upon: its τ, None where there is none."""

    time: int | None


@dataclass(frozen=True, slots=True)
class Counted:
    """An aggregate over a window, and how the rows stand to it. `text` is the aggregate as it is computed; `counts` say
    how many rows there are of each standing, of which `rows` has some. `beside` says what each join finds."""

    name: str
    view: str
    source: str
    text: str
    window: str
    words: str
    closed: str
    zone: str | None
    lower: Edge | None
    upper: Edge
    value: Any
    counts: Mapping[Standing, int]
    nulls: int
    rows: tuple[Row, ...]
    marks: Marks
    entity: Mapping[str, Any]
    entity_rows: int
    """How many rows of the source have the entity's keys, whatever their time."""
    where: str | None = None
    filter: str | None = None
    beside: Mapping[str, str] = field(default_factory=dict)
    online: OnlineRows | None = None
    failed: bool = False
    """Whether the plan refuses to give the value."""


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The lookup of the row that holds. `because` says why none does."""

    view: str
    source: str
    columns: Mapping[str, Any]
    ttl: int | None
    closed: str
    counts: Mapping[Standing, int]
    rows: tuple[Row, ...]
    marks: Marks
    because: str | None
    entity: Mapping[str, Any]
    entity_rows: int
    where: str | None = None
    online: Found | None = None
    """What a lookup in the online store comes upon; None where that cannot be told."""
    limit: Edge | None = None
    """With a ttl, the oldest instant at which a row may have happened."""


@dataclass(frozen=True, slots=True)
class Input:
    """What an expression takes in: a name as it is written, its kind, and its value."""

    name: str
    kind: Literal["feature", "aggregate", "state", "key", "request", "as_of", "complete"]
    value: Any


@dataclass(frozen=True, slots=True)
class Explained:
    """One feature, and the `place` where its author wrote it. `value` is the training plan's; `plain` that without its
    `default`; `because` why it is NULL, or why the default stands in its place."""

    name: str
    view: str
    feature: str
    text: str
    type: str
    value: Any
    plain: Any
    default: str | None
    inputs: tuple[Input, ...]
    aggregates: tuple[Counted, ...]
    state: LookedUp | None
    because: str | None
    place: str | None = None
    failed: bool = False
    """Whether the plan refuses: `because` then says why."""

    @property
    def defaulted(self) -> bool:
        """Whether its default stands in place of NULL."""
        return self.default is not None and self.plain is None and not self.failed


@dataclass(frozen=True, slots=True)
class Plan:
    """What a plan says: its value, or why there is none."""

    value: Any = None
    missing: str | None = None

    @property
    def there(self) -> bool:
        return self.missing is None


@dataclass(frozen=True, slots=True)
class WhyReport:
    """The value of one feature of a service for one entity at one instant, and all that it comes from. `features` has
    the one asked for, then what it is made of, each once. `differs`: the plans give different values."""

    project: str
    service: str
    output: str
    feature: str
    type: str
    keys: Mapping[str, Any]
    request: Mapping[str, Any]
    at: int
    training: Plan
    online: Plan
    differs: bool
    features: tuple[Explained, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def value(self) -> Any:
        """The training plan's value."""
        return self.training.value

    @property
    def exit_code(self) -> int:
        """0; 3 where training and online differ."""
        return 3 if self.differs else 0

    def to_json(self) -> dict[str, Any]:
        """The report as plain data, as `featc why --format json` prints it."""
        from featc.runtime.why.data import as_data

        return as_data(self)

    def render(self) -> str:
        """The report for people, at most 100 characters wide."""
        from featc.runtime.why.text import as_text

        return as_text(self)

    def __repr__(self) -> str:
        return self.render()
