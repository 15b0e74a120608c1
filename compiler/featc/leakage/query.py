"""What is shared while one query is read: the ledger of rows, its CTEs, and what the resolved project says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from featc.leakage.ledger import Ledger, renamed
from featc.leakage.terms import Fact, Sum, at_most, same
from featc.leakage.values import NONE, Refused, Relation, Scope, Total, Value
from featc.resolve.model import Feature, Project


@dataclass(frozen=True, slots=True)
class Member:
    """One branch of what a running total adds up: its rows, and what orders and parts them."""

    rows: frozenset[int]
    order: Sum
    parts: tuple[Sum, ...]
    spine: str


@dataclass(slots=True)
class Pool:
    """The rows that one running total along a line is of."""

    line: str
    members: list[Member]


@dataclass(slots=True)
class Query:
    """`relations` are the CTEs read so far, by name in lower case, and `bodies` their trees."""

    project: Project
    instant: str = "as_of"
    known_at: int | None = None
    ledger: Ledger = field(default_factory=Ledger)
    relations: dict[str, Relation] = field(default_factory=dict)
    bodies: dict[str, exp.Expr] = field(default_factory=dict)
    pools: list[Pool] = field(default_factory=list)
    proven: dict[str, list[str]] = field(default_factory=dict)
    """Feature → what was proven of it, in words."""
    wrong: list[Refused] = field(default_factory=list)
    lookups: dict[str, str] = field(default_factory=dict)
    """The spines of lookups for joins, and the numbering of the events that each is of."""
    selects: int = 0
    reading: str = ""
    """The CTE that is being read."""

    key_names: frozenset[str] = frozenset()
    features: Mapping[str, Feature] = field(default_factory=dict)
    """The project's features by view.feature in lower case, and the names of its keys."""

    def __post_init__(self) -> None:
        views = (*self.project.views.values(), *self.project.asked.values(), *self.project.labels.values())
        looked_up = [join.rows for view in views for join in view.lookups]
        self.key_names = frozenset(k.name.lower() for view in (*views, *looked_up) for k in view.keys)
        self.features = {f.qualified.lower(): f for view in views for f in view.features}


@dataclass(slots=True)
class Level:
    """One SELECT while it is read: its number, its named windows, and all branches of its rows (`pool`).

    `grouped` while its items are aggregates over the pool: the key terms of the group that is meant, by branch.
    """

    query: Query
    number: int
    windows: dict[str, exp.Window]
    pool: list[Scope] = field(default_factory=list)
    group: Group | None = None
    totals: dict[str, int] = field(default_factory=dict)

    @property
    def ledger(self) -> Ledger:
        return self.query.ledger


@dataclass(slots=True)
class Group:
    """What is aggregated into one row. `of` is the branch whose row stands for the group where its keys are those of a
    row, with each branch's key terms; None where all rows of one spine row, or of all there are, are aggregated."""

    of: Scope | None
    keys: dict[int, tuple[Value, ...]] = field(default_factory=dict)
    by_spine: bool = False


def line_of(node: exp.Expr) -> int:
    """The first line of the SQL that a node stands in."""
    lines = [n.meta["line"] for n in node.walk() if "line" in n.meta]
    return min(lines, default=0)


def uses(level: Level, value: Value) -> frozenset[int]:
    """The rows that a value can depend on in any way."""
    return counts(level, value).union(*(part.looked for part in every_part(value)))


def counts(level: Level, value: Value) -> frozenset[int]:
    """The rows whose data a value can be made of."""
    found = set(value.rows)
    if value.total is not None:
        found |= members(level.query, value.total, None, value.line)
    for inner in (*(value.fields or {}).values(), *value.options):
        found |= counts(level, inner)
    return frozenset(row for row in found if row in level.ledger.sources)


def mixed(level: Level, values: Iterable[Value], line: int = 0) -> Value:
    """What any function of values is."""
    listed = list(values)
    parts = [v for value in listed for v in every_part(value)]
    return Value(
        rows=NONE.union(*(counts(level, v) for v in listed)),
        looked=NONE.union(*(v.looked for v in parts)),
        numbers=frozenset(n for v in parts for n in v.numbers),
        scalars=frozenset(n for v in parts for n in v.scalars),
        labels=frozenset(n for v in parts for n in v.labels),
        features=frozenset(n for v in parts for n in v.features),
        line=line,
    )


def every_part(value: Value) -> list[Value]:
    """A value, and those inside it."""
    inner = [*(value.fields or {}).values(), *value.options]
    return [value, *(part for v in inner for part in every_part(v))]


def members(query: Query, total: Total, before: Total | None, line: int) -> frozenset[int]:
    """The rows that a running total adds up, without those that it adds up at the edge of `before`."""
    found: set[int] = set()
    for member in query.pools[total.pool].members:
        if member.spine:
            raise Refused(line, "a running total adds up values of other spine rows")
        names = query.ledger.copied(member.rows)
        rows = renamed(member.rows, names)
        order = member.order.renamed(names)
        told = [at_most(order, total.at, total.line or line)]
        if before is not None:
            told.append(at_most(before.at.add(1), order, before.line or line))
        for mine, key in zip(member.parts, total.keys, strict=True):
            told += same(mine.renamed(names), key, line, sure=False)
        query.ledger.tell(rows, told)
        found |= rows
    return frozenset(found)


def conditional(level: Level, value: Value, facts: Iterable[Fact]) -> Value:
    """A value that is there only where the facts hold."""
    listed = tuple(facts)
    if not listed:
        return value
    if value.total is not None:
        value = mixed(level, [value], value.line)
    rows = frozenset(o for part in every_part(value) for o in part.rows | part.looked)
    if not rows:
        return value
    owners = value.owners().union(*(f.sum.owners() for f in listed))
    names = level.ledger.copied(owners)
    level.ledger.tell(renamed(rows, names), [f.renamed(names) for f in listed])
    return value.renamed(names)
