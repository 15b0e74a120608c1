"""The shopping project with a service that pins a version of a view, and what tests of that ask of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from featc.cli import cli
from featc.runtime.planning.plan import lock_of, versions_now
from featc.runtime.store import FeatureStore, compile_project
from featc.versions.lock import Lock, read_lock, write_lock
from versions.shopping import ORDERS, write

Edit = tuple[str, str]

FILTER: Edit = ("quantity > 1", "quantity > 2")
EDITS: dict[str, tuple[Edit, ...]] = {
    "a filter": (FILTER,),
    "where": (("status <> 'cancelled'", "status <> 'returned'"),),
    "a let of the source": (("big: amount >= 20", "big: amount >= 26"),),
    "the type of a column": (("amount: decimal(12,2)\n      quantity", "amount: decimal(14,3)\n      quantity"),),
    "deleted": (("deleted: op = 'D'", "deleted: status = 'returned'"),),
    "available_at": (("available_at: loaded_at", "delay: 2d"),),
    "tie_break": (("    tie_break: [seq]\n", ""),),
    "a window": (("avg(amount) over last_7d", "avg(amount) over last_1d"),),
    "a window of the library": (("smooth: {range: 3d", "smooth: {range: 9h"),),
    "a default": (("default: 0", "default: 7"),),
    "a feature less": (("      dear: count(*) filter (where big)\n", ""),),
    "everything at once": (
        ("available_at: loaded_at", "delay: 3h"), FILTER, ("sum(amount) over smooth", "max(amount) over smooth"),
        ("amount: decimal(12,2)\n      quantity", "amount: double\n      quantity"),
    ),
}  # fmt: skip
BOTH: Edit = (
    "  small:\n",
    "  both:\n    features:\n      - buying@v1\n      - now_spend: buying.spend_7d\n      - now_paid: buying.paid_7d\n"
    "      - now_mean: buying.mean_7d\n  small:\n",
)
NOW = {"now_spend": "spend_7d", "now_paid": "paid_7d", "now_mean": "mean_7d"}
SPINE = [
    {"user_id": user, "as_of": datetime.fromisoformat(f"2026-01-{day:02} {time}")}
    for user in (7, 8, 9) for day in range(1, 12) for time in ("00:00:00", "10:00:00", "11:30:00", "13:05:00.000001")
]  # fmt: skip
MORE = """\
6,7,b,3.25,2,1.5,paid,U,7,2026-01-04 08:00:00,2026-01-06 08:00:00
4,8,c,2.00,2,0.1,new,U,8,2026-01-03 12:00:00,2026-01-05 00:00:00
5,8,c,21.00,6,0.1,returned,D,9,2026-01-03 13:00:00,2026-01-07 00:00:00
7,9,a,40.00,4,0.5,paid,U,10,2026-01-05 10:00:00,2026-01-05 10:00:00
"""
"""Orders that come late, correct what came before, take it back, and are of somebody new."""


def written(folder: Path, *edits: Edit) -> Path:
    write(folder, *edits)
    (folder / "data" / "orders.csv").write_text(ORDERS + MORE)
    return folder


def lock(folder: Path, *edits: Edit) -> Lock:
    """What apply would write for the edited project, written: some edits break contracts, which apply refuses."""
    compiled = compile_project(written(folder, *edits))
    made = lock_of(compiled, versions_now(compiled), read_lock(folder))
    write_lock(folder, made)
    return made


def pinned(folder: Path, *edits: Edit) -> Path:
    """A project whose service gives buying as it was at first, and as it is after the edits."""
    lock(folder)
    lock(folder, *edits, BOTH)
    return folder


@contextmanager
def opened(folder: Path) -> Iterator[FeatureStore]:
    with closing(FeatureStore(folder)) as store:
        yield store


def trained(folder: Path, features: str | list[str], spine: list[dict[str, Any]] = SPINE) -> list[dict[str, Any]]:
    with opened(folder) as store:
        return store.get_historical_features(features, spine).arrow().to_pylist()


def alone(folder: Path, *edits: Edit) -> list[dict[str, Any]]:
    """The features of buying in a project that knows no versions."""
    return trained(written(folder, *edits), ["buying"])


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [words[0], "-p", str(folder), *words[1:]])


def rows() -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(ORDERS + MORE)))


def spoken(values: Iterable[dict[str, Any]], names: Iterable[str]) -> list[dict[str, Any]]:
    listed = list(names)
    return [{n: v[n] for n in listed} for v in values]
