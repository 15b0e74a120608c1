"""featc verify: what it proves, what it refuses to call proven, and what it does with a difference."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from featc.encoding import as_single, encode
from featc.errors import FeatcError
from featc.lower.training import views as lowered
from featc.runtime.author_tests import run_tests
from featc.runtime.online import push as online_push
from featc.runtime.online import read as online_read
from featc.runtime.store import FeatureStore
from featc.runtime.verify import Budget, verify
from featc.runtime.verify.values import parsed

QUICK = Budget(probes=60, batches=16, scenes=3, scene_rows=24, seconds=12)


def test_agreeing_plans_are_proven_and_certified(small: FeatureStore) -> None:
    report = verify(small, budget=QUICK)
    assert {f.feature: f.status for f in report.features} == {f.feature: "proven" for f in report.features}
    assert report.exit_code == 0
    assert len(report.features) == len(small.project.order)
    certificate = json.loads((small.root / "target" / "certificate.json").read_text())
    assert certificate["features"]["user_orders.orders_1d"]["status"] == "proven"
    assert len(certificate["features"]["user_orders.orders_1d"]["fingerprint"]) >= 32
    assert certificate["training"]["engine"] == "duckdb"
    assert certificate["online"]["store"] == "sqlite"
    assert certificate["histories"][0]["sampled"]["orders"] == "all 300 rows"


@pytest.mark.slow
def test_probes_that_both_plans_refuse_are_told(project_of: Callable[[str], FeatureStore]) -> None:
    store = project_of("""
entities: {user: user_id}
sources: {visits: {path: data/visits.parquet, time: seen_at}}
feature_views:
  v:
    entity: user
    source: visits
    features:
      n: count(*) over last_1h
      per: 60 // n
""")
    report = verify(store, budget=QUICK)
    by_name = {f.feature: f for f in report.features}
    assert 0 < by_name["v.n"].own < by_name["v.n"].substantive
    assert by_name["v.n"].refused == 0
    assert 0 < by_name["v.per"].refused < by_name["v.per"].compared
    assert f"v.per: both plans refuse {by_name['v.per'].refused} probes, such as: " in report.render()
    assert "v.n: both plans" not in report.render()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_certificate(small: FeatureStore) -> None:
    verify(small, budget=QUICK, seed=3)
    first = (small.root / "target" / "certificate.json").read_bytes()
    verify(small, budget=QUICK, seed=3)
    assert (small.root / "target" / "certificate.json").read_bytes() == first


@pytest.mark.slow
def test_a_selection_leaves_what_was_proven_of_others(small: FeatureStore) -> None:
    path = small.root / "target" / "certificate.json"
    verify(small, budget=QUICK)
    before = json.loads(path.read_text())["features"]
    verify(small, "user_orders.orders_1d", budget=QUICK, seed=5)
    after = json.loads(path.read_text())["features"]
    assert after.keys() == before.keys()
    assert {n: f for n, f in after.items() if n != "user_orders.orders_1d"} == {
        n: f for n, f in before.items() if n != "user_orders.orders_1d"
    }
    other = json.loads(path.read_text()) | {"featc": "0.0.1"}
    path.write_text(json.dumps(other))
    verify(small, "user_orders.orders_1d", budget=QUICK)
    assert list(json.loads(path.read_text())["features"]) == ["user_orders.orders_1d"]


@pytest.mark.slow
def test_a_selection_verifies_only_what_it_names(small: FeatureStore) -> None:
    report = verify(small, "user_orders.spend_*", budget=QUICK)
    assert [f.feature for f in report.features] == ["user_orders.spend_1h", "user_orders.spend_1d"]


def test_a_selection_of_nothing_is_an_error(small: FeatureStore) -> None:
    with pytest.raises(FeatcError) as caught:
        verify(small, "no_such_view", budget=QUICK)
    assert caught.value.exit_code == 2


@pytest.mark.slow
def test_a_feature_without_telling_values_is_unproven(project_of: Callable[[str], FeatureStore]) -> None:
    store = project_of("""
entities: {user: user_id}
sources:
  orders: {path: data/orders.parquet, time: ordered_at, id: order_id}
feature_views:
  rare:
    entity: user
    source: orders
    features:
      never: count(*) filter (where amount > 1000000 and status = 'paid' and amount < 0) over lifetime
      often: count(*) over lifetime
""")
    report = verify(store, budget=QUICK)
    assert [f.status for f in report.features] == ["unproven", "proven"]
    assert report.exit_code == 3
    assert "unproven" in report.render()
    assert verify(store, budget=QUICK, allow_thin=True).exit_code == 0


@pytest.mark.slow
def test_many_rows_are_sampled_by_entity_and_it_says_so(small: FeatureStore) -> None:
    report = verify(small, budget=replace(QUICK, rows=100, more=0), allow_thin=True)
    said = report.histories[0].sampled["orders"]
    assert "of 300 rows" in said and "by user_id" in said
    assert not report.different


# ── planted bugs ────────────────────────────────────────────────────────────────────────────────────────────


def _edge_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    right: Any = vars(online_read)["edges"]

    def wrong(*asked: Any) -> Any:
        edge = right(*asked)
        return edge if edge.after is None else replace(edge, after=edge.after + 1)

    monkeypatch.setattr(online_read, "edges", wrong)


def _default_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    right = lowered.feature_sql
    monkeypatch.setattr(
        lowered, "feature_sql", lambda view, f, *more: right(view, replace(f, default=None), *more)
    )


def _lost_correction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch of one row that corrects another nothing is taken."""
    right = online_push.push_batch

    def wrong(database: Any, lifter: Any, plan: Any, rows: Any, *rest: Any) -> Any:
        alive = [r for r in rows if r.get("op") != "D"] if isinstance(rows, list) else rows
        return right(database, lifter, plan, alive, *rest)

    from featc.runtime.online import store

    monkeypatch.setattr(store, "push_batch", wrong)


PLANTED = {"edge": _edge_too_early, "default": _default_forgotten, "deletions": _lost_correction}


@pytest.mark.slow
@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_difference_is_found_shrunk_and_shown_again_by_featc_test(
    small: FeatureStore, bug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as planted:
        PLANTED[bug](planted)
        report = verify(small, "user_orders", budget=replace(QUICK, cases=1))
        assert report.exit_code == 3
        assert report.different
        (case,) = report.cases
        assert case.rows <= 3
        assert case.path == small.root / "target" / "verify" / case.feature / "case.yaml"
        shown = report.render()
        assert f"featc test target/verify/{case.feature}/case.yaml" in shown
        assert run_tests(small, [case.path]).exit_code == 3
    assert run_tests(small, [case.path]).exit_code in (0, 3)  # 3 where it was training that was wrong
    certificate = json.loads(report.certificate.read_text())
    assert certificate["features"][case.feature]["status"] == "different"


@pytest.mark.slow
def test_a_saved_case_can_be_kept_among_the_projects_tests(
    small: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as planted:
        _edge_too_early(planted)
        (case,) = verify(small, "user_orders.orders_1h", budget=replace(QUICK, cases=1)).cases
    tests = small.root / "tests"
    tests.mkdir()
    for file in case.path.parent.iterdir():
        (tests / file.name).write_bytes(file.read_bytes())
    verify(small, "user_orders.orders_1h", budget=QUICK)
    assert not case.path.exists()
    report = run_tests(FeatureStore(small.root))
    assert [o.passed for o in report.outcomes] == [True]


@pytest.mark.slow
def test_nothing_is_left_behind_but_target(small: FeatureStore) -> None:
    verify(small, budget=QUICK)
    assert sorted(p.name for p in small.root.iterdir()) == ["data", "featc.yaml", "features", "target"]
    assert isinstance(small.root, Path)


NARROW = """
entities: {user: user_id}
sources:
  orders:
    path: data/orders.parquet
    time: at
    columns: {small: tinyint, weight: float, fine: "decimal(38,38)"}
feature_views:
  v:
    entity: user
    source: orders
    features:
      heavy: count(*) filter (where weight > 0.1 and weight < 1e39) over lifetime
      weight: sum(weight) over lifetime
      great: count(*) filter (where small < 1000) over lifetime
      fine: max(fine) over lifetime
"""
NARROW_DATA = """
COPY (
    SELECT n % 7 AS user_id, (n % 5)::TINYINT AS small, (n % 11 / 3)::FLOAT AS weight,
           0.1::DECIMAL(38,38) AS fine, TIMESTAMP '2026-01-01' + to_minutes(13 * n) AS at
    FROM range(50) t(n)
) TO '{folder}/orders.parquet' (FORMAT parquet);
"""


def test_made_up_values_fit_narrow_types(project_of: Callable[[str, str], FeatureStore]) -> None:
    report = verify(project_of(NARROW, NARROW_DATA), budget=QUICK)
    assert [f.status for f in report.features] == ["proven"] * 4


@pytest.mark.parametrize("type_", ["TINYINT", "UTINYINT", "SMALLINT", "INTEGER", "UBIGINT", "FLOAT"])
def test_constants_beyond_a_type_are_no_values_of_it(type_: str) -> None:
    texts = ("1000", "-1000", "1e39", str(2**70), "7")
    found = [parsed(text, type_) for text in texts]
    assert all(value is None or encode(value, type_) is not None for value in found)
    assert found[-1] == 7 and (type_ == "FLOAT" or found[-2] is None)
    assert parsed("0.1", "FLOAT") == as_single(0.1) != 0.1
