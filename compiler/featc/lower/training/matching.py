"""Whether a spine and a source write their keys alike, and a view's `where` and its source their values: SQL for
DuckDB that ends at the first row that fits."""

from __future__ import annotations

from dataclasses import dataclass

from featc.lower import source as src
from featc.lower.ctes import Ctes, named, select
from featc.lower.source import quoted
from featc.lower.training.rows import source_rows
from featc.resolve.model import Source, View


@dataclass(frozen=True, slots=True)
class Matching:
    """`first`: a row if any entity of the spine occurs in the source, and the scan ends there. `asked`: how many
    entities the spine has, NULL being none. `sample`: the least key of the source, one column per key."""

    first: str
    asked: str
    sample: str


def matching_sql(source: Source, view: View) -> Matching:
    """The statements for one view over its source (semantics.md, "Observation"). The view has keys."""
    keys = [quoted(k.name) for k in view.keys]
    ctes = Ctes()
    base = source_rows(ctes, source, frozenset(c.name for c in source.columns), shared=False)
    items = [named(src.key_sql(k), name) for k, name in zip(view.keys, keys, strict=True)]
    rows = ctes.add("keys", select(items, f"FROM {base}"), "the keys of the source's rows")
    given = " AND ".join(f"{key} IS NOT NULL" for key in keys)
    listed = ", ".join(keys)
    return Matching(
        ctes.query(f"SELECT 1 FROM {rows} SEMI JOIN spine USING ({listed}) LIMIT 1"),
        f"SELECT count(*) FROM (SELECT DISTINCT {listed} FROM spine WHERE {given})",
        ctes.query(f"SELECT {listed} FROM {rows} WHERE {given} ORDER BY ALL LIMIT 1"),
    )


def passing_sql(source: Source, view: View) -> str:
    """A row if any row of the source passes the view's `where`; the scan ends there."""
    assert view.where is not None
    ctes = Ctes()
    base = source_rows(ctes, source, frozenset(c.name for c in source.columns), shared=False)
    return ctes.query(f"SELECT 1 FROM {base} WHERE {src.render(view.where)} LIMIT 1")


def column_values_sql(source: Source, column: str, most: int) -> str:
    """The values of a column of the source, the most frequent first, `most` at the most."""
    ctes = Ctes()
    base = source_rows(ctes, source, frozenset(c.name for c in source.columns), shared=False)
    name = quoted(column)
    return ctes.query(f"SELECT {name} FROM {base} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {most}")
