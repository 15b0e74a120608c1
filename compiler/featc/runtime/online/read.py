"""Read: an entity's raw states from the store, merged and finished by the algebra (semantics.md, "Windows")."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

from featc.algebra import AGGREGATES, LAWS, BeyondType, Given, Kind, scale_of
from featc.decompose import Cell, Finish
from featc.encoding import arithmetic, decoder, has_way_back
from featc.lower.online_read import Members, ReadPlan, Sets
from featc.lower.online_store import key_parameters
from featc.lower.online_uses import uses_sql, within_sql
from featc.resolve.model import Window
from featc.runtime.online.calendars import begins
from featc.types import sum_bounds
from featc.visibility import Edges, edges, horizon
from featc_dialects.sqlite import SPELLINGS

_FIRST, _LAST = -(2**63), 2**63 - 1
Parameters = dict[str, Any]
Band = tuple[int, int]


class Overflow(Exception):
    """A finished sum beyond its type: the aggregation's name."""


@dataclass(frozen=True, slots=True)
class _Banded:
    """A cell read by bands: its window's and its partial state's place in the plan, and how states merge."""

    name: str
    window: int
    partial: int
    merge: Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class _BandState:
    """A partial state's columns in a band's row, how they become the algebra's state, and how states merge."""

    columns: slice
    state: Callable[[Sequence[Any]], Any]
    merge: Callable[[Any, Any], Any]


class ViewReader:
    """Answers for one view: the aggregations of its plan and its state row, as the Python values users see."""

    def __init__(self, plan: ReadPlan) -> None:
        self.plan = plan
        layout = plan.layout
        self.closed = layout.view.closed
        self.names = key_parameters(layout)
        self._finishers = [_finisher(f) for f in plan.parts.finishes]
        self._states = _band_states(plan)
        self._cells = _banded_cells(plan)
        self._band_names = [
            (f"after_{n}", f"upto_{n}", f"first_{n}", f"past_{n}") for n in range(plan.bands)
        ]
        self._width = layout.width if plan.tiled else None
        self._folds = {c.name: _folder(c) for m in plan.members for c in m.cells}
        self._columns = [
            (name, decoder(layout.source.column(name).type)) for name in layout.states
        ] if plan.lookup_sql else []
        self._no_state = {name: None for name, _ in self._columns}

        self._empty = self._finish({}, 0)

    def unknown(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """(aggregations, state columns) of an entity nothing is known of."""
        return self._empty, self._no_state

    def read(
        self, store: sqlite3.Connection, key: Sequence[Any], t: int, k: int | None = None
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """(aggregations, state columns) of the entity with this encoded key at `t`, by what was known at `k` (None: at
        `t`). Raises Overflow."""
        parameters: Parameters = dict(zip(self.names, key, strict=True))
        parameters["t"], parameters["k"] = t, t if k is None else k
        states: dict[str, Any] = {}
        plan = self.plan
        if plan.windows:
            places = self._bind_bands(parameters, t)
            if plan.bands_sql:
                self._read_bands(store, parameters, places, states)
            for sets in plan.sets:
                self._read_sets(store, parameters, places, sets, states)
        if plan.picks_sql:
            self._read_picks(store, parameters, t, states)
        for members in plan.members:
            self._read_members(store, parameters, t, members, states)
        return self._finish(states, t), self._lookup(store, parameters, t)

    def uses(
        self, store: sqlite3.Connection, key: Sequence[Any], t: int
    ) -> tuple[tuple[tuple[int, int, bool], ...], int | None]:
        """What a read at `t` uses of the bands' tiles, (start in µs, rows, whether used) each, and how many rows it
        reads beside them; None where nothing is read by bands."""
        plan = self.plan
        if plan.bands_sql is None:
            return (), None
        parameters: Parameters = {**dict(zip(self.names, key, strict=True)), "t": t, "k": t}
        self._bind_bands(parameters, t)
        found = store.execute(uses_sql(plan.layout, plan.bands), parameters).fetchall()
        tiles = tuple((start, rows, bool(used)) for start, rows, used in found if start is not None)
        return tuple(sorted(tiles)), next(rows for start, rows, _ in found if start is None)

    def newest(self, store: sqlite3.Connection, key: Sequence[Any], t: int) -> int | None:
        """τ of the row that a lookup at `t` comes upon, whether or not it holds; None where there is none."""
        parameters: Parameters = {**dict(zip(self.names, key, strict=True)), "t": t, "k": t}
        row = store.execute(self.plan.lookup_sql or "", parameters).fetchone()
        return None if row is None else int(row[1])

    def within(self, store: sqlite3.Connection, key: Sequence[Any], t: int, window: Window) -> list[tuple[int, int]]:
        """(τ, enter) of the store's rows that are seen at `t` and lie between the edges of a window."""
        after, upto = _within(edges(window, t, self.closed, begins))
        parameters: Parameters = {**dict(zip(self.names, key, strict=True)), "t": t, "k": t}
        return store.execute(within_sql(self.plan.layout), {**parameters, "after": after, "upto": upto}).fetchall()

    # ── bands ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _bind_bands(self, parameters: Parameters, t: int) -> list[Band]:
        """Binds the disjoint bands (after, upto], as many as the SQL has; which of them each window is."""
        found = [_within(edges(window, t, self.closed, begins)) for window in self.plan.windows]
        marks = sorted({cut for edge in found for cut in edge})
        bands = list(pairwise(marks))
        bands += [(_FIRST, _FIRST)] * (self.plan.bands - len(bands))
        width = self._width
        for (after_name, upto_name, first_name, past_name), (after, upto) in zip(self._band_names, bands, strict=True):
            parameters[after_name], parameters[upto_name] = after, upto
            if width is not None:
                parameters[first_name], parameters[past_name] = _whole_tiles(after, upto, width)
        place = {cut: n for n, cut in enumerate(marks)}
        return [(place[after], place[upto]) for after, upto in found]

    def _read_bands(
        self, store: sqlite3.Connection, parameters: Parameters, places: list[Band], states: dict[str, Any]
    ) -> None:
        merged: list[list[Any]] = [[None] * len(self._states) for _ in range(self.plan.bands)]
        for row in store.execute(self.plan.bands_sql or "", parameters):
            band = merged[row[0]]
            for n, part in enumerate(self._states):
                value = part.state(row[part.columns])
                if value is not None:
                    band[n] = value if band[n] is None else part.merge(band[n], value)
        for cell in self._cells:
            low, high = places[cell.window]
            state = None
            for band in merged[low:high]:
                found = band[cell.partial]
                if found is not None:
                    state = found if state is None else cell.merge(state, found)
            states[cell.name] = state

    def _read_sets(
        self, store: sqlite3.Connection, parameters: Parameters, places: list[Band], sets: Sets, states: dict[str, Any]
    ) -> None:
        values: list[set[Any]] = [set() for _ in range(self.plan.bands)]
        for band, value in store.execute(sets.sql, parameters):
            values[band].add(value)
        for cell in sets.cells:
            low, high = places[self.plan.windows.index(cell.window)]
            states[cell.name] = frozenset().union(*values[low:high])

    # ── picks, members, lookup ────────────────────────────────────────────────────────────────────────────────────

    def _read_picks(self, store: sqlite3.Connection, parameters: Parameters, t: int, states: dict[str, Any]) -> None:
        plan = self.plan
        for n, pick in enumerate(plan.picks):
            edge = edges(pick.cell.window, t, self.closed, begins)
            parameters[f"pick_after_{n}"], parameters[f"pick_upto_{n}"] = edge.after, edge.upto
        found = chain.from_iterable(store.execute(sql, parameters) for sql in plan.picks_sql)
        for number, tau, order, value, by in found:
            cell = plan.picks[number].cell
            place = (tau, order)
            picks = cell.partial.kind in (Kind.PICK_MIN, Kind.PICK_MAX)
            states[cell.name] = (by, place, value) if picks else (place, value)

    def _read_members(
        self, store: sqlite3.Connection, parameters: Parameters, t: int, members: Members, states: dict[str, Any]
    ) -> None:
        ttl = self.plan.layout.view.ttl
        aged = members.window.current and ttl is not None
        edge = edges(Window("ttl", ttl) if aged else members.window, t, self.closed, begins)
        parameters["after"], parameters["upto"] = edge.after, edge.upto
        found = store.execute(members.sql, parameters)
        rows = found.fetchall() if members.window.since is None else _since(found)
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

    def _finish(self, states: Mapping[str, Any], t: int) -> dict[str, Any]:
        return {name: finish(states, t) for name, finish in self._finishers}


def _since(newest_first: Iterable[Any]) -> list[Any]:
    """The rows of a `since` window, without the column that says which can begin it; none where none can."""
    rows = []
    for row in newest_first:
        rows.append(row[:-1])
        if row[-1] is not None:
            return rows
    return []


def _whole_tiles(after: int, upto: int, width: int) -> Band:
    """[first, past) of the whole tiles in (after, upto]; first = past = upto + 1 where there are none."""
    first = after if after == _FIRST else -(-(after + 1) // width) * width
    past = (upto + 1) // width * width
    return (first, past) if first < past else (upto + 1, upto + 1)


def _within(edge: Edges) -> Band:
    """A window's edges as numbers SQLite can hold; the lower never above the upper."""
    after = _FIRST if edge.after is None else max(edge.after, _FIRST)
    return after, max(after, min(edge.upto, _LAST))


def _band_states(plan: ReadPlan) -> list[_BandState]:
    """Where each partial state lies in a band's row: after its number and how many rows it has."""
    found, place = [], 2
    for partial in plan.partials:
        spelling = SPELLINGS[partial.kind]
        columns = slice(place, place + len(spelling.fields))
        found.append(_BandState(columns, spelling.state, LAWS[partial.kind].merge))
        place = columns.stop
    return found


def _banded_cells(plan: ReadPlan) -> list[_Banded]:
    return [
        _Banded(c.name, plan.windows.index(c.window), plan.partials.index(c.partial), LAWS[c.partial.kind].merge)
        for c in plan.cells
    ]


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


def _finisher(finish: Finish) -> tuple[str, Callable[[Mapping[str, Any], int], Any]]:
    """(aggregation, (states by cell, t) → the value users see)."""
    aggregation = finish.aggregation
    row = AGGREGATES[aggregation.aggregate]
    given = Given(finish.types, dict(aggregation.params), aggregation.window.length)
    cells = [(label, cell.name) for label, cell in finish.states.items()]
    decode = decoder(aggregation.type) if has_way_back(aggregation.type) else None
    sums = any(c.partial.kind is Kind.SUM for c in finish.states.values())
    bounds = sum_bounds(aggregation.type) if sums else None
    finished = row.finish

    def value(states: Mapping[str, Any], t: int) -> Any:
        read = {label: states.get(name) for label, name in cells}
        try:
            found = finished(given, **read, as_of=t) if row.timed else finished(given, **read)
        except BeyondType:
            raise Overflow(aggregation.name) from None
        if found is None or decode is None:  # lists and maps come as users see them
            return found
        if bounds is not None and not bounds[0] <= found <= bounds[1]:
            raise Overflow(aggregation.name)
        return decode(found)

    return aggregation.name, value
