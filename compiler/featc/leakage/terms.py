"""Integers of a query as sums of atoms, and what is known of them.

An `Atom` is a number that a row has: its τ, its place on a time line, a key. `owner` says of which row; `SPINE` is the
row to be answered. `Sum` is a linear term over atoms with integer coefficients. A `Fact` says that a sum is ≤ 0, or
that an atom is, or is not, NULL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SPINE = 0
"""The owner of what belongs to the spine row that is answered."""

NOBODY = -1
"""The owner of what is the same for every row, and of what is made of other atoms (`args`)."""

TIME, ARRIVAL, SUPERSEDED = "time", "arrival", "superseded"


@dataclass(frozen=True, slots=True)
class Atom:
    """A number of one row, or one made of other terms: `greatest`, `least`, `mod:<n>`, `cut:<line>`, `fn:<sql>`.

    `rank:<line>` is a row's place on a numbered line, with `args` (what orders the line, what parts it…).
    `cut:<line>` is the place of the last row there that is at or before `args[0]`, of the part `args[1:]`; 0 for none.
    """

    name: str
    owner: int = NOBODY
    args: tuple[Sum, ...] = ()
    _hash: int = field(init=False, compare=False, repr=False, default=0)
    _owners: frozenset[int] = field(init=False, compare=False, repr=False, default=frozenset())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.name, self.owner, self.args)))
        mine = frozenset({self.owner}) if self.owner > SPINE else frozenset()
        object.__setattr__(self, "_owners", mine.union(*(arg.owners() for arg in self.args)))

    def __hash__(self) -> int:  # terms are looked up far more often than made
        return self._hash

    @property
    def kind(self) -> str:
        return self.name.partition(":")[0]

    @property
    def is_whole(self) -> bool:
        """Whether it is an integer, so that `<` and `<= … - 1` are the same."""
        return self.kind not in ("col", "fn", "feature")

    def owners(self) -> frozenset[int]:
        """The rows it is of."""
        return self._owners

    def renamed(self, names: Mapping[int, int]) -> Atom:
        if names.keys().isdisjoint(self._owners):
            return self
        return Atom(self.name, names.get(self.owner, self.owner), tuple(a.renamed(names) for a in self.args))


@dataclass(frozen=True, slots=True)
class Sum:
    """Atoms times integers, plus an integer."""

    parts: frozenset[tuple[Atom, int]] = frozenset()
    const: int = 0
    _hash: int = field(init=False, compare=False, repr=False, default=0)
    _owners: frozenset[int] = field(init=False, compare=False, repr=False, default=frozenset())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.parts, self.const)))
        object.__setattr__(self, "_owners", frozenset().union(*(atom.owners() for atom, _ in self.parts)))

    def __hash__(self) -> int:
        return self._hash

    def plus(self, other: Sum, times: int = 1) -> Sum:
        found = dict(self.parts)
        for atom, n in other.parts:
            found[atom] = found.get(atom, 0) + n * times
        return Sum(frozenset((a, n) for a, n in found.items() if n), self.const + other.const * times)

    def minus(self, other: Sum) -> Sum:
        return self.plus(other, -1)

    def add(self, number: int) -> Sum:
        return Sum(self.parts, self.const + number)

    def swap(self, atom: Atom, other: Sum) -> Sum:
        """The sum with a term in place of an atom."""
        n = dict(self.parts)[atom]
        return Sum(self.parts - {(atom, n)}, self.const).plus(other, n)

    @property
    def atom(self) -> Atom | None:
        """The atom that the sum is and nothing else."""
        if self.const or len(self.parts) != 1:
            return None
        ((atom, n),) = self.parts
        return atom if n == 1 else None

    def owners(self) -> frozenset[int]:
        return self._owners

    def renamed(self, names: Mapping[int, int]) -> Sum:
        if names.keys().isdisjoint(self._owners):
            return self
        return Sum(frozenset((a.renamed(names), n) for a, n in self.parts), self.const)


def one(atom: Atom) -> Sum:
    return Sum(frozenset({(atom, 1)}))


def of_row(name: str, owner: int) -> Sum:
    """The term of one number of a row."""
    return one(Atom(name, owner))


AS_OF = of_row("as_of", SPINE)
"""The spine row's instant."""


@dataclass(frozen=True, slots=True)
class Fact:
    """`le`: `sum` ≤ 0, which also says that its atoms are not NULL where `sure`. `some`: `sum`, one atom, is not NULL.
    `none`: it is NULL. `line` is where the SQL says so."""

    kind: Literal["le", "some", "none"]
    sum: Sum
    line: int = 0
    sure: bool = True

    def renamed(self, names: Mapping[int, int]) -> Fact:
        if names.keys().isdisjoint(self.sum.owners()):
            return self
        return Fact(self.kind, self.sum.renamed(names), self.line, self.sure)


def at_most(a: Sum, b: Sum, line: int = 0, *, sure: bool = True) -> Fact:
    """`a` ≤ `b`."""
    return Fact("le", a.minus(b), line, sure)


def same(a: Sum, b: Sum, line: int = 0, *, sure: bool = True) -> tuple[Fact, ...]:
    """`a` = `b`; without `sure` they may both be NULL."""
    return (at_most(a, b, line, sure=sure), at_most(b, a, line, sure=sure))


_NAMES = {"as_of": "_as_of", "seen": "_enter", TIME: "_time", ARRIVAL: "_arrival", SUPERSEDED: "_superseded"}


def in_words(sum_: Sum) -> str:
    """A term as a reader of the SQL would write it."""
    plus = [_times(a, n) for a, n in sorted(sum_.parts, key=lambda p: (-p[1], p[0].name)) if n > 0]
    minus = [_times(a, -n) for a, n in sorted(sum_.parts, key=lambda p: (p[1], p[0].name)) if n < 0]
    text = " + ".join(plus) or str(sum_.const)
    text += "".join(f" - {m}" for m in minus)
    if not plus or not sum_.const:
        return text
    return f"{text} {'+' if sum_.const > 0 else '-'} {abs(sum_.const)}"


def _times(atom: Atom, n: int) -> str:
    return _atom_in_words(atom) if n == 1 else f"{n} * {_atom_in_words(atom)}"


def _atom_in_words(atom: Atom) -> str:
    kind, _, rest = atom.name.partition(":")
    if kind in ("greatest", "least"):
        return f"{kind}({', '.join(in_words(a) for a in atom.args)})"
    if kind == "mod":
        return f"floor_mod({in_words(atom.args[0])}, {rest})"
    if kind in ("sure", "scalar", "flag"):
        return f"({rest})" if " FROM " in rest else rest.partition(" ")[2] or rest
    if kind in ("rank", "cut"):
        return "place" if kind == "rank" else f"place_at({in_words(atom.args[0])})"
    return _NAMES.get(kind, rest or kind)


def as_inequality(sum_: Sum) -> str:
    """`sum` ≤ 0, with what has a minus on the right."""
    left = Sum(frozenset(p for p in sum_.parts if p[1] > 0))
    right = Sum(frozenset((a, -n) for a, n in sum_.parts if n < 0), -sum_.const)
    if not left.parts:
        return f"{in_words(Sum(right.parts))} >= {-right.const}"
    return f"{in_words(left)} <= {in_words(right)}"
