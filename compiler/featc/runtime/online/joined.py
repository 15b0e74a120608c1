"""Rows of views with joins: kept as they came, and lifted whenever what their joins find may have changed.

Both happen inside the caller's transaction, so that a batch is whole for every reader, whatever it changed elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from featc.encoding import decoder, encode
from featc.lower.online import ViewPlan
from featc.lower.online_joins import Hop, JoinsPlan, Reach, ViewHop, as_kept
from featc.lower.online_layout import Layout
from featc.lower.online_lift import BESIDE, RAW
from featc.lower.source import quoted
from featc.resolve.model import Column, Source
from featc.runtime.online.beside import BesideReaders
from featc.runtime.online.engine import Engine
from featc.runtime.online.tiles import Tiles
from featc.runtime.online.values import given

Row = tuple[Any, ...]
Changed = dict[Row, tuple[int, int, int]]
"""Encoded keys of a view whose rows changed, and of those that did the least and greatest τ, and the least instant at
which it is known that they did, all in µs."""

_MOST = 10_000
"""Rows lifted at once."""


class JoinedRows:
    """The rows of one view with joins, inside a transaction. The caller holds `engine.batch`. `changed` notes those
    that are lifted, by key."""

    def __init__(self, store: sqlite3.Connection, engine: Engine, beside: BesideReaders, view: ViewPlan) -> None:
        self.store = store
        self.engine = engine
        self.beside = beside
        self.changed: Changed = {}
        self.view = view
        assert view.joins is not None
        self.joins: JoinsPlan = view.joins
        self.source: Source = as_kept(view.layout.source)

    def keep(self, rows: Sequence[Row], first: int) -> list[int]:
        """Keeps rows of a batch, as `raw_sql` gives them; gives their numbers."""
        numbers = [first + row[0] for row in rows]
        self.store.executemany(
            self.joins.insert_sql, ((n, *row[2:]) for n, row in zip(numbers, rows, strict=True))
        )
        return numbers

    def reached(self, changed: Mapping[str, Changed]) -> set[int]:
        """The numbers of the rows whose joins may find something else since what changed in other views."""
        found: set[int] = set()
        for hop in self.joins.hops:
            if isinstance(hop, ViewHop):
                for reach in hop.reached:
                    found |= self._reached(reach, changed.get(reach.view, {}))
                continue
            for key, (first, last, _) in changed.get(hop.rows.view.name, {}).items():
                until = () if hop.join.rows.ttl is None else (last,)
                found.update(n for (n,) in self.store.execute(hop.reached_sql, (*key, first, *until)))
        return found

    def _reached(self, reach: Reach, changed: Changed) -> set[int]:
        found: set[int] = set()
        for key, (first, last, known) in changed.items():
            asked = [_recoded(part, *types) for part, types in zip(key, reach.types, strict=True)]
            until = (last,) if reach.bounded else ()
            found.update(n for (n,) in self.store.execute(reach.sql, (*asked, first, known, *until)))
        return found

    def lift(self, numbers: Iterable[int]) -> None:
        """Lifts rows by their numbers, in the place of what was lifted of them before."""
        listed = sorted(numbers)
        for start in range(0, len(listed), _MOST):
            self._lift(listed[start : start + _MOST])

    def _lift(self, numbers: Sequence[int]) -> None:
        sql = self.joins.load_sql.format(", ".join(map(str, numbers)))
        kept = self.store.execute(sql).fetchall()
        if not kept:
            return
        self._load(RAW, [c for c, _ in self.joins.columns], [row[1:] for row in kept])
        beside: list[tuple[Column, list[Any]]] = []
        self._make(BESIDE, range(len(kept)), beside)
        for hop in self.joins.hops:
            beside += self._hop(hop, [row[0] for row in kept])
            self._make(BESIDE, range(len(kept)), beside)
        lifted = [row for row in self.engine.rows(self.view.lift_sql) if row[1] is None]  # without a key nobody asks
        self._replace([row[0] for row in kept], lifted)

    # ── joins ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _hop(self, hop: Hop | ViewHop, numbers: Sequence[int]) -> list[tuple[Column, list[Any]]]:
        """What one join finds for each row in `featc_raw`, as columns; the keys it went by are kept."""
        rows = self.engine.rows(hop.keys_sql)
        self.store.executemany(hop.note_sql, ((*row[3:], numbers[row[0]]) for row in rows))
        if isinstance(hop, ViewHop):
            found: Sequence[Sequence[Any]] = self.beside.find(self.store, hop, rows)
        else:
            found = [self._find(hop, row) for row in rows]
        columns = [self.view.layout.source.column(name) for name in hop.join.columns]
        return [(c, [row[n] for row in found]) for n, c in enumerate(columns)]

    def _find(self, hop: Hop, row: Row) -> Sequence[Any]:
        nothing = (None,) * len(hop.join.columns)
        t, k, key = row[1], row[2], row[3:]
        if any(part is None for part in key):
            return nothing
        asked = {**dict(zip(hop.parameters, key, strict=True)), "t": t, "k": k}
        found = self.store.execute(hop.find_sql, asked).fetchone()
        if found is None or not found[0]:
            return nothing
        tau, valid_to = found[1], found[2]
        within = hop.join.rows.ttl
        if (valid_to is not None and valid_to <= t) or (within is not None and tau < t - within):
            return nothing
        return [
            None if v is None else decoder(hop.rows.source.column(name).type)(v)
            for name, v in zip(hop.rows.states, found[3:], strict=True)
        ]

    # ── tables in DuckDB ──────────────────────────────────────────────────────────────────────────────────────────

    def _load(self, table: str, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        decoded = []
        for place, column in enumerate(columns):
            decode = decoder(column.type)
            decoded.append((column, [None if row[place] is None else decode(row[place]) for row in rows]))
        self._make(table, range(len(rows)), decoded)

    def _make(self, table: str, rows: Sequence[int], columns: Sequence[tuple[Column, list[Any]]]) -> None:
        """Makes a table of columns beside `_row`."""
        items, lists = ["unnest($1::BIGINT[]) AS _row"], list[Any]([list(rows)])
        for column, values in columns:
            bound = given(self.source, _plain(column), values)
            places = [f"${len(lists) + n + 1}" for n in range(len(bound.lists))]
            items.append(f"({bound.sql.format(*places)})::{column.type} AS {quoted(column.name)}")
            lists += bound.lists
        self.engine.rows(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {', '.join(items)}", lists)

    # ── the store ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _replace(self, numbers: Sequence[int], lifted: Sequence[Row]) -> None:
        """Puts lifted rows in the place of those that were lifted of the rows `numbers` before."""
        store, view = self.store, self.view
        old = [r for n in numbers for r in store.execute(view.placed_sql, (n,))]
        self._note(old, lifted)
        tiles = Tiles(store, view) if view.seal_sql else None
        if old:
            store.executemany(self.joins.drop_sql, ((n,) for n in numbers))
        if tiles:
            tiles.left([place[:-2] for place in old])
            tiles.before(lifted)
        store.executemany(view.insert_sql, ((*row[2:], numbers[row[0]]) for row in lifted))
        self._note_successors(numbers)
        if tiles:
            tiles.seal()

    def _note(self, old: Iterable[Row], lifted: Iterable[Row]) -> None:
        """Notes rows that were lifted before, as `placed_sql` gives them, and those lifted now."""
        for row in old:
            note(self.changed, row[:-3], row[-3], row[-2])
        for row in lifted:
            note(self.changed, *placed(self.view.layout, row))

    def _note_successors(self, numbers: Sequence[int]) -> None:
        if self.view.stream is not None:
            found = self._superseded(self.view.stream.stream.table, numbers)
            self.store.executemany(self.view.supersede_sql, found)

    def _superseded(self, table: str, numbers: Sequence[int]) -> Iterator[Row]:
        sql = f"SELECT _superseded, _seq FROM {table} WHERE _seq IN ({', '.join(map(str, numbers))})"
        yield from self.store.execute(f"{sql} AND _superseded IS NOT NULL").fetchall()


def placed(layout: Layout, row: Row) -> tuple[Row, int, int]:
    """(key, τ, enter) of a lifted row, as `lift_sql` gives it."""
    last = 2 + len(layout.keys)
    tau = row[last]
    return row[2:last], tau, row[last + 1] if layout.has_enter else tau + layout.source.delay


def note(changed: Changed, key: Row, tau: int, known: int) -> None:
    """Notes that a row of a key changed, at its τ, and that this is known from an instant on."""
    first, last, least = changed.get(key, (tau, tau, known))
    changed[key] = min(tau, first), max(tau, last), min(known, least)


def _recoded(part: Any, from_: str, to: str) -> Any:
    """An encoded part of a key as values of another type are encoded."""
    return part if from_ == to else encode(decoder(from_)(part), to)


def _plain(column: Column) -> Column:
    return Column(column.name, column.type, column.type)
