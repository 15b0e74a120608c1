"""Rows of a report as small tables for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from featc.runtime.texts import is_number, to_text
from featc.runtime.why.model import Counted, LookedUp, Row, Standing
from featc.runtime.why.words import instant_words, span_words

INDENT = 4
_CELL = 24
_NOTHING: Any = object()
"""Where a row has no value under a name, not even NULL."""
_GAP = 2

_WORDS: Mapping[Standing, str] = {
    "counted": "counted",
    "filtered": "in the window, FILTER does not hold",
    "where": "in the window, where does not hold",
    "superseded": "superseded by then",
    "duplicate": "the same row once more",
    "deleted": "deleted by then",
    "unknown": "in the window, not known yet",
    "never": "without a time or an arrival, never visible",
    "too late": "later than final_after allows, count as absent",
    "beyond": "in its reach, before the first that counts",
    "before": "older than the window",
    "after": "newer than the window",
    "holds": "holds",
    "fails": "the newest, which holds nothing",
    "earlier": "before it",
    "later": "still to come",
    "ended": "over by then",
}


def rows_of(counted: Counted, room: int) -> Iterator[str]:
    """The rows of an aggregate, by standing."""
    if counted.counts.get("counted", 0) == 0:
        yield " " * INDENT + "no row counts"
    yield from _tables(counted.rows, counted.counts, counted.nulls, tuple(counted.entity), room)


def rows_of_lookup(state: LookedUp, room: int) -> Iterator[str]:
    """The rows around a lookup, by standing."""
    yield from _tables(state.rows, state.counts, 0, tuple(state.entity), room)


def _tables(
    rows: Sequence[Row], counts: Mapping[Standing, int], nulls: int, keys: Sequence[str], room: int
) -> Iterator[str]:
    listed = {s: [r for r in rows if r.standing == s] for s in _WORDS}
    shown = [s for s in _WORDS if listed[s]]
    table = _Table([r for s in shown for r in listed[s]], keys, room)
    for standing in shown:
        number = counts.get(standing, len(listed[standing]))
        extra = f", {nulls} with NULL, which the aggregate leaves out" if standing == "counted" and nulls else ""
        yield " " * INDENT + f"{_WORDS[standing]}: {_some(number)}{extra}"
        if table.head:
            yield table.head
            table.head = ""
        yield from table.lines(standing, listed[standing], number)


def _some(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"


class _Table:
    """Columns that all rows of one report part share, as many as there is room for."""

    def __init__(self, rows: Sequence[Row], keys: Sequence[str], room: int) -> None:
        self.room = room
        names = _columns(rows, keys)
        cells = {n: [_cell(_value(r, n)) for r in rows] for n in names}
        times = ["time", *(_time(r) for r in rows)]
        knowns = ["known from", *(_known(r) for r in rows)]
        self.first = max(map(len, times), default=0)
        self.second = max(map(len, knowns), default=0)
        used = INDENT + 2 + self.first + _GAP + self.second
        self.columns: list[tuple[str, int, bool]] = []
        for name in names:
            title = name if len(name) <= _CELL else f"{name[: _CELL - 1]}…"
            width = max(len(title), *(len(c) for c in cells[name]))
            if used + _GAP + width > room:
                break
            used += _GAP + width
            right = all(is_number(v) for v in (_value(r, name) for r in rows) if v is not _NOTHING)
            self.columns.append((name, width, right))
        self.head = self._line("time", "known from", [n if len(n) <= _CELL else f"{n[: _CELL - 1]}…" for n in names])

    def _line(self, time: str, known: str, cells: Sequence[str]) -> str:
        parts = [time.ljust(self.first), known.ljust(self.second)]
        for (_, width, right), cell in zip(self.columns, cells, strict=False):
            parts.append(cell.rjust(width) if right else cell.ljust(width))
        return (" " * (INDENT + 2) + (" " * _GAP).join(parts)).rstrip()

    def lines(self, standing: Standing, rows: Sequence[Row], number: int) -> Iterator[str]:
        gap = len(rows) // 2 if standing == "counted" and number > len(rows) else None
        for place, row in enumerate(rows):
            if place == gap:
                yield f"{' ' * (INDENT + 2)}… {number - len(rows):,} more"
            yield self._line(_time(row), _known(row), [_cell(_value(row, n)) for n, _, _ in self.columns])
            if note := "; ".join(_notes(row)):
                yield from textwrap.wrap(
                    note, self.room, initial_indent=" " * (INDENT + 4), subsequent_indent=" " * (INDENT + 6),
                    break_on_hyphens=False,
                )  # fmt: skip
        if number > len(rows) and gap is None:
            yield f"{' ' * (INDENT + 2)}… {number - len(rows):,} more"


def _columns(rows: Sequence[Row], keys: Sequence[str]) -> list[str]:
    """What is shown of rows: their ids, what they bring, what lies beside them, then the rest of the data. Instants
    that are the time or arrival itself are left out, and the entity's own keys."""
    names: dict[str, None] = {}
    for part in ("id", "values", "joined"):
        names |= dict.fromkeys(n for r in rows for n in getattr(r, part))
    rest = dict.fromkeys(n for r in rows for n in r.data if n not in keys)
    varying = [n for n in rest if not _is_instant(rows, n)]
    return [*names, *(n for n in varying if n not in names)]


def _is_instant(rows: Sequence[Row], name: str) -> bool:
    """Whether a column says nothing but the time or the arrival of the rows."""
    import datetime

    epoch = datetime.datetime(1970, 1, 1)
    found = [(r.data[name], r) for r in rows if r.data.get(name) is not None]
    if not found or not all(isinstance(v, datetime.datetime) for v, _ in found):
        return False
    micros = [((v - epoch) // datetime.timedelta(microseconds=1), r) for v, r in found]
    return all(us == r.time for us, r in micros) or all(us in (r.known_at, r.enter) for us, r in micros)


def _value(row: Row, name: str) -> Any:
    for part in (row.id, row.values, row.joined, row.data):
        if name in part:
            return part[name]
    return _NOTHING


def _cell(value: Any) -> str:
    if value is _NOTHING:
        return ""
    text = " ".join(to_text(value).split())
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


def _time(row: Row) -> str:
    return "NULL" if row.time is None else instant_words(row.time)


def _known(row: Row) -> str:
    if row.enter is None:
        return "never"
    return "at once" if row.enter == row.time else instant_words(row.enter)


def _notes(row: Row) -> Iterator[str]:
    if row.distance == 0:
        yield "exactly at the edge, which the window leaves out"
    elif row.distance is not None:
        side = "before the window begins" if row.standing == "before" else "after the window ends"
        yield f"{span_words(row.distance)} {side}"
    if row.decides:
        yield "this row decides"
    if row.note:
        yield row.note
    by = row.replaced_by
    if by is not None and row.standing in ("superseded", "unknown", "counted", "filtered", "where", "holds"):
        yield _replaced(row)


def _replaced(row: Row) -> str:
    by = row.replaced_by
    assert by is not None
    when = "" if by.known_at is None else f" at {instant_words(by.known_at)}"
    if by.deleted:
        return f"deleted{when}"
    words = "replaced" if row.standing == "superseded" else "will be replaced"
    moved = ", and moved to another entity" if by.moved else ""
    changes = [
        f"{name} {to_text(old)} -> {to_text(new)}"
        for name, (old, new) in by.changes.items()
        if not (_us(new) is not None and _us(new) == by.known_at)
    ]
    return f"{words}{when}{moved}: {', '.join(changes) or 'nothing that differs'}"


def _us(value: Any) -> int | None:
    import datetime

    if not isinstance(value, datetime.datetime):
        return None
    return (value - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)
