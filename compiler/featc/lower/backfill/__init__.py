"""Lowering to tiles: which tables of partial states a project's views have offline, and the SQL that fills them."""

from featc.lower.backfill.statements import (
    FIRST,
    PAST,
    add_sql,
    backfill_sql,
    create_sql,
    fill_sql,
    interval_sql,
    repeated_sqls,
    scan_sql,
)
from featc.lower.backfill.tables import Stream, TilePart, TileTable, stream_of, streams, tile_table, tile_tables

__all__ = [
    "FIRST",
    "PAST",
    "Stream",
    "TilePart",
    "TileTable",
    "add_sql",
    "backfill_sql",
    "create_sql",
    "fill_sql",
    "interval_sql",
    "repeated_sqls",
    "scan_sql",
    "stream_of",
    "streams",
    "tile_table",
    "tile_tables",
]
