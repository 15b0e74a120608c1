"""The join shape: (spine row, row) pairs for what the clock alone does not decide, and their states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from featc.decompose import Cell
from featc.lower.ctes import Ctes, conjunction, indent, select
from featc.lower.source import ENTER, SUPERSEDED, TIME, quoted
from featc.lower.training.cells import ROW, known_by, on_keys, settled_sql
from featc.lower.training.rows import BUCKET, REGULAR, ViewRows
from featc.resolve.model import Closed, Window
from featc.visibility import AS_OF, after_sql, begin_columns, horizon_sql, upto_sql, visible_sql
from featc_dialects import duckdb as engine


def _least_after(windows: Iterable[Window], t: str, closed: Closed) -> str | None:
    """The lowest lower edge of the windows, or None when one of them has none."""
    edges = [after_sql(w, t, closed) for w in windows]
    found = list(dict.fromkeys(e for e in edges if e is not None))
    if len(found) < len(dict.fromkeys(edges)):
        return None
    return found[0] if len(found) == 1 else f"least({', '.join(found)})"


def columns_of(rows: ViewRows) -> str:
    """The columns of a row in a pair."""
    return f"r.* EXCLUDE ({', '.join(rows.keys)})" if rows.keys else "r.*"


def before(rows: ViewRows) -> list[str]:
    """The condition that a row `r` lies before the instant that `s` asks at, where it can be known later than that."""
    if rows.known is None:
        return []
    return [f"r.{TIME} <= {horizon_sql(f's.{AS_OF}', rows.view.closed)}"]


def late_rows(ctes: Ctes, rows: ViewRows, windows: Sequence[Window]) -> str:
    """The CTE of (spine row, row) pairs that only the join decides: irregular rows visible at the instant, and
    regular rows so recent that they may not have arrived."""
    closed = rows.view.closed
    by = known_by(rows, f"s.{AS_OF}")
    known = horizon_sql(by, closed)
    after = _least_after(windows, f"s.{AS_OF}", closed)
    visible = visible_sql(f"r.{ENTER}", f"r.{SUPERSEDED}", by, closed)
    reach = " AND ".join(filter(None, (f"r.{TIME} > {after}" if after else "", *before(rows))))
    begins = begin_columns(windows)
    items = [f"s.{c}" for c in (ROW, AS_OF, *begins)] + [columns_of(rows)]
    irregular = select(
        items,
        f"FROM {rows.spine} s\nJOIN {rows.relation} r ON {on_keys(rows, 's', 'r')}\n"
        + conjunction([f"NOT r.{REGULAR}", visible, reach]),
    )
    bucket = f"({horizon_sql(AS_OF, closed)}) // greatest({rows.lag}, 1)"
    buckets = f"unnest([{bucket}, {bucket} - 1]) AS {BUCKET}"
    asked = [ROW, AS_OF, *([rows.known] if rows.known else []), *begins]
    spine = select([*asked, *rows.keys, buckets], f"FROM {rows.spine}")
    recent = select(
        items,
        f"FROM (\n{indent(spine)}\n) s\nJOIN {rows.relation} r"
        f" ON {on_keys(rows, 's', 'r')} AND r.{BUCKET} = s.{BUCKET}\n"
        + conjunction(
            [f"r.{REGULAR}", f"r.{TIME} > {settled_sql(rows, f's.{AS_OF}')}", f"r.{ENTER} <= {known}", reach]
        ),
    )
    comment = (
        f"{rows.view.name}: rows that the clock alone does not decide: corrected, superseded, late, or just happened"
    )
    name = quoted(f"{rows.relation.strip(chr(34))}_late")
    return ctes.add(name, f"{irregular}\nUNION ALL\n{recent}", comment)


def all_rows(ctes: Ctes, rows: ViewRows, windows: Sequence[Window]) -> str:
    """The CTE of every (spine row, visible row) pair within the windows' reach."""
    closed = rows.view.closed
    after = _least_after(windows, f"s.{AS_OF}", closed)
    visible = visible_sql(f"r.{ENTER}", f"r.{SUPERSEDED}", known_by(rows, f"s.{AS_OF}"), closed)
    body = select(
        [f"s.{c}" for c in (ROW, AS_OF, *begin_columns(windows))] + [columns_of(rows)],
        f"FROM {rows.spine} s\nJOIN {rows.relation} r ON {on_keys(rows, 's', 'r')}\n"
        + conjunction([visible, f"r.{TIME} > {after}" if after else "", *before(rows)]),
    )
    return ctes.add(quoted(f"{rows.view.name}_members"), body, f"{rows.view.name}: every row each spine row can see")


def grouped(
    ctes: Ctes,
    rows: ViewRows,
    relation: str,
    name: str,
    cells: Iterable[Cell],
    comment: str,
    *,
    whole: bool = False,
) -> tuple[str, Mapping[Cell, tuple[str, ...]]]:
    """Aggregates (spine row, row) pairs into cells: the CTE's name, and each cell's columns in it.

    `whole` when every pair belongs to the window already.
    """
    wanted = list(cells)
    found: dict[Cell, tuple[str, ...]] = {}
    items = []
    for cell in wanted:
        p = cell.partial
        tail = "" if whole else f" FILTER (WHERE {_flag(cell.window)})"
        sql = engine.partial(p.kind, [rows.slots[s] for s in p.slots], p.types, rows.ranks.get(p.slots, ""), TIME, tail)
        names = engine.fields(p.kind, quoted(cell.name))
        items += [f"{s} AS {n}" for s, n in zip(sql, names, strict=True)]
        found[cell] = names
    if not whole:
        flags = [f"{inside_sql(w, rows.view.closed)} AS {_flag(w)}" for w in dict.fromkeys(c.window for c in wanted)]
        relation = f"(\n{indent(select(['*', *flags], f'FROM {relation}'))}\n)"
    return ctes.add(name, select([ROW, *items], f"FROM {relation}\nGROUP BY {ROW}"), comment), found


def _flag(window: Window) -> str:
    return quoted(f"_in_{window.name}")


def inside_sql(window: Window, closed: Closed) -> str:
    """Whether a row's τ lies in the window of its spine row."""
    after = after_sql(window, AS_OF, closed)
    upto = f"{TIME} <= {upto_sql(window, AS_OF, closed)}"
    return upto if after is None else f"{TIME} > {after} AND {upto}"
