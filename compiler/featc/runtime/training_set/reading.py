"""Whether a training set reads backfilled tiles or rows: tiles where they are exact, and less is read that way.

Exact means that every day the windows can hold is filled in the tiles, and that the source's files are those the
tiles were last compared with. Less means that the rows of the days at the windows' ends, and of those that some spine
row sees unsettled, are at most half of all rows in the windows' reach, by the counts in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from featc.decompose import Cell, decompose
from featc.errors import Diagnostic, FeatcError
from featc.lower.backfill import tile_table
from featc.lower.source import TIME, instant, normalised_column, quoted, relation_of
from featc.lower.tile_table import SCHEMA, SETTLED, START, TileTable
from featc.lower.training import wanted
from featc.lower.training.tiles import is_tiled
from featc.resolve.model import ColumnRef, Output, Project, Source, View
from featc.runtime.backfill import ledger
from featc.runtime.backfill.complete import complete
from featc.runtime.backfill.files import has_files
from featc.runtime.backfill.ledger import Range
from featc.runtime.backfill.session import Session, moment
from featc.runtime.online.calendars import begins
from featc.visibility import edges, horizon

if TYPE_CHECKING:
    import duckdb

Read = Literal["auto", "tiles", "rows"]
"""`tiles`: wherever they are exact; `rows`: never; `auto`: where they are exact and less is read."""


_UNFILLED = "not all days in the reach of its windows are backfilled"
_NO_WINDOW = "no window of two days or more over a state that tiles hold"


@dataclass(frozen=True, slots=True)
class Reading:
    """The tile tables a training set reads, by view, and in words why each view is read as it is."""

    tables: Mapping[str, TileTable] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the choice is made: an open connection, the project with files named absolutely and as written, and the
    spine's instant column."""

    connection: duckdb.DuckDBPyConnection
    located: Project
    project: Project
    root: Path
    time: str


def choose(place: Place, outputs: Sequence[Output], read: Read) -> Reading:
    """What to read for `outputs`. Raises FeatcError F722 for a ledger of another format, F560 when tiles are asked for
    and a view that has windows long enough for them cannot be read from them exactly."""
    if read == "rows":
        return Reading()
    session = Session(place.connection)
    tables: dict[str, TileTable] = {}
    words: dict[str, str] = {}
    refused: list[str] = []
    ends: list[int] = []
    for name, aggregations in wanted(place.project, outputs).aggregations.items():
        table, cells = tiled_cells(place.project, place.project.view(name), aggregations)
        if isinstance(table, str):
            words[name] = f"rows: {table}"
            continue
        why = _unfit(place, session, table, cells) or _slower(place, session, table, cells, read)
        if why is None:
            tables[name] = table
            words[name] = _served(place, session, table, cells)
        else:
            words[name] = f"rows: {why}"
            refused.append(f"{name}: {why}")
            if why == _UNFILLED:
                ends.append(_reach(place, session, table, cells)[-1] + table.width)
    if read == "tiles" and refused:
        command = f"featc backfill --end {moment(max(ends)).isoformat()}" if ends else "featc backfill"
        hint = f"run {command}, or leave it to featc what to read"
        raise FeatcError(Diagnostic("F560", f"tiles cannot give this training set: {'; '.join(refused)}", hint=hint))
    return Reading(tables, words)


def tiled_cells(
    project: Project, view: View, aggregations: frozenset[str] | None = None
) -> tuple[TileTable | str, tuple[Cell, ...]]:
    """The table and the cells of a view (of its `aggregations`) that tiles can give; or why there are none."""
    if view.ahead:
        return "labels are not backfilled", ()
    if view.joins:
        return "views with joins are not backfilled", ()
    if any(key.given is not None for key in view.keys):
        return "its keys are computed by the service", ()
    table = tile_table(project, view)
    cells = tuple(c for c in decompose(view, aggregations).cells if table is not None and is_tiled(c, table.width))
    return (table, cells) if table is not None and cells else (_NO_WINDOW, ())


def filled(
    session: Session, table: TileTable, cells: Iterable[Cell], source: Source, root: Path
) -> tuple[tuple[Range, ...], str | None]:
    """Which stretches of τ are filled with the states of all `cells`, and why none of them may be read, or None.
    `source` has its paths relative to `root`."""
    found = complete(session, table, list(dict.fromkeys(c.partial for c in cells)), source, root)
    if not found.ranges:
        return (), "its tiles are not backfilled" if ledger.is_there(session) else "nothing is backfilled"
    if found.unchanged:
        return found.ranges, None
    if not has_files(source):
        why = f"only of files can be told that nothing has changed since, and {table.source.name} is none"
        return found.ranges, why
    if not found.as_defined:
        return found.ranges, "its states as defined now are not backfilled"
    return found.ranges, f"{table.source.name} may have changed since the last backfill"


def _spine(place: Place, session: Session) -> tuple[int, int] | None:
    column = f"epoch_us({quoted(place.time)}::TIMESTAMP)"
    ((first, last),) = session.run(f"SELECT min({column}), max({column}) FROM spine")
    return None if first is None else (first, last)


def _extent(place: Place, session: Session, source: Source) -> tuple[int, int] | None:
    """The least and the greatest τ of the source's rows."""
    located = place.located.sources[source.name]
    names = [r.column for r in source.time.refs if isinstance(r, ColumnRef)]
    columns = ", ".join(f"{normalised_column(located, n)} AS {quoted(n)}" for n in names)
    relation = f"(SELECT {columns} FROM {relation_of(located)})"
    times = f"SELECT {instant(source, source.time)} AS {TIME} FROM {relation}"
    ((first, last),) = session.run(f"SELECT min({TIME}), max({TIME}) FROM ({times})")
    return None if first is None else (int(first), int(last))


def _days(first: int, last: int, width: int) -> range:
    """The starts of the days from that of one instant to that of another."""
    return range(first // width * width, last // width * width + 1, width)


def _reach(place: Place, session: Session, table: TileTable, cells: Iterable[Cell]) -> range:
    """The days that windows of the spine's rows can touch, as far as the source has rows."""
    span = _spine(place, session)
    extent = _extent(place, session, table.source)
    if span is None or extent is None:
        return range(0)
    oldest, newest = extent
    closed = table.view.closed
    lows = [edges(c.window, span[0], closed, begins).after for c in cells]
    low = oldest if any(e is None for e in lows) else max(oldest, min(e for e in lows if e is not None))
    high = min(newest, max(edges(c.window, span[1], closed, begins).upto for c in cells))
    return _days(low, high, table.width) if low <= high else range(0)


def _unfit(place: Place, session: Session, table: TileTable, cells: Sequence[Cell]) -> str | None:
    """Why the tiles may not be read, or None."""
    ranges, why = filled(session, table, cells, place.project.sources[table.source.name], place.root)
    if why is not None:
        return why
    days = _reach(place, session, table, cells)
    if not days or any(first <= days[0] and days[-1] < past for first, past in ranges):
        return None
    return _UNFILLED


def _rows_by_day(session: Session, table: TileTable) -> dict[int, int]:
    rows = session.run(
        f"SELECT interval_start, source_rows FROM {SCHEMA}.intervals WHERE tile_table = ? AND fingerprint = ?",
        [table.name, table.fingerprint],
    )
    return dict(rows)


def _counts(place: Place, session: Session, table: TileTable, cells: Sequence[Cell]) -> tuple[int, int]:
    """(rows to read beside tiles, rows in the windows' reach)."""
    rows = _rows_by_day(session, table)
    days = _reach(place, session, table, cells)
    span = _spine(place, session)
    if span is None:
        return 0, 0
    known, closed = horizon(span[0], table.view.closed), table.view.closed
    touched = {s for (s,) in session.run(f"SELECT DISTINCT {START} FROM {table.relation} WHERE {SETTLED} > {known}")}
    for cell in cells:
        first, last = (edges(cell.window, t, closed, begins) for t in span)
        touched.update(_days(first.upto, last.upto, table.width))
        if first.after is not None and last.after is not None:
            touched.update(_days(first.after, last.after, table.width))
    return sum(rows.get(d, 0) for d in touched if d in days), sum(rows.get(d, 0) for d in days)


def _slower(
    place: Place, session: Session, table: TileTable, cells: Sequence[Cell], read: Read
) -> str | None:
    """Why rows are the better choice, or None."""
    beside, whole = _counts(place, session, table, cells)
    if read == "tiles" or 2 * beside <= whole:
        return None
    return f"the spine's instants lie so far apart that {beside:,} of {whole:,} rows would be read beside the tiles"


def _served(place: Place, session: Session, table: TileTable, cells: Sequence[Cell]) -> str:
    beside, whole = _counts(place, session, table, cells)
    return f"tiles, and {beside:,} of {whole:,} rows, for {', '.join(dict.fromkeys(c.window.name for c in cells))}"
