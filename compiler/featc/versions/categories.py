"""What an edit does to values and to who uses them (architecture.md, "Fingerprints")."""

from __future__ import annotations

from enum import Enum
from functools import total_ordering


@total_ordering
class Category(Enum):
    """From harmless to grave; a definition's is the gravest of what it reaches."""

    METADATA = "metadata"
    """What people are told, or where the data lies: no value changes, nothing runs."""
    EQUIVALENT = "equivalent"
    """Written in another way, with the same canonical form: no value changes, nothing runs."""
    ENVIRONMENT = "environment"
    """Another version of the engine, the store or the fingerprints: verify again."""
    ADDITIVE = "additive"
    """Something new beside what there was: nothing that exists changes."""
    TILE_COMPATIBLE = "tile-compatible"
    """Another window, finisher or default over partial states that exist: a new version, no source is read again."""
    SEMANTIC = "semantic"
    """Other rows, times or arguments: new partial states have to be made, offline and online."""
    CONTRACT = "contract"
    """A name, key or type that others build on changes or goes: refused without a new `version:`."""

    def __str__(self) -> str:
        return self.value

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Category):
            return NotImplemented
        order = list(Category)
        return order.index(self) < order.index(other)
