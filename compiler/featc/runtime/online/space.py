"""The space that eviction frees, given back to the disk: free pages go in steps, each a transaction of its own.

Readers are not disturbed, writers wait for a step at most, and a process that dies leaves a whole file. The file itself
shrinks when its log is written back, which waits for the readers there are.
"""

from __future__ import annotations

from featc.runtime.online.database import Database

STEP = 2_000
"""Pages given back in one transaction; 8 MB of them."""
_SHARE = 8
"""Free pages below one in so many are kept: what comes next is written there."""


def give_back(database: Database) -> None:
    """Gives the store's free pages back, where they are a large part of it. Raises FeatcError F90x."""
    while _free(database) * _SHARE >= _pages(database):
        with database.write() as store:
            before = store.execute("PRAGMA page_count").fetchone()[0]
            store.execute(f"PRAGMA incremental_vacuum({STEP})").fetchall()  # a page for each row that is fetched
            if store.execute("PRAGMA page_count").fetchone()[0] >= before:
                break  # a file made before stores could give pages back
    with database.lock, database.troubles():
        database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _free(database: Database) -> int:
    with database.read() as store:
        return int(store.execute("PRAGMA freelist_count").fetchone()[0])


def _pages(database: Database) -> int:
    with database.read() as store:
        return int(store.execute("PRAGMA page_count").fetchone()[0])
