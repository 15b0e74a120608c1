"""When a value equals another one (semantics, "What equal means").

Integers, text and times must be identical; a DOUBLE may differ by 1e-9 of its `__scale`, and one without a scale not
at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from retail.handwritten import Service

TOLERANCE = 1e-9
SPINE_COLUMNS = {"spine_row", "CustomerID", "StockCode", "InvoiceNo", "as_of"}

Rows = list[dict[str, Any]]
"""Spine rows, with features and scales by name."""


def dictionaries(connection: duckdb.DuckDBPyConnection, query: str) -> Rows:
    cursor = connection.execute(query)
    names = [d[0] for d in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def features_of(row: Mapping[str, Any]) -> list[str]:
    """The names of the features in a row of hand-written values."""
    return [name for name in row if name not in SPINE_COLUMNS and not name.endswith("__scale")]


def wrong_values(
    service: Service, row: Mapping[str, Any], vector: Mapping[str, Any], wanted: Mapping[str, Any]
) -> list[str]:
    """What a vector of a spine row has otherwise than it is wanted, in words; `row` says the scales."""
    wrong = []
    for name in features_of(row):
        if not close(vector[name], wanted[name], row.get(f"{name}__scale")):
            where = f"{service.key}={row[service.key]} at {row['as_of']}"
            wrong.append(f"{where}: {name} is {vector[name]!r}, not {wanted[name]!r}")
    return wrong


def close(actual: Any, wanted: Any, scale: float | None) -> bool:
    """Identical, or within the tolerance of a DOUBLE that has a scale."""
    if actual is None or wanted is None or scale is None:
        return bool(actual == wanted)
    return bool(abs(actual - wanted) <= TOLERANCE * scale)


def close_sql(actual: str, wanted: str, scale: str) -> str:
    """The same as SQL; `scale` is empty where there is none."""
    same = f"{actual} is not distinct from {wanted}"
    return f"{same} or coalesce(abs({actual} - {wanted}) <= {TOLERANCE} * {scale}, false)" if scale else same
