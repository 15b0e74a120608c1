"""What a training set knows: `known_at`, `data_until`, ranges of instants, and the report on them; cards hold it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from featc.cli.app import cli
from featc.errors import FeatcError
from featc.runtime.store import FeatureStore

DEFINITIONS = """
entities: {user: user_id, shop: shop}
sources:
  orders:
    path: orders.csv
    time: ordered_at
    available_at: loaded_at
    id: order_id
    columns: {order_id: bigint, user_id: bigint, amount: bigint, ordered_at: timestamp, loaded_at: timestamp}
  plans:
    kind: state
    path: plans.csv
    key: user_id
    time: since
    columns: {user_id: bigint, since: timestamp}
feature_views:
  user_orders:
    entity: user
    source: orders
    where: amount > 0
    features:
      n: count(*) over lifetime
      spend: sum(amount) over last_7d
      mean: avg(amount) over lifetime
    labels:
      next_spend: sum(amount) over next_1d
      more: next_spend > spend
  user_plan:
    entity: user
    source: plans
    features: [plan]
  shop_orders:
    entity: shop
    source: orders
    features: {m: count(*) over last_7d, next_spend: sum(amount) over last_1d}
  outcomes:
    entity: user
    source: orders
    closed: right
    labels: {comes_back: count(*) over next_1d > 0}
  demand:
    request: {x: bigint}
    features: {twice: request.x * 2}
feature_services:
  churn: {features: [user_orders], labels: [user_orders]}
  planned: {features: [user_plan, user_orders.n]}
  shops: {features: [user_orders, shop_orders]}
  asked: {features: [user_orders, demand]}
  only: {features: [user_plan], labels: [back: outcomes.comes_back]}
"""
ORDERS = """order_id,user_id,shop,amount,ordered_at,loaded_at
1,1,a,10,2026-01-01 10:00:00,2026-01-01 10:00:00
2,1,a,20,2026-01-02 10:00:00,2026-01-02 10:00:00
2,1,a,25,2026-01-02 10:00:00,2026-01-09 00:00:00
3,2,b,30,2026-01-01 12:00:00,2026-01-04 00:00:00
4,3,b,0,2026-01-01 00:00:00,2026-01-01 00:00:00
5,1,a,40,2026-01-10 00:00:00,2026-01-10 00:00:00
"""
PLANS = "user_id,plan,since\n4,pro,2026-01-03 00:00:00\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "features").mkdir()
    (tmp_path / "featc.yaml").write_text("version: 1\nproject: known\n")
    (tmp_path / "features" / "all.yaml").write_text(DEFINITIONS)
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "plans.csv").write_text(PLANS)
    return tmp_path


@pytest.fixture
def store(folder: Path) -> FeatureStore:
    return FeatureStore(folder)


def day(n: int, hour: int = 0) -> datetime:
    return datetime(2026, 1, n, hour)


def spine(*rows: tuple[int, datetime]) -> list[dict[str, Any]]:
    return [{"user_id": user, "as_of": at} for user, at in rows]


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["dataset", "-p", str(folder), *arguments])


# ── labels in training sets ───────────────────────────────────────────────────────────────────────────────────────


def test_labels_follow_the_features_each_with_what_says_whether_it_is_complete(store: FeatureStore) -> None:
    made = store.get_historical_features("churn", spine((1, day(2)), (1, day(9, 1))))
    names = ["n", "spend", "mean", "next_spend", "next_spend__complete", "more", "more__complete"]
    assert [name for name, _ in made.columns] == ["user_id", "as_of", *names]
    assert [[row[n] for n in names] for row in made.rows()] == [
        [1, 10, 10.0, 25, True, True, True],
        [2, 25, 17.5, None, False, None, False],
    ]


def test_a_list_may_name_labels(store: FeatureStore) -> None:
    made = store.get_historical_features(["user_orders:next_spend", "user_orders.n"], spine((1, day(2))))
    assert [name for name, _ in made.columns][2:] == ["n", "next_spend", "next_spend__complete"]
    with pytest.raises(FeatcError, match="F504"):
        store.training_outputs(["user_orders.next_spend", "shop_orders.next_spend"])


def test_a_view_may_have_labels_alone_and_a_service_rename_them(store: FeatureStore) -> None:
    assert "outcomes" not in store.project.views
    row = store.get_historical_features("only", spine((1, day(1, 10)))).rows()[0]
    assert (row["back"], row["back__complete"]) == (True, True), "closed: right leaves the order at as_of to the past"


def test_nothing_online_gives_a_label(store: FeatureStore) -> None:
    store.push("orders", str(store.root / "orders.csv"))
    found = store.get_online_features("churn", [{"user_id": 1}], at=day(3))
    assert list(found[0]) == ["n", "spend", "mean"]
    with pytest.raises(FeatcError, match="F506"):
        store.get_online_features(["user_orders.next_spend"], [{"user_id": 1}])
    assert not [file for file in store.build(store.root / "out") if "online" in file and "outcomes" in file]


# ── what is known ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_known_at_decides_the_versions_labels_see_and_the_rows_there_may_be(store: FeatureStore) -> None:
    asked = spine((1, day(2)), (2, day(1)))
    then = store.get_historical_features("churn", asked, known_at=day(4)).rows()
    assert [(r["n"], r["next_spend"]) for r in then] == [(1, 20), (0, None)]
    later = store.get_historical_features("churn", asked, known_at=day(4) + timedelta(microseconds=1)).rows()
    assert [(r["n"], r["next_spend"]) for r in later] == [(1, 20), (0, 30)]
    with pytest.raises(FeatcError, match=r"F529.*row 2 of the spine is of 2026-01-05"):
        store.get_historical_features("churn", spine((1, day(2)), (1, day(5))), known_at=day(4))


def test_data_until_says_how_far_data_reaches_and_known_at_bounds_it(store: FeatureStore) -> None:
    asked = spine((1, day(10, 1)))
    assert not store.get_historical_features("churn", asked).rows()[0]["next_spend__complete"]
    reaching = store.get_historical_features("churn", asked, data_until=day(11, 1)).rows()[0]
    assert (reaching["next_spend"], reaching["next_spend__complete"]) == (None, True)
    bounded = store.get_historical_features("churn", asked, data_until=day(11, 1), known_at=day(11)).rows()[0]
    assert not bounded["next_spend__complete"]


def test_the_report_counts_what_late_and_corrected_rows_change(store: FeatureStore, folder: Path) -> None:
    asked = spine((1, day(2)), (1, day(3)), (2, day(2)), (2, day(5)))
    found = store.get_historical_features("churn", asked, known_at=day(5)).knowledge().to_dict()
    assert found == {
        "rows": 4,
        "features": {
            "n": {"values": 4, "differing": 1},
            "spend": {"values": 4, "differing": 2},
            "mean": {"values": 4, "differing": 2},
        },
        "labels": {"next_spend": {"values": 3, "differing": 1}, "more": {"values": 3, "differing": 0}},
    }
    assert store.get_historical_features("churn", asked).knowledge().to_dict()["labels"] == {}
    (folder / "spine.csv").write_text("user_id,as_of\n1,2026-01-03\n")
    told = run(folder, "churn", "--spine", str(folder / "spine.csv"), "--report-knowledge")
    assert "spend   feature       1       1  100.0%" in told.stderr
    assert "feature" not in told.stdout
    both = ("--report-knowledge", "--stats", "--format", "json")
    stats = run(folder, "churn", "--spine", str(folder / "spine.csv"), *both)
    assert json.loads(stats.stdout)["knowledge"]["features"]["spend"] == {"values": 1, "differing": 1}


def test_a_number_that_would_be_nan_is_another(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    (tmp_path / "featc.yaml").write_text("version: 1\nproject: nan\n")
    columns = "columns: {k: bigint, x: double, at: timestamp, known: timestamp}"
    (tmp_path / "features" / "all.yaml").write_text(
        f"entities: {{e: k}}\nsources:\n  s: {{path: s.csv, time: at, available_at: known, {columns}}}\n"
        "feature_views:\n  v: {entity: e, source: s, features: {last: last(x) over lifetime}}\n"
    )
    rows = "1,2.5,2026-01-01 00:00:00,2026-01-01 00:00:00\n1,nan,2026-01-02 00:00:00,2026-01-09 00:00:00\n"
    (tmp_path / "s.csv").write_text(f"k,x,at,known\n{rows}")
    made = FeatureStore(tmp_path).get_historical_features(["v"], [{"k": 1, "as_of": day(3)}])
    assert [c.differing for c in made.knowledge().columns] == [1]


def test_doubles_in_lists_and_maps_differ_when_they_do_by_more_than_rounding(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    (tmp_path / "featc.yaml").write_text("version: 1\nproject: near\n")
    columns = "columns: {k: bigint, n: bigint, x: double, at: timestamp, known: timestamp}"
    features = "\n".join(
        (
            "      sums: {sql: sum(x), over: {range: 30d, offsets: [0d, 1h]}}",
            "      by_kind: sum_by(x, k, max_keys => 2) over lifetime",
            "      values: list(x, 300) over lifetime",
        )
    )
    (tmp_path / "features" / "all.yaml").write_text(
        f"entities: {{e: k}}\nsources:\n  s: {{path: s.csv, id: n, time: at, available_at: known, {columns}}}\n"
        f"feature_views:\n  v:\n    entity: e\n    source: s\n    features:\n{features}\n"
    )
    # every row is known in time, and one long after it happened: so the sums are added up in another order
    times = [day(1) + timedelta(minutes=n) for n in range(200)]
    known = [day(2) if n == 77 else at for n, at in enumerate(times)]
    rows = "".join(f"1,{n},{n % 7 / 10 + n % 12},{a},{b}\n" for n, (a, b) in enumerate(zip(times, known, strict=True)))
    (tmp_path / "s.csv").write_text(f"k,n,x,at,known\n{rows}")
    store = FeatureStore(tmp_path)
    for at, differing in ((day(2), 1), (day(3), 0)):
        made = store.get_historical_features(["v"], [{"k": 1, "as_of": at}])
        assert [c.differing for c in made.knowledge().columns] == [differing] * 3


def test_the_report_of_no_rows_is_zeros(store: FeatureStore) -> None:
    none = "SELECT 1 AS user_id, TIMESTAMP '2026-01-01' AS as_of WHERE false"
    found = store.get_historical_features("churn", none, known_at=day(5)).knowledge()
    assert {(c.values, c.differing) for c in found.columns} == {(0, 0)}


# ── ranges of instants ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_range_has_who_was_there_by_each_instant_ordered_by_instant_and_key(store: FeatureStore) -> None:
    made = store.get_historical_features("planned", start=day(1, 10), end="2026-01-04", every="1d")
    assert [(r["as_of"], r["user_id"]) for r in made.rows()] == [
        (day(2, 10), 1),
        (day(3, 10), 1),
        (day(3, 10), 4),
    ], "an order at the instant is not yet visible, nor is one before it arrives; one of no amount brings nobody"
    late = store.get_historical_features("churn", start=day(4), end=day(6), every=timedelta(days=1)).rows()
    assert [(r["as_of"], r["user_id"], r["n"]) for r in late] == [(day(4), 1, 2), (day(5), 1, 2), (day(5), 2, 1)]


@pytest.mark.parametrize(
    ("service", "words"),
    [("shops", "several different keys.*user_orders has user_id; shop_orders has shop"), ("asked", "need x")],
)
def test_a_range_that_no_rows_bring_together_names_the_way_out(store: FeatureStore, service: str, words: str) -> None:
    with pytest.raises(FeatcError, match=f"(?s)F500.*{words}.*give a spine"):
        store.get_historical_features(service, start=day(1), end=day(2), every="1d")


def test_a_range_and_a_spine_are_one_too_many(store: FeatureStore) -> None:
    with pytest.raises(FeatcError, match="F500"):
        store.get_historical_features("churn", spine((1, day(1))), start=day(1), end=day(2), every="1d")


# ── cards ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_card_makes_the_set_again_with_what_it_knew(folder: Path) -> None:
    out = folder / "train.parquet"
    arguments = ("--start", "2026-01-01", "--end", "2026-01-04", "--every", "12h", "--out", str(out))
    known = ("--known-at", "2026-01-08", "--data-until", "2026-01-03T12:00:00Z", "--report-knowledge")
    done = run(folder, "churn", *arguments, *known)
    assert done.exit_code == 0, done.output
    card = json.loads((folder / "train.parquet.featc.json").read_text())
    assert (card["known_at"], card["data_until"]) == ("2026-01-08T00:00:00Z", "2026-01-03T12:00:00Z")
    assert card["spine"]["from"] == {"kind": "range", "value": "2026-01-01T00:00:00Z/2026-01-04T00:00:00Z/12h"}
    assert card["knowledge"]["labels"]["next_spend"] == {"values": 3, "differing": 2}
    again = run(folder, "--from", str(out))
    assert (again.exit_code, again.stdout[:9]) == (0, "identical")
    with (folder / "orders.csv").open("a") as file:  # known later, so no value is another
        file.write("6,1,a,1000,2026-01-02 11:00:00,2026-01-08 00:00:00\n")
    assert run(folder, "--from", str(out)).stdout.startswith("identical")
    assert run(folder, "--from", str(out), "--known-at", "2026-01-09").exit_code == 2
