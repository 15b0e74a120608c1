"""Features of other views beside events online: what is pushed late reaches events, and what comes in order none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from featc.fingerprint import feature_fingerprint
from featc.runtime.online.joined import JoinedRows
from featc.runtime.store import FeatureStore

START = datetime(2026, 1, 1)
HOUR = timedelta(hours=1)
Row = Mapping[str, Any]

DEFINITIONS = """
entities: {card: card, merchant: merchant}
sources:
  payments: {path: data/payments.parquet, time: seen_at, available_at: known_at, id: payment}
  disputes: {path: data/disputes.parquet, time: seen_at, available_at: known_at, id: dispute, deleted: void}
feature_views:
  sales: {entity: merchant, source: payments, CLOSED, features: {sold: count(*) over last_30d}}
  trouble: {entity: merchant, source: disputes, features: {disputes: count(*) over last_60d}}
  risk: {features: {share: "trouble.disputes / nullif(sales.sold, 0)"}}
  merchants:
    entity: merchant
    source: payments
    join: {risk: {view: risk}}
    features: {worst: max(risk.share) over last_90d}
  cards:
    entity: card
    source: payments
    join: {shop: {view: merchants}, risk: {view: risk}}
    features:
      worst: max(shop.worst) over lifetime
      shares: list(coalesce(risk.share, -1), 99) over lifetime
feature_services:
  all: {features: [{worst: cards.worst}, {shares: cards.shares}, {of_shop: merchants.worst}]}
"""
TYPES = {
    "payments": "payment BIGINT, card BIGINT, merchant VARCHAR, seen_at TIMESTAMP, known_at TIMESTAMP",
    "disputes": "dispute BIGINT, merchant VARCHAR, seen_at TIMESTAMP, known_at TIMESTAMP, void BOOLEAN",
}


def project(root: Path, closed: str = "closed: left", **rows: Sequence[Row]) -> FeatureStore:
    """A project whose sources hold `rows`, by source."""
    (root / "features").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "featc.yaml").write_text("version: 1\nproject: beside\n")
    (root / "features" / "all.yaml").write_text(DEFINITIONS.replace("CLOSED", closed))
    with duckdb.connect() as connection:
        for name, types in TYPES.items():
            connection.execute(f"CREATE TABLE {name} ({types})")
            for row in rows.get(name, ()):
                connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", list(row.values()))
            connection.execute(f"COPY {name} TO '{root / 'data' / name}.parquet' (FORMAT parquet)")
    return FeatureStore(root)


def payment(number: int, card: int, merchant: str | None, hours: float, known: float | None = None) -> Row:
    at, known_at = START + hours * HOUR, START + (hours if known is None else known) * HOUR
    return {"payment": number, "card": card, "merchant": merchant, "seen_at": at, "known_at": known_at}


def dispute(number: int, merchant: str | None, hours: float, known: float | None = None, *, void: bool = False) -> Row:
    at, known_at = START + hours * HOUR, START + (hours if known is None else known) * HOUR
    return {"dispute": number, "merchant": merchant, "seen_at": at, "known_at": known_at, "void": void}


def answers(store: FeatureStore, hours: float) -> dict[str, Any]:
    (found,) = store.get_online_features("all", ASKED[:1], at=START + hours * HOUR)
    return found


ASKED = [{"card": 1, "merchant": "A"}, {"card": 2, "merchant": "B"}]


def both(store: FeatureStore, instants: Sequence[float]) -> tuple[list[Row], list[Row]]:
    """What the store answers at these hours, and what the training set has."""
    spine = [{**asked, "as_of": START + hours * HOUR} for hours in instants for asked in ASKED]
    names = ("worst", "shares", "of_shop")
    truth = [{name: row[name] for name in names} for row in store.get_historical_features("all", spine).rows()]
    read = (store.get_online_features("all", ASKED, at=START + hours * HOUR) for hours in instants)
    return [dict(row) for rows in read for row in rows], truth


@pytest.fixture
def lifted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the rows that are lifted, as they are."""
    found: list[int] = []
    lift = JoinedRows.lift

    def noting(rows: JoinedRows, numbers: Any) -> None:
        listed = list(numbers)
        found.extend(listed)
        lift(rows, listed)

    monkeypatch.setattr(JoinedRows, "lift", noting)
    return found


DAY = 24.0
PAYMENTS = [
    payment(1, 1, "A", 10),
    payment(2, 1, "A", 20, known=30),
    payment(3, 2, "A", 25),
    payment(3, 2, "B", 25, known=60),  # moves to another merchant
    payment(4, 1, "B", 26 * DAY),
    payment(5, 1, "A", 31 * DAY),
    payment(5, 1, "A", 29 * DAY, known=40 * DAY),  # and in time
    payment(6, 1, "A", 45 * DAY, known=50 * DAY),
    payment(7, 1, None, 46 * DAY),
    payment(8, 1, "B", 70 * DAY),
]
DISPUTES = [
    dispute(1, "A", 9),
    dispute(2, "A", 19, known=29),
    dispute(3, "A", 19.5, known=31),
    dispute(4, "B", 20),
    dispute(4, "A", 20, known=30 * DAY),
    dispute(5, "A", 28 * DAY),
    dispute(5, None, 28 * DAY, known=44 * DAY, void=True),
    dispute(6, "B", 69 * DAY),
]
INSTANTS = (9, 20, 25, 30.5, 61, 27 * DAY, 32 * DAY, 41 * DAY, 51 * DAY, 80 * DAY)


@pytest.mark.parametrize("closed", ["closed: left", "closed: right"])
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 12))])
def test_both_plans_agree_in_any_order_and_batching(tmp_path: Path, seed: int, closed: str) -> None:
    random = Random(seed)
    store = project(tmp_path, closed, payments=PAYMENTS, disputes=DISPUTES)
    listed = [("payments", row) for row in PAYMENTS] + [("disputes", row) for row in DISPUTES]
    if seed:
        random.shuffle(listed)
    while listed:
        source = listed[0][0]
        batch = [row for name, row in listed[: random.randint(1, 6)] if name == source]
        listed = [entry for entry in listed if not (entry[0] == source and entry[1] in batch)]
        store.push(source, batch)
        if seed % 2:  # what has an id may come again
            store.push(source, batch)
    read, truth = both(store, INSTANTS)
    assert read == truth


def test_what_comes_in_order_lifts_nothing_again(tmp_path: Path, lifted: list[int]) -> None:
    store = project(tmp_path)
    rows = [("payments", payment(n, n % 3, "AB"[n % 2], n, known=n + (n % 4) / 2)) for n in range(12)]
    rows += [("disputes", dispute(n, "AB"[n % 2], n + 0.25)) for n in range(12)]
    rows += [("disputes", dispute(n, "B", n + 0.25, known=n + 7.3)) for n in range(0, 12, 3)]  # corrections too
    for source, row in sorted(rows, key=lambda entry: entry[1]["known_at"]):
        store.push(source, [row])
    assert len(lifted) == 2 * 12  # each payment once, for merchants and for cards


def test_a_late_row_reaches_only_the_events_that_could_know_it(tmp_path: Path, lifted: list[int]) -> None:
    store = project(tmp_path)
    store.push("payments", [payment(n, 1, "A", 24 * n) for n in range(100)])
    store.push("payments", [payment(100, 1, "B", 1)])
    lifted.clear()
    store.push("disputes", [dispute(1, "A", 24 * 10 - 1, known=24 * 20)])
    # before day 20 nobody knew, and its window ends after day 69; what merchants are, cards see for 90 days
    assert len(lifted) == 50 + 80
    assert answers(store, 24 * 20)["worst"] == 0
    assert answers(store, 24 * 23)["worst"] == 1 / 21  # of the sale of day 21, as that of day 22 saw it


def test_one_push_feeds_views_before_those_that_join_them(tmp_path: Path, lifted: list[int]) -> None:
    store = project(tmp_path, "closed: right")
    store.push("disputes", [dispute(1, "A", 0)])
    store.push("payments", [payment(n, 1, "A", n) for n in (3, 2, 1)])
    assert answers(store, 9)["shares"] == [1.0, 0.5, 1 / 3]
    assert len(lifted) == 6


def test_materialize_takes_in_what_is_joined_first(tmp_path: Path, lifted: list[int]) -> None:
    store = project(tmp_path, payments=PAYMENTS, disputes=DISPUTES)
    report = store.materialize()
    assert [s.source for s in report.sources] == ["disputes", "payments"]
    read, truth = both(store, INSTANTS)
    assert read == truth


def test_eviction_keeps_what_events_may_still_ask(tmp_path: Path) -> None:
    store = project(tmp_path, payments=PAYMENTS, disputes=DISPUTES)
    store.push("disputes", DISPUTES[:-1])
    store.push("payments", PAYMENTS[:4])
    store.push("disputes", [dispute(99, "Z", 500 * DAY)])  # disputes are far ahead of payments
    store.online.evict(int(DAY * HOUR / timedelta(microseconds=1)))
    store.push("payments", PAYMENTS[4:])
    read, truth = both(store, (27 * DAY, 32 * DAY, 41 * DAY, 51 * DAY))
    assert read == truth


def test_the_version_of_what_is_joined_is_part_of_the_version(tmp_path: Path) -> None:
    one, other = project(tmp_path / "one").project, project(tmp_path / "other", "closed: right").project
    for view, feature in (("cards", "worst"), ("cards", "shares"), ("merchants", "worst")):
        assert feature_fingerprint(one, view, feature) != feature_fingerprint(other, view, feature)


def test_a_view_that_joins_needs_the_history_of_what_it_joins(tmp_path: Path) -> None:
    store = project(tmp_path)
    text = (tmp_path / "features" / "all.yaml").read_text()
    plain = text.partition("feature_views:")[0] + "feature_views:\n  v: {entity: merchant, source: disputes, features:"
    (tmp_path / "features" / "all.yaml").write_text(plain + " {n: count(*) over lifetime}}\n")
    FeatureStore(tmp_path).push("disputes", [dispute(1, "A", 0)])
    (tmp_path / "features" / "all.yaml").write_text(text)
    with pytest.raises(Exception, match="F603"):
        answers(FeatureStore(tmp_path), 1)
    assert store.root == tmp_path
