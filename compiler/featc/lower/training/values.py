"""All cells of a view: every shape it needs, the late rows merged in, and the finished values."""

from __future__ import annotations

from featc.algebra import AGGREGATES, Kind
from featc.decompose import Cell, Finish, Parts
from featc.lower.ctes import Ctes, named
from featc.lower.source import quoted
from featc.lower.training.cells import ROW, Cells, Shape, shape_of
from featc.lower.training.frames import frames
from featc.lower.training.latest import latest
from featc.lower.training.newest import last_rows
from featc.lower.training.pairs import all_rows, grouped, late_rows
from featc.lower.training.rows import ViewRows
from featc.lower.training.running import running
from featc.lower.training.since import rows_since
from featc.resolve.model import Window
from featc.types import family
from featc.visibility import AS_OF
from featc_dialects import duckdb as engine


def compute(ctes: Ctes, parts: Parts, rows: ViewRows, out: Cells) -> None:
    """The cells of `parts` from rows: every shape they need, and the late rows merged in."""
    sliding = [c for c in parts.cells if c.window.by_time]
    by_shape: dict[Shape, list[Cell]] = {"running": [], "frame": [], "latest": [], "join": []}
    for cell in sliding:
        by_shape[shape_of(cell, rows.irregular)].append(cell)
    merged = [*by_shape["running"], *by_shape["frame"], *by_shape["latest"]]
    counted = [f for f in parts.finishes if f.aggregation.window.rows is not None]
    begun = [f for f in parts.finishes if f.aggregation.window.since is not None]
    if by_shape["frame"]:
        frames(ctes, rows, by_shape["frame"], by_shape["running"], out)
    else:
        running(ctes, rows, by_shape["running"], out)
    latest(ctes, rows, by_shape["latest"], out)
    if rows.irregular and (merged or counted):
        reach = [c.window for c in merged] + ([Window("lifetime")] if counted else [])
        late = late_rows(ctes, rows, reach)
        if merged:
            comment = f"{rows.view.name}: what those rows add to each window"
            name, found = grouped(ctes, rows, late, quoted(f"{rows.view.name}_late_windows"), merged, comment)
            for cell, names in found.items():
                main = out.fields[cell]
                out.fields[cell] = engine.merge(cell.partial.kind, main, tuple(f"l.{n}" for n in names))
            out.join(name, "l")
    if by_shape["join"]:
        members = all_rows(ctes, rows, [c.window for c in by_shape["join"]])
        comment = f"{rows.view.name}: states that cannot be united, over all rows at once"
        name, found = grouped(ctes, rows, members, quoted(f"{rows.view.name}_over_members"), by_shape["join"], comment)
        for cell, names in found.items():
            out.fields[cell] = tuple(f"m.{n}" for n in names)
        out.join(name, "m")
    last_rows(ctes, rows, counted, out)
    rows_since(ctes, rows, begun, out)


class _State:
    """A state under the names a finisher's template uses: `{m.mean}` a field, `{v}` its only value, `{total:n}` a
    sum divided by n, `{v:n}` the sum of a list n of a series' first slots."""

    def __init__(self, cell: Cell, sql: tuple[str, ...]) -> None:
        partial = cell.partial
        self.__dict__.update(zip(engine.FIELDS[partial.kind], sql, strict=True))
        self._state = (partial.kind, partial.types, sql)

    def __format__(self, n: str) -> str:
        return engine.shared(*self._state, n) if n else engine.value(*self._state)


def finished(finish: Finish, cells: Cells) -> str:
    """An aggregation's value as SQL over its cells."""
    row = AGGREGATES[finish.aggregation.aggregate]
    states = {label: _State(cell, cells.fields[cell]) for label, cell in finish.states.items()}
    text = row.finish_sql.format(**states, **_parameters(finish))
    exact = [c for c in finish.states.values() if c.partial.kind is Kind.SUM]
    wide = "HUGEINT" if exact and family(exact[0].partial.types[0]) == "integer" else finish.aggregation.type
    return engine.result(text, finish.aggregation.type, wide)


def _parameters(finish: Finish) -> dict[str, object]:
    """What a finisher's template may read besides states: parameters, the window's length, the instant in µs."""
    aggregation = finish.aggregation
    return {**dict(aggregation.params), "length": aggregation.window.length, "as_of": f"s.{AS_OF}"}


def joined(spine: str, cells: Cells) -> str:
    """FROM the spine with every CTE the cells read."""
    lines = [f"FROM {spine} s"]
    lines += [f"LEFT JOIN {named_alias(cte, alias)} USING ({ROW})" for cte, alias in cells.joins]
    return "\n".join(lines)


def named_alias(cte: str, alias: str) -> str:
    return named(cte, alias).replace(" AS ", " ")
