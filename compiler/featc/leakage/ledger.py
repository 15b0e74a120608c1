"""What is known of each row that can reach a value: rows are numbers here, each an arbitrary row of its relation.

Facts belong to a row: they hold wherever this row is there. `needs` says which other rows are there whenever it is, so
that no fact of a row that an outer join may have missed is ever used for another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from featc.leakage.terms import Fact


@dataclass(slots=True)
class Ledger:
    """All rows of one check. `sources` says of which source a row is; `lines` where in the SQL a row comes in."""

    facts: dict[int, tuple[Fact, ...]] = field(default_factory=dict)
    needs: dict[int, frozenset[int]] = field(default_factory=dict)
    sources: dict[int, str] = field(default_factory=dict)
    lines: dict[int, int] = field(default_factory=dict)
    _free: count[int] = field(default_factory=lambda: count(1))

    def row(self, line: int, source: str | None = None) -> int:
        """A new row; `source` None is one that holds no data of a source."""
        owner = next(self._free)
        self.facts[owner], self.needs[owner], self.lines[owner] = (), frozenset(), line
        if source is not None:
            self.sources[owner] = source
        return owner

    def there(self, owners: Iterable[int]) -> frozenset[int]:
        """The rows and all that are there with them."""
        found: set[int] = set()
        stack = list(owners)
        while stack:
            owner = stack.pop()
            if owner not in found:
                found.add(owner)
                stack += self.needs[owner]
        return frozenset(found)

    def known(self, owner: int) -> list[Fact]:
        """Every fact that holds where a row is there."""
        return [fact for o in self.there([owner]) for fact in self.facts[o]]

    def tell(self, owners: Iterable[int], facts: Collection[Fact]) -> None:
        """Facts that hold where each of the rows is there. Rows that the facts name are there then."""
        if not facts:
            return
        named = frozenset(o for fact in facts for o in fact.sum.owners())
        for owner in owners:
            self.facts[owner] += tuple(facts)
            self.needs[owner] |= named - {owner}

    def bind(self, owners: Collection[int], others: Collection[int]) -> None:
        """Where `owners` are there, so are `others`."""
        for owner in owners:
            self.needs[owner] |= frozenset(others) - {owner}

    def copied(self, owners: Iterable[int]) -> dict[int, int]:
        """New rows of which the same is known, with all that are there with them: old row → new row."""
        names = {owner: next(self._free) for owner in sorted(self.there(owners))}
        for old, new in names.items():
            self.facts[new] = tuple(fact.renamed(names) for fact in self.facts[old])
            self.needs[new] = frozenset(names[o] for o in self.needs[old])
            self.lines[new] = self.lines[old]
            if old in self.sources:
                self.sources[new] = self.sources[old]
        return names


def renamed(owners: Iterable[int], names: Mapping[int, int]) -> frozenset[int]:
    return frozenset(names.get(o, o) for o in owners)
