"""The ledger beside the tiles: which intervals of which states are filled, from what, and by whom.

It lies in the schema of the tiles and is written in their transactions. An interval is *complete* for a state when
there is a line of the state's fingerprint, or when the interval is covered and there is no line of the table's own:
then it was looked at and had no rows.

| table | a line is |
|---|---|
| `format` | the format's version |
| `intervals` | one state, or the table's rows, in one interval: a hash of what it was made of |
| `covered` | a stretch of intervals whose every interval has been looked at |
| `states` | a state of a table, and when it was last compared with its source |
| `files` | a file of the source as it was before that |
| `snapshots` | one instant of a table of snapshots |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from featc import __version__
from featc.errors import Diagnostic, FeatcError
from featc.lower.backfill import TileTable
from featc.lower.tile_table import SCHEMA
from featc.runtime.backfill.files import Listing
from featc.runtime.backfill.session import Session

FORMAT = 1

_DDL = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.format (version INTEGER)",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.intervals (
        tile_table VARCHAR, fingerprint VARCHAR, interval_start BIGINT, interval_end BIGINT, tiles BIGINT,
        source_rows BIGINT, hash VARCHAR, engine VARCHAR, featc VARCHAR, filled_at TIMESTAMP)""",
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.covered (tile_table VARCHAR, range_start BIGINT, range_end BIGINT)",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.states (
        tile_table VARCHAR, fingerprint VARCHAR, state_columns VARCHAR[], compared_at BIGINT)""",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.files (
        tile_table VARCHAR, file VARCHAR, bytes BIGINT, modified_ns BIGINT, seen_at BIGINT)""",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.snapshots (
        snapshot_table VARCHAR, as_of TIMESTAMP, entities BIGINT, featc VARCHAR, taken_at TIMESTAMP)""",
)

_ABOUT_TILES = ("intervals", "covered", "states", "files")

Range = tuple[int, int]
"""A half-open stretch of τ in µs."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the ledger says of one table: by fingerprint and interval start the hash, made comparable by the engine's
    version; and the stretches that are covered, disjoint and in order."""

    hashes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    covered: tuple[Range, ...] = ()

    def of(self, fingerprint: str) -> Mapping[int, str]:
        return self.hashes.get(fingerprint, {})


def is_there(session: Session) -> bool:
    """Whether the database has a ledger. Raises FeatcError F722 when it is one of another format."""
    found = session.run(
        "SELECT table_name FROM duckdb_tables()"
        f" WHERE database_name = current_database() AND schema_name = '{SCHEMA}' AND table_name = 'format'"
    )
    if not found:
        return False
    versions = [row[0] for row in session.run(f"SELECT version FROM {SCHEMA}.format")]
    if versions != [FORMAT]:
        said = ", ".join(map(str, versions)) or "none"
        message = f"the database's tiles are of format {said}, and this featc knows {FORMAT}"
        hint = f"use the featc that made them, or drop the schema {SCHEMA} and backfill again"
        raise FeatcError(Diagnostic("F722", message, hint=hint))
    return True


def make(session: Session) -> None:
    """Makes the ledger's tables."""
    with session.transaction():
        for sql in _DDL:
            session.run(sql)
        session.run(f"INSERT INTO {SCHEMA}.format VALUES ({FORMAT})")


def engine_version() -> str:
    """Hashes and states of one version of the engine are not those of another."""
    import duckdb

    return duckdb.__version__


def read(session: Session, table: TileTable) -> Held:
    """What the ledger says of a table."""
    rows = session.run(
        f"SELECT fingerprint, interval_start, engine || ':' || hash FROM {SCHEMA}.intervals WHERE tile_table = ?",
        [table.name],
    )
    hashes: dict[str, dict[int, str]] = {}
    for fingerprint, start, said in rows:
        hashes.setdefault(fingerprint, {})[start] = said
    covered = session.run(
        f"SELECT range_start, range_end FROM {SCHEMA}.covered WHERE tile_table = ? ORDER BY 1", [table.name]
    )
    return Held(hashes, tuple((first, past) for first, past in covered))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of `intervals`."""

    fingerprint: str
    start: int
    end: int
    tiles: int
    source_rows: int
    hash: str


def write(session: Session, table: TileTable, lines: Sequence[Line]) -> None:
    """Lines in place of those that are there for the same states and intervals."""
    forget(session, table, [(line.fingerprint, line.start) for line in lines])
    columns = zip(*((e.fingerprint, e.start, e.end, e.tiles, e.source_rows, e.hash) for e in lines), strict=True)
    session.run(
        f"INSERT INTO {SCHEMA}.intervals\n"
        "SELECT ?, unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]),"
        " unnest(?::BIGINT[]), unnest(?::VARCHAR[]), ?, ?, epoch_ms(epoch_ms(current_timestamp))",
        [table.name, *map(list, columns), engine_version(), __version__],
    )


def forget(session: Session, table: TileTable, lines: Iterable[tuple[str, int]]) -> None:
    """Takes lines out: their intervals are open again."""
    listed = list(lines)
    if listed:
        session.run(
            f"DELETE FROM {SCHEMA}.intervals WHERE tile_table = ? AND (fingerprint, interval_start) IN"
            " (SELECT (unnest(?::VARCHAR[]), unnest(?::BIGINT[])))",
            [table.name, [f for f, _ in listed], [s for _, s in listed]],
        )


def forget_intervals(session: Session, table: TileTable, starts: Sequence[int]) -> None:
    """Takes out intervals with their tiles, those of states that no definition has any more as well."""
    if starts:
        given = [list(starts)]
        session.run(f"DELETE FROM {table.relation} WHERE _start IN (SELECT unnest(?::BIGINT[]))", given)
        session.run(
            f"DELETE FROM {SCHEMA}.intervals WHERE tile_table = ?"
            " AND interval_start IN (SELECT unnest(?::BIGINT[]))",
            [table.name, *given],
        )


def cover(session: Session, table: TileTable, ranges: Sequence[Range]) -> None:
    """What is covered from now on."""
    session.run(f"DELETE FROM {SCHEMA}.covered WHERE tile_table = ?", [table.name])
    if ranges:
        session.run(
            f"INSERT INTO {SCHEMA}.covered SELECT ?, unnest(?::BIGINT[]), unnest(?::BIGINT[])",
            [table.name, [r[0] for r in ranges], [r[1] for r in ranges]],
        )


def compared(session: Session, table: TileTable, listing: Listing) -> None:
    """Says that the ledger agrees with the source's files as `listing` has them."""
    session.run(f"DELETE FROM {SCHEMA}.files WHERE tile_table = ?", [table.name])
    files = listing.files or ()
    columns = [[f.path for f in files], [f.bytes for f in files], [f.modified_ns for f in files]]
    session.run(
        f"INSERT INTO {SCHEMA}.files SELECT ?, unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]), ?",
        [table.name, *columns, listing.seen_at],
    )
    states = [(table.fingerprint, ("_rows",)), *((s.fingerprint, s.columns) for s in table.states)]
    session.run(
        f"DELETE FROM {SCHEMA}.states WHERE tile_table = ? AND fingerprint IN (SELECT unnest(?::VARCHAR[]))",
        [table.name, [f for f, _ in states]],
    )
    for fingerprint, names in states:
        session.run(
            f"INSERT INTO {SCHEMA}.states VALUES (?, ?, ?::VARCHAR[], ?)",
            [table.name, fingerprint, list(names), listing.seen_at],
        )


def compared_with(session: Session, table: TileTable) -> tuple[Listing, bool] | None:
    """The listing that a table was last compared with, and whether all its states of now were; None for never."""
    rows = session.run(
        f"SELECT fingerprint, compared_at FROM {SCHEMA}.states WHERE tile_table = ?", [table.name]
    )
    at = dict(rows)
    if table.fingerprint not in at:
        return None
    seen_at = at[table.fingerprint]
    files = session.run(
        f"SELECT file, bytes, modified_ns FROM {SCHEMA}.files WHERE tile_table = ? ORDER BY file", [table.name]
    )
    return Listing.of(files, seen_at), all(at.get(s.fingerprint) == seen_at for s in table.states)


def tables(session: Session) -> frozenset[str]:
    """The tables of tiles that any line is about."""
    each = " UNION ".join(f"SELECT tile_table FROM {SCHEMA}.{table}" for table in _ABOUT_TILES)
    return frozenset(name for (name,) in session.run(each))


def states(session: Session, table: str) -> dict[str, tuple[str, ...]]:
    """By fingerprint, the columns of the states that a table has had, as the engine was given them."""
    rows = session.run(f"SELECT fingerprint, state_columns FROM {SCHEMA}.states WHERE tile_table = ?", [table])
    return {fingerprint: tuple(columns) for fingerprint, columns in rows}


def forget_table(session: Session, table: str) -> None:
    """Takes out every line about a table of tiles."""
    for lines in _ABOUT_TILES:
        session.run(f"DELETE FROM {SCHEMA}.{lines} WHERE tile_table = ?", [table])


def forget_state(session: Session, table: str, fingerprint: str) -> None:
    """Takes out every line about one state of a table."""
    for lines in ("intervals", "states"):
        session.run(f"DELETE FROM {SCHEMA}.{lines} WHERE tile_table = ? AND fingerprint = ?", [table, fingerprint])
