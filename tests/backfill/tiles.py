"""Tiles as they lie in the database, and as the algebra has them over the rows that the oracle says are final."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import featc
import oracle
from featc.algebra import LAWS, Kind, float_total
from featc.decompose import Partial
from featc.encoding import code_to_double, double_to_code
from featc.lower.backfill import TileTable, tile_tables

from .projects import DAY, KEYS, Row, passes, versions

Tile = dict[str, Any]
Tiles = dict[tuple[Any, ...], Tile]
"""By keys and start: `_settled_at`, `_rows`, and each partial state by its name."""

ARGUMENTS = {"b_sum": "i"}
CLOCKS = {"filled_at", "compared_at", "seen_at", "taken_at", "modified_ns"}


@contextmanager
def reading(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(folder / ".featc" / "tiles.duckdb"), read_only=True) as connection:
        yield connection


def table_of(store: featc.FeatureStore, view: str) -> TileTable:
    return next(t for t in tile_tables(store.project) if t.view.name == view)


def tiles(store: featc.FeatureStore, view: str) -> Tiles:
    """The view's tiles in the target's database."""
    table = table_of(store, view)
    with reading(store.root) as connection:
        done = connection.execute(f"SELECT {', '.join(table.columns)} FROM {table.relation}")
        names = [d[0] for d in done.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in done.fetchall()]
    found: Tiles = {}
    for row in rows:
        place = (*(row[k.name] for k in table.view.keys), row["_start"])
        assert place not in found, "two tiles of one place"
        states = {s.partial.name: tuple(row[c.strip('"')] for c in s.columns) for s in table.states}
        found[place] = {"_settled_at": row["_settled_at"], "_rows": row["_rows"], **states}
    return found


def expected(store: featc.FeatureStore, view: str, rows: Iterable[Row]) -> Tiles:
    """The same by the oracle's versions and the algebra's own fold."""
    source, keys = KEYS[view]
    groups: dict[tuple[Any, ...], list[oracle.Version]] = defaultdict(list)
    for v in versions(source, rows):
        if v.enter is None or v.dead or any(v.row[k] is None for k in keys) or not passes(view, dict(v.row)):
            continue
        if v.superseded_at is None or v.superseded_at > v.enter:
            assert v.tau is not None
            groups[(*(v.row[k] for k in keys), v.tau // DAY * DAY)].append(v)
    table = table_of(store, view)
    found: Tiles = {}
    for place, members in groups.items():
        final = [v for v in members if v.superseded_at is None]
        settled = max(v.enter if v.superseded_at is None else v.superseded_at for v in members)  # type: ignore[type-var]
        states = {s.partial.name: folded(s.partial, final) for s in table.states}
        found[place] = {"_settled_at": settled, "_rows": len(final), **states}
    return found


def folded(partial: Partial, members: list[oracle.Version]) -> Any:
    """A partial state over rows; its slots are the column of their name, perhaps where `b` holds."""
    ordered = partial.kind in (Kind.MIN, Kind.MAX) and partial.types[0] == "DOUBLE"
    rows = []
    for v in members:
        values = [slot(name, dict(v.row)) for name in partial.slots]
        if ordered:  # as the algebra has DOUBLEs where their order matters
            values = [None if x is None else double_to_code(x) for x in values]
        rows.append((v.number, *values))
    state = LAWS[partial.kind].fold(rows)
    return code_to_double(state) if ordered and state is not None else state


def slot(name: str, row: Row) -> Any:
    if name.endswith("_where_b"):
        return row[name.removesuffix("_where_b")] if row["b"] else None
    value = row[name]
    if name == "x" and value is not None:
        return value + 0.0
    return value


def same_tiles(found: Tiles, wanted: Tiles, store: featc.FeatureStore, view: str) -> None:
    """Fails where a tile, or a state of one, differs."""
    assert found.keys() == wanted.keys()
    kinds = {s.partial.name: s.partial.kind for s in table_of(store, view).states}
    for place, tile in found.items():
        for name, value in tile.items():
            if name in kinds:
                assert state_of(kinds[name], value) == shown(kinds[name], wanted[place][name]), (place, name)
            else:
                assert value == wanted[place][name], (place, name)


def state_of(kind: Kind, columns: tuple[Any, ...]) -> Any:
    """A state's columns as one value that can be compared."""
    match kind:
        case Kind.FSUM:
            total, huge = columns
            beyond = total is not None and not math.isfinite(total) and huge
            return exact(huge * 2.0**64 if beyond else total)
        case Kind.MOMENTS:
            n, mean, m2, odd = columns
            return (n, None if not n else approx(mean), None if not n else approx(m2), odd)
        case _:
            return exact(columns[0])


def shown(kind: Kind, state: Any) -> Any:
    """The same of the algebra's state."""
    match kind:
        case Kind.FSUM:
            return None if state is None else exact(float_total(state))
        case Kind.MOMENTS:
            n, mean, m2, odd = state or (0, 0, 0, 0)
            return (n, None if not n else mean, None if not n else m2, odd)
        case _:
            return exact(state)


def approx(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True)


def exact(value: Any) -> Any:
    """A value that equals itself also where it is NaN; instants in µs, booleans as numbers."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return value
    if hasattr(value, "isoformat"):
        return oracle.micros(value)
    return value


def content(folder: Path, *, but: Iterable[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Every table of the schemas of tiles and snapshots, its rows sorted, without clocks."""
    skipped = set(but)
    with reading(folder) as connection:
        tables = connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE schema_name LIKE 'featc%' ORDER BY ALL"
        ).fetchall()
        found = {}
        for schema, table in tables:
            if table in skipped:
                continue
            names = [row[0] for row in connection.execute(f'DESCRIBE {schema}."{table}"').fetchall()]
            listed = ", ".join(f'"{n}"' for n in sorted(names) if n not in CLOCKS)
            rows = connection.execute(f'SELECT {listed} FROM {schema}."{table}"').fetchall()
            found[f"{schema}.{table}"] = sorted((tuple(map(_rounded, row)) for row in rows), key=repr)
    return found


def _rounded(value: Any) -> Any:
    """Moments depend in their last bits on the order of rows."""
    return f"{value:.9e}" if isinstance(value, float) else value
