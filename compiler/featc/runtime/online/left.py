"""What eviction left of a view's rows, in the store's books (`featc.lower.online_needs`)."""

from __future__ import annotations

import json
import sqlite3

from featc.lower.online_evict import BOUNDARY_SQL
from featc.lower.online_layout import Layout
from featc.lower.online_needs import Left, lacks, met
from featc.runtime.online.calendars import begins
from featc.runtime.online.ledger import horizon_of

_BEFORE = "SELECT before FROM featc_compacted WHERE name = ?"
_MARKS = "SELECT value FROM featc_meta WHERE name = ?"
_NOTE = "INSERT OR REPLACE INTO featc_meta VALUES (?, ?)"


def left_of(store: sqlite3.Connection, layout: Layout) -> Left | None:
    """What was left when rows of a view went; None while none has."""
    row = store.execute(_BEFORE, (layout.events,)).fetchone()
    if row is None:
        return None
    marks = store.execute(_MARKS, (_name(layout),)).fetchone()
    return Left(row[0], None if marks is None else frozenset(json.loads(marks[0])))


def note_left(store: sqlite3.Connection, layout: Layout, before: int, horizon: int) -> None:
    """Books that rows before `before` went, under a horizon, but for those that the view needs as it is now."""
    marks = met(layout, left_of(store, layout), horizon, begins)
    store.execute(_NOTE, (_name(layout), json.dumps(sorted(marks))))
    store.execute(BOUNDARY_SQL, {"name": layout.events, "before": before})


def lacks_rows(store: sqlite3.Connection, layout: Layout) -> bool:
    """Whether rows went that reads of the view may ask for, as it is defined now."""
    if layout.source.final_after is None:  # then no row goes by its age
        return False
    left, horizon = left_of(store, layout), horizon_of(store, layout.source.name)
    return left is not None and horizon is not None and lacks(layout, left, horizon, begins)


def _name(layout: Layout) -> str:
    return f"left of {layout.events}"
