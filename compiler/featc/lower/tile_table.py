"""A table of tiles, and what its columns mean.

A *tile* is the states of one entity's rows whose τ lies in one stretch of `width` µs, counted from the epoch. It holds
the rows that are final: seen by every late enough reader. `_settled_at` says since when that is so.

| column | meaning |
|---|---|
| the view's keys | the entity |
| `_start` | the tile's first µs, a multiple of `width`, also before 1970 |
| `_settled_at` | the last instant at which the tile's membership changed: a reader at `t` sees it iff that lies `⊲ t` |
| `_rows` | how many rows it holds; 0 where all that were there have gone |
| `<kind>_<columns>__<fp8>`… | a partial state, in the columns the engine keeps it in |

Names carry fingerprints, so that what means something else lies elsewhere: a table that of its rows (source, keys,
`where`), a column that of its state. Names an author gives to slots and features play no part.
"""

from __future__ import annotations

from dataclasses import dataclass

from featc.decompose import Partial, Parts
from featc.lower.source import quoted
from featc.resolve.model import Source, View

DAY = 86_400_000_000
WIDTH = DAY
"""µs of a tile. One width for all: if it followed from the windows, a new window could need other tiles."""

SCHEMA = "featc"
START, SETTLED, ROWS = "_start", "_settled_at", "_rows"


@dataclass(frozen=True, slots=True)
class TilePart:
    """One partial state in a tile table, by its fingerprint; `columns` are quoted, as the engine's `fields`."""

    partial: Partial
    fingerprint: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TileTable:
    """The tiles of one view. `name` is unquoted; `fingerprint` is that of the rows; `keys` are quoted."""

    view: View
    source: Source
    parts: Parts
    name: str
    fingerprint: str
    width: int
    keys: tuple[str, ...]
    states: tuple[TilePart, ...]

    @property
    def relation(self) -> str:
        return f"{SCHEMA}.{quoted(self.name)}"

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that the definitions of now have, in order."""
        return (*self.keys, START, SETTLED, ROWS, *(c for s in self.states for c in s.columns))

    def part(self, partial: Partial) -> TilePart:
        return next(s for s in self.states if s.partial == partial)
