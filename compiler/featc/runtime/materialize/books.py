"""What the store has of each source's data: by intervals of arrival, and row by row where rows have no identity.

All of it is written in the transaction of the rows themselves, so that the books never say more or less than there is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from featc.errors import Diagnostic, FeatcError
from featc.lower.materialize import NEVER

_INTERVALS = "SELECT until, rows, digest FROM featc_intervals WHERE source = ? ORDER BY until"
_INTERVAL = "SELECT rows, digest FROM featc_intervals WHERE source = ? AND until = ?"
_LAST = "SELECT until FROM featc_intervals WHERE source = ? AND until > ? ORDER BY until DESC LIMIT 1"
_WRITE = "INSERT OR REPLACE INTO featc_intervals (source, until, rows, digest) VALUES (?, ?, ?, ?)"
_DROP = "DELETE FROM featc_intervals WHERE source = ? AND until = ?"
_COLUMNS = "SELECT columns FROM featc_told_apart WHERE source = ?"
_KEEP_COLUMNS = "INSERT OR REPLACE INTO featc_told_apart VALUES (?, ?)"
_COPIES = "SELECT arrival, digest, copies FROM featc_copies WHERE source = ? AND arrival >= ? AND arrival <= ?"
_KEEP_COPIES = """
INSERT INTO featc_copies (source, arrival, digest, copies) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET copies = max(copies, excluded.copies)
"""
_FORGET = ("featc_intervals", "featc_copies", "featc_told_apart")

Columns = tuple[tuple[str, str], ...]
"""(name, type in the data) of the columns by which a source's rows are told apart."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The rows of a source that arrived up to `until` (µs, included) and after the interval before.

    `digest` is the sum of the rows' digests, whatever their order.
    """

    until: int
    rows: int
    digest: int

    def __add__(self, later: Interval) -> Interval:
        return Interval(later.until, self.rows + later.rows, self.digest + later.digest)

    def __sub__(self, earlier: Interval) -> Interval:
        return Interval(self.until, self.rows - earlier.rows, self.digest - earlier.digest)


def intervals(store: sqlite3.Connection, source: str) -> dict[int, Interval]:
    """The intervals taken in, by their ends, in order; the one of the rows without α ends at `NEVER`."""
    rows = store.execute(_INTERVALS, (source,)).fetchall()
    return {until: Interval(until, count, int(digest)) for until, count, digest in rows}


def watermark(known: Mapping[int, Interval]) -> int | None:
    """The greatest α taken in."""
    return max((until for until in known if until != NEVER), default=None)


def rewrite(
    store: sqlite3.Connection, source: str, known: Interval | None, found: Interval, rest: Interval | None
) -> None:
    """Books what an interval holds now: `found`, and behind it the `rest` of it that is still to be gone through.

    `known` is what the books said. Raises FeatcError F643 where another run has been here since.
    """
    until = found.until if rest is None else rest.until
    row = store.execute(_INTERVAL, (source, until)).fetchone()
    if (None if row is None else Interval(until, row[0], int(row[1]))) != known:
        raise _overtaken(source)
    for interval in (found, rest):
        if interval is not None:
            store.execute(_WRITE, (source, interval.until, interval.rows, str(interval.digest)))


def rest(known: Interval, found: Interval) -> Interval:
    """What is known of an interval behind its first part, `found`: no more than that it is to be gone through."""
    return Interval(known.until, max(0, known.rows - found.rows), known.digest)


def joined(last: Interval | None, found: Interval, most: int) -> Interval:
    """The last interval once `found` is behind it: one of both where they hold no more than `most` rows."""
    return last + found if last is not None and last.rows + found.rows <= most else found


def append(store: sqlite3.Connection, source: str, last: Interval | None, found: Interval, most: int) -> None:
    """Books an interval behind all others, of which `last` is the latest. Raises FeatcError F643 where it is not."""
    row = store.execute(_LAST, (source, NEVER)).fetchone()
    if (None if row is None else row[0]) != (None if last is None else last.until):
        raise _overtaken(source)
    whole = joined(last, found, most)
    if last is not None and whole is not found:
        store.execute(_DROP, (source, last.until))
    store.execute(_WRITE, (source, whole.until, whole.rows, str(whole.digest)))


def _overtaken(source: str) -> FeatcError:
    message = f"another `featc materialize` is bringing in {source} at the same time"
    hint = "let one of them end; what this one brought in stays"
    return FeatcError(Diagnostic("F643", message, hint=hint), exit_code=4)


def columns(store: sqlite3.Connection, source: str) -> Columns | None:
    """The columns by which the rows in the books were told apart."""
    row = store.execute(_COLUMNS, (source,)).fetchone()
    return None if row is None else tuple((name, type_) for name, type_ in json.loads(row[0]))


def keep_columns(store: sqlite3.Connection, source: str, found: Columns) -> None:
    store.execute(_KEEP_COLUMNS, (source, json.dumps(found)))


def copies(store: sqlite3.Connection, source: str, first: int, until: int) -> Iterator[tuple[int, int, int]]:
    """(α, digest, copies) of rows without identity that arrived from `first` to `until`, both included."""
    yield from store.execute(_COPIES, (source, first, until))


def keep_copies(store: sqlite3.Connection, source: str, found: Iterable[tuple[int, int, int]]) -> None:
    """Books (α, digest, copies); where more are known, they stay, since the store has them."""
    store.executemany(_KEEP_COPIES, ((source, *row) for row in found))


def forget(store: sqlite3.Connection, source: str) -> None:
    """As if nothing of the source had been taken in."""
    for table in _FORGET:
        store.execute(f"DELETE FROM {table} WHERE source = ?", (source,))
