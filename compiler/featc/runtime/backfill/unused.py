"""`featc backfill --drop-unused`: tables and states of tiles that no definition of the project reads any more.

Only what the ledger names is touched. Snapshots stay: they are of past instants, and nothing can make them again once
a definition has changed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featc.lower.backfill import tile_tables
from featc.lower.source import quoted
from featc.lower.tile_table import SCHEMA
from featc.resolve.model import Project
from featc.runtime.backfill import ledger
from featc.runtime.backfill.run import open_session
from featc.runtime.backfill.session import Session, Watch, nobody

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore


@dataclass(frozen=True, slots=True)
class UnusedState:
    """A state in a table that is still read: its fingerprint, and its unquoted columns."""

    table: str
    fingerprint: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unused:
    """What no definition reads: whole tables with their number of tiles, and single states. Tables are unquoted."""

    database: str
    dry_run: bool
    tables: Mapping[str, int]
    states: tuple[UnusedState, ...]


def drop_unused(
    store: FeatureStore, *, dry_run: bool = False, watch: Watch = nobody, also: Iterable[Project] = ()
) -> Unused:
    """Drops it in one transaction; with `dry_run` only says what it is. What the definitions of `also` read stays, too.
    Raises FeatcError F722, F725, F901."""
    database = str(store.database)
    writes = not dry_run and store.database is not None and store.database.exists()
    session = open_session(store, writes=writes, watch=watch)
    try:
        if not ledger.is_there(session):
            return Unused(database, dry_run, {}, ())
        read: dict[str, set[str]] = {}
        for table in (t for project in (store.project, *also) for t in tile_tables(project)):
            read.setdefault(table.name, set()).update((table.fingerprint, *(s.fingerprint for s in table.states)))
        there = _tables(session)
        gone = {name: _tiles(session, name) if name in there else 0 for name in ledger.tables(session) - read.keys()}
        states = tuple(_states(session, {name: read[name] for name in sorted(read) if name in there}))
        if not dry_run and (gone or states):
            _drop(session, gone.keys(), states, there)
        return Unused(database, dry_run, dict(sorted(gone.items())), states)
    finally:
        session.connection.close()


def _tables(session: Session) -> frozenset[str]:
    found = session.run(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = ?", [SCHEMA]
    )
    return frozenset(name for (name,) in found)


def _tiles(session: Session, table: str) -> int:
    return int(session.run(f"SELECT count(*) FROM {SCHEMA}.{quoted(table)}")[0][0])


def _states(session: Session, read: Mapping[str, Container[str]]) -> Iterable[UnusedState]:
    for table, used in read.items():
        for fingerprint, columns in ledger.states(session, table).items():
            if fingerprint not in used:
                yield UnusedState(table, fingerprint, tuple(c.strip('"') for c in columns))


def _drop(session: Session, tables: Iterable[str], states: Iterable[UnusedState], there: frozenset[str]) -> None:
    with session.transaction():
        for table in tables:
            if table in there:
                session.run(f"DROP TABLE {SCHEMA}.{quoted(table)}")
            ledger.forget_table(session, table)
        for state in states:
            for column in state.columns:
                session.run(f"ALTER TABLE {SCHEMA}.{quoted(state.table)} DROP COLUMN IF EXISTS {quoted(column)}")
            ledger.forget_state(session, state.table, state.fingerprint)
    session.run("CHECKPOINT")
