"""What happened to the rows of five entities, and when they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import oracle
from oracle import Row, Value, micros, moment
from random_projects.expressions import Expr, compare, literal
from random_projects.expressions import column as named_column
from random_projects.model import SourceSpec

HOUR = 3_600_000_000
START = micros(moment(0).replace(year=2026, month=3, day=28, hour=16))
"""The local midnight before Europe/Berlin's clocks go forward lies among the rows."""

SITUATIONS = {1: "in order", 2: "late", 3: "corrected", 4: "moved", 5: "deleted"}
ELSEWHERE = 9
"""The entity that a row moves to."""

TYPES = {
    "uid": "bigint",
    "eid": "bigint",
    "ts": "timestamp",
    "arr": "timestamp",
    "op": "varchar",
    "i": "bigint",
    "n": "integer",
    "x": "double",
    "y": "double",
    "d": "decimal(12,2)",
    "s": "varchar",
    "b": "boolean",
    "m": "timestamp",
}
DEAD: Expr = compare("=", named_column("op", "text"), literal("D", "text"))
Values = tuple[int | None, int, float | None, float, str | None, str | None, bool | None, int]
EVENTS: Sequence[tuple[float, Values]] = (
    (0, (3, 1, 1.5, 2.0, "1.25", "a", True, 5)),
    (1, (1, 2, 0.5, 1.0, "4.00", "b", True, 3)),
    (3, (None, 3, None, 0.25, None, None, None, 4)),
    (3, (7, 1, 4.0, 3.5, "-2.50", "a", True, 1)),
    (5, (2, 4, 2.0, 0.5, "8.00", "c", True, 9)),
    (6, (6, 2, 8.25, 1.5, "0.75", "b", False, 2)),
    (8, (5, 1, 3.0, 4.0, "2.00", "a", True, 6)),
    (10, (4, 3, 6.5, 2.5, "1.00", "c", True, 7)),
)
"""Hours after the start, and the values of i, n, x, y, d, s, b, m."""

CHANGED: Values = (9, 5, 16.0, 7.5, "32.00", "d", True, 8)
THIRD, FIFTH = 3, 4
"""The events that something happens to, by their places: in most windows of most probes."""


def source() -> SourceSpec:
    """Orders with ids, arrivals and deletions."""
    meaning = oracle.Source(
        "orders", tuple(TYPES), time="ts", available_at="arr", id="eid", deleted=DEAD, kind="event"
    )
    yaml = {
        "path": "data/orders.parquet",
        "time": "ts",
        "available_at": "arr",
        "id": "eid",
        "deleted": DEAD.sql,
        "columns": dict(TYPES),
    }
    return SourceSpec(meaning, {"uid": "uid"}, TYPES, yaml, TYPES)


def row(uid: int, number: int, hours: float, values: Values, arrives: float | None = None, op: str = "I") -> Row:
    """A row of an event, known as soon as it happens if nothing else is said."""
    i, n, x, y, d, s, b, m = values
    tau = START + int(hours * HOUR)
    alpha = tau if arrives is None else START + int(arrives * HOUR)
    found: dict[str, Value] = {"uid": uid, "eid": 100 * uid + number, "ts": tau, "arr": alpha, "op": op}
    found |= {"i": i, "n": n, "x": x, "y": y, "d": None if d is None else Decimal(d), "s": s, "b": b}
    return {**found, "m": START + m * HOUR}


def rows() -> tuple[Row, ...]:
    """Everything that ever arrives."""
    found = [row(1, n, hours, values) for n, (hours, values) in enumerate(EVENTS)]
    late = {THIRD: 4.5, FIFTH: 6.5, 1: 7.25}
    found += [row(2, n, hours, values, late.get(n)) for n, (hours, values) in enumerate(EVENTS)]
    for uid in (3, 4, 5):
        found += [row(uid, n, hours, values) for n, (hours, values) in enumerate(EVENTS)]
    hours = {n: hours for n, (hours, _) in enumerate(EVENTS)}
    kept = {n: values for n, (_, values) in enumerate(EVENTS)}
    found += [row(3, THIRD, hours[THIRD], CHANGED, 4.5), row(3, FIFTH, hours[FIFTH], CHANGED, 6.5)]
    found += [row(4, THIRD, 3.75, kept[THIRD], 4.5), row(ELSEWHERE, 400 - 900 + FIFTH, hours[FIFTH], CHANGED, 6.5)]
    found += [row(5, THIRD, hours[THIRD], kept[THIRD], 4.5, "D"), row(5, FIFTH, hours[FIFTH], CHANGED, 6.5, "D")]
    return tuple(found)


def instants() -> tuple[int, ...]:
    """Before and after everything that happens, and far away."""
    hours = (2.0, 3.0, 4.25, 4.5, 4.75, 5.5, 6.25, 6.75, 7.0, 7.5, 8.0, 8.5, 10.0, 12.0, 14.0, 30.0)
    found = [START + int(h * HOUR) for h in hours]
    return (*found, START + 9 * HOUR // 2 + 1, START + 13 * HOUR // 2 - 1)
