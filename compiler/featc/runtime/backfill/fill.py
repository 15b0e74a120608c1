"""Filling: stretches of open intervals, each read once for all views of its source and written in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from featc.lower.backfill import Stream, TileTable, add_sql, create_sql, fill_sql, interval_sql
from featc.lower.source import quoted
from featc.lower.tile_table import SCHEMA, START
from featc.runtime.backfill import ledger
from featc.runtime.backfill.ledger import Line, Range
from featc.runtime.backfill.look import Found
from featc.runtime.backfill.session import Session

LEAST, PASSES = 250_000, 40
"""Intervals are taken together up to so many source rows, or to so many parts of the source: a file that is not in
the order of τ is read as a whole each time."""

Open = Mapping[str, Mapping[int, frozenset[str]]]
"""By table name: what is to be filled, as in `Differences.open`."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Intervals in a row, some table being open in each; `rows` source rows lie in them."""

    starts: tuple[int, ...]
    rows: int


def stretches(found: Found, opened: Open) -> Iterator[Stretch]:
    """The open intervals in order, those together that follow each other and are not too many rows."""
    limit = max(LEAST, found.scanned // PASSES)
    starts: list[int] = []
    rows = 0
    for start in sorted(found.rows):
        if not any(start in by_start for by_start in opened.values()):
            if starts:
                yield Stretch(tuple(starts), rows)
            starts, rows = [], 0
            continue
        if starts and rows + found.rows[start] > limit:
            yield Stretch(tuple(starts), rows)
            starts, rows = [], 0
        starts.append(start)
        rows += found.rows[start]
    if starts:
        yield Stretch(tuple(starts), rows)


def fill_stream(session: Session, stream: Stream, found: Found, opened: Open) -> None:
    """Fills all that is open. Killed at any moment, it leaves each stretch whole or untouched."""
    made: set[str] = set()
    for stretch in stretches(found, opened):
        session.step("rows")
        session.interval(stretch.starts[0], stretch.starts[-1] + stream.tables[0].width)
        session.run(interval_sql(stream))
        for table in stream.tables:
            if table.name not in made and opened[table.name]:
                made.add(table.name)
                shape(session, stream, table)
        with session.transaction():
            for table in stream.tables:
                _fill(session, stream, table, found, opened[table.name], stretch)
        session.done += stretch.rows


def shape_empty(session: Session, stream: Stream, tables: Sequence[TileTable]) -> None:
    """Makes tables and columns that no interval has rows for: what is covered is read, also where it holds nothing."""
    if tables:
        session.interval(0, 0)
        session.run(interval_sql(stream))
    for table in tables:
        shape(session, stream, table)


def shape(session: Session, stream: Stream, table: TileTable) -> None:
    """Makes the table, or gives it the columns of states that are new."""
    have = columns_of(session, table)
    with session.transaction():
        if not have:
            session.run(create_sql(stream, table))
            return
        for name, type_ in _wanted(session, stream, table):
            if name not in have:
                session.run(f"ALTER TABLE {table.relation} ADD COLUMN {quoted(name)} {type_}")


def _wanted(session: Session, stream: Stream, table: TileTable) -> list[tuple[str, str]]:
    tiles = fill_sql(stream, table)[1].partition("\n")[2]
    return [(row[0], row[1]) for row in session.run(f"DESCRIBE {tiles}")]


def columns_of(session: Session, table: TileTable) -> frozenset[str]:
    """The columns the table has, unquoted; none when it is not there."""
    rows = session.run(
        "SELECT column_name FROM duckdb_columns()"
        f" WHERE database_name = current_database() AND schema_name = '{SCHEMA}' AND table_name = ?",
        [table.name],
    )
    return frozenset(row[0] for row in rows)


def _fill(
    session: Session,
    stream: Stream,
    table: TileTable,
    found: Found,
    opened: Mapping[int, frozenset[str]],
    stretch: Stretch,
) -> None:
    """One table's part of a stretch: whole tiles where rows are open, only the open states where rows stayed."""
    whole = [table.fingerprint in opened[s] for s in stretch.starts if s in opened]
    for anew in (True, False):
        if anew not in whole:
            continue
        wanted = [s in opened and (table.fingerprint in opened[s]) is anew for s in stretch.starts]
        fingerprints = frozenset().union(*(opened[s] for s, w in zip(stretch.starts, wanted, strict=True) if w))
        states = [s for s in table.states if s.fingerprint in fingerprints]
        lines: list[Line] = []
        for first, last in _runs(wanted):
            starts = stretch.starts[first : last + 1]
            within = (starts[0], starts[-1] + table.width)
            session.interval(*within)
            session.step("tiles")
            for sql in fill_sql(stream, table) if anew else (add_sql(stream, table, states),):
                session.run(sql)
            lines += _lines(session, table, found, starts, fingerprints, within)
        session.step("ledger")
        ledger.write(session, table, lines)


def _runs(wanted: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """(first, last) index of each run of True."""
    begun: int | None = None
    for index, is_wanted in enumerate([*wanted, False]):
        if is_wanted and begun is None:
            begun = index
        elif not is_wanted and begun is not None:
            yield begun, index - 1
            begun = None


def _lines(
    session: Session,
    table: TileTable,
    found: Found,
    starts: Sequence[int],
    fingerprints: frozenset[str],
    within: Range,
) -> list[Line]:
    counted = dict(
        session.run(
            f"SELECT {START}, count(*) FROM {table.relation} WHERE {START} >= ? AND {START} < ? GROUP BY 1", within
        )
    )
    hashes = found.hashes[table.name]
    return [
        Line(f, s, s + table.width, counted.get(s, 0), found.counts[table.name][s], hashes[f][s].partition(":")[2])
        for s in starts
        for f in sorted(fingerprints)
        if s in hashes[f]
    ]
