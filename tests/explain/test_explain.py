"""`featc explain`: what it says is what runs, and its costs are near what a store shows."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import featc
from featc.cli import cli
from featc.decompose import decompose
from featc.lower.explained import edges_in_words
from featc.lower.online import view_plan
from featc.lower.online_evict import looks_up
from featc.lower.online_kept import keep
from featc.lower.online_read import read_plan
from featc.lower.online_store import key_conditions
from featc.resolve.model import Calendar, Window
from featc.runtime.online.read import ViewReader
from retention.club import write_club
from tiny_project import write_project

FACTOR = 2.0
"""How far an estimate may be from what is measured, either way."""

DAY = 86_400_000_000
DEFINITIONS = """\
entities: {user: user_id}
sources:
  plain:
    path: data/plain.parquet
    time: at
  versioned:
    path: data/versioned.parquet
    time: at
    available_at: loaded_at
    id: event_id
feature_views:
  plain_view:
    entity: user
    source: plain
    windows: [1d, 7d, 30d]
    features:
      n: count(*)
      total: sum(amount)
      mean: avg(amount)
      latest: last(page) over lifetime
  versioned_view:
    entity: user
    source: versioned
    windows: [7d, lifetime]
    features:
      n: count(*)
      total: sum(amount)
      pages: count(distinct page) over last_7d
feature_services:
  all: {features: [plain_view, {more: versioned_view.n_7d}, versioned_view.total_lifetime, versioned_view.pages]}
"""


def run(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(cli, ["explain", "-p", str(folder), *arguments])
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("window", "closed", "words"),
    [
        (Window("last_7d", 7 * DAY), "left", "t − 7d ≤ τ < t"),
        (Window("last_7d", 7 * DAY), "right", "t − 7d < τ ≤ t"),
        (Window("prev_7d", 7 * DAY, 7 * DAY), "both", "t − 14d ≤ τ ≤ t − 7d"),
        (Window("lifetime"), "neither", "τ < t"),
        (Window("w", DAY, hop=DAY // 24), "left", "floor((t − 1d) / 1h) ≤ τ < t"),
        (Window("w", DAY, hop=DAY // 24, align=True), "left", "u − 1d ≤ τ < u = floor((t) / 1h)"),
        (Window("w", 7 * DAY, rows=3), "left", "the last 3 of the rows with t − 7d ≤ τ < t"),
        (Window("w", calendar=Calendar("day")), "neither", "begin of the day of t in UTC ≤ τ < t"),
        (
            Window("w", calendar=Calendar("month", "Europe/Berlin", 2)),
            "both",
            "begin of the month 2 before the month of t in Europe/Berlin ≤ τ"
            " < begin of the month of t in Europe/Berlin",
        ),
        (
            Window("w", since="is_paid"),
            "left",
            "from the last of the events with is_paid on, in event order, it included",
        ),
    ],
)
def test_a_window_is_said_as_a_condition_on_the_time(window: Window, closed: Any, words: str) -> None:
    assert edges_in_words(window, closed) == words


def test_a_view_is_explained_from_its_source_to_its_cost(tmp_path: Path) -> None:
    said = run(write_project(tmp_path / "tiny"), "user_orders")
    for words in (
        "user_orders, per user, closed: left",
        "orders (event): α = loaded_at",
        "rows of one order_id are versions of one event",
        "last_7d   t − 7d ≤ τ < t",
        "last_status  last_status       lifetime  rows   latest",
        "running: differences of running totals",
        "latest: one ASOF join to the last row that has a value",
        "replay: unlimited: nothing is evicted",
        "all stay: orders has no final_after",
        "estimated",
        "(from the source)",
    ):
        assert words in said, said


def test_a_feature_is_explained_alone_and_a_service_with_what_it_needs(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "tiny")
    alone = json.loads(run(folder, "user_orders.spend_7d", "--format", "json"))["views"]
    assert [w["window"] for v in alone for w in v["windows"]] == ["last_7d"]
    service = json.loads(run(folder, "checkout", "--format", "json"))["views"]
    assert [v["view"] for v in service] == ["user_orders", "basket"]
    assert service[1]["source"] is None and service[1]["derived"][0]["feature"] == "share"


def test_the_json_has_its_documented_shape(tmp_path: Path) -> None:
    (view,) = json.loads(run(write_project(tmp_path / "tiny"), "user_orders", "--format", "json"))["views"]
    keys = {"view", "entity", "closed", "given", "source", "windows", "training", "tiles", "online", "retention"}
    keys |= {"joins", "attributed", "leakage", "derived", "cost", "meanings"}
    assert view.keys() == keys
    assert view["training"][0].keys() == {
        "aggregation", "aggregate", "window", "state", "reads", "reads_because", "shape", "because"
    }  # fmt: skip
    assert view["online"].keys() == {"tile_width", "bands", "statements", "states", "lookup"}
    assert view["retention"].keys() == {"superseded", "rows", "tiles", "replay"}


def test_what_eviction_may_drop_is_said(tmp_path: Path) -> None:
    said = run(write_club(tmp_path / "club"), "club")
    assert "replay: 6d before the newest arrival" in said
    assert "go when they are 2d older than the horizon" in said
    assert "of each entity stay the last 3, the one behind last_amount_lifetime, " in said
    assert ", one per size" in said
    assert "of each entity stay the row that holds" in said
    assert "all stay: visits has no final_after" in said


# ── costs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("costs")
    (folder / "features").mkdir()
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text("version: 1\nproject: costs\n")
    (folder / "features" / "all.yaml").write_text(DEFINITIONS)
    draw = random.Random(5)
    start = datetime(2026, 1, 1)
    rows = [
        {
            "event_id": n,
            "user_id": draw.randrange(60),
            "amount": draw.random(),
            "page": draw.choice(("home", "product", "basket")),
            "at": (at := start + timedelta(seconds=draw.randrange(60 * 86_400))),
            "loaded_at": at + timedelta(minutes=draw.randrange(60)),
        }
        for n in range(12_000)
    ]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table.drop_columns(["event_id", "loaded_at"]), folder / "data" / "plain.parquet")
    pq.write_table(table, folder / "data" / "versioned.parquet")
    return folder


def costs(folder: Path) -> dict[str, dict[str, Any]]:
    views = json.loads(run(folder, "all", "--format", "json"))["views"]
    return {v["view"]: v["cost"] for v in views}


def near(estimate: float, measured: float) -> bool:
    return measured / FACTOR <= estimate <= measured * FACTOR


@pytest.mark.slow
def test_costs_estimated_from_the_source_are_near_those_of_the_store(project: Path) -> None:
    estimated = costs(project)
    store = featc.FeatureStore(project)
    for name in ("plain", "versioned"):
        for part in range(0, 12_000, 1000):
            rows = pq.read_table(project / "data" / f"{name}.parquet").slice(part, 1000)
            store.push(name, rows, token=str(part))
    measured = costs(project)
    for view, found in measured.items():
        before = estimated[view]
        assert (before["counted"], found["counted"]) == ("the source", "the online store")
        assert before["entities"] == found["entities"] == 60
        assert before["rows_per_entity"] == found["rows_per_entity"] == 200
        assert near(before["tiles_per_entity"], found["tiles_per_entity"]), (before, found)
        assert near(before["bytes_per_entity"], found["bytes_per_entity"]), (before, found)
        assert near(before["version_bytes_per_entity"], found["version_bytes_per_entity"]), (before, found)
        rows_read, tiles_read = read_for_real(store, view)
        for cost in (before, found):
            assert near(cost["rows_per_read"], rows_read), (cost, rows_read)
            assert near(cost["tiles_per_read"], tiles_read), (cost, tiles_read)
    store.close()
    with closing(sqlite3.connect(project / ".featc/online.db")) as file:
        pages = file.execute("PRAGMA page_count").fetchone()[0] * file.execute("PRAGMA page_size").fetchone()[0]
    both = sum(60 * (c["bytes_per_entity"] + c["version_bytes_per_entity"]) for c in measured.values())
    assert near(both, pages), "and together they are the file"


def read_for_real(store: featc.FeatureStore, name: str) -> tuple[float, float]:
    """(rows, tiles) that a read of each entity takes, counted in the store by the reader's own bounds."""
    kept = keep(store.project)
    view = kept.project.views[name]
    plan = view_plan(kept, view)
    layout = plan.layout
    wanted = {"plain_view": None, "versioned_view": frozenset(("n_7d", "total_lifetime", "pages"))}[name]
    reader = ViewReader(read_plan(layout, decompose(view, wanted), lookup=looks_up(layout)))
    connection = store.online._database.connection
    where = " AND ".join(key_conditions(layout))
    last = connection.execute(f"SELECT max(_tau) FROM {layout.events}").fetchone()[0]
    rows = tiles = 0
    users = [r[0] for r in connection.execute(f"SELECT DISTINCT key_user_id FROM {layout.events}")]
    for user in users:
        bound: dict[str, Any] = {reader.names[0]: user}
        reader._bind_bands(bound, last + 2)
        newest = connection.execute(f"SELECT max(_tau) FROM {layout.events} WHERE {where}", bound).fetchone()[0]
        start = newest // (layout.width or 1) * (layout.width or 1)

        def between(after: int, upto: int, bound: dict[str, Any] = bound) -> int:
            inside = f"SELECT count(*) FROM {layout.events} WHERE {where} AND _tau > :a AND _tau <= :u"
            return int(connection.execute(inside, {**bound, "a": after, "u": upto}).fetchone()[0])

        for n in range(reader.plan.bands):
            after, upto, first, past = (bound[f"{w}_{n}"] for w in ("after", "upto", "first", "past"))
            rows += between(after, first - 1 if first > -(2**63) else first) + between(past - 1, upto)
            rows += between(start - 1, start + (layout.width or 1) - 1) if first <= start < past else 0
            inside = f"SELECT count(*) FROM {layout.tiles} WHERE {where} AND _start >= :first AND _start < :past"
            tiles += connection.execute(inside, {**bound, "first": first, "past": past}).fetchone()[0]
        rows += len(reader.plan.picks)
        for _ in reader.plan.sets:
            rows += sum(between(bound[f"after_{n}"], bound[f"upto_{n}"]) for n in range(reader.plan.bands))
    return rows / len(users), tiles / len(users)
