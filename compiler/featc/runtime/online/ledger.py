"""The store's own books: which batches it has taken in, what each source brought, and the rows it rejected."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from featc.lower.online_joins import KEPT
from featc.runtime.online.journal import Entry

_FIRST_ROW = "SELECT value FROM featc_meta WHERE name = 'next_row'"
_NEXT_ROW = "UPDATE featc_meta SET value = ? WHERE name = 'next_row'"
_KNOWN = "SELECT rows, accepted, duplicates, rejected, digest FROM featc_batches WHERE source = ? AND token = ?"
_BATCH = """
INSERT INTO featc_batches (source, token, rows, accepted, duplicates, rejected, digest, pushed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_REJECTED = "INSERT INTO featc_rejected (batch, place, source, reason, data) VALUES (?, ?, ?, ?, ?)"
_SOURCE = """
INSERT INTO featc_sources (source, batches, accepted, duplicates, rejected, newest_arrival, pushed_at)
VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT DO UPDATE SET
    batches = batches + 1,
    accepted = accepted + ?2,
    duplicates = duplicates + ?3,
    rejected = rejected + ?4,
    newest_arrival = max(coalesce(newest_arrival, ?5), coalesce(?5, newest_arrival)),
    pushed_at = ?6
"""
_LEFT_OUT = """
UPDATE featc_tables SET missed = missed + ?1
WHERE name NOT IN (SELECT value FROM json_each(?2))
  AND (
    source = ?3
    OR EXISTS (SELECT 1 FROM featc_meta united WHERE united.name = 'union ' || featc_tables.source || ' of ' || ?3)
    OR EXISTS (SELECT 1 FROM sqlite_schema kept WHERE kept.name = trim(featc_tables.name, '"') || ?4)
  )
"""


@dataclass(frozen=True, slots=True)
class PushReport:
    """What a push did. `rejected` counts rows by reason; they are kept in the store's table `featc_rejected`.

    `accepted` are the rows the source took in, `duplicates` those it had. A row that one view rejects (a NULL key) is
    accepted for the others. `made_late` are versions accepted before that this batch made too late for `final_after`,
    by an earlier time of the same event. `absent` are the columns that features read and the batch lacked: they are
    NULL in all its rows. With `replayed_batch` the token was known and nothing changed; the counts
    are those of the first time.
    """

    source: str
    rows: int
    accepted: int
    duplicates: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    replayed_batch: bool = False
    token: str | None = None
    made_late: int = 0
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownBatch:
    """A batch the source has had: what its push did, and the digest of its rows."""

    report: PushReport
    digest: str | None


def first_row(store: sqlite3.Connection) -> int:
    """The number the next accepted row gets."""
    return int(store.execute(_FIRST_ROW).fetchone()[0])


def horizon_of(store: sqlite3.Connection, source: str) -> int | None:
    """The instant before which the store's history of a source is gone; None when all of it is there."""
    row = store.execute("SELECT horizon FROM featc_horizons WHERE source = ?", (source,)).fetchone()
    return None if row is None else int(row[0])


def newest_arrival(store: sqlite3.Connection, source: str) -> int | None:
    """The greatest α the store has accepted of a source."""
    row = store.execute("SELECT newest_arrival FROM featc_sources WHERE source = ?", (source,)).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def set_horizon(store: sqlite3.Connection, source: str, horizon: int) -> None:
    """Books a source's horizon."""
    now = time.time_ns() // 1000
    store.execute("INSERT OR REPLACE INTO featc_horizons VALUES (?, ?, ?)", (source, horizon, now))


def known_batch(store: sqlite3.Connection, source: str, token: str | None) -> KnownBatch | None:
    """The batch with this token, if the source has had it."""
    row = None if token is None else store.execute(_KNOWN, (source, token)).fetchone()
    if row is None:
        return None
    return KnownBatch(PushReport(source, row[0], row[1], row[2], json.loads(row[3]), True, token), row[4])


def know_batch(store: sqlite3.Connection, entry: Entry) -> None:
    """Books that the batch of another store's journal is known by its token, if it has one, with what that store said
    of it."""
    if entry.token is not None:
        said = (entry.source, entry.token, entry.rows, entry.accepted, entry.duplicates, entry.rejected, entry.digest)
        store.execute(_BATCH.replace("INSERT", "INSERT OR IGNORE", 1), (*said, entry.pushed_at))


def leave_out(store: sqlite3.Connection, known: Iterable[str], source: str | None, rows: int) -> None:
    """Notes that so many rows of a source came in, or with None that rows went, without the tables of views that the
    project does not have just now: it may have them again. `known` are the tables that it has.

    Such a view missed what its own source brought. One with joins missed it whatever brought it, since what would have
    been lifted again was not, and what it would have asked for may have gone.
    """
    if rows:
        store.execute(_LEFT_OUT, (rows, json.dumps(list(known)), source, KEPT))


def note_members(store: sqlite3.Connection, union: str, members: Iterable[str]) -> None:
    """Notes what a union is made of, for when a project is without it: then its views miss what its members bring."""
    rows = [(f"union {union} of {member}", member) for member in members]
    store.executemany("INSERT OR IGNORE INTO featc_meta VALUES (?, ?)", rows)


def enter_batch(
    store: sqlite3.Connection,
    report: PushReport,
    rejected: Iterable[tuple[int, str, str]],
    newest_arrival: int | None,
    digest: str | None,
) -> None:
    """Books a batch that has been taken in. `rejected`: (place in the batch, reason, the row as JSON)."""
    now = time.time_ns() // 1000
    counts = json.dumps(dict(report.rejected))
    source = report.source
    entry = (source, report.token, report.rows, report.accepted, report.duplicates, counts, digest, now)
    batch = store.execute(_BATCH, entry).lastrowid
    kept = [(batch, place, source, reason, data) for place, reason, data in rejected]
    store.executemany(_REJECTED, kept)
    store.execute(_SOURCE, (source, report.accepted, report.duplicates, len(kept), newest_arrival, now))
    store.execute(_NEXT_ROW, (str(first_row(store) + report.rows),))
