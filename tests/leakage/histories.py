"""Small hostile data for the golden projects: rows at every edge of their windows, one microsecond off, late, corrected
and superseded, around the instants of a spine. What a query answers on it shows whether two queries differ."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from featc.resolve.model import ColumnRef, Expr, Project, Source

T = datetime(2026, 1, 15, 12, 0, 0)
"""A Thursday, around which everything happens."""

_US = timedelta(microseconds=1)
_EDGES = [timedelta(0), timedelta(minutes=1), *(timedelta(days=n) for n in (1, 7, 30, 365))]
_LAGS = [timedelta(0), _US, timedelta(seconds=10), timedelta(minutes=1), timedelta(hours=2), timedelta(days=2)]
Rows = list[dict[str, Any]]


def _instant(chance: random.Random) -> datetime:
    edge = chance.choice(_EDGES) * chance.choice((-1, -1, -1, 1))
    if chance.random() < 0.3:
        edge = -timedelta(seconds=chance.randrange(0, 8 * 86400))
    return T + edge + chance.choice((-2, -1, 0, 0, 1, 2)) * _US


def _bare(expr: Expr | None) -> str | None:
    return next((r.column for r in expr.refs if isinstance(r, ColumnRef)), None) if expr is not None else None


def rows_of(source: Source, chance: random.Random, count: int) -> Rows:
    """Rows of a source, versions of each other where it has an id."""
    found: Rows = []
    time, arrival = _bare(source.time), _bare(source.available_at)
    for _ in range(count):
        row: dict[str, Any] = {}
        for column in source.columns:
            row[column.name] = _value(column.name, column.type, chance)
        row[str(time)] = _instant(chance)
        if arrival is not None:
            row[arrival] = _arrival(row[str(time)], chance)
        found.append(row)
    return found


def _arrival(time: datetime, chance: random.Random) -> datetime | None:
    """Soon after the event, at the spine's own instants, or never."""
    if chance.random() < 0.85:
        return time + chance.choice(_LAGS)
    return None if chance.random() < 0.3 else T + chance.choice((-1, 0, 1)) * _US


def _value(name: str, type_: str, chance: random.Random) -> Any:
    if name.endswith("_id"):
        return chance.choice((1, 1, 2) if name == "user_id" else range(6))
    match type_.partition("(")[0]:
        case "BIGINT" | "INTEGER" | "DECIMAL":
            return chance.randrange(1, 100)
        case "DOUBLE":
            return float(chance.randrange(1, 100))
        case "BOOLEAN":
            return chance.random() < 0.2
        case "TIMESTAMP":
            return _instant(chance)
        case _:
            word = chance.choice(("product", "home", "pro", "basket"))
            return "D" if name == "op" and chance.random() < 0.1 else word


def history(project: Project, seed: int, count: int = 40) -> dict[str, Rows]:
    chance = random.Random(seed)
    return {name: rows_of(source, chance, count) for name, source in project.sources.items()}


def known_before(project: Project, rows: Mapping[str, Rows], t: datetime) -> dict[str, Rows]:
    """What had arrived before an instant: nothing else may matter to a feature at that instant."""
    found = {}
    for name, listed in rows.items():
        source = project.sources[name]
        arrival = _bare(source.available_at) or str(_bare(source.time))
        delay = timedelta(microseconds=source.delay)
        found[name] = [r for r in listed if r[arrival] is not None and r[arrival] + delay < t]
    return found


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """One for all answers, which leave nothing in it: making it takes longer than most of them."""
    return duckdb.connect()


def answers(
    project: Project, sql: str, rows: Mapping[str, Rows], instants: Sequence[datetime], folder: Path
) -> list[tuple[Any, ...]]:
    """What a training query gives for every entity at every instant."""
    for name, listed in rows.items():
        source = project.sources[name]
        path = folder / source.location.value
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, [c.name for c in source.columns])
            writer.writeheader()
            writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in listed)
    asked = ", ".join(f"({u}, TIMESTAMP '{t}', 7)" for t in instants for u in (1, 2, 3))
    with _engine().cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE TEMP TABLE spine (user_id BIGINT, as_of TIMESTAMP, value DECIMAL(12,2))")
        connection.execute(f"INSERT INTO spine VALUES {asked}")
        return connection.execute(sql.replace("'data/", f"'{folder}/data/")).fetchall()
