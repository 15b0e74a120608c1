"""How a view lies in the online store: tables, columns, and which of them its source makes necessary.

| column | in | meaning |
|---|---|---|
| `key_<name>` | events, tiles | a key of the entity, encoded, each in a column of its own |
| `_tau` | events | τ |
| `_enter` | events, where the source has an arrival column or is attributed | max(τ, α); else it follows from τ |
| `_superseded` | events, where rows are versions or attributed | α of the next version, NULL while it is the newest |
| `_alpha` | views of dumps | α, which with τ says which dump it is; `_superseded` is when a later one is in force |
| `_order` | events, where τ alone does not decide | sort key of (tie_break…, α, id): with τ the event order |
| `_version` | state views where keys and τ can tie | sort key of the version order |
| `_seq` | events | the number of the accepted row in the store |
| `_place` | state views with aggregates over `current` | sort key of the source's key: of equal ones one row holds |
| `_holds` | state views | whether the row passes `where` and is no tombstone |
| `_valid_to` | state views with `valid_to` | the instant until which the row holds |
| `<slot>`, `<slot>__real` | events | the lifted value, and its finite DOUBLE where a state does arithmetic |
| `state_<column>` | state views | the columns a lookup brings |
| `_start`, `_settled_at`, `_rows` | tiles | the tile's first µs; when its membership last changed; how many rows |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from featc.algebra import LAWS
from featc.decompose import Cell, Partial, Parts, decompose
from featc.lower.source import identity, quoted
from featc.resolve.model import ColumnRef, Project, Source, View, Window
from featc.resolve.upstream import readers
from featc_dialects import sqlite

_MINUTE = 60_000_000
_DAY = 24 * 60 * _MINUTE
_WIDTHS = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, 60 * _MINUTE, 6 * 60 * _MINUTE, _DAY, 7 * _DAY)
_MOST_TILES = 128
_LIFETIME = 730 * _DAY

SEEN, GONE = "_seen", "_gone"
"""Of an attributed row while it is lifted: the instants from and until which an answer of it is seen."""

Key = tuple[str, str, str]
"""(name in requests, column, DuckDB type) of a key."""


@dataclass(frozen=True, slots=True)
class SlotColumn:
    """Where a slot is kept: its encoded column, and its REAL column where a state needs arithmetic."""

    column: str
    real: str | None
    type: str


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows that are versions of events: one per source, or per view where the identity depends on a view's keys."""

    name: str
    source: str
    table: str
    identity: tuple[tuple[str, str, str], ...]
    """(column, SQL over the source's rows, DuckDB type) of what makes rows versions of one event."""

    final_after: int | None = None
    """Set where a version can be too late by the τ of an earlier one; the versions then keep `_first`."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A view in the store. `width` is the tiles' in µs, None where no window is worth tiling; `tiled` are the partial
    states they keep. `upstream`: features made of its rows are joined onto events of other views."""

    view: View
    source: Source
    parts: Parts
    stream: Stream | None
    events: str
    tiles: str
    width: int | None
    tiled: tuple[Partial, ...]
    keys: tuple[Key, ...]
    slots: Mapping[str, SlotColumn]
    states: Mapping[str, str]
    ordered: bool
    versioned: bool
    placed: bool = False
    upstream: bool = False

    @property
    def looked_into(self) -> bool:
        """Whether events of other views look into its rows."""
        return self.view.beside or self.upstream

    @property
    def is_state(self) -> bool:
        return self.source.holds or self.view.beside

    @property
    def has_enter(self) -> bool:
        """Whether rows say when they enter, where that does not follow from τ."""
        return self.source.available_at is not None or self.view.attributed is not None

    @property
    def enter(self) -> str:
        """SQL of max(τ, α) over the events table."""
        if self.has_enter:
            return "_enter"
        return f"_tau + {self.source.delay}" if self.source.delay else "_tau"

    @property
    def superseded(self) -> str | None:
        brings = self.source.in_dumps or self.view.attributed is not None
        return "_superseded" if self.stream or brings else None


def is_banded(cell: Cell) -> bool:
    """Whether SQLite itself can give the cell's state, band by band."""
    partial = cell.partial
    return cell.window.by_time and sqlite.unsupported(partial.kind, partial.types) is None


def tile_width(windows: Sequence[Window]) -> int | None:
    """The tile width for windows that are read by bands, in µs.

    One level: the finest width with which the longest window (two years for `lifetime`) takes at most 128 tiles.
    Finer tiles cost more to merge and to keep than the raw rows of a window's edge buckets that they save.
    """
    lengths = [_LIFETIME if w.span is None else w.span for w in windows]
    longest = max(lengths, default=0)
    width = next((w for w in _WIDTHS if longest <= w * _MOST_TILES), _WIDTHS[-1])
    return width if longest >= 4 * width else None


def table(name: str, fingerprint: str, suffix: str = "") -> str:
    """A readable table name that changes with what it holds; SQLite keeps `sqlite_…` to itself."""
    name = f"_{name}" if name.casefold().startswith("sqlite_") else name
    return quoted(f"{name}__{fingerprint[:8]}{suffix}")


def _distinct_columns(names: list[str], taken: set[str]) -> dict[str, str]:
    """A column for each name, also where they differ in letter case only or are taken."""
    found: dict[str, str] = {}
    for name in names:
        column, number = name, 1
        while column.casefold() in taken:
            number += 1
            column = f"{name}__{number}"
        taken.add(column.casefold())
        found[name] = column
    return found


def stream_of(source: Source, view: View, fingerprint: str) -> Stream | None:
    """The stream of versions that a view's rows belong to, or None where every row is an event of its own."""
    found = identity(source, view)
    if found is None:
        return None
    by_view = source.kind == "state" and not source.id and not source.key
    if by_view:
        types = [k.expr.type for k in view.keys if k.expr is not None]
    else:
        types = [source.column(c).type for c in source.id or source.key]
    types += ["BIGINT"] * (len(found) - len(types))  # τ
    columns = tuple((f"id_{n}", sql, type_) for n, (sql, type_) in enumerate(zip(found, types, strict=True), 1))
    name = view.name if by_view else source.name
    final_after = source.final_after if source.id else None  # else τ is part of the identity
    return Stream(name, source.name, table(name, fingerprint, "__versions"), columns, final_after)


def _slots(view: View, parts: Parts, taken: set[str]) -> dict[str, SlotColumn]:
    begins = [w.since for w in parts.windows if w.since is not None]
    names = list(dict.fromkeys([*(s for c in parts.cells for s in c.partial.slots), *begins]))
    columns = _distinct_columns(names, taken)
    real = {p.slots[0] for p in parts.partials if p.kind in sqlite.SPELLINGS and sqlite.SPELLINGS[p.kind].uses_real}
    return {
        name: SlotColumn(quoted(column), quoted(f"{column}__real") if name in real else None, view.slot(name).type)
        for name, column in columns.items()
    }


def _keys_decide(source: Source, view: View) -> bool:
    """Whether a key and τ leave one visible row, so that the version order need not be kept."""
    if source.in_dumps:
        return True  # of a key's rows in a dump only its own is kept
    if source.id or source.kind != "state":
        return False
    bare = {
        k.expr.refs[0].column for k in view.keys if k.expr and k.expr.is_bare and isinstance(k.expr.refs[0], ColumnRef)
    }
    return not source.key or (set(source.key) == bare and len(bare) == len(view.keys))


def _is_upstream(project: Project, view: View) -> bool:
    joins = (join for other in project.views.values() for join in other.view_joins)
    return any(reader.name == view.name for join in joins for reader in readers(project, join.pairs))


def layout(project: Project, view: View, fingerprint: str, stream: Stream | None) -> Layout:
    """How `view`, which has a source, lies in the store."""
    if view.source is None:
        raise ValueError(f"{view.name} has no source and keeps nothing")
    source = project.source_of(view)
    parts = decompose(view)
    keys = tuple((k.name, quoted(f"key_{k.name}"), k.type) for k in view.keys)
    taken = {f"key_{k.name}".casefold() for k in view.keys}
    slots = _slots(view, parts, taken)
    states = _distinct_columns([f"state_{c}" for c in view.state_columns], taken)
    banded = [c for c in parts.cells if is_banded(c) and LAWS[c.partial.kind].tiled]
    width = tile_width([c.window for c in banded])
    placed = source.kind == "state" and any(w.current for w in parts.windows)
    return Layout(
        view=view,
        source=source,
        parts=parts,
        stream=stream,
        events=table(view.name, fingerprint),
        tiles=table(view.name, fingerprint, "__tiles"),
        width=width,
        tiled=tuple(dict.fromkeys(c.partial for c in banded)) if width else (),
        keys=keys,
        slots=slots,
        states={c: quoted(states[f"state_{c}"]) for c in view.state_columns},
        ordered=bool(source.tie_break or source.told_by or source.available_at),
        versioned=(bool(view.state_columns) and not _keys_decide(source, view)) or (placed and bool(source.id)),
        placed=placed,
        upstream=_is_upstream(project, view),
    )
