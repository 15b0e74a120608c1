"""A year of Online Retail: five ways to the same vectors.

Backfilled by days and materialized into one store; replayed into another through `push`, a batch for every hour that
has lines, and read on the way too; as a training set from raw rows, and from the backfilled tiles; by hand-written
SQL. Each way is compared with each other one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from click.testing import CliRunner

from retail.comparing import SPINE_COLUMNS, Rows, features_of, wrong_values
from retail.handwritten import SERVICES, Service

ON_THE_WAY = 3
"""Of so many spine rows one is read while the replay has come to its hour, too."""
TILED = {"customer": "customer_orders", "product": "product_sales"}
"""The view of each service whose windows are read from tiles; the other one looks back over all time."""


@pytest.mark.slow
def test_the_year_gives_equal_vectors_in_five_ways(
    store_at: Callable[[str], Any],
    retail_data: Path,
    sampled: dict[str, Rows],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = retail_data / "online_retail.parquet"
    materialized, replayed = store_at("materialized"), store_at("replayed")
    run(materialized, "backfill")
    run(materialized, "materialize")
    batches, on_the_way = replay(replayed, path, sampled)
    lines = [f"\nOnline Retail, {batches:,} batches of an hour; vectors compared, each way with each other one:"]
    for service in SERVICES:
        rows = sampled[service.name]
        ways = {
            "hand-written SQL": rows,
            "materialized": reads(materialized, service, rows),
            "replayed": reads(replayed, service, rows),
            "training from rows": training(materialized, service, rows, "rows"),
            "training from tiles": training(materialized, service, rows, "tiles"),
        }
        some = list(range(0, len(rows), ON_THE_WAY))
        assert all(len(found) == len(rows) for found in ways.values())
        assert len(on_the_way[service.name]) == len(some)
        for (one, left), (other, right) in combinations(ways.items(), 2):
            assert_equal(service, rows, left, right, f"{one} and {other}")
        early = [on_the_way[service.name][place] for place in some]
        assert_equal(service, [rows[p] for p in some], early, [rows[p] for p in some], "on the way")
        lines.append(f"  {service.name}: {len(rows):,} by {', '.join(ways)}; {len(some):,} while replaying")
    assert sum(map(len, sampled.values())) >= 5_000
    with capsys.disabled():
        print("\n".join(lines))


def run(store: Any, command: str) -> None:
    """A command line in the store's project."""
    from featc.cli import cli

    done = CliRunner().invoke(cli, [command, "-p", str(store.root), "-q"])
    assert done.exit_code == 0, done.output


def replay(store: Any, path: Path, sampled: Mapping[str, Rows]) -> tuple[int, dict[str, dict[int, Any]]]:
    """Pushes the lines hour by hour; gives the number of batches, and vectors read on the way by their places.

    Whatever was known at a spine row's instant has been pushed when its hour has; what the hour brought afterwards
    must not be seen.
    """
    waiting = defaultdict(list)
    for service in SERVICES:
        for place in range(0, len(sampled[service.name]), ON_THE_WAY):
            row = sampled[service.name][place]
            waiting[hour_of(row["as_of"])].append((service, place, row))
    found: dict[str, dict[int, Any]] = {service.name: {} for service in SERVICES}
    batches = 0
    for hour, lines in hours(path):
        store.push("invoice_lines", lines)
        batches += 1
        for service, place, row in waiting.pop(hour, ()):
            (found[service.name][place],) = reads(store, service, [row])
    assert not waiting, "every spine row is of an invoice"
    return batches, found


def hour_of(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def hours(path: Path) -> Iterator[tuple[datetime, pa.Table]]:
    """The lines of each hour that has some, in the file's types."""
    with duckdb.connect() as connection:
        lines = connection.execute(
            "select date_trunc('hour', InvoiceDate) as hour, * from read_parquet($path) order by hour",
            {"path": str(path)},
        ).to_arrow_table()
    starts = lines.column("hour").to_pylist()
    plain = lines.drop_columns(["hour"])
    first = 0
    for place in range(1, len(starts) + 1):
        if place == len(starts) or starts[place] != starts[first]:
            yield starts[first], plain.slice(first, place - first)
            first = place


def reads(store: Any, service: Service, rows: Rows) -> Rows:
    """An online vector for each spine row, at its instant."""
    found: Rows = []
    for row in rows:
        found += store.get_online_features(service.name, [{service.key: row[service.key]}], at=row["as_of"])
    return found


def training(store: Any, service: Service, rows: Rows, read: str) -> Rows:
    """The training set at the spine rows; from tiles, where it says that it read them."""
    spine = [{name: row[name] for name in SPINE_COLUMNS if name in row} for row in rows]
    dataset = store.get_historical_features(service.name, spine, read=read)
    told = dataset.explain()
    assert (f"{TILED[service.name]}: tiles, and " in told) is (read == "tiles"), told
    found: Rows = dataset.rows()
    assert [r["spine_row"] for r in found] == [r["spine_row"] for r in rows]
    assert set(found[0]) - SPINE_COLUMNS == set(features_of(rows[0]))
    return found


def assert_equal(service: Service, rows: Rows, left: Rows, right: Rows, which: str) -> None:
    wrong = [
        text
        for row, one, other in zip(rows, left, right, strict=True)
        for text in wrong_values(service, row, one, other)
    ]
    assert not wrong, f"{which}: {len(wrong)} values differ, the first: {wrong[:5]}"
