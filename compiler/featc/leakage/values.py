"""What the checker knows of a column, a row and a relation while it reads a query.

A relation is a few `Variant`s: each is an arbitrary row of one of its branches (of a UNION, of the edges that a list
names), with what every column is. A value's `rows` are the rows of sources that can reach it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from featc.leakage.ledger import renamed
from featc.leakage.terms import Fact, Sum

NONE: frozenset[int] = frozenset()
BARE: frozenset[str] = frozenset()


class Refused(Exception):
    """The checker cannot follow the query at `line`, or it does not prove what it has to."""

    def __init__(self, line: int, message: str, code: str = "F570") -> None:
        super().__init__(message)
        self.line, self.message, self.code = line, message, code


@dataclass(frozen=True, slots=True)
class Total:
    """A count or a sum over all rows of `pool` in the part `keys` whose order is at or before `at`.

    `settled`: over exactly those; else rows of the same instant may be missing. `fixed`: `at` is no longer that of a
    row, but of an edge, which the SQL gives at `line`.
    """

    pool: int
    at: Sum
    keys: tuple[Sum, ...]
    counts: bool
    settled: bool
    fixed: bool = False
    line: int = 0

    def renamed(self, names: Mapping[int, int]) -> Total:
        return replace(self, at=self.at.renamed(names), keys=tuple(k.renamed(names) for k in self.keys))


@dataclass(frozen=True, slots=True)
class Value:
    """What a column or expression is.

    * `term`: the integer, or the key, that it equals.
    * `rows`: rows whose data it can depend on; `looked`: rows that only decide whether there is a value.
    * `fields`: of a struct. `options`: it is one of these.
    * `facts`: what holds where it is TRUE. `truth`, `is_null`, `text`: what it is, where that is plain.
    * `total`: of which running total it is the value.
    * `numbers`: lines whose places it may show, which count rows of any time.
    * `scalars`: data of all times that it may show: a source's lag, how far it reaches.
    * `labels`, `features`: proven features it is made of.
    * `last`: TRUE on the last row of an instant on this line. `dense`: it numbers all rows of its relation, of one
      line, from 1 on. `edge`: it is the place of the last row of its instant.
    * `line`: where the SQL says so. `given_at`: where it names the edge of a window that this is.
    """

    term: Sum | None = None
    rows: frozenset[int] = NONE
    looked: frozenset[int] = NONE
    fields: Mapping[str, Value] | None = None
    facts: tuple[Fact, ...] = ()
    truth: bool | None = None
    is_null: bool = False
    text: str | None = None
    total: Total | None = None
    numbers: frozenset[str] = frozenset()
    scalars: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    options: tuple[Value, ...] = ()
    last: str | None = None
    dense: bool = False
    edge: bool = False
    line: int = 0
    given_at: int = 0

    def renamed(self, names: Mapping[int, int]) -> Value:
        if not names:
            return self
        return replace(
            self,
            term=None if self.term is None else self.term.renamed(names),
            rows=renamed(self.rows, names),
            looked=renamed(self.looked, names),
            fields=None if self.fields is None else {n: v.renamed(names) for n, v in self.fields.items()},
            facts=tuple(f.renamed(names) for f in self.facts),
            total=None if self.total is None else self.total.renamed(names),
            options=tuple(o.renamed(names) for o in self.options),
        )

    def owners(self) -> frozenset[int]:
        """Every row that the value speaks of."""
        found = set(self.rows | self.looked)
        found |= self.term.owners() if self.term is not None else NONE
        for fact in self.facts:
            found |= fact.sum.owners()
        for inner in (*(self.fields or {}).values(), *self.options):
            found |= inner.owners()
        if self.total is not None:
            found |= self.total.at.owners().union(*(k.owners() for k in self.total.keys))
        return frozenset(found)


@dataclass(slots=True)
class Variant:
    """An arbitrary row of a relation.

    * `rows`: the rows it is made of, which are there whenever it is; not those that its values were aggregated from.
    * `spine`: it belongs to one spine row; `single`: no other row of the relation does.
    * `open`: it has columns that are not listed, all of the spine's own.
    * `unique`: a column whose value no other row has.
    """

    columns: dict[str, Value] = field(default_factory=dict)
    rows: frozenset[int] = NONE
    spine: bool = False
    single: bool = False
    open: bool = False
    unique: str | None = None

    def owners(self) -> frozenset[int]:
        found = set(self.rows)
        for value in self.columns.values():
            found |= value.owners()
        return frozenset(found)

    def renamed(self, names: Mapping[int, int]) -> Variant:
        columns = {n: v.renamed(names) for n, v in self.columns.items()}
        return replace(self, columns=columns, rows=renamed(self.rows, names))


@dataclass(slots=True)
class Scope:
    """An arbitrary row of a FROM clause: a variant by alias; else as `Variant`."""

    items: dict[str, Variant] = field(default_factory=dict)
    rows: frozenset[int] = NONE
    spine: bool = False
    single: bool = False
    aliases: dict[str, Value] = field(default_factory=dict)
    """Items of the SELECT that stand before, which DuckDB lets others name."""

    def renamed(self, names: Mapping[int, int]) -> Scope:
        items = {a: v.renamed(names) for a, v in self.items.items()}
        return Scope(items, renamed(self.rows, names), self.spine, self.single)

    def owners(self) -> frozenset[int]:
        return self.rows.union(*(v.owners() for v in self.items.values())) if self.items else self.rows


Relation = tuple[Variant, ...]
