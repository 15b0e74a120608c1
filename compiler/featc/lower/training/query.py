"""Training: the point-in-time correct batch query of a list of features, as DuckDB SQL (semantics.md, "Observation",
"The result").

The query reads a relation `spine` with the keys, the instant and the request columns, and returns it with the
features, one row per spine row, in order. It is plain SQL that runs in the engine's own client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from featc.lower.calendars import with_begins
from featc.lower.ctes import Ctes, named, select
from featc.lower.source import quoted
from featc.lower.tile_table import TileTable
from featc.lower.training.cells import ROW
from featc.lower.training.knowledge import LATEST, Knowledge
from featc.lower.training.needs import Wanted, needed, source_ctes
from featc.lower.training.views import SPINE, Views, column_of
from featc.resolve.model import Output, Project
from featc.visibility import AS_OF, begin_columns


def wanted(project: Project, outputs: Sequence[Output]) -> Wanted:
    """The features behind `outputs`, hidden dependencies included."""
    return needed(project, ((o.view, o.feature) for o in outputs))


def training_sql(
    project: Project,
    outputs: Sequence[Output],
    *,
    time: str = "as_of",
    extra: Sequence[str] = ("*",),
    tiles: Mapping[str, TileTable] = MappingProxyType({}),
    knowledge: Knowledge = LATEST,
) -> str:
    """The training query of `outputs`. `time` is the spine's instant column; `extra` what to select of the spine
    itself (default: all of it); `tiles` the tables, by view, that are read in place of rows where they can be;
    `knowledge` what labels know."""
    ctes, final = _query(project, outputs, time, extra, tiles, knowledge)
    return ctes.query(final)


def stages(
    project: Project, outputs: Sequence[Output], tiles: Mapping[str, TileTable] = MappingProxyType({})
) -> tuple[tuple[str, str], ...]:
    """The stages of the training query in their order, each with what it does: (name, words)."""
    ctes, _ = _query(project, outputs, "as_of", ("*",), tiles, LATEST)
    return tuple((name, comment) for comment, name, _ in ctes.items.values())


def _query(
    project: Project,
    outputs: Sequence[Output],
    time: str,
    extra: Sequence[str],
    tiles: Mapping[str, TileTable],
    knowledge: Knowledge,
) -> tuple[Ctes, str]:
    """The stages, and the statement that reads the last of them."""
    need = wanted(project, outputs)
    ctes = Ctes()
    begins = _add_spine(ctes, project, need, time)
    views = Views(ctes, project, need, source_ctes(ctes, project, need), tiles, knowledge)
    for name in need.views:
        if all(k.given is None for k in project.view(name).keys):
            views.add(name, SPINE)
    last = views.features(SPINE, time)
    spine = (
        [f"* EXCLUDE ({', '.join([ROW, AS_OF, *begins, *(column_of(f) for f in need.features)])})"]
        if extra == ("*",)
        else list(extra)
    )
    return ctes, select(
        [*spine, *(named(_column_of(o), quoted(o.name)) for o in outputs)], f"FROM {last}\nORDER BY {ROW}"
    )


def _add_spine(ctes: Ctes, project: Project, need: Wanted, time: str) -> list[str]:
    """Adds the CTE of the spine, numbered, with its instants; gives the columns that calendar windows need beside
    them."""
    items = [f"row_number() OVER () AS {ROW}", f"epoch_us({quoted(time)}) AS {AS_OF}", "*"]
    numbered, comment = select(items, "FROM spine"), "the rows to be answered, numbered to keep their order"
    begins = begin_columns(w for name in need.aggregations for w in need.windows(project.view(name)))
    if not begins:
        ctes.add(SPINE, numbered, comment)
        return []
    relation = ctes.add("spine_numbered", numbered, comment)
    body = with_begins(ctes, relation, begins)
    ctes.add(SPINE, body, "the same, with the beginnings of the calendar units each lies in")
    return list(begins)


def _column_of(output: Output) -> str:
    return quoted(f"{output.view}.{output.feature}")
