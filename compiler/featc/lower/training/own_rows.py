"""Spine rows that name a row of a source, and are asked for after that row was known: SQL for DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from featc.lower import source as src
from featc.lower.ctes import Ctes, conjunction, named, select
from featc.lower.source import ARRIVAL, TIME, quoted
from featc.lower.training.rows import source_rows
from featc.resolve.model import Source, View, Window
from featc.visibility import after_sql, horizon_sql, upto_sql


def own_rows_sql(source: Source, view: View, time: str, named_by: Mapping[str, str], windows: Sequence[Window]) -> str:
    """How many rows of the spine a window counts the very row of that they name.

    `time` is the spine's instant; `named_by` maps columns of the source's `id`, or of its time where it has none, to
    SQL over the spine. Keys are equal, the row passes `where` and is no deletion. The windows have an upper
    end that the instant alone decides, so that none is a previous unit of a calendar.
    """
    ctes = Ctes()
    base = source_rows(ctes, source, frozenset(c.name for c in source.columns), shared=False)
    keys = [named(src.key_sql(k), quoted(f"_key_{k.name}")) for k in view.keys]
    names = [named(quoted(c), quoted(f"_named_{c}")) for c in named_by]
    passing = [src.render(view.where)] if view.where is not None else []
    passing += [f"({src.render(source.deleted)}) IS NOT TRUE"] if source.deleted is not None else []
    entered = f"greatest({TIME}, {ARRIVAL})"
    items = [*keys, *names, f"{TIME} AS _tau", f"{entered} AS _entered"]
    rows = ctes.add("own", select(items, f"FROM {base}\n{conjunction(passing)}".rstrip()), "rows, and what names them")
    at = f"epoch_us(spine.{quoted(time)})"
    conditions = [f"spine.{quoted(k.name)} = own.{quoted(f'_key_{k.name}')}" for k in view.keys]
    pairs = [(mine, f"own.{quoted(f'_named_{c}')}") for c, mine in named_by.items()]
    conditions += [f"{given}::VARCHAR = {found}::VARCHAR" for given, found in pairs]
    conditions += [f"own._entered <= {horizon_sql(at, view.closed)}"]
    conditions += [f"({' OR '.join(_within(view, window, at) for window in windows)})"]
    return ctes.query(f"SELECT count(*) FROM spine SEMI JOIN {rows} AS own ON {' AND '.join(conditions)}")


def _within(view: View, window: Window, at: str) -> str:
    """Whether a window holds a row, by its time alone. A calendar's current unit is taken to hold all before."""
    if window.calendar is not None:
        return "true"
    after = after_sql(window, at, view.closed)
    upto = f"own._tau <= {upto_sql(window, at, view.closed)}"
    return f"({upto})" if after is None else f"({upto} AND own._tau > {after})"
