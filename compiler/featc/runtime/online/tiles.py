"""Which tiles of a view a batch touches, and their rebuilding."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from featc.lower.online import ViewPlan
from featc.lower.online_store import key_parameters

Row = tuple[Any, ...]
_EVER = -(2**63)


class Tiles:
    """Which tiles of a view a batch touches.

    An entity's newest tile stays open: it would be rebuilt with every event, and its rows are few. Every older one is
    sealed, and sealed again whenever a row enters it or a row in it is superseded.
    """

    def __init__(self, store: sqlite3.Connection, view: ViewPlan) -> None:
        self.store = store
        self.view = view
        width = view.layout.width
        assert width is not None
        self.width = width
        self.names = key_parameters(view.layout)
        self.touched: set[tuple[Row, int]] = set()
        self.newest: dict[Row, int] = {}

    def _newest(self, key: Row) -> int | None:
        row = self.store.execute(self.view.newest_sql, dict(zip(self.names, key, strict=True))).fetchone()
        return None if row[0] is None else int(row[0])

    def before(self, rows: Sequence[Row]) -> None:
        """Notes the rows about to come in, and the tiles they close by being newer."""
        last = 2 + len(self.names)
        width = self.width
        batch: dict[Row, int] = {}
        for row in rows:
            key, tau = row[2:last], row[last]
            self.touched.add((key, tau // width))
            if tau > batch.get(key, tau - 1):
                batch[key] = tau
        for key, tau in batch.items():
            newest = self._newest(key)
            if newest is None or newest < tau:
                self.newest[key] = tau
                if newest is not None:
                    self.touched.add((key, newest // width))
            else:
                self.newest[key] = newest

    def left(self, places: Iterable[Row]) -> None:
        """Notes rows that were taken out again, by key and τ: a tile that is an entity's newest then is open."""
        found = [(place[:-1], place[-1] // self.width) for place in places]
        self.touched.update(found)
        for key in dict.fromkeys(key for key, _ in found):
            newest = self._newest(key)
            start = _EVER if newest is None else newest // self.width * self.width
            self.store.execute(self.view.reopen_sql or "", {**dict(zip(self.names, key, strict=True)), "start": start})

    def changed(self, numbers: Iterable[int]) -> None:
        """Notes rows that were there and whose successor changed."""
        for number in numbers:
            found = self.store.execute(self.view.touched_sql, (number,)).fetchone()
            if found is not None:
                self.touched.add((found[:-1], found[-1] // self.width))

    def seal(self) -> None:
        self.store.executemany(self.view.seal_sql or "", self._closed())

    def _closed(self) -> list[dict[str, Any]]:
        width, found = self.width, []
        for key, bucket in sorted(self.touched):
            if key not in self.newest:
                newest = self._newest(key)
                self.newest[key] = bucket * width if newest is None else newest
            if bucket < self.newest[key] // width:
                found.append({**dict(zip(self.names, key, strict=True)), "start": bucket * width})
        return found
