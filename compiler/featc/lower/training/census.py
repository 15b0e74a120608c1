"""How much there is of a source for a view, as DuckDB SQL over the source's own data."""

from __future__ import annotations

from collections.abc import Sequence

from featc.lower.ctes import Ctes, select
from featc.lower.source import TIME
from featc.lower.training.rows import source_rows
from featc.resolve.model import Source


def census_sql(source: Source, keys: Sequence[str], texts: Sequence[str]) -> str:
    """(entities, rows, the most rows of one entity, first τ, last τ, the average length of a text in bytes)."""
    ctes = Ctes()
    base = source_rows(ctes, source, frozenset(c.name for c in source.columns), shared=False)
    present = " AND ".join([f"{TIME} IS NOT NULL", *(f"{key} IS NOT NULL" for key in keys)])
    length = f"avg(({' + '.join(f'coalesce(strlen({t}), 0)' for t in texts)}) / {len(texts)})" if texts else "0"
    items = ["count(*) AS n", f"min({TIME}) AS first", f"max({TIME}) AS last", f"{length} AS text"]
    grouped = f"\nGROUP BY {', '.join(keys)}" if keys else ""
    body = select(items, f"FROM {base}\nWHERE {present}{grouped}")
    entities = ctes.add("entities", body, "each entity's rows")
    return ctes.query(
        f"SELECT count(*), sum(n)::BIGINT, max(n), min(first), max(last), sum(text * n) / sum(n) FROM {entities}"
        " WHERE n > 0"
    )
