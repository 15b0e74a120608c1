"""The project's own events: all of them when few, else whole entities, so that their windows stay whole.

Entities are chosen by a hash of their key (the last one with its latest rows only, where it has too many);
with them come all events any version of which they ever had, and all versions of those events. Both plans see
the same rows, so a sample changes what is proven of, never whether.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from featc.lower import source as src
from featc.lower.ctes import named
from featc.resolve.model import Project, Source, View
from featc.runtime.verify.rows import Row, fetch, physical

if TYPE_CHECKING:
    import duckdb

_VALUES = 24


def own_rows(
    connection: duckdb.DuckDBPyConnection, project: Project, source: Source, limit: int, seed: int
) -> tuple[list[Row], str]:
    """About `limit` rows of a source, and in words which."""
    relation = src.physical_relation(source)
    (total,) = connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0]
    if total <= limit:
        return fetch(connection, physical(source), f"FROM {relation}"), f"all {total} rows"
    _number(connection, source, relation)
    views = _readers(project, source)
    connection.execute("CREATE OR REPLACE TEMP TABLE chosen (_nth BIGINT)")
    said = [_choose(connection, view, max(limit // len(views), 1), seed) for view in views]
    if not views:
        connection.execute(f"INSERT INTO chosen SELECT _nth FROM numbered ORDER BY _time DESC NULLS LAST LIMIT {limit}")
        said.append("the latest")
    _close_ids(connection, source)
    rest = "FROM (SELECT unnest(_raw) FROM numbered WHERE _nth IN (SELECT _nth FROM chosen) ORDER BY _nth)"
    rows = fetch(connection, physical(source), rest)
    return rows, f"{len(rows)} of {total} rows: {', '.join(said)}"


def _readers(project: Project, source: Source) -> list[View]:
    """One view per set of key expressions; views without keys see whatever the others bring."""
    found: dict[tuple[str, ...], View] = {}
    for view in project.views.values():
        if view.source == source.name and view.keys and not view.finds_keys:
            found.setdefault(tuple(src.key_sql(k) for k in view.keys), view)
    return list(found.values())


def _number(connection: duckdb.DuckDBPyConnection, source: Source, relation: str) -> None:
    """The table `numbered`: rows as they are (`_raw`), and their columns as expressions see them."""
    items = [named(src.normalised_batch_column(source, c.name), src.quoted(c.name)) for c in source.columns]
    times = [f"{sql} AS {name}" for sql, name in src.instants_select(source, ())[:1]]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE numbered AS SELECT *, {', '.join(times)} FROM"
        f" (SELECT row_number() OVER () AS _nth, r AS _raw, {', '.join(items)} FROM {relation} r)"
    )


def _choose(connection: duckdb.DuckDBPyConnection, view: View, limit: int, seed: int) -> str:
    """Adds the rows of entities of `view`, by hash of their key, until `limit` rows are reached."""
    keys = [src.key_sql(k) for k in view.keys]
    named_keys = ", ".join(f"{sql} AS k{n}" for n, sql in enumerate(keys))
    columns = ", ".join(f"k{n}" for n in range(len(keys)))
    present = " AND ".join(f"k{n} IS NOT NULL" for n in range(len(keys)))
    keyed = f"SELECT {named_keys} FROM numbered"
    digest = f"md5(concat_ws('|', {columns}, '{seed}'))"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE entities AS"
        f" SELECT *, sum(n) OVER (ORDER BY {digest}, {columns}) - n AS before"
        f" FROM (SELECT {columns}, count(*) AS n FROM ({keyed}) WHERE {present} GROUP BY ALL)"
    )
    (total, taken) = connection.execute(
        f"SELECT count(*), count(*) FILTER (WHERE before < {limit}) FROM entities"
    ).fetchall()[0]
    matched = " AND ".join(f"{sql} = e.k{n}" for n, sql in enumerate(keys))
    # of an entity that goes beyond the limit only the latest rows
    place = "row_number() OVER (ORDER BY e.before, r._time DESC NULLS LAST, r._nth)"
    connection.execute(
        f"INSERT INTO chosen SELECT _nth FROM (SELECT r._nth, {place} AS place FROM numbered r"
        f" JOIN entities e ON {matched} WHERE e.before < {limit}) WHERE place <= {limit}"
    )
    return f"{taken} of {total} by {', '.join(k.name for k in view.keys)}"


def _close_ids(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Adds all versions of every event of which a version was chosen."""
    if not source.id:
        return
    matched = " AND ".join(f"a.{src.quoted(c)} = b.{src.quoted(c)}" for c in source.id)
    connection.execute(
        "INSERT INTO chosen SELECT a._nth FROM numbered a SEMI JOIN"
        f" (FROM numbered SEMI JOIN chosen USING (_nth)) b ON {matched} ANTI JOIN chosen c ON a._nth = c._nth"
    )


def found_values(source: Source, rows: Sequence[Row]) -> dict[str, tuple[Any, ...]]:
    """Some of each column's values, for made-up histories."""
    found = {}
    for n, column in enumerate(source.columns):
        values: dict[Any, None] = {}
        for row in rows[:2000]:
            value = row[n]
            if value is None or value != value or isinstance(value, (list, dict)):
                continue
            values[value] = None
            if len(values) == _VALUES:
                break
        found[column.name] = tuple(values)
    return found
