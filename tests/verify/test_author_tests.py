"""featc test: the author's tests through both plans."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from featc.errors import FeatcError
from featc.runtime.author_tests import TestReport, run_tests
from featc.runtime.online import store as online_store
from featc.runtime.store import FeatureStore


def given(store: FeatureStore, text: str, **files: str) -> FeatureStore:
    """The project with one more test file, and files beside it."""
    tests = store.root / "tests"
    tests.mkdir()
    (tests / "more.yaml").write_text("tests:\n" + text)
    for name, body in files.items():
        (tests / f"{name}.csv").write_text(body)
    return FeatureStore(store.root)


def outcome(store: FeatureStore, text: str, **files: str) -> TestReport:
    return run_tests(given(store, text, **files))


ONE_ORDER = """
  one_order:
    service: checkout
    given:
      orders:
        - order_id: 1
          user_id: 7
          amount: 10.50
          kg: 0.3
          status: paid
          ordered_at: 2026-01-01T09:00:00Z
          loaded_at: 2026-01-01T09:00:05Z
    spine:
      - {user_id: 7, as_of: 2026-01-01T09:00:05Z, amount: 21}
      - {user_id: 7, as_of: 2026-01-01T09:00:05.000001Z, amount: 21}
    expect:
      - {orders_1h: 0, spend_1h: 0, weight_1h: null, last_status: null, idle: -1.0}
      - {orders_1h: 1, spend_1h: 10.5, weight_1h: 0.3, last_status: paid, vs_spend: 2.0, plan: null}
"""


def test_what_holds_passes(small: FeatureStore) -> None:
    report = outcome(small, ONE_ORDER)
    assert [o.passed for o in report.outcomes] == [True], report.render()
    assert report.exit_code == 0


def test_a_wrong_expectation_is_shown_for_both_plans(small: FeatureStore) -> None:
    report = outcome(small, ONE_ORDER.replace("spend_1h: 10.5,", "spend_1h: 10.505,"))
    assert report.exit_code == 3
    (failed,) = report.failed
    assert str(failed.mismatches[0]) == "row 2, spend_1h: expected 10.505, training gives 10.50"
    assert "expected 10.505, online" in str(failed.mismatches[1])


def test_a_plan_that_differs_is_named(small: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    right: Any = vars(online_store)["push_batch"]
    lost: Any = lambda database, engine, plan, rows, *rest: right(  # noqa: E731
        database, engine, plan, [{**r, "kg": None} for r in rows], *rest
    )
    monkeypatch.setattr(online_store, "push_batch", lost)
    (failed,) = outcome(small, ONE_ORDER).failed
    assert {m.column for m in failed.mismatches} == {"weight_1h"}
    assert all(m.plan.startswith("online") and m.found is None for m in failed.mismatches)


def test_csv_files_lie_beside_the_test_and_tell_null_from_empty_text(small: FeatureStore) -> None:
    report = outcome(
        small,
        """
  from_a_file:
    service: user_orders
    given: {orders: orders.csv}
    spine:
      - {user_id: 7, as_of: 2026-01-02T00:00:00Z}
      - {user_id: 8, as_of: 2026-01-02T00:00:00Z}
    expect:
      - {last_status: "", orders_1d: 1}
      - {last_status: null, orders_1d: 0}
""",
        orders="order_id,user_id,status,ordered_at,loaded_at\n"
        '1,7,"",2026-01-01 09:00:00,2026-01-01T09:00:00Z\n'
        "2,8,,2026-01-01 09:00:00,2026-01-01T10:00:00+01:00\n",
    )
    # a NULL status fails `status <> 'cancelled'`
    assert [o.passed for o in report.outcomes] == [True], report.render()


def test_nan_and_infinity_can_be_given_and_expected(small: FeatureStore) -> None:
    report = outcome(
        small,
        """
  not_finite:
    service: user_orders.weight_*
    given:
      orders:
        - {order_id: 1, user_id: 7, kg: "nan", status: paid, ordered_at: 2026-01-01, loaded_at: 2026-01-01}
        - {order_id: 2, user_id: 8, kg: "-inf", status: paid, ordered_at: 2026-01-01, loaded_at: 2026-01-01}
    spine:
      - {user_id: 7, as_of: 2026-01-01T00:30:00Z}
      - {user_id: 8, as_of: 2026-01-01T00:30:00Z}
    expect:
      - {weight_1h: "nan"}
      - {weight_1h: "-inf"}
""",
    )
    assert report.exit_code == 0, report.render()


SINGLE = """
entities: {user: user_id}
sources:
  parcels: {path: data/parcels.parquet, time: at}
feature_views:
  v:
    entity: user
    source: parcels
    features:
      heaviest: max(kg) over lifetime
      both: list(kg, 5) over lifetime
tests:
  single:
    service: v
    given:
      parcels: [{user_id: 1, kg: 0.1, at: 2026-01-01}, {user_id: 1, kg: 16777216, at: 2026-01-02}]
    spine: [{user_id: 1, as_of: 2026-01-03}]
    expect: [{heaviest: 16777216, both: [0.1, 16777216]}]
"""


SINGLE_DATA = """
COPY (SELECT 1::BIGINT AS user_id, 1::FLOAT AS kg, TIMESTAMP '2026-01-01' AS at)
TO '{folder}/parcels.parquet' (FORMAT parquet);
"""


def test_a_float_is_the_one_nearest_to_what_is_written(project_of: Callable[[str, str], FeatureStore]) -> None:
    report = run_tests(project_of(SINGLE, SINGLE_DATA))
    assert report.exit_code == 0, report.render()


def test_digits_that_a_float_does_not_hold_are_an_error(project_of: Callable[[str, str], FeatureStore]) -> None:
    report = run_tests(project_of(SINGLE.replace("kg: 16777216", "kg: 16777217"), SINGLE_DATA))
    assert [d.code for o in report.outcomes for d in o.diagnostics] == ["F714"]


FAULTY = {
    "F505": ("service: checkout", "service: chekout"),
    "F711": ("      orders:\n", "      ordres:\n"),
    "F718": ("kg: 0.3", "kgs: 0.3"),
    "F714": ("amount: 10.50", "amount: 10.505"),
    "F712": ("as_of: 2026-01-01T09:00:05Z, amount: 21", "amount: 21"),
    "F715": ("orders_1h: 0", "orders_2h: 0"),
}


@pytest.mark.parametrize("code", FAULTY)
def test_a_faulty_test_is_an_error_at_its_place(small: FeatureStore, code: str) -> None:
    old, new = FAULTY[code]
    text = ONE_ORDER.replace(old, new)
    if code == "F712":
        text = text.replace("as_of: 2026-01-01T09:00:05.000001Z, ", "")
    report = outcome(small, text)
    assert report.exit_code == 1
    (found, *_) = report.outcomes[0].diagnostics
    assert found.code == code
    assert found.span is not None and found.span.file == "tests/more.yaml" and found.span.line > 1


def test_a_missing_file_is_an_error(small: FeatureStore) -> None:
    text = """
  t:
    service: user_plan
    given: {plans: none.csv}
    spine: [{user_id: 1, as_of: 2026-01-01}]
    expect: [{plan: null}]
"""
    report = outcome(small, text)
    assert report.outcomes[0].diagnostics[0].code == "F717"


def test_a_file_outside_the_project_can_be_run(small: FeatureStore, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "case.yaml"
    path.parent.mkdir()
    path.write_text("tests:\n" + ONE_ORDER)
    assert run_tests(small, [path]).exit_code == 0
    path.write_text("entities: {user: user_id}\n")
    with pytest.raises(FeatcError) as caught:
        run_tests(small, [path])
    assert caught.value.code == "F710"


def test_junit_counts_failures_and_errors(small: FeatureStore) -> None:
    wrong = ONE_ORDER.replace("one_order", "wrong").replace("orders_1h: 1", "orders_1h: 2")
    faulty = ONE_ORDER.replace("one_order", "faulty").replace("service: checkout", "service: nothing")
    report = outcome(small, ONE_ORDER + wrong + faulty)
    suite = ElementTree.fromstring(report.junit().split("?>", 1)[1])
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    assert report.exit_code == 1
    assert "1 passed, 2 failed" in report.render()
    assert report.to_json()["tests"][0]["passed"] is True
