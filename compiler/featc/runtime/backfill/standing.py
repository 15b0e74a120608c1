"""How the tiles of a target stand, as far as the ledger and the sources' files tell without reading any rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from featc.errors import Diagnostic, FeatcError
from featc.lower.backfill import TileTable, tile_tables
from featc.resolve.model import Source
from featc.runtime.backfill import ledger
from featc.runtime.backfill.complete import complete
from featc.runtime.backfill.files import has_files
from featc.runtime.backfill.ledger import Range
from featc.runtime.backfill.look import is_within
from featc.runtime.backfill.session import Session

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore


@dataclass(frozen=True, slots=True)
class TilesStatus:
    """A view's tiles. `range` (µs, half-open) is from the first day that was ever filled to past the last, None for
    never; `open` days of it lack a state as it is defined now, or were opened and not filled again. `unchanged` is
    whether the source's files are those last looked at, None where it has no files: then only a look at its rows
    tells. `as_defined` is whether that was for the states as they are defined now. `stopped`: a run ended before its
    end, so that days it was to fill may be open without being counted in `open`."""

    table: str
    range: Range | None
    open: int
    unchanged: bool | None
    as_defined: bool
    stopped: bool = False


def standing(store: FeatureStore) -> tuple[dict[str, TilesStatus], Diagnostic | None]:
    """By view, how its tiles stand; and why that cannot be told: another process writes the database, or it is none
    that this featc reads. Makes nothing."""
    tables = tile_tables(store.project)
    if not tables or store.database is None or not store.database.exists():
        return {t.view.name: _never(store, t) for t in tables}, None
    try:
        with store.connect() as connection:
            session = Session(connection)
            there = ledger.is_there(session)
            return {t.view.name: _status(store, session, t) if there else _never(store, t) for t in tables}, None
    except FeatcError as error:
        return {}, error.diagnostics[0]


def _never(store: FeatureStore, table: TileTable) -> TilesStatus:
    return TilesStatus(table.relation, None, 0, False if has_files(_source(store, table)) else None, False)


def _source(store: FeatureStore, table: TileTable) -> Source:
    """The table's source with its paths as they are written."""
    return store.project.sources[table.source.name]


def _status(store: FeatureStore, session: Session, table: TileTable) -> TilesStatus:
    source = _source(store, table)
    ever = complete(session, table, (), source, store.root)
    if not ever.ranges:
        return _never(store, table)
    now = complete(session, table, [s.partial for s in table.states], source, store.root)
    whole = (ever.ranges[0][0], ever.ranges[-1][1])
    filled = sum(past - first for first, past in now.ranges)
    unchanged = now.unchanged if has_files(source) else None
    still_open = (whole[1] - whole[0] - filled) // table.width
    # a run says at its end what it covered, so that days outside were filled by one that had none
    held = ledger.read(session, table)
    stopped = any(not is_within(held.covered, start) for start in held.of(table.fingerprint))
    return TilesStatus(table.relation, whole, still_open, unchanged, now.as_defined, stopped)
