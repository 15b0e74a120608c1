"""A source's own `sql:`, read for what it brings to a row from other rows, which may be later ones.

What counts (`Beyond`): window functions that see rows after their own, and joins and subqueries that compare no times.
It is a reading, not a proof: rows are taken to be ordered by time, and what cannot be read is let be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

_WHOLE = frozenset({"percent_rank", "cume_dist", "ntile"})
"""Ranks within all of a partition."""
_NO_DATA = frozenset({"generate_series", "range", "unnest", "repeat"})
_COMPARES = (exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between)


@dataclass(frozen=True, slots=True)
class Beyond:
    """What a query brings from other rows: a `window` function or a `join`; `words` name it at its place in the text.

    `columns` are the output columns it is in; empty where it decides about whole rows. `tables` are those joined.
    """

    kind: Literal["window", "join"]
    words: str
    start: int
    length: int
    columns: frozenset[str]
    tables: frozenset[str]


class Query:
    """A SELECT as read: what it brings from other rows, and what its columns are made of."""

    def __init__(self, tree: exp.Expr) -> None:
        self._tree = tree
        self._ctes = {c.alias.casefold(): c.this for c in tree.find_all(exp.CTE)}

    @property
    def beyond(self) -> tuple[Beyond, ...]:
        """In the order of the text."""
        return tuple(sorted((*self._windows(), *self._joins()), key=lambda b: b.start))

    def tables_of(self, column: str) -> frozenset[str] | None:
        """The tables behind an output column, in small letters; None where they cannot be told."""
        behind = self._behind(self._tree, column)
        return None if behind is None else behind[0]

    def has_window(self, column: str) -> bool:
        """Whether an output column is made with a window function."""
        behind = self._behind(self._tree, column)
        return behind is not None and bool(behind[1])

    def is_constant(self, column: str) -> bool:
        """Whether an output column is the same in all rows: no column of any table is in it."""
        shown = _projection(self._tree, column)
        return shown is not None and not any(shown.find_all(exp.Column, exp.Window, exp.Select, exp.AggFunc))

    # ── windows ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _windows(self) -> Iterator[Beyond]:
        selects = list(self._tree.find_all(exp.Select))
        named = {w.this.name.casefold(): w for s in selects for w in s.args.get("windows") or ()}
        for window in self._tree.find_all(exp.Window):
            function = _function(window)
            if function is None:
                continue
            meant = named.get(window.alias.casefold(), window) if window.alias else window
            if _looks_ahead(function, window, meant):
                yield self._found("window", window, function, f"{_called(function)}(…)")
        for select in selects:
            distinct = select.args.get("distinct")
            if distinct is not None and distinct.args.get("on") is not None and _descends(select.args.get("order")):
                place = next(distinct.find_all(exp.Identifier), None)
                yield Beyond("window", "distinct on … desc", *_place(place), frozenset(), frozenset())

    def _found(self, kind: Literal["window"], window: exp.Window, function: exp.Expr, words: str) -> Beyond:
        place = function if "start" in function.meta else next(window.find_all(exp.Identifier), function)
        inside = frozenset(c for c in self._columns() if window in self._windows_behind(c))
        in_rows = window.find_ancestor(exp.Where, exp.Qualify, exp.Having, exp.Join) is not None
        return Beyond(kind, words, *_place(place), frozenset() if in_rows else inside, frozenset())

    def _windows_behind(self, column: str) -> tuple[exp.Expr, ...]:
        behind = self._behind(self._tree, column)
        return behind[1] if behind is not None else ()

    def _columns(self) -> list[str]:
        """The output columns that are written out somewhere: those of the query and of what its stars stand for."""
        shown = (e.alias_or_name for s in self._tree.find_all(exp.Select) for e in s.selects)
        return [name for name in dict.fromkeys(shown) if name]

    # ── joins ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _joins(self) -> Iterator[Beyond]:
        for join in self._tree.find_all(exp.Join):
            condition = join.args.get("on") or (None if join.args.get("using") else _where_of(join))
            if join.method.upper() == "ASOF" or _compares(condition):
                continue
            yield from self._brought(join, join.this, "join")
        for node in self._tree.find_all(exp.Subquery, exp.Exists, exp.In):
            query = node.args.get("query") if isinstance(node, exp.In) else node.this
            inside = query.this if isinstance(query, exp.Subquery) else query
            within = isinstance(node.parent, (exp.From, exp.Join, exp.Lateral, exp.CTE, exp.SetOperation, exp.Subquery))
            if isinstance(inside, exp.Select) and not (within or isinstance(node.parent, (exp.In, exp.Exists))):
                where = inside.args.get("where")
                if not _compares(where.this if where is not None else None):
                    yield from self._brought(node, inside, "subquery over")

    def _brought(self, node: exp.Expr, what: exp.Expr, word: str) -> Iterator[Beyond]:
        tables = self._tables(what)
        if not tables:
            return
        place = next((t for t in what.find_all(exp.Table) if self._tables(t)), what)
        start, length = _place(next(place.find_all(exp.Identifier, exp.Literal), None))
        name = what.alias_or_name or min(tables)
        columns = frozenset[str]()
        if isinstance(node, exp.Subquery) and node.find_ancestor(exp.Where, exp.Qualify, exp.Having, exp.Join) is None:
            columns = frozenset(c for c in self._columns() if node in self._behind_nodes(c))
        yield Beyond("join", f"{word} {name}", start, length, columns, tables)

    def _behind_nodes(self, column: str) -> tuple[exp.Expr, ...]:
        shown = _projection(self._tree, column)
        return tuple(shown.find_all(exp.Subquery)) if shown is not None else ()

    def _tables(self, node: exp.Expr, seen: frozenset[str] = frozenset()) -> frozenset[str]:
        """The tables of data in a relation, those behind CTEs included, in small letters."""
        found: set[str] = set()
        for table in node.find_all(exp.Table):
            name = table.name.casefold()
            if name in self._ctes and not table.db:
                found |= self._tables(self._ctes[name], seen | {name}) if name not in seen else set()
            elif not (isinstance(table.this, exp.Func) and _called(table.this) in _NO_DATA):
                found.add(name or table.sql().casefold())
        return frozenset(found)

    # ── what columns are made of ──────────────────────────────────────────────────────────────────────────────────────

    def _behind(
        self, relation: exp.Expr, column: str, depth: int = 0
    ) -> tuple[frozenset[str] | None, tuple[exp.Expr, ...]] | None:
        """(tables, windows) behind a column of a relation; tables None where one cannot tell; None: no such column."""
        if depth > 20:
            return None
        if isinstance(relation, exp.SetOperation):
            return self._behind(relation.this, column, depth + 1)
        if isinstance(relation, (exp.Subquery, exp.Paren)):
            return self._behind(relation.this, column, depth + 1)
        if isinstance(relation, exp.Table):
            name = relation.name.casefold()
            return self._behind(self._ctes[name], column, depth + 1) if name in self._ctes else (frozenset({name}), ())
        if not isinstance(relation, exp.Select):
            return None
        parts = _parts(relation)
        shown = _projection(relation, column)
        if shown is None:
            stars = [e for e in relation.selects if e.is_star]
            found = [self._behind(p, column, depth + 1) for _, p in parts] if stars else []
            known = [f for f in found if f is not None]
            return known[0] if known else None
        tables: set[str] | None = set()
        windows: list[exp.Expr] = list(shown.find_all(exp.Window))
        for inner in shown.find_all(exp.Column):
            mine = [p for alias, p in parts if not inner.table or alias == inner.table.casefold()]
            if len(mine) != 1:
                tables = None
                continue
            behind = self._behind(mine[0], inner.name, depth + 1)
            if behind is None or behind[0] is None:
                tables = None
            elif tables is not None:
                tables |= behind[0]
            windows += behind[1] if behind is not None else ()
        return (None if tables is None else frozenset(tables), tuple(windows))


def read_query(text: str) -> Query | None:
    """The reading of a SELECT in DuckDB's SQL; None where there is none, and the engine says what is wrong with it."""
    try:
        return Query(parse_one(text, read="duckdb"))
    except (SqlglotError, RecursionError):
        return None


def _parts(select: exp.Select) -> list[tuple[str, exp.Expr]]:
    """(name, relation) of what a SELECT reads."""
    source = select.args.get("from_") or select.args.get("from")
    relations = [source.this] if source is not None else []
    relations += [j.this for j in select.args.get("joins") or ()]
    return [(r.alias_or_name.casefold(), r) for r in relations]


def _projection(query: exp.Expr, column: str) -> exp.Expr | None:
    while isinstance(query, (exp.SetOperation, exp.Subquery)):
        query = query.this
    if not isinstance(query, exp.Select):
        return None
    return next((e for e in query.selects if e.alias_or_name.casefold() == column.casefold() and not e.is_star), None)


def _function(window: exp.Window) -> exp.Expr | None:
    """The function of a window; None where it is the declaration of a named one."""
    function = window.this
    while isinstance(function, (exp.Filter, exp.IgnoreNulls, exp.RespectNulls)):
        function = function.this
    return function if isinstance(function, exp.Func) else None


def _called(function: exp.Expr) -> str:
    if isinstance(function, exp.Anonymous) or not isinstance(function, exp.Func):
        return function.name.lower()
    return function.sql_name().lower()


def _looks_ahead(function: exp.Expr, window: exp.Window, meant: exp.Window) -> bool:
    """Whether a window function sees rows after its own, where rows are ordered by time."""
    order = window.args.get("order") or meant.args.get("order")
    name = _called(function)
    if name == "row_number" and order is None:
        return False  # it numbers rows, in whatever order
    if order is None or name in _WHOLE:
        return True
    down = _descends(order)
    if name in ("lead", "lag"):
        return (name == "lead") != down
    spec = window.args.get("spec") or meant.args.get("spec")
    ranked = name in ("row_number", "rank", "dense_rank")
    if spec is None or ranked:
        return down
    side, bound = ("start_side", "start") if down else ("end_side", "end")
    if spec.args.get(bound) == "CURRENT ROW" or spec.args.get(bound) is None:
        return False
    return str(spec.args.get(side) or "").upper() == ("PRECEDING" if down else "FOLLOWING")


def _descends(order: exp.Expr | None) -> bool:
    """Whether an ORDER BY is a descending one by its last expression, which decides within equal keys before it."""
    listed = order.expressions if order is not None else []
    return bool(listed) and bool(listed[-1].args.get("desc"))


def _where_of(join: exp.Join) -> exp.Expr | None:
    """The WHERE that may stand for the condition of a join written with a comma."""
    select = join.parent
    where = select.args.get("where") if isinstance(select, exp.Select) else None
    return where.this if where is not None else None


def _compares(condition: exp.Expr | None) -> bool:
    """Whether a condition compares columns with each other by order, as a join on times does."""
    return condition is not None and any(
        len({c.table for c in found.find_all(exp.Column)}) > 1 or isinstance(found, exp.Between)
        for found in condition.find_all(*_COMPARES)
        if len(list(found.find_all(exp.Column))) > 1
    )


def _place(node: exp.Expr | None) -> tuple[int, int]:
    start = node.meta.get("start", 0) if node is not None else 0
    end = node.meta.get("end", 0) if node is not None else 0
    return start, end + 1 - start
