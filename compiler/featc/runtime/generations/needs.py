"""What definitions need of a store's file, and which sources have to be read again where a file does not have it.

A source is read again as a whole, with all that joins or unions tie to it, since the tables of one view are lifted with
what lies in those of others. Sources that nothing new is asked of stay as they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import networkx as nx

from featc.lower.online import SourcePlan, keep, source_plan
from featc.lower.online_joins import KEPT
from featc.lower.source import quoted
from featc.resolve.model import Project
from featc.resolve.upstream import read_sources
from featc.runtime.online import journal
from featc.runtime.online.left import lacks_rows

_BESIDE = ("", "__tiles", KEPT)
"""What the names of the tables that lie beside a view's end in."""


def tables_of(project: Project) -> dict[str, str]:
    """The tables that definitions need, each with its source."""
    return {table: plan.source.name for plan in plans_of(project) for table in plan.tables}


def plans_of(project: Project) -> list[SourcePlan]:
    """What a store that goes by a project executes, source by source."""
    kept = keep(project)
    return [source_plan(kept, source) for source in project.sources.values()]


def lacking(store: sqlite3.Connection, project: Project) -> frozenset[str]:
    """The sources of tables that a file does not have, or not from their beginning, or of which rows that the
    definitions ask for were evicted."""
    there = dict(store.execute("SELECT name, missed FROM featc_tables"))
    plans = plans_of(project)
    found = {plan.source.name for plan in plans if any(there.get(table, 1) for table in plan.tables)}
    return frozenset(found | {p.source.name for p in plans if any(lacks_rows(store, v.layout) for v in p.all_views)})


def tied(projects: Iterable[Project], sources: Iterable[str]) -> frozenset[str]:
    """The sources with all that joins, attribution and unions of any of the projects tie to them."""
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(sources)
    for project in projects:
        for view in project.views.values():
            together = read_sources(project, view)
            graph.add_edges_from((together[0], other) for other in together[1:])
        for name, source in project.sources.items():
            graph.add_edges_from((name, member.source.name) for member in source.members)
        for name, made in project.attributed.items():
            graph.add_edges_from((made.base, other) for other in (*made.matched, name))
    return frozenset().union(*(nx.node_connected_component(graph, s) for s in sources))


def drop(store: sqlite3.Connection, table: str) -> None:
    """Drops a table with what lies beside it, and what the books say of it."""
    for ending in _BESIDE:
        store.execute(f"DROP TABLE IF EXISTS {quoted(table.strip(chr(34)) + ending)}")
    store.execute("DELETE FROM featc_tables WHERE name = ?", (table,))
    store.execute("DELETE FROM featc_compacted WHERE name = ?", (table,))
    store.execute("DELETE FROM featc_meta WHERE name = ?", (f"left of {table}",))


def put_aside(store: sqlite3.Connection, source: str) -> tuple[str, ...]:
    """Keeps the versions that a file has of a source, in tables of other names, which it gives, until it is known
    whether a new fill has them all."""
    kept = []
    for (table,) in store.execute("SELECT name FROM featc_tables WHERE source = ?", (source,)).fetchall():
        columns = [row[1] for row in store.execute(f"PRAGMA table_info({table})")]
        if {"_version", "_arrival"} <= set(columns):
            name = quoted(f"featc_aside_{table.strip(chr(34))}")
            store.execute(f"DROP TABLE IF EXISTS {name}")
            store.execute(f"ALTER TABLE {table} RENAME TO {name}")
            kept.append(name)
    return tuple(kept)


def not_in(store: sqlite3.Connection, aside: str, tables: Iterable[str], *, arrivals: bool) -> int | None:
    """How many of the versions that were put aside none of a fill's tables has, by their ids and with `arrivals` by α.
    None where no table has such ids."""
    found = []
    named = _told_by(store, aside, arrivals=arrivals)
    for table in tables:
        if _told_by(store, table, arrivals=arrivals) == named:
            names = ", ".join(quoted(name) for name, _ in named)
            sql = f"SELECT count(*) FROM (SELECT {names} FROM {aside} EXCEPT SELECT {names} FROM {table})"
            found.append(int(store.execute(sql).fetchone()[0]))
    return min(found, default=None)


def _told_by(store: sqlite3.Connection, table: str, *, arrivals: bool) -> list[tuple[str, str]]:
    """(name, type) of the columns by which versions are told from others."""
    columns = [(row[1], row[2]) for row in store.execute(f"PRAGMA table_info({table})")]
    return [(n, type_) for n, type_ in columns if not n.startswith("_") or (arrivals and n == "_arrival")]


def forget(store: sqlite3.Connection, source: str) -> None:
    """As if no row of a source had ever come in; its journal stays."""
    tables = [name for (name,) in store.execute("SELECT name FROM featc_tables WHERE source = ?", (source,)).fetchall()]
    for table in tables:
        drop(store, table)
    for book in ("sources", "batches", "rejected", "routes", "told_apart", "intervals", "copies", "horizons"):
        store.execute(f"DELETE FROM featc_{book} WHERE source = ?", (source,))
    store.execute("DELETE FROM featc_meta WHERE name = ?", (journal.unwritten_of(source),))
