"""Whether facts imply an inequality between integers.

`sum ≤ 0` follows where it is a sum of facts: one atom after the other is taken out with a fact that has it with the
same sign, until a number is left. Every step is sound, so what is proven is so; what is not found counts as not proven.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from featc.leakage.terms import Atom, Fact, Sum, at_most, one

_MOST = 200
"""Goals that are looked at before the search gives up."""

_WIDEST = 5
"""Atoms that a goal may have on the way."""

_NESTED = 1
"""How often a proof may fall into cases inside each other."""


@dataclass(slots=True)
class Known:
    """Facts about one row and what is there with it, ready to be asked."""

    le: list[Sum] = field(default_factory=list)
    some: set[Atom] = field(default_factory=set)
    none: set[Atom] = field(default_factory=set)
    _tried: dict[Sum, bool] = field(default_factory=dict)
    _index: dict[tuple[Atom, bool], list[tuple[Sum, int]]] = field(default_factory=dict)
    _indexed: int = -1

    def implies(self, goal: Sum) -> bool:
        """Whether `goal` ≤ 0 follows."""
        if goal not in self._tried:
            self._tried[goal] = self._search(goal, _NESTED)
        return self._tried[goal]

    def contradicts(self, time: Atom) -> bool:
        """Whether no row can have such a time: a fact about it and its opposite both follow."""
        about = [f for f in self.le if any(atom == time for atom, _ in f.parts)]
        return any(self.implies(Sum(frozenset((a, -n) for a, n in f.parts), 1 - f.const)) for f in about)

    def learn(self, sums: Iterable[Sum]) -> None:
        """Takes in more inequalities."""
        self.le += sums
        self._tried.clear()

    def _search(self, goal: Sum, nested: int) -> bool:
        """Goes through the goals that imply `goal`, each term once with the least number that it was met with."""
        best: dict[frozenset[tuple[Atom, int]], int] = {goal.parts: goal.const}
        open_ = [goal]
        for asked in open_:
            if not asked.parts and asked.const <= 0:
                return True
            if any(n < 0 and atom in self.none for atom, n in asked.parts):
                return True  # NULL stands for "never", which is later than everything
            if len(open_) > _MOST:
                return False
            for step in self._steps(asked):
                if len(step) > 1:
                    if nested and all(self._search(g, nested - 1) for g in step):
                        return True
                    continue
                (next_,) = step
                if len(next_.parts) > _WIDEST or any(abs(n) > 1 for _, n in next_.parts):
                    continue  # no proof of differences needs that
                if next_.parts not in best or next_.const < best[next_.parts]:
                    best[next_.parts] = next_.const
                    open_.append(next_)
        return False

    def _steps(self, goal: Sum) -> Iterator[list[Sum]]:
        """Ways to prove the goal: each a list of goals that together imply it."""
        if not goal.parts:
            return
        atom, n = max(goal.parts, key=lambda p: (len(p[0].owners()), bool(p[0].args), p[0].owner, p[0].name, p[1]))
        yield from self._of_itself(goal, atom, n)
        for fact, m in self.about(atom, n > 0):
            if n % m == 0:
                yield [goal.plus(fact, -(n // m))]

    def about(self, atom: Atom, positive: bool) -> list[tuple[Sum, int]]:
        """The facts that have an atom with a sign, and how often."""
        if self._indexed != len(self.le):
            self._index.clear()
            for fact in self.le:
                for a, n in fact.parts:
                    self._index.setdefault((a, n > 0), []).append((fact, n))
            self._indexed = len(self.le)
        return self._index.get((atom, positive), [])

    def _of_itself(self, goal: Sum, atom: Atom, n: int) -> Iterator[list[Sum]]:
        """What an atom's own meaning gives."""
        match atom.kind:
            case "greatest" | "least":
                every = [goal.swap(atom, arg) for arg in atom.args]
                if (atom.kind == "greatest") == (n > 0):
                    yield every
                else:
                    yield from ([g] for g, arg in zip(every, atom.args, strict=True) if self.present(arg))
            case "mod":
                yield [goal.swap(atom, Sum(const=int(atom.name.partition(":")[2]) - 1 if n > 0 else 0))]
            case "flag":
                yield [goal.swap(atom, Sum(const=1 if n > 0 else 0))]

    def present(self, term: Sum) -> bool:
        """Whether a term is not NULL."""
        return all(a in self.some or self._made(a) for a, _ in term.parts)

    def _made(self, atom: Atom) -> bool:
        match atom.kind:
            case "greatest" | "least":  # which leave NULLs out
                return any(self.present(arg) for arg in atom.args)
            case "mod":
                return self.present(atom.args[0])
            case _:
                return atom.kind in ("as_of", "rank", "cut", "sure")


def known(facts: Iterable[Fact]) -> Known:
    """Facts with what follows from the atoms' meaning: `greatest` and `least` bound what they are made of, and places
    on a line follow what orders it."""
    found = Known()
    listed = list(dict.fromkeys(facts))
    for fact in listed:
        match fact.kind:
            case "some":
                found.some |= {a for a, _ in fact.sum.parts}
            case "none":
                found.none |= {a for a, _ in fact.sum.parts}
            case "le":
                found.le.append(fact.sum)
                if fact.sure:
                    found.some |= {a for a, _ in fact.sum.parts if not a.args or a.kind in ("rank", "cut")}
    found.le = [each for s in dict.fromkeys(found.le) if s.parts for each in _each(s, found)]
    atoms = _all_atoms(found.le)
    for atom in atoms:
        if atom.kind == "greatest":
            found.le += [at_most(arg, one(atom)).sum for arg in atom.args if found.present(arg)]
        if atom.kind == "least":
            found.le += [at_most(one(atom), arg).sum for arg in atom.args if found.present(arg)]
    _add_places(found, [a for a in atoms if a.kind == "rank"], [a for a in atoms if a.kind == "cut"])
    return found


def _each(sum_: Sum, found: Known) -> list[Sum]:
    """An inequality, and those that it means of what `greatest` or `least` are made of: `x <= least(a, b)`. Both leave
    NULLs out, so that they say something of those only that are there."""
    every = [sum_]
    for atom, n in sum_.parts:
        if (atom.kind, n > 0) in (("greatest", True), ("least", False)):
            every += [each for arg in atom.args if found.present(arg) for each in _each(sum_.swap(atom, arg), found)]
    return every


def _all_atoms(sums: Iterable[Sum]) -> list[Atom]:
    found: dict[Atom, None] = {}
    stack = [a for s in sums for a, _ in s.parts]
    while stack:
        atom = stack.pop()
        if atom not in found:
            found[atom] = None
            stack += [a for arg in atom.args for a, _ in arg.parts]
    return list(found)


def _add_places(found: Known, ranks: list[Atom], cuts: list[Atom]) -> None:
    """A row is at or before a cut exactly when what orders it is; of two rows the one with the lesser place is not
    later. Twice, since one line may be ordered by places on another."""
    for _ in range(2):
        more: list[Sum] = []
        for rank in ranks:
            for cut in cuts:
                if not _together(found, rank, cut) or not _one_line(found, rank, cut):
                    continue
                order, at = rank.args[0], cut.args[0]
                if found.implies(at_most(one(rank), one(cut)).sum):
                    more.append(at_most(order, at).sum)
                if "exact" in cut.name and found.implies(at_most(one(cut), one(rank)).sum.add(1)):
                    more.append(at_most(at, order).sum.add(1))
            for other in ranks:
                if other is rank or not _one_line(found, rank, other):
                    continue
                if found.implies(at_most(one(rank), one(other)).sum):
                    more.append(at_most(rank.args[0], other.args[0]).sum)
        found.learn(more)


def _together(found: Known, a: Atom, b: Atom) -> bool:
    """Whether a fact compares the two."""
    facts = [fact for positive in (True, False) for fact, _ in found.about(a, positive)]
    return any((b, n) in fact.parts for fact in facts for n in (1, -1))


def _one_line(found: Known, a: Atom, b: Atom) -> bool:
    """Whether two places are on one line: numbered together, and of the same part of it."""
    if a.name.split(":")[1] != b.name.split(":")[1] or len(a.args) != len(b.args):
        return False
    return all(
        x == y or (found.implies(at_most(x, y).sum) and found.implies(at_most(y, x).sum))
        for x, y in zip(a.args[1:], b.args[1:], strict=True)
    )
