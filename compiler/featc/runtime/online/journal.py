"""The journal: every pushed batch as it came, from which tables of later definitions are filled.

What the store keeps of rows follows from definitions, and the rows themselves may not lie in any source's data yet. A
batch's entry is written in the transaction that takes the batch in. Entries are numbered through, also where a store
is a copy of another, so that one store follows another by the entries that it lacks. Values are text, which DuckDB
reads back as the values they were; a column that the batch did not have is left out.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import groupby
from typing import Any

import duckdb

from featc.errors import Diagnostic, FeatcError
from featc.lower.online_lift import BATCH, pushed
from featc.lower.source import quoted
from featc.resolve.model import Source
from featc.runtime.online.batch import converted_sql
from featc.runtime.online.database import Database
from featc.runtime.online.engine import Engine, failed

_ADD = "INSERT OR IGNORE INTO featc_journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_WITH_TOKEN = "SELECT * FROM featc_journal WHERE source = ? AND token = ? ORDER BY entry DESC LIMIT 1"
_LAST = "SELECT seq FROM sqlite_sequence WHERE name = 'featc_journal'"
_ENTRIES = """
SELECT * FROM featc_journal WHERE entry > ?1 AND entry <= ?2 AND (?3 IS NULL OR source = ?3) ORDER BY entry
"""
_UNWRITTEN = "INSERT INTO featc_meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + ?2"
_RUN, _RUN_ROWS = 500, 20_000
"""Entries, and rows, that are taken over together at most, but for one that has more rows by itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch in the journal. `newest` is the greatest α of its rows in µs, `rows` how many they are, of which so many
    were `accepted`, and so on, by the store that it was pushed to (`rejected` as JSON); `data`: see `packed`."""

    entry: int | None
    source: str
    token: str | None
    digest: str | None
    newest: int | None
    pushed_at: int
    rows: int
    accepted: int
    duplicates: int
    rejected: str
    data: bytes


def packed(engine: Engine, source: Source, lacking: frozenset[str]) -> bytes:
    """The batch that lies in `featc_batch`, as an entry keeps it. The caller holds `engine.batch`."""
    names = [c.name for c in source.columns if c.name not in lacking]
    items = ", ".join(f"list({quoted(n)}::VARCHAR ORDER BY _row)" for n in names)
    values = engine.rows(f"SELECT {items} FROM {BATCH}")[0] if names else ()
    types = {c.name: c.physical for c in pushed(source).columns}
    said = {"zone": source.timezone, "columns": names, "types": [types[n] for n in names], "values": list(values)}
    return zlib.compress(json.dumps(said, ensure_ascii=False).encode(), 1)


def alike(run: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Parts of a run whose entries have the same columns, of the same types."""
    for _, part in groupby(run, key=lambda entry: _head(_read(entry))):
        yield list(part)


def unpack(engine: Engine, source: Source, run: Sequence[Entry]) -> frozenset[str]:
    """Makes `featc_batch` of the rows of entries that are alike, in the columns that the source has by now, and gives
    those that they lack. The caller holds `engine.batch`.

    Raises FeatcError F890 where a value cannot be one of its column's type, or was a local time of another zone.
    """
    said = [_read(entry) for entry in run]
    zone, names, types = _head(said[0])
    if zone != source.timezone:
        raise _unreadable(run, f"its times were read in {zone or 'UTC'}, and are in {source.timezone or 'UTC'} now")
    held = dict(zip(names, types, strict=True))
    items = []
    for column in pushed(source).columns:
        type_ = held.get(column.name)
        sql = f"NULL::{column.physical}" if type_ is None else converted_sql(source, column, type_)
        if sql is None:
            raise _unreadable(run, f"{column.name} was {type_}, and is {column.physical} now")
        items.append(f"{sql} AS {quoted(column.name)}")
    lists = [[value for each in said for value in each["values"][n]] for n in range(len(names))]
    places = zip(names, types, range(1, len(names) + 1), strict=True)
    text = ", ".join(f"unnest(${n}::VARCHAR[])::{type_} AS {quoted(name)}" for name, type_, n in places)
    rows = f"(SELECT {text})" if names else f"range({sum(entry.rows for entry in run)})"
    numbered = f"SELECT row_number() OVER () - 1 AS _row, {', '.join(items)} FROM {rows}"
    try:
        with engine.lock:
            engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE {BATCH} AS {numbered}", lists)
    except duckdb.Error as trouble:
        for entry in run if len(run) > 1 else ():  # to tell which it is
            unpack(engine, source, [entry])
        raise _unreadable(run, failed(trouble).diagnostics[0].message) from trouble
    return frozenset(c.name for c in source.columns) - held.keys()


def _read(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(zlib.decompress(entry.data))
    return found


def _head(said: dict[str, Any]) -> tuple[str | None, list[str], list[str]]:
    return said["zone"], said["columns"], said["types"]


def _unreadable(run: Sequence[Entry], why: str) -> FeatcError:
    entry = run[0]
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry.pushed_at / 1e6))
    message = f"the batch of {entry.source} that was pushed at {at}Z does not fit {entry.source} as it is now: {why}"
    hint = "keep the column as it was and compute the new one of it with let:, or fill a new online store"
    return FeatcError(Diagnostic("F890", message, hint=hint))


# ── in the store ──────────────────────────────────────────────────────────────────────────────────────────────────


def add(store: sqlite3.Connection, entry: Entry) -> None:
    """Puts an entry into a store's journal, inside the caller's transaction; one without a number gets the next, and
    one whose number is there is there."""
    store.execute(_ADD, astuple(entry))


def last(store: sqlite3.Connection) -> int:
    """The number of the last entry that a store has, or had."""
    row = store.execute(_LAST).fetchone()
    return 0 if row is None else int(row[0])


def beyond(store: sqlite3.Connection, run: Sequence[Entry]) -> Sequence[Entry]:
    """Those of the entries that follow all that a store has."""
    known = last(store)
    return [entry for entry in run if (entry.entry or 0) > known]


def with_token(store: sqlite3.Connection, source: str, token: str | None) -> Entry | None:
    """A source's entry with a token, if it is there."""
    row = store.execute(_WITH_TOKEN, (source, token)).fetchone()
    return None if row is None else Entry(*row)


def runs(database: Database, after: int, to: int, source: str | None = None) -> Iterator[list[Entry]]:
    """The entries that follow the number `after` up to `to`, of one source or of all, in order, and those together that
    may be taken over together. Each run is read when it is asked for, so that it may go into the same file."""
    while True:
        run: list[Entry] = []
        with database.read() as store:
            for row in store.execute(_ENTRIES, (after, to, source)):
                found = Entry(*row)
                rows = sum(entry.rows for entry in run) + found.rows
                if run and (found.source != run[0].source or len(run) == _RUN or rows > _RUN_ROWS):
                    break
                run.append(found)
        if not run:
            return
        yield run
        after = run[-1].entry or to


def forget(store: sqlite3.Connection, source: str, before: int, to: int) -> None:
    """Drops a source's entries whose rows all arrived before an instant, of those numbered up to `to`."""
    gone = "FROM featc_journal WHERE source = ? AND coalesce(newest, ?) < ? AND entry <= ?"
    these = (source, before - 1, before, to)
    rows = store.execute(f"SELECT coalesce(sum(accepted), 0) {gone}", these).fetchone()[0]
    store.execute(f"DELETE {gone}", these)
    if rows:
        store.execute(_UNWRITTEN, (unwritten_of(source), rows))


def unwritten_of(source: str) -> str:
    """The name in `featc_meta` of how many accepted rows of a source are in no journal: it was not kept yet, or evicted
    what data should have."""
    return f"no journal of {source}"


def unwritten(store: sqlite3.Connection, source: str) -> int:
    """So many rows; see `unwritten_of`."""
    row = store.execute("SELECT value FROM featc_meta WHERE name = ?", (unwritten_of(source),)).fetchone()
    return 0 if row is None else int(row[0])
