"""A source's data in DuckDB: counted by interval, set aside, and cut into batches. Python sees batches only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from featc.errors import Diagnostic, FeatcError
from featc.lower import materialize as sql
from featc.lower.online_layout import Stream
from featc.resolve.model import Source
from featc.runtime.materialize.books import Interval
from featc.runtime.online.engine import Engine, failed
from featc.runtime.reasons import reason

_FETCHED = 10_000


@dataclass(frozen=True, slots=True)
class Staging:
    """A source as it lies, read up to `until` (µs; None: all of it). The caller holds `engine.batch`."""

    engine: Engine
    source: Source
    streams: Sequence[Stream]
    columns: Sequence[str]
    until: int | None

    def census(self, known: Iterable[int]) -> dict[int, Interval]:
        """What lies in the source now, by the ends of the intervals known, `NEVER`, `BEYOND` and `WAITING`."""
        return {found.until: found for found, _, _ in self.stretches(known)}

    def stretches(self, known: Iterable[int]) -> list[tuple[Interval, int | None, int | None]]:
        """The same with the least and greatest α that lie in each."""
        ends = [end for end in known if end != sql.NEVER]
        self._table(sql.INTERVALS, ("_until",), [ends])
        rows = self._rows(sql.census_sql(self.source, self.streams, self.columns, self.until))
        return [(Interval(place, count, int(digest)), first, last) for place, count, digest, first, last in rows]

    def stage(self, changed: Iterable[int]) -> None:
        """Sets the rows of these intervals aside. `census` has named the intervals."""
        self._table(sql.CHANGED, ("_until",), [list(changed)])
        self._rows(sql.stage_sql(self.source, self.streams, self.columns, self.until))

    def stretch(self, place: int) -> tuple[int, int]:
        """Where the staged rows of an interval begin and end."""
        found = self._rows(f"SELECT min(rowid), max(rowid) + 1 FROM {sql.STAGED} WHERE _until = {place}")[0]
        return (0, 0) if found[0] is None else (int(found[0]), int(found[1]))

    def end_of_batch(self, start: int, end: int, most: int) -> int:
        """Where a batch that begins at `start` ends: at most `most` rows on, and never between rows of one α."""
        if end - start <= most:
            return end
        cut = self._rows(f"SELECT _arrival FROM {sql.STAGED} WHERE rowid = {start + most}")[0][0]
        within = f"rowid >= {start} AND rowid < {end} AND _arrival = {cut}"
        first, last = self._rows(f"SELECT min(rowid), max(rowid) + 1 FROM {sql.STAGED} WHERE {within}")[0]
        return int(first if first > start else last)

    def interval(self, start: int, end: int) -> Interval:
        """The staged rows from `start` to before `end` as an interval."""
        items = f"coalesce(max(_arrival), {sql.NEVER}), count(*), coalesce(sum(_digest), 0)::VARCHAR"
        found = self._rows(f"SELECT {items} FROM {sql.STAGED} WHERE rowid >= {start} AND rowid < {end}")[0]
        return Interval(int(found[0]), int(found[1]), int(found[2]))

    def batch(self, start: int, end: int, copies: Iterable[tuple[int, int, int]]) -> int:
        """Makes `featc_batch` of staged rows without the `copies` that are there, and gives how many they are."""
        known = list(copies)
        self._table(sql.COPIES, ("_arrival", "_digest", "_copies"), [[row[n] for row in known] for n in range(3)])
        return int(self._rows(sql.batch_sql(self.source), [start, end])[0][0])

    def copies(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """(α or `NEVER`, digest, copies) of the staged rows without identity, a few at a time."""
        with self.engine.lock:
            found = self.engine.connection.execute(sql.copies_sql(), [start, end])
            while rows := found.fetchmany(_FETCHED):
                yield from rows

    def _table(self, name: str, columns: Sequence[str], lists: list[list[int]]) -> None:
        items = ", ".join(f"unnest(${n}::BIGINT[]) AS {column}" for n, column in enumerate(columns, 1))
        self._rows(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {items}", lists)

    def _rows(self, text: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            with self.engine.lock:
                found: list[tuple[Any, ...]] = self.engine.connection.execute(text, list(parameters)).fetchall()
        except duckdb.IOException as trouble:
            message = f"the source {self.source.name} cannot be read: {reason(trouble)}"
            hint = "check the file, its rights and the free space"
            raise FeatcError(Diagnostic("F403", message, hint=hint)) from None
        except duckdb.Error as trouble:
            raise failed(trouble) from trouble
        return found
