"""Random histories on few entities, with times on and beside the edges of tiles and windows."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from featc.algebra import AGGREGATES, Kind
from featc.resolve.model import Project, Source, View, Window
from online.build import DAY, HOUR, LIFETIME, Agg, last, project, source, view

MINUTE = HOUR // 60
START = 1_767_225_600_000_000  # 2026-01-01
EPOCH = datetime(1970, 1, 1)

SHORT = (
    last(10 * MINUTE),
    last(2 * HOUR),
    last(3 * HOUR, offset=HOUR),
    last(2 * HOUR, hop=10 * MINUTE),
    last(2 * HOUR, hop=10 * MINUTE, align=True),
    last(3 * HOUR, rows=3),
    last(4 * HOUR),
)
LONG = (last(DAY), last(7 * DAY), last(30 * DAY), LIFETIME, Window("r4", rows=4), last(30 * DAY, offset=30 * DAY))

COLUMNS = {
    "eid": "VARCHAR",
    "k": "BIGINT",
    "ts": "TIMESTAMP",
    "seen": "TIMESTAMP",
    "seq": "INTEGER",
    "op": "VARCHAR",
    "i": "BIGINT",
    "d": "DECIMAL(12,2)",
    "x": "DOUBLE",
    "s": "VARCHAR",
    "b": "BOOLEAN",
    "h": "HUGEINT",
}
SLOTS: dict[str, tuple[str, str] | tuple[str, str, str]] = {
    "i": ("{i}", "BIGINT"),
    "d": ("{d}", "DECIMAL(12,2)"),
    "x": ("{x}", "DOUBLE"),
    "s": ("{s}", "VARCHAR"),
    "b": ("{b}", "BOOLEAN"),
    "h": ("{h}", "HUGEINT"),
    "i_where_b": ("{i}", "BIGINT", "{b}"),
}


def moment(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def every_aggregate(windows: tuple[Window, ...]) -> dict[str, Agg]:
    """Each aggregate over each kind of slot it takes, over each window. Those over series are left out: their state is
    the rows, so that there is nothing that could differ from folding them. Sketches take integers as what rows are
    lifted to."""
    found: dict[str, Agg] = {}
    for n, window in enumerate(windows):
        for name, row in AGGREGATES.items():
            if row.ranged or Kind.SERIES in row.kinds:
                continue
            for used in [("i",), ("i_where_b",)] if row.lifts else _slots_for(row.arity, row.returns):
                found["_".join((name, *used, str(n)))] = (name, used, window)
    return found


def _slots_for(arity: int, returns: Callable[[tuple[str, ...]], str]) -> list[tuple[str, ...]]:
    if arity == 0:
        return [()]
    names = [(s,) for s in SLOTS] if arity == 1 else [("s", "i"), ("i", "x"), ("x", "s"), ("h", "d")]
    found = []
    for used in names:
        try:
            returns(tuple(SLOTS[s][1] for s in used))
        except TypeError:
            continue
        found.append(used)
    return found


def versions_project(windows: tuple[Window, ...], **options: Any) -> tuple[Project, Source, View]:
    """Orders with ids, arrivals and deletions, and a view with every aggregate."""
    events = source(
        "ev",
        COLUMNS,
        available_at="seen",
        id=["eid"],
        deleted="{op} = 'D'",
        tie_break=["seq"],
    )
    made = view(
        "v",
        events,
        {"k": ("{k}", "BIGINT")},
        SLOTS,
        every_aggregate(windows),
        where="{i} IS NULL OR {i} > -90",
        **options,
    )
    return project([events], [made]), events, made


def plain_project(windows: tuple[Window, ...], **options: Any) -> tuple[Project, Source, View]:
    """Events without id that are known when they happen."""
    events = source("ev", COLUMNS)
    made = view("v", events, {"k": ("{k}", "BIGINT")}, SLOTS, every_aggregate(windows), **options)
    return project([events], [made]), events, made


def rows(rng: random.Random, count: int, span: int, step: int) -> list[dict[str, Any]]:
    """Random rows over `span` µs, many on multiples of `step` and 1 µs beside."""
    found = []
    for _ in range(count):
        ts = START + rng.randrange(span) // step * step + rng.choice((-1, 0, 1, rng.randrange(step)))
        late = rng.choice((0, 0, 0, 1, rng.randrange(step), rng.randrange(span)))
        found.append(
            {
                "eid": f"e{rng.randrange(count // 2)}" if rng.random() < 0.95 else None,
                "k": rng.choice((1, 1, 2, 3, None)),
                "ts": moment(ts),
                "seen": moment(ts + late),
                "seq": rng.randrange(3),
                "op": "D" if rng.random() < 0.1 else "U",
                "i": rng.choice((None, rng.randrange(-100, 100))),
                "d": None if rng.random() < 0.2 else rng.randrange(10**6) / 100,
                "x": rng.choice(
                    (
                        None,
                        0.1,
                        -0.0,
                        0.5,
                        rng.random() * 100,
                        math.nan if rng.random() < 0.1 else 7.0,
                        math.inf if rng.random() < 0.05 else 1.0,
                    )
                ),
                "s": rng.choice((None, "a", "b", "B", "é", "")),
                "b": rng.choice((None, True, False)),
                "h": rng.choice((None, 2**55, -(2**55), 5)),
            }
        )
    return found


def instants(rng: random.Random, given: list[dict[str, Any]], windows: tuple[Window, ...], count: int) -> list[int]:
    """Instants at which an edge of a window lies on or 1 µs beside a row's time, and some others."""
    found = []
    for _ in range(count):
        row = rng.choice(given)
        at = (rng.choice((row["ts"], row["seen"])) - EPOCH) // timedelta(microseconds=1)
        window = rng.choice(windows)
        found.append(
            at + rng.choice((0, window.offset, window.offset + (window.length or 0))) + rng.choice((-1, 0, 1))
        )
    return found
