"""The tables of tiles (`featc.lower.tile_table`) that a project's views have offline: their names and columns.

Names carry fingerprints, so that what means something else lies elsewhere: a table that of its rows (source, keys,
`where`), a column that of its state. Names an author gives to slots and features play no part. So an earlier version of
a view finds the tiles that were filled when it was the view; of rows that did not change both have one table, each with
columns of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from featc.algebra import LAWS, Kind
from featc.decompose import Partial, decompose
from featc.fingerprint import rows_fingerprint, state_fingerprint
from featc.lower.source import identity, quoted
from featc.lower.tile_table import WIDTH, TilePart, TileTable
from featc.lower.training.rows import columns_used, versions_name
from featc.names import written
from featc.resolve.model import ColumnRef, Project, Source, View
from featc_dialects import duckdb as engine

_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows that become versions together, and the tables made of them. `columns` are those the tables need."""

    name: str
    source: Source
    tables: tuple[TileTable, ...]
    columns: tuple[str, ...]

    @property
    def view(self) -> View:
        """A view that knows the identity of the rows; where it is the view's own, the only one."""
        return self.tables[0].view

    @property
    def versioned(self) -> bool:
        return identity(self.source, self.view) is not None


def tile_tables(project: Project) -> tuple[TileTable, ...]:
    """The tables of all views that have states worth keeping, in the order of views."""
    found = (tile_table(project, view) for view in project.views.values())
    return tuple(table for table in found if table is not None)


def tile_table(project: Project, view: View) -> TileTable | None:
    """The table of one view, or None: it has no source, or nothing that a tile could hold."""
    if view.source is None or view.joins:
        return None
    parts = decompose(view)
    kept = dict.fromkeys(c.partial for c in parts.cells if c.window.by_time and is_kept(c.partial.kind))
    if not kept:
        return None
    states: dict[str, TilePart] = {}
    for partial in kept:
        fingerprint = state_fingerprint(project, view, partial)
        stem = f"{_readable(view, partial)}__{fingerprint[:8]}"
        columns = tuple(quoted(c) for c in engine.fields(partial.kind, stem))
        states[fingerprint] = TilePart(partial, fingerprint, columns)
    fingerprint = rows_fingerprint(project, view, WIDTH)
    return TileTable(
        view=view,
        source=project.sources[view.source],
        parts=replace(parts, partials=tuple(s.partial for s in states.values())),
        name=f"{written(view.name)}__{fingerprint[:8]}",
        fingerprint=fingerprint,
        width=WIDTH,
        keys=tuple(quoted(k.name) for k in view.keys),
        states=tuple(states.values()),
    )


def is_kept(kind: Kind) -> bool:
    """Whether tiles keep such a state: one of bounded size, of which the engine unites many."""
    return LAWS[kind].tiled and engine.unites(kind)


def _readable(view: View, partial: Partial) -> str:
    """A state's kind and the columns it reads: words that change only when its fingerprint does."""
    exprs = [e for s in map(view.slot, partial.slots) for e in (s.value, s.filter) if e is not None]
    read = dict.fromkeys(r.column for e in exprs for r in e.refs if isinstance(r, ColumnRef))
    return "_".join((partial.kind.value, *read)).lower()[:_LONGEST]


def streams(tables: Iterable[TileTable]) -> tuple[Stream, ...]:
    """The tables by the versions they are made of, so that each source is read once for all of its views."""
    groups: dict[str, list[TileTable]] = {}
    for table in tables:
        groups.setdefault(_stream_name(table), []).append(table)
    return tuple(stream_of(name, group) for name, group in groups.items())


def _stream_name(table: TileTable) -> str:
    return versions_name(table.source, table.view).removesuffix("_versions")


def stream_of(name: str, tables: Iterable[TileTable]) -> Stream:
    """A stream for some of the tables that are made of it."""
    listed = tuple(tables)
    used = {c for t in listed for c in columns_used(t.view, t.source, t.parts, states=False)}
    source = listed[0].source
    return Stream(name, source, listed, tuple(c.name for c in source.columns if c.name in used))
