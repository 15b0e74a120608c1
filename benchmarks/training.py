"""Training sets against the query one writes by hand first: `python benchmarks/training.py`.

25 features (sum, count, avg, min, max over 1h, 1d, 7d, 30d, 90d) of 10,000 entities, 1M events in 180 days, 100k
spine rows. Three ways the rows are spread over the entities, always 100 events for each on average:

* zipf: the entity of rank r has weight r^-0.8, as customers and products have, more or less. The busiest has 4% of
  all rows.
* even: all entities have about 100 events. Here the hand-written query has little to look at.
* hot: even, but for one entity that has 10% of events and spine rows. The hand-written query gets the first tenth of
  the spine only, and its time is multiplied by ten; the spine's rows are in no order.

The hand-written query is one range join with a FILTER for each feature. Both sides read the same parquet files and
give an Arrow table in the spine's order, in one process, in turns. All answers that both give are compared before
anything is reported: counts and extremes identical, sums and averages within 1e-9 of the sum of absolute values.
On a machine that does other work, trust the cpu columns.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

import featc
from workload import AGGREGATES, WINDOWS, Size, busiest, machine, write_project

CASES = {"zipf": Size(skew=0.8), "even": Size(), "hot": Size(hot=0.1)}
BY_HAND = {"zipf": 1, "even": 1, "hot": 10}
"""The hand-written query gets one spine row in so many."""
ROUNDS = 3
ENOUGH = 40.0
"""Seconds after which the hand-written query gets no further round of a case; featc gets all of them."""
WITHIN = 1e-9


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took: seconds on the wall, and of all cores, which other work on the machine hardly changes."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Result:
    """One case: the cost of each round of both sides and of the sort, and how many answers were found equal."""

    case: str
    events_of_busiest: int
    ours: list[Cost]
    theirs: list[Cost]
    sorts: list[Cost]
    compared: int


def wall(costs: list[Cost]) -> float:
    return median(c.wall for c in costs)


def cpu(costs: list[Cost]) -> float:
    return median(c.cpu for c in costs)


def by_hand(folder: Path, rows: int) -> str:
    """The range join, for the first `rows` rows of the spine."""
    columns = []
    for aggregate in AGGREGATES:
        for name, span in WINDOWS.items():
            inside = f"FILTER (WHERE e.bought_at >= s.as_of - INTERVAL '{span}')"
            columns.append(f"{aggregate}(e.amount) {inside} AS {aggregate}_{name}")
    selected = ",\n    ".join(columns)
    return f"""
SELECT s.spine_id, s.user_id, s.as_of,
    {selected}
FROM (FROM '{folder}/spine.parquet' WHERE spine_id < {rows}) s
LEFT JOIN '{folder}/purchases.parquet' e
  ON e.user_id = s.user_id AND e.bought_at < s.as_of AND e.bought_at >= s.as_of - INTERVAL '90 days'
GROUP BY s.spine_id, s.user_id, s.as_of
ORDER BY s.spine_id"""


def timed(work: Callable[[], Any]) -> tuple[Cost, Any]:
    started, busy = time.perf_counter(), time.process_time()
    found = work()
    return Cost(time.perf_counter() - started, time.process_time() - busy), found


def run_by_hand(folder: Path, rows: int) -> Any:
    with duckdb.connect() as connection:
        return connection.sql(by_hand(folder, rows)).to_arrow_table()


def run_sort(folder: Path) -> None:
    """The floor: what it costs DuckDB to sort the events by entity and time."""
    with duckdb.connect() as connection:
        query = f"CREATE TEMP TABLE sorted AS FROM '{folder}/purchases.parquet' ORDER BY user_id, bought_at"
        connection.execute(query)


def compare(ours: Any, theirs: Any) -> int:
    """How many values were compared. Ends the program on the first column that differs."""
    if ours.column("spine_id").slice(0, len(theirs)) != theirs.column("spine_id"):
        sys.exit("the rows are not the spine's rows in their order; nothing is reported")
    compared = 0
    with duckdb.connect() as connection:
        connection.register("o", ours)
        connection.register("t", theirs)
        for name in (f"{aggregate}_{window}" for window in WINDOWS for aggregate in AGGREGATES):
            loose = name.startswith(("sum", "avg"))  # all amounts are positive: Σ|x| is the sum itself
            off = f"abs(o.{name} - t.{name}) > {WITHIN} * abs(t.{name})" if loose else f"o.{name} <> t.{name}"
            wrong = f"(o.{name} IS NULL) <> (t.{name} IS NULL) OR {off}"
            query = f"SELECT count(*), count(*) FILTER (WHERE {wrong}) FROM o JOIN t USING (spine_id)"
            seen, differ = connection.execute(query).fetchall()[0]
            if differ or seen != len(theirs):
                sys.exit(f"{name}: {differ} of {seen} answers differ ({len(theirs)} expected); nothing is reported")
            compared += seen
    return compared


def measure(case: str, folder: Path, size: Size) -> Result:
    """One case: answers compared in the first round, then the rounds that are left."""
    write_project(folder, size)
    store = featc.FeatureStore(folder)
    rows = size.spine // BY_HAND[case]

    def run_ours() -> Any:
        return store.get_historical_features("windows", folder / "spine.parquet").arrow()

    say(f"{case}: round 1 of {ROUNDS}, comparing all answers …")
    ours, mine = timed(run_ours)
    theirs, other = timed(lambda: run_by_hand(folder, rows))
    sort, _ = timed(lambda: run_sort(folder))
    result = Result(case, busiest(folder), [ours], [theirs], [sort], compare(mine, other))
    for number in range(2, ROUNDS + 1):
        say(f"{case}: round {number} of {ROUNDS} …")
        result.ours.append(timed(run_ours)[0])
        result.sorts.append(timed(lambda: run_sort(folder))[0])
        if sum(c.wall for c in result.theirs) + theirs.wall < ENOUGH:
            result.theirs.append(timed(lambda: run_by_hand(folder, rows))[0])
    return result


def say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:60}", end="\r" if not text else "", file=sys.stderr, flush=True)


def line(r: Result) -> str:
    """The figures of one case."""
    times = BY_HAND[r.case]
    ours, theirs = (wall(r.ours), cpu(r.ours)), (wall(r.theirs) * times, cpu(r.theirs) * times)
    return (
        f"{ours[0]:7.2f} {ours[1]:5.2f}  {theirs[0]:8.2f} {theirs[1]:6.2f}{'*' if times > 1 else ' '}"
        f" {theirs[0] / ours[0]:8.1f}× {theirs[1] / ours[1]:5.1f}×"
        f" {ours[0] / wall(r.sorts):8.1f}× {ours[1] / cpu(r.sorts):5.1f}×"
    )


def report(results: list[Result]) -> None:
    size = CASES["zipf"]
    print(f"Training set: 25 features, {size.events:,} events, {size.spine:,} spine rows, {size.entities:,} entities")
    print(machine())
    print("Median seconds of the rounds: on the wall, and of all cores (cpu).\n")
    print("      busiest       featc           by hand      by hand / featc    featc / sort       values")
    print("case   entity    wall   cpu      wall    cpu       wall    cpu      wall    cpu         equal")
    for r in results:
        print(f"{r.case:5} {r.events_of_busiest:7,} {line(r)} {r.compared:13,}")
    by_case = {r.case: r for r in results}
    hot, even = by_case["hot"], by_case["even"]
    print(f"\n* measured on one spine row in {BY_HAND['hot']}, and multiplied.")
    hotter = wall(hot.ours) / wall(even.ours), cpu(hot.ours) / cpu(even.ours)
    print(f"featc, hot / even: {hotter[0]:.2f}× wall, {hotter[1]:.2f}× cpu.")
    print(f"Rounds: featc {ROUNDS}; by hand {', '.join(f'{r.case} {len(r.theirs)}' for r in results)}.")
    if wall(even.theirs) < wall(even.ours):
        print("Where every entity has few events, the hand-written join is the quicker one: it has little to look at.")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="featc-bench-") as folder:
        results = [measure(case, Path(folder) / case, size) for case, size in CASES.items()]
    say("")
    report(results)


if __name__ == "__main__":
    main()
