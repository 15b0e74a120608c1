"""Read: an entity's raw states from the store, merged and finished by the algebra (semantics.md, "Windows")."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from featc.algebra import AGGREGATES, LAWS, Kind, scale_of
from featc.decompose import Cell, Finish
from featc.encoding import arithmetic, decoder
from featc.lower.online_read import Members, ReadPlan
from featc.lower.online_store import key_parameters
from featc.resolve.model import Window
from featc.types import decimal_parts
from featc.visibility import edges, horizon
from featc_dialects.sqlite import SPELLINGS

_FIRST, _LAST = -(2**63), 2**63 - 1
Parameters = dict[str, Any]
Band = tuple[int, int]


class Overflow(Exception):
    """A finished sum beyond its type: the aggregation's name."""


class ViewReader:
    """Answers for one view: the aggregations of its plan and its state row, as the Python values users see."""

    def __init__(self, plan: ReadPlan) -> None:
        self.plan = plan
        layout = plan.layout
        self.closed = layout.view.closed
        self.names = key_parameters(layout)
        self._finishers = [_finisher(f) for f in plan.parts.finishes]
        self._cells = [c.name for c in plan.cells]
        self._states = _band_states(plan)
        self._folds = {c.name: _folder(c) for m in plan.members for c in m.cells}
        self._columns = [
            (name, decoder(layout.source.column(name).type)) for name in layout.states
        ] if plan.lookup_sql else []
        self._empty = self._finish({})
        self._no_state = {name: None for name, _ in self._columns}

    def unknown(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """(aggregations, state columns) of an entity nothing is known of."""
        return self._empty, self._no_state

    def read(self, store: sqlite3.Connection, key: Sequence[Any], t: int) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """(aggregations, state columns) of the entity with this encoded key at `t`. Raises Overflow."""
        parameters: Parameters = dict(zip(self.names, key, strict=True))
        parameters["t"] = t
        states: dict[str, Any] = {}
        plan = self.plan
        if plan.windows:
            self._read_bands(store, parameters, t, states)
        if plan.picks_sql:
            self._read_picks(store, parameters, t, states)
        for members in plan.members:
            self._read_members(store, parameters, t, members, states)
        return self._finish(states), self._lookup(store, parameters, t)

    # ── bands ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read_bands(self, store: sqlite3.Connection, parameters: Parameters, t: int, states: dict[str, Any]) -> None:
        bands, places = self._edges(t)
        for n, (after, upto) in enumerate(bands):
            parameters[f"after_{n}"], parameters[f"upto_{n}"] = after, upto
        plan = self.plan
        if plan.bands_sql:
            rows = self._tiled_rows(store, parameters, bands) if plan.tiled else store.execute(plan.bands_sql, parameters).fetchall()
            merged = self._merge(rows)
            for cell in plan.cells:
                state = None
                merge = LAWS[cell.partial.kind].merge
                low, high = places[cell.window]
                for band in range(low, high):
                    found = merged.get((band, cell.partial.name))
                    if found is not None:
                        state = found if state is None else merge(state, found)
                states[cell.name] = state
        for sets in plan.sets:
            values: dict[int, set[Any]] = {}
            for band, value in store.execute(sets.sql, parameters):
                values.setdefault(band, set()).add(value)
            for cell in sets.cells:
                low, high = places[cell.window]
                states[cell.name] = set().union(*(values.get(b, ()) for b in range(low, high)))

    def _edges(self, t: int) -> tuple[list[Band], dict[Window, Band]]:
        """The disjoint bands (after, upto], as many as the SQL has, and which of them each window is."""
        found: dict[Window, tuple[int, int]] = {}
        cuts: set[int] = set()
        for window in self.plan.windows:
            edge = edges(window, t, self.closed)
            after = _FIRST if edge.after is None else max(edge.after, _FIRST)
            upto = max(after, min(edge.upto, _LAST))
            found[window] = (after, upto)
            cuts |= {after, upto}
        marks = sorted(cuts)
        place = {cut: n for n, cut in enumerate(marks)}
        bands = list(zip(marks, marks[1:], strict=False))
        bands += [(_FIRST, _FIRST)] * (self.plan.bands - len(bands))
        return bands, {w: (place[after], place[upto]) for w, (after, upto) in found.items()}

    def _tiled_rows(self, store: sqlite3.Connection, parameters: Parameters, bands: list[Band]) -> list[Any]:
        """The bands' rows: whole settled tiles, edges, and the tiles that are open or not settled."""
        width = self.plan.layout.width or 1
        spans = [_whole_tiles(after, upto, width) for after, upto in bands]
        for n, (first, end) in enumerate(spans):
            parameters[f"first_{n}"], parameters[f"end_{n}"] = first, end
        real = [s for s in spans if s[0] < s[1]]
        parameters["first"] = min((s[0] for s in real), default=_FIRST)
        parameters["end"] = max((s[1] for s in real), default=_FIRST)
        newest, *unsettled = [r[0] for r in store.execute(self.plan.settled_sql or "", parameters)]
        if newest is None:
            return []
        rows = store.execute(self.plan.bands_sql or "", parameters).fetchall()
        for start in {newest // width * width, *unsettled}:
            for n, (first, end) in enumerate(spans):
                if first <= start < end:
                    parameters["band"], parameters["after"], parameters["upto"] = n, start - 1, start + width - 1
                    rows += store.execute(self.plan.range_sql or "", parameters).fetchall()
        return rows

    def _merge(self, rows: list[Any]) -> dict[tuple[int, str], Any]:
        found: dict[tuple[int, str], Any] = {}
        for row in rows:
            if not row[1]:
                continue
            for name, place, width, state, merge in self._states:
                value = state(row[place : place + width])
                if value is None:
                    continue
                key = (row[0], name)
                found[key] = merge(found[key], value) if key in found else value
        return found

    # ── picks, members, lookup ────────────────────────────────────────────────────────────────────────────────────

    def _read_picks(self, store: sqlite3.Connection, parameters: Parameters, t: int, states: dict[str, Any]) -> None:
        plan = self.plan
        for n, pick in enumerate(plan.picks):
            edge = edges(pick.cell.window, t, self.closed)
            parameters[f"pick_after_{n}"], parameters[f"pick_upto_{n}"] = edge.after, edge.upto
        for number, tau, order, value, by in store.execute(plan.picks_sql or "", parameters):
            cell = plan.picks[number].cell
            place = (tau, order)
            picks = cell.partial.kind in (Kind.PICK_MIN, Kind.PICK_MAX)
            states[cell.name] = (by, place, value) if picks else (place, value)

    def _read_members(
        self, store: sqlite3.Connection, parameters: Parameters, t: int, members: Members, states: dict[str, Any]
    ) -> None:
        edge = edges(members.window, t, self.closed)
        parameters["after"], parameters["upto"] = edge.after, edge.upto
        rows = store.execute(members.sql, parameters).fetchall()
        for cell in members.cells:
            states[cell.name] = self._folds[cell.name](rows)

    def _lookup(self, store: sqlite3.Connection, parameters: Parameters, t: int) -> Mapping[str, Any]:
        if self.plan.lookup_sql is None:
            return self._no_state
        row = store.execute(self.plan.lookup_sql, parameters).fetchone()
        if row is None or not row[0]:
            return self._no_state
        tau, valid_to = row[1], row[2]
        if valid_to is not None and valid_to <= horizon(t, self.closed):
            return self._no_state
        ttl = self.plan.layout.view.ttl
        if ttl is not None:
            edge = edges(Window("ttl", ttl), t, self.closed)
            if edge.after is not None and not edge.after < tau <= edge.upto:
                return self._no_state
        return {
            name: None if value is None else decode(value)
            for (name, decode), value in zip(self._columns, row[3:], strict=True)
        }

    def _finish(self, states: Mapping[str, Any]) -> dict[str, Any]:
        return {name: finish(states) for name, finish in self._finishers}


def _whole_tiles(after: int, upto: int, width: int) -> Band:
    """[first, end) of the whole tiles in (after, upto]; first = end = upto + 1 where there are none."""
    first = after if after == _FIRST else -(-(after + 1) // width) * width
    end = (upto + 1) // width * width
    return (first, end) if first < end else (upto + 1, upto + 1)


def _band_states(plan: ReadPlan) -> list[tuple[str, int, int, Callable[..., Any], Callable[..., Any]]]:
    """(partial, first column, columns, to the algebra's state, merge) of each partial state in a band's row."""
    found, place = [], 2
    for partial in plan.partials:
        spelling = SPELLINGS[partial.kind]
        width = len(spelling.fields)
        found.append((partial.name, place, width, spelling.state, LAWS[partial.kind].merge))
        place += width
    return found


def _folder(cell: Cell) -> Callable[[list[Any]], Any]:
    """Folds a window's rows (τ, order, slots …) into the cell's state, by the algebra's own fold."""
    kind, types = cell.partial.kind, cell.partial.types
    fold = LAWS[kind].fold
    scale = 10 ** scale_of(types[0]) if types else 1

    def value(encoded: Any) -> Any:
        if encoded is None or kind not in (Kind.SUM, Kind.FSUM, Kind.MOMENTS):
            return encoded
        number = arithmetic(encoded, types[0])
        return number / scale if kind is Kind.MOMENTS else number

    return lambda rows: fold([((r[0], r[1]), *map(value, r[2:])) for r in rows])


def _bounds(type_: str) -> tuple[int, int] | None:
    """The least and greatest encoded value of a sum's type."""
    parts = decimal_parts(type_)
    if parts:
        return 1 - 10 ** parts[0], 10 ** parts[0] - 1
    return (-(2**63), 2**63 - 1) if type_ == "BIGINT" else None


def _finisher(finish: Finish) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
    """(aggregation, states by cell → the value users see)."""
    aggregation = finish.aggregation
    row = AGGREGATES[aggregation.aggregate]
    first = next(iter(finish.states.values())).partial
    scale = scale_of(first.types[0]) if first.types else 0
    cells = [(label, cell.name) for label, cell in finish.states.items()]
    decode = decoder(aggregation.type)
    sums = any(c.partial.kind is Kind.SUM for c in finish.states.values())
    bounds = _bounds(aggregation.type) if sums else None
    finished = row.finish

    def value(states: Mapping[str, Any]) -> Any:
        found = finished(scale, **{label: states.get(name) for label, name in cells})
        if found is None:
            return None
        if bounds is not None and not bounds[0] <= found <= bounds[1]:
            raise Overflow(aggregation.name)
        return decode(found)

    return aggregation.name, value



