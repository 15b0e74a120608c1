"""Training, second stage: the cells of one event view, one row per spine row.

Four shapes, each exact; `shape_of` says which one a cell takes (performance.md has the measurements):

* frame — window frames over the union of rows and spine, by place on one numbered time line; one ASOF join finds the
  places of all edges. Event rows get an empty frame.
* latest — ASOF join to the last row whose slot is not NULL; the window's lower edge is a check afterwards.
* last rows — rows are numbered in event order, a spine row takes its n newest by number.
* join — rows the clock alone does not decide (late, corrected, superseded), by key, and all rows for states that
  cannot be united. Its states are merged with those of the other shapes by the algebra.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from featc.algebra import AGGREGATES, LAWS, Kind
from featc.decompose import Cell, Finish, Parts, window_suffix
from featc.lower.ctes import Ctes, conjunction, indent, named, select
from featc.lower.source import ENTER, SUPERSEDED, TIME, quoted
from featc.lower.viewrows import BUCKET, REGULAR, ViewRows
from featc.resolve.model import Closed, Window
from featc.types import family
from featc.visibility import after_sql, horizon_sql, strict, upto_sql, visible_sql
from featc_dialects import duckdb as engine

Shape = Literal["frame", "latest", "rows", "join"]
ROW, AS_OF, INSTANT, PLACE = "_row", "_as_of", "_instant", "_place"


def shape_of(cell: Cell, irregular: bool) -> Shape:
    """The shape a cell's main part is computed in."""
    if cell.window.rows is not None:
        return "rows"
    if irregular and not engine.merges(cell.partial.kind):
        return "join"
    return "latest" if cell.partial.kind is Kind.LAST else "frame"


@dataclass(slots=True)
class Cells:
    """Where each cell's fields come from: SQL over the joined CTEs, and those CTEs."""

    fields: dict[Cell, tuple[str, ...]] = field(default_factory=dict)
    joins: list[tuple[str, str]] = field(default_factory=list)

    def join(self, cte: str, alias: str) -> None:
        if (cte, alias) not in self.joins:
            self.joins.append((cte, alias))


def settled_sql(rows: ViewRows, t: str) -> str:
    """The greatest τ for which every regular row is known at `t`."""
    known = horizon_sql(t, rows.view.closed)
    if rows.irregular:
        return f"{known} - {rows.lag}"
    return horizon_sql(t, rows.view.closed) if not rows.delay else f"{known} - {rows.delay}"


def bound_sql(rows: ViewRows, window: Window, t: str) -> str:
    """The greatest τ of regular rows that a window at `t` holds."""
    upto = upto_sql(window, t, rows.view.closed)
    if rows.irregular:
        return f"least({upto}, {settled_sql(rows, t)})"
    if not rows.delay:
        return upto
    if not window.align:
        return f"{t} - {max(window.offset, rows.delay) + strict(rows.view.closed)}"
    return f"least({upto}, {settled_sql(rows, t)})"


def _on_keys(rows: ViewRows, left: str, right: str) -> str:
    return " AND ".join(f"{left}.{k} = {right}.{k}" for k in rows.keys) or "true"


# ── frames ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _edges(rows: ViewRows, windows: Iterable[Window]) -> dict[str, str]:
    """Every distinct edge of the windows: readable name → SQL of the last τ at or before it, at `_as_of`."""
    named_edges: dict[str, str] = {}
    by_sql: dict[str, str] = {}
    for window in windows:
        suffix = window_suffix(window)
        bound = bound_sql(rows, window, AS_OF)
        after = after_sql(window, AS_OF, rows.view.closed)
        for sql, name in (
            (bound, "upto" if bound not in by_sql and "upto" not in named_edges else f"upto_{suffix}"),
            (after, f"before_{suffix}"),
        ):
            if sql is not None and sql not in by_sql:
                by_sql[sql] = name
                named_edges[name] = sql
    return named_edges


def frame_sql(rows: ViewRows, window: Window, edges: Mapping[str, str]) -> str:
    """A window over the numbered stream. Rows of the source themselves get an empty frame, as cheap as can be."""
    names = {sql: name for name, sql in edges.items()}
    upper = names[bound_sql(rows, window, AS_OF)]
    after = after_sql(window, AS_OF, rows.view.closed)
    lower = (
        f"CASE WHEN {ROW} IS NULL THEN 0 ELSE {PLACE} - {names[after]} - 1 END" if after is not None else "UNBOUNDED"
    )
    keys = f"PARTITION BY {', '.join(rows.keys)} " if rows.keys else ""
    return (
        f"(\n    {keys}ORDER BY {PLACE}\n    ROWS BETWEEN {lower} PRECEDING"
        f"\n    AND CASE WHEN {ROW} IS NULL THEN 1 ELSE {PLACE} - {upper} END PRECEDING\n)"
    )


def _stream(ctes: Ctes, rows: ViewRows, columns: Iterable[str]) -> str:
    """The CTE of a view's rows and the spine on one time line, numbered; rows stand before the spine at an instant."""
    view = rows.view
    events = select(
        [*rows.keys, f"{TIME} AS {INSTANT}", f"NULL AS {ROW}", "true AS _event", *columns],
        f"FROM {rows.relation}" + (f"\nWHERE {REGULAR}" if rows.irregular else ""),
    )
    spine = select([*rows.keys, f"{AS_OF} AS {INSTANT}", ROW], "FROM spine_rows")
    keys = f"PARTITION BY {', '.join(rows.keys)} " if rows.keys else ""
    numbered = select(
        ["*", f"row_number() OVER ({keys}ORDER BY {INSTANT}, {ROW} NULLS FIRST) AS {PLACE}"],
        f"FROM (\n{indent(f'{events}{chr(10)}UNION ALL BY NAME{chr(10)}{spine}')}\n)",
    )
    return ctes.add(
        quoted(f"{view.name}_stream"),
        numbered,
        f"{view.name}: its rows and the spine on one numbered time line",
        materialized=True,
    )


def _places(ctes: Ctes, rows: ViewRows, stream: str, edges: Mapping[str, str]) -> str:
    """The CTE with the place of the last row at or before each edge of each spine row's windows, 0 for none.

    One ASOF join finds all edges, so that the frames need no search: that is what keeps a hot entity cheap.
    """
    listed = ",\n".join(f"    {{'edge': '{name}', 'at': {sql}}}" for name, sql in edges.items())
    points = select([ROW, *rows.keys, f"unnest([\n{listed}\n], recursive := true)"], "FROM spine_rows")
    marks = select(
        [*rows.keys, INSTANT, f"max({PLACE}) AS {PLACE}"], f"FROM {stream}\nWHERE {ROW} IS NULL\nGROUP BY ALL"
    )
    found = [f"coalesce(max(r.{PLACE}) FILTER (WHERE s.edge = '{name}'), 0) AS {name}" for name in edges]
    body = select(
        [f"s.{ROW}", *found],
        f"FROM (\n{indent(points)}\n) s\nASOF LEFT JOIN (\n{indent(marks)}\n) r ON {_on_keys_and(rows)}r.{INSTANT} <= s.at\nGROUP BY s.{ROW}",
    )
    return ctes.add(
        quoted(f"{rows.view.name}_edges"),
        body,
        f"{rows.view.name}: where on that line each window begins and ends",
    )


def _on_keys_and(rows: ViewRows) -> str:
    return "".join(f"s.{k} = r.{k} AND " for k in rows.keys)


def frames(ctes: Ctes, rows: ViewRows, cells: Iterable[Cell], out: Cells) -> None:
    """Computes `cells` by window frames over regular rows."""
    wanted = list(cells)
    if not wanted:
        return
    view = rows.view
    used = dict.fromkeys(s for c in wanted for s in c.partial.slots)
    ranks = dict.fromkeys(rows.ranks[c.partial.slots] for c in wanted if LAWS[c.partial.kind].ordered)
    windows = tuple(dict.fromkeys(c.window for c in wanted))
    edges = {quoted(n): sql for n, sql in _edges(rows, windows).items()}
    stream = _stream(ctes, rows, [*ranks, *(rows.slots[s] for s in used)])
    places = _places(ctes, rows, stream, edges)
    items = []
    for cell in wanted:
        p = cell.partial
        sql = engine.partial(
            p.kind,
            [rows.slots[s] for s in p.slots],
            p.types,
            rows.ranks.get(p.slots, ""),
            "_event",
            f" OVER {quoted(cell.window.name)}",
        )
        names = engine.fields(p.kind, quoted(cell.name))
        items += [f"{s} AS {n}" for s, n in zip(sql, names, strict=True)]
        out.fields[cell] = tuple(f"w.{n}" for n in names)
    clause = ",\n".join(f"{quoted(w.name)} AS {frame_sql(rows, w, edges)}" for w in windows)
    body = select(
        [ROW, *items],
        f"FROM {stream} LEFT JOIN {places} USING ({ROW})\nWINDOW\n{indent(clause)}\nQUALIFY {ROW} IS NOT NULL",
    )
    out.join(
        ctes.add(quoted(f"{view.name}_windows"), body, f"{view.name}: what each window holds at each spine row"),
        "w",
    )


# ── latest values ─────────────────────────────────────────────────────────────────────────────────────────────────


def latest(ctes: Ctes, rows: ViewRows, cells: Iterable[Cell], out: Cells) -> None:
    """Computes cells of LAST by ASOF joins, one per slot and upper edge."""
    seen: dict[tuple[str, str], str] = {}
    for cell in cells:
        bound = bound_sql(rows, cell.window, f"s.{AS_OF}")
        (slot,) = cell.partial.slots
        column, rank = rows.slots[slot], rows.ranks[cell.partial.slots]
        if (slot, bound) not in seen:
            name = f"{rows.view.name}_{cell.partial.name}" + (
                f"_{window_suffix(cell.window)}" if any(k[0] == slot for k in seen) else ""
            )
            picked = select(
                [*rows.keys, TIME, f"arg_max({column}, {rank}) AS value", f"max({rank}) AS nth"],
                f"FROM {rows.relation}\nWHERE {column} IS NOT NULL{f' AND {REGULAR}' if rows.irregular else ''}\nGROUP BY ALL",
            )
            body = select(
                [f"s.{ROW}", f"r.{TIME}", "r.value", "r.nth"],
                f"FROM spine_rows s\nASOF LEFT JOIN (\n{indent(picked)}\n) r ON {_on_keys(rows, 's', 'r')} AND r.{TIME} <= {bound}",
            )
            seen[slot, bound] = ctes.add(
                quoted(name),
                body,
                f"{rows.view.name}: the last {slot} before each spine row, and when it was",
            )
        alias = seen[slot, bound]
        out.join(alias, alias)
        after = after_sql(cell.window, f"s.{AS_OF}", rows.view.closed)
        fields: tuple[str, ...] = (f"{alias}.value", f"{alias}.nth")
        if after is not None:
            fields = tuple(f"CASE WHEN {alias}.{TIME} > {after} THEN {f} END" for f in fields)
        out.fields[cell] = fields


# ── the join ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _least_after(windows: Iterable[Window], t: str, closed: Closed) -> str | None:
    """The lowest lower edge of the windows, or None when one of them has none."""
    edges = [after_sql(w, t, closed) for w in windows]
    found = list(dict.fromkeys(e for e in edges if e is not None))
    if len(found) < len(dict.fromkeys(edges)):
        return None
    return found[0] if len(found) == 1 else f"least({', '.join(found)})"


def late_rows(ctes: Ctes, rows: ViewRows, windows: Iterable[Window]) -> str:
    """The CTE of (spine row, row) pairs that only the join decides: irregular rows visible at the instant, and
    regular rows so recent that they may not have arrived."""
    closed = rows.view.closed
    known = horizon_sql(f"s.{AS_OF}", closed)
    after = _least_after(windows, f"s.{AS_OF}", closed)
    visible = visible_sql(f"r.{ENTER}", f"r.{SUPERSEDED}", f"s.{AS_OF}", closed)
    reach = f"r.{TIME} > {after}" if after else ""
    items = [f"s.{ROW}", f"s.{AS_OF}", f"r.* EXCLUDE ({', '.join(rows.keys)})" if rows.keys else "r.*"]
    irregular = select(
        items,
        f"FROM spine_rows s\nJOIN {rows.relation} r ON {_on_keys(rows, 's', 'r')}\n"
        + conjunction([f"NOT r.{REGULAR}", visible, reach]),
    )
    bucket = f"({horizon_sql(AS_OF, closed)}) // greatest({rows.lag}, 1)"
    spine = select([ROW, AS_OF, *rows.keys, f"unnest([{bucket}, {bucket} - 1]) AS {BUCKET}"], "FROM spine_rows")
    recent = select(
        items,
        f"FROM (\n{indent(spine)}\n) s\nJOIN {rows.relation} r ON {_on_keys(rows, 's', 'r')} AND r.{BUCKET} = s.{BUCKET}\n"
        + conjunction(
            [f"r.{REGULAR}", f"r.{TIME} > {settled_sql(rows, f's.{AS_OF}')}", f"r.{ENTER} <= {known}", reach]
        ),
    )
    comment = (
        f"{rows.view.name}: rows that the clock alone does not decide: corrected, superseded, late, or just happened"
    )
    name = quoted(f"{rows.relation.strip(chr(34))}_late")
    return ctes.add(name, f"{irregular}\nUNION ALL\n{recent}", comment)


def all_rows(ctes: Ctes, rows: ViewRows, windows: Iterable[Window]) -> str:
    """The CTE of every (spine row, visible row) pair within the windows' reach."""
    closed = rows.view.closed
    after = _least_after(windows, f"s.{AS_OF}", closed)
    visible = visible_sql(f"r.{ENTER}", f"r.{SUPERSEDED}", f"s.{AS_OF}", closed)
    body = select(
        [f"s.{ROW}", f"s.{AS_OF}", f"r.* EXCLUDE ({', '.join(rows.keys)})" if rows.keys else "r.*"],
        f"FROM spine_rows s\nJOIN {rows.relation} r ON {_on_keys(rows, 's', 'r')}\n"
        + conjunction([visible, f"r.{TIME} > {after}" if after else ""]),
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
) -> Mapping[Cell, tuple[str, ...]]:
    """Aggregates (spine row, row) pairs into cells; `whole` when every pair belongs to the window already."""
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
        flags = [f"{_inside(w, rows.view.closed)} AS {_flag(w)}" for w in dict.fromkeys(c.window for c in wanted)]
        relation = f"(\n{indent(select(['*', *flags], f'FROM {relation}'))}\n)"
    ctes.add(name, select([ROW, *items], f"FROM {relation}\nGROUP BY {ROW}"), comment)
    return found


def _flag(window: Window) -> str:
    return quoted(f"in_{window_suffix(window)}")


def _inside(window: Window, closed: Closed) -> str:
    """Whether a row's τ lies in the window of its spine row."""
    after = after_sql(window, AS_OF, closed)
    upto = f"{TIME} <= {upto_sql(window, AS_OF, closed)}"
    return upto if after is None else f"{TIME} > {after} AND {upto}"


# ── the last n rows ───────────────────────────────────────────────────────────────────────────────────────────────


def last_rows(ctes: Ctes, rows: ViewRows, finish: Iterable[Finish], out: Cells) -> None:
    """Computes cells of `rows: N` windows; aggregations of one window and one event order share the choice of rows."""
    groups: dict[tuple[Window, tuple[str, ...]], list[Cell]] = {}
    for f in finish:
        cells = groups.setdefault((f.aggregation.window, f.aggregation.slots), [])
        cells += [c for c in f.states.values() if c not in cells]
    for number, ((window, slots), cells) in enumerate(groups.items()):
        suffix = "" if number == 0 else f"_{number + 1}"
        alias = quoted(f"{rows.view.name}_{window_suffix(window)}{suffix}")
        chosen = _chosen(ctes, rows, window, rows.ranks[slots], alias)
        comment = f"{rows.view.name}: over the {window.rows} last rows"
        for cell, names in grouped(ctes, rows, chosen, alias, cells, comment, whole=True).items():
            out.fields[cell] = tuple(f"{alias}.{n}" for n in names)
        out.join(alias, alias)


def _chosen(ctes: Ctes, rows: ViewRows, window: Window, rank: str, alias: str) -> str:
    """The CTE of (spine row, row) pairs: each spine row with its `window.rows` newest rows."""
    relation, place = rows.relation, rank
    base = alias.strip('"')
    if rows.irregular:
        keys = ", ".join([*rows.keys, REGULAR])
        numbered = select(
            ["*", f"row_number() OVER (PARTITION BY {keys} ORDER BY {rank}) AS _place"],
            f"FROM {rows.relation}",
        )
        relation = ctes.add(
            quoted(f"{base}_numbered"), numbered, f"{rows.view.name}: regular rows numbered among themselves"
        )
        place = "_place"
    only = f"\nWHERE {REGULAR}" if rows.irregular else ""
    newest = select([*rows.keys, TIME, f"max({place}) AS newest"], f"FROM {relation}{only}\nGROUP BY ALL")
    bound = bound_sql(rows, window, f"s.{AS_OF}")
    spine = select(
        [
            f"s.{ROW}",
            f"s.{AS_OF}",
            *(f"s.{k}" for k in rows.keys),
            f"unnest(generate_series(r.newest - {(window.rows or 1) - 1}, r.newest)) AS place",
        ],
        f"FROM spine_rows s\nASOF JOIN (\n{indent(newest)}\n) r ON {_on_keys(rows, 's', 'r')} AND r.{TIME} <= {bound}",
    )
    after = after_sql(window, f"s.{AS_OF}", rows.view.closed)
    inside = [f"r.{TIME} > {after}"] if after is not None else []
    pairs = select(
        [
            f"s.{ROW}",
            f"s.{AS_OF}",
            f"r.* EXCLUDE ({', '.join([*rows.keys, *(['_place'] if rows.irregular else [])])})"
            if rows.keys or rows.irregular
            else "r.*",
        ],
        f"FROM (\n{indent(spine)}\n) s\nJOIN {relation} r ON {_on_keys(rows, 's', 'r')} AND r.{place} = s.place\n"
        + conjunction(inside + ([f"r.{REGULAR}"] if rows.irregular else [])),
    )
    chosen = quoted(f"{base}_rows")
    if not rows.irregular:
        return ctes.add(chosen, pairs, f"{rows.view.name}: the {window.rows} last rows before each spine row")
    late = late_rows(ctes, rows, [Window("lifetime")])
    edges = [_inside(window, rows.view.closed)]
    newest_of_all = f"QUALIFY row_number() OVER (PARTITION BY {ROW} ORDER BY {rank} DESC) <= {window.rows}"
    both = f"{pairs}\nUNION ALL BY NAME\nSELECT * FROM {late}\n{conjunction(edges)}"
    return ctes.add(
        chosen,
        f"SELECT * FROM (\n{indent(both)}\n)\n{newest_of_all}",
        f"{rows.view.name}: the {window.rows} last rows before each spine row",
    )


# ── together ──────────────────────────────────────────────────────────────────────────────────────────────────────


def compute(ctes: Ctes, parts: Parts, rows: ViewRows) -> Cells:
    """All cells of a view: every shape it needs, and the late rows merged in."""
    out = Cells()
    sliding = [c for c in parts.cells if c.window.rows is None]
    by_shape: dict[Shape, list[Cell]] = {"frame": [], "latest": [], "join": [], "rows": []}
    for cell in sliding:
        by_shape[shape_of(cell, rows.irregular)].append(cell)
    merged = [*by_shape["frame"], *by_shape["latest"]]
    counted = [f for f in parts.finishes if f.aggregation.window.rows is not None]
    frames(ctes, rows, by_shape["frame"], out)
    latest(ctes, rows, by_shape["latest"], out)
    if rows.irregular and (merged or counted):
        reach = [c.window for c in merged] + ([Window("lifetime")] if counted else [])
        late = late_rows(ctes, rows, reach)
        if merged:
            comment = f"{rows.view.name}: what those rows add to each window"
            for cell, names in grouped(
                ctes, rows, late, quoted(f"{rows.view.name}_late_windows"), merged, comment
            ).items():
                main = out.fields[cell]
                out.fields[cell] = engine.merge(cell.partial.kind, main, tuple(f"l.{n}" for n in names))
            out.join(quoted(f"{rows.view.name}_late_windows"), "l")
    if by_shape["join"]:
        members = all_rows(ctes, rows, [c.window for c in by_shape["join"]])
        comment = f"{rows.view.name}: states that cannot be united, over all rows at once"
        for cell, names in grouped(
            ctes, rows, members, quoted(f"{rows.view.name}_over_members"), by_shape["join"], comment
        ).items():
            out.fields[cell] = tuple(f"m.{n}" for n in names)
        out.join(quoted(f"{rows.view.name}_over_members"), "m")
    last_rows(ctes, rows, counted, out)
    return out


class _Fields:
    """A state's fields under the names a finisher's template uses: `{m.mean}`, or `{total}` for the only one."""

    def __init__(self, fields: Mapping[str, str], whole: str) -> None:
        self.__dict__.update(fields)
        self._whole = whole

    def __format__(self, spec: str) -> str:
        return self._whole


def finished(finish: Finish, cells: Cells) -> str:
    """An aggregation's value as SQL over its cells."""
    row = AGGREGATES[finish.aggregation.aggregate]
    states: dict[str, _Fields] = {}
    for label, cell in finish.states.items():
        sql = cells.fields[cell]
        names = engine.FIELDS[cell.partial.kind]
        states[label] = _Fields(dict(zip(names, sql, strict=True)), engine.value(cell.partial.kind, sql))
    text = row.finish_sql.format(**states)
    exact = [c for c in finish.states.values() if c.partial.kind is Kind.SUM]
    wide = "HUGEINT" if exact and family(exact[0].partial.types[0]) == "integer" else finish.aggregation.type
    return engine.result(text, finish.aggregation.type, wide)


def joined(cells: Cells) -> str:
    """FROM the spine with every CTE the cells read."""
    lines = ["FROM spine_rows s"]
    lines += [f"LEFT JOIN {named_alias(cte, alias)} USING ({ROW})" for cte, alias in cells.joins]
    return "\n".join(lines)


def named_alias(cte: str, alias: str) -> str:
    return named(cte, alias).replace(" AS ", " ")
