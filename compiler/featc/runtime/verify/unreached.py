"""Views whose `where` no row of their source passes: both plans agree on nothing, most likely over a misspelt value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from featc.lower.training.matching import column_values_sql, passing_sql
from featc.resolve.model import ColumnRef, View
from featc.runtime.texts import to_text
from featc.types import family

if TYPE_CHECKING:
    import duckdb

    from featc.runtime.store import FeatureStore

SHOWN = 6
"""So many values of a column are named."""


def unreached(store: FeatureStore, views: Iterable[str]) -> tuple[str, ...]:
    """A remark for each of the views, with what the columns of its `where` hold instead. A source is read up to the
    first row that passes; one without rows is passed over."""
    listed = dict.fromkeys(view.origin for view in map(store.project.view, views))
    found = [store.project.views[name] for name in listed if name in store.project.views]
    asked = [v for v in found if v.source is not None and v.where is not None and not v.finds(v.where)]
    if not asked:
        return ()
    with store.connect() as connection:
        return tuple(text for view in asked for text in _of(connection, store, view))


def _of(connection: duckdb.DuckDBPyConnection, store: FeatureStore, view: View) -> Iterator[str]:
    assert view.source is not None and view.where is not None
    source = store.located.sources[view.source]
    if connection.execute(passing_sql(source, view)).fetchone() is not None:
        return
    said = []
    for name in dict.fromkeys(r.column for r in view.where.refs if isinstance(r, ColumnRef)):
        rows = connection.execute(column_values_sql(source, name, SHOWN + 1)).fetchall()
        if rows and family(source.column(name).type) in ("text", "boolean", "integer"):
            values = ", ".join("NULL" if v is None else to_text(v) for (v,) in rows[:SHOWN])
            said.append(f"{name} is: {values}{', …' if len(rows) > SHOWN else ''}")
        elif not rows:
            return
    yield f"no row of {view.source} passes where of {view.name}" + "".join(f"; {text}" for text in said)
