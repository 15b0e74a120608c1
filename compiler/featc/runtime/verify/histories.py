"""The histories verify replays: the project's own events, and made-up ones."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

import duckdb

from featc.lower import source as src
from featc.resolve.model import Project, Source
from featc.resolve.unfold import unfolded
from featc.runtime.engine import connect
from featc.runtime.verify.adversary import Maker, Scene
from featc.runtime.verify.history import History
from featc.runtime.verify.plans import given_table, normalised, relocated
from featc.runtime.verify.rows import Row, create, physical
from featc.runtime.verify.sampling import found_values, own_rows
from featc.runtime.verify.values import column_pools

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

_PATIENCE = 400
"""So many queries may go into finding the rows on which an expression fails."""


def own_history(store: FeatureStore, limit: int, seed: int) -> History:
    """The project's own events, about `limit` rows of each source."""
    connection = store.connect()
    memory = connect()
    rows: dict[str, list[Row]] = {}
    said: dict[str, str] = {}
    located, project = unfolded(store.located), unfolded(store.project)
    for name, source in located.sources.items():
        found, said[name] = own_rows(connection, located, source, limit, seed)
        rows[name] = sound_rows(memory, project, source, found)
        lost = len(found) - len(rows[name])
        if lost:
            said[name] += f"; {lost} rows left out because an expression fails on them"
    connection.close()
    memory.close()
    return History("own events", rows, said, own=True)


def made_history(project: Project, own: History, random: Random, played: Sequence[Scene], size: int) -> History:
    """A made-up history of scenes with about `size` rows per source each; its values are partly those of
    `own`.
    """
    memory = connect()
    rows: dict[str, list[Row]] = {}
    project = unfolded(project)
    for name, source in project.sources.items():
        pools = column_pools(project, source, found_values(source, own.rows.get(name, ())))
        rows[name] = []
        for tame in (False, True):
            maker = Maker(project, source, pools, random, tame=tame)
            made = [row for scene in played for row in maker.scene(scene, size)]
            rows[name] = sound_rows(memory, project, source, made)
            if len(rows[name]) > len(made) // 2:
                break  # else the expressions fail on most odd values: only known ones then
    memory.close()
    dense = all(scene.dense for scene in played)
    said = {name: f"{len(listed)} made-up rows in {len(played)} scenes" for name, listed in rows.items()}
    return History("made-up events close together" if dense else "made-up events", rows, said)


def sound_rows(connection: duckdb.DuckDBPyConnection, project: Project, source: Source, rows: list[Row]) -> list[Row]:
    """The rows on which every row expression has a value: others fail a training query and are refused by
    push.
    """
    create(connection, given_table(source.name), physical(source), rows)
    sql = _lift_sql(project, relocated(project).sources[source.name])
    left = [_PATIENCE]

    def bad(low: int, high: int) -> list[int]:
        left[0] -= 1
        try:
            connection.execute(f"{sql} WHERE _nth >= {low} AND _nth < {high}").fetchall()
        except duckdb.Error:
            if high - low == 1 or left[0] <= 0:
                return list(range(low, high))
            middle = (low + high) // 2
            return [*bad(low, middle), *bad(middle, high)]
        return []

    wrong = set(bad(0, len(rows))) if rows else set()
    return [row for n, row in enumerate(rows) if n not in wrong]


def _lift_sql(project: Project, source: Source) -> str:
    """A query that evaluates every row expression of a source and of the views over it."""
    items = [f"{sql} AS {name}" for sql, name in src.instants_select(source, ())]
    for view in project.views.values():
        if view.source == source.name:
            exprs = [view.where, *(e for s in view.slots for e in (s.value, s.filter))]
            exprs += [e for j in view.joins for e in j.keys]  # what joins bring has values of its own
            found = [src.key_sql(k) for k in view.keys if not view.finds(k.expr)]
            found += [src.render(e) for e in exprs if e is not None and not view.finds(e)]
            items += [f"{sql} AS e{len(items)}_{n}" for n, sql in enumerate(found)]
    if source.valid_to is not None:
        items.append(f"{src.render(source.valid_to)} AS until")
    # the filter stands inside, so that rows outside the part are not evaluated
    inner = normalised(source)
    return f"SELECT {', '.join(items)} FROM ({inner})"
