"""The SQLite file: opening it, its own tables, whole transactions, and its troubles as featc's errors."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from featc.errors import Diagnostic, FeatcError
from featc_dialects.sqlite import MIN_VERSION

FORMAT = "4"
_BEFORE = ("2", "3")
"""Formats that differ only in tables they lack: a writer adds them, a reader does without. 2 knew no eviction and no
materialize, 3 kept no journal."""

_DAMAGE = ("malformed", "not a database", "no such table", "no such column", "no column named")
_ANEW = "put a copy of the file in its place, or delete it and push the sources again"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS featc_meta (
    name TEXT PRIMARY KEY,
    value TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS featc_sources (
    source TEXT PRIMARY KEY,
    batches INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    newest_arrival INTEGER,
    pushed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS featc_batches (
    batch INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    token TEXT,
    rows INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    rejected TEXT NOT NULL,
    digest TEXT,
    pushed_at INTEGER NOT NULL,
    UNIQUE (source, token)
) STRICT;
CREATE TABLE IF NOT EXISTS featc_rejected (
    batch INTEGER NOT NULL,
    place INTEGER NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (batch, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS featc_tables (
    name TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    missed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS featc_routes (
    source TEXT PRIMARY KEY,
    route TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS featc_told_apart (
    source TEXT PRIMARY KEY,
    columns TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS featc_intervals (
    source TEXT NOT NULL,
    until INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (source, until)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS featc_copies (
    source TEXT NOT NULL,
    arrival INTEGER NOT NULL,
    digest INTEGER NOT NULL,
    copies INTEGER NOT NULL,
    PRIMARY KEY (source, arrival, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS featc_horizons (
    source TEXT PRIMARY KEY,
    horizon INTEGER NOT NULL,
    evicted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS featc_compacted (
    name TEXT PRIMARY KEY,
    before INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS featc_journal (
    entry INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    token TEXT,
    digest TEXT,
    newest INTEGER,
    pushed_at INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    rejected TEXT NOT NULL,
    data BLOB NOT NULL
) STRICT;
"""


class Database:
    """One connection to a store's file. Use from any thread; one transaction at a time."""

    def __init__(
        self, path: Path, root: Path | None = None, *, read_only: bool = False, busy_seconds: float = 5.0
    ) -> None:
        """Opens or makes the file; messages name it relative to `root`.

        Raises FeatcError F601 (no file to read), F602 (another format), F901 (locked), F902, F903 (damaged), F904.
        """
        if sqlite3.sqlite_version_info < MIN_VERSION:
            needed = ".".join(map(str, MIN_VERSION))
            message = f"SQLite {sqlite3.sqlite_version} is too old: featc needs {needed}"
            raise FeatcError(Diagnostic("F904", message), exit_code=4)
        self.path = path
        self.name = str(path.relative_to(root)) if root is not None and path.is_relative_to(root) else str(path)
        self.read_only = read_only
        self._is_old = False
        self.lock = threading.RLock()
        with self.troubles():
            self.connection = self._connect(busy_seconds)
            self._prepare()

    def _connect(self, busy_seconds: float) -> sqlite3.Connection:
        if self.read_only:
            if not self.path.exists():
                message = f"there is no online store at {self.name}"
                raise FeatcError(Diagnostic("F601", message, hint="make one with `featc push SOURCE FILE`"))
        else:
            self._make_folder()
        uri = f"file:{quote(str(self.path))}?mode={'ro' if self.read_only else 'rwc'}"
        return sqlite3.connect(
            uri, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=1024
        )

    def _make_folder(self) -> None:
        if self.path.is_dir():
            message = f"the online store's path {self.name} is a folder"
            raise FeatcError(Diagnostic("F902", message, hint="set another online path, or move the folder away"))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as trouble:
            reason = trouble.strerror or type(trouble).__name__
            message = f"the folder for the online store at {self.name} cannot be made: {reason}"
            raise FeatcError(Diagnostic("F902", message, hint="set another online path"), exit_code=4) from trouble

    def _prepare(self) -> None:
        here = {row[0] for row in self.connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if here and "featc_meta" not in here:
            raise self._refusal(f"{self.name} is a database of something else", "set another online path")
        self.connection.execute("PRAGMA cache_size = -65536")
        self.connection.execute("PRAGMA temp_store = MEMORY")
        if self.read_only:
            self.connection.execute("PRAGMA query_only = ON")
        else:
            if not here:  # before anything is written: see `featc.runtime.online.space`
                self.connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")
            if not here:
                self._make_tables()
            elif self.meta("format") in _BEFORE:
                self._bring_forward()
        self._is_old = bool(here) and self.meta("format") == _BEFORE[0]
        readable = (FORMAT, *_BEFORE) if self.read_only else (FORMAT,)
        if here and self.meta("format") not in readable:
            message = f"the online store at {self.name} has format {self.meta('format')}, and this featc reads {FORMAT}"
            raise self._refusal(message, "push its sources into a new store")

    def _make_tables(self) -> None:
        with self.write():
            self._make_own()
            self.connection.execute("INSERT OR IGNORE INTO featc_meta VALUES ('format', ?)", (FORMAT,))
            self.connection.execute("INSERT OR IGNORE INTO featc_meta VALUES ('next_row', '1')")

    def _make_own(self) -> None:
        for statement in filter(str.strip, _SCHEMA.split(";\n")):
            self.connection.execute(statement)

    def _bring_forward(self) -> None:
        """A store of a format before. Whatever one of format 2 holds was pushed; no batch of either is in a journal."""
        with self.write() as store:
            found = self.meta("format")
            if found not in _BEFORE:  # another process may have brought it forward since
                return
            self._make_own()
            if found == _BEFORE[0]:
                store.execute("INSERT OR IGNORE INTO featc_routes SELECT source, 'push' FROM featc_sources")
            store.execute(
                "INSERT INTO featc_meta SELECT 'no journal of ' || source, sum(accepted) FROM featc_batches"
                " GROUP BY source HAVING sum(accepted) > 0"
            )
            store.execute("UPDATE featc_meta SET value = ? WHERE name = 'format'", (FORMAT,))

    def _refusal(self, message: str, hint: str) -> FeatcError:
        return FeatcError(Diagnostic("F602", message, hint=hint))

    def meta(self, name: str) -> str | None:
        row = self.connection.execute("SELECT value FROM featc_meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    @property
    def lacks_horizons(self) -> bool:
        """Whether the file is of the format before, which knew no eviction, and still is."""
        return self._is_old and self.meta("format") == _BEFORE[0]

    def has_tables(self) -> bool:
        """False for an empty file opened for reading."""
        row = self.connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'featc_meta'").fetchone()
        return bool(row[0])

    def close(self) -> None:
        self.connection.close()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the store: all statements inside see the same batches."""
        with self.lock, self.troubles():
            self.connection.execute("BEGIN DEFERRED")
            try:
                yield self.connection
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("COMMIT")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One whole change: all of it is durable afterwards, or on any error nothing has happened."""
        with self.lock, self.troubles():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")

    @contextmanager
    def undone(self) -> Iterator[sqlite3.Connection]:
        """A change that is looked at and taken back: the file stays as it is."""
        with self.lock, self.troubles():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            finally:
                self.connection.execute("ROLLBACK")

    @contextmanager
    def troubles(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as trouble:
            raise self._operational(trouble) from trouble
        except sqlite3.DatabaseError as trouble:
            message = f"the online store at {self.name} cannot be read: {trouble}"
            raise FeatcError(Diagnostic("F903", message, hint=_ANEW)) from trouble

    def _operational(self, trouble: sqlite3.OperationalError) -> FeatcError:
        text = str(trouble)
        if "locked" in text or "busy" in text:
            message = f"the online store at {self.name} is locked by another writer"
            return FeatcError(Diagnostic("F901", message, hint="try again; nothing was written"), exit_code=4)
        if any(sign in text for sign in _DAMAGE):
            return FeatcError(Diagnostic("F903", f"the online store at {self.name} is damaged", hint=_ANEW))
        if text.startswith("too many"):
            hint = "give its features to several views; nothing was written"
            return FeatcError(Diagnostic("F902", f"a view is too wide for SQLite: {text}", hint=hint), exit_code=4)
        message = f"the online store at {self.name} cannot be used: {text}"
        hint = "nothing was written; check the rights of the file and its folder, and the free space"
        return FeatcError(Diagnostic("F902", message, hint=hint), exit_code=4)
