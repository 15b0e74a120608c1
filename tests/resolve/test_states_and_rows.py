# ruff: noqa: E501 — YAML and SQL are read best on one line
"""What rows that hold, dumps and the rows of other views may not be used for: each refusal at the author's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from resolve.projects import SHOP, caret, only_error, resolved, shown

DUMPS = """\
sources:
  scores:
    kind: snapshot
    key: user_id
    sql: select 1::bigint as user_id, 5::integer as score, 2::bigint as line_id, timestamp '2026-01-01' as dumped_at
    time: dumped_at
"""
ROWS = """\
feature_views:
  user_orders:
    entity: user
    source: orders
    keys: {user_id: user_id + 1}
    where: paid
    features: {n: count(*) over lifetime}
  sizes:
    entity: product
    source: {view: user_orders}
    where: user_id > 7
    features: {buyers: count(distinct user_id) over lifetime}
"""


@pytest.mark.parametrize(
    ("view", "code", "place", "way"),
    [
        ("entity: user, source: orders, features: {n: count(*) over current}", "F390", "current", "kind: state"),
        ("entity: user, source: orders, windows: [current], features: {n: count(*)}", "F390", "count(*)", "last_<d"),
        ("entity: user, source: scores, features: {n: count(*) over last_7d}", "F392", "last_7d", "over current"),
        ("entity: user, source: scores, labels: {n: count(*) over next_7d}", "F392", "next_7d", "over current"),
        ("entity: user, source: plans, labels: {n: count(*) over current}", "F343", "current", "next_<d"),
        (
            "entity: user, source: orders, join: {scores: {}}, features: {n: last(scores.score) over last_7d}",
            "F393", "scores", "at as_of",
        ),
        ("entity: product, source: scores, keys: {sku: \"'a'\"}, features: [score]", "F327", "v", "over current"),
        ("entity: product, source: {view: user_order}, features: {n: count(*) over lifetime}", "F308", "user_order", "user_orders"),
        ("entity: product, source: {view: orders}, features: {n: count(*) over lifetime}", "F308", "orders", "source: orders"),
        ("entity: product, source: {view: basket}, features: {n: count(*) over lifetime}", "F395", "basket", "over a source"),
        ("entity: user, source: {view: user_plan}, features: {n: count(*) over lifetime}", "F395", "user_plan", "source: plans"),
        ("entity: user, source: {view: v}, features: {n: count(*) over lifetime}", "F395", "v", "read a source"),
        ("entity: user, source: {view: sizes}, features: {n: count(distinct usr_id) over lifetime}", "F301", "usr_id", "user_id"),
        (
            "entity: product, source: {view: joined}, join: {plans: {}}, features: {n: last(plans.plan) over lifetime}",
            "F395", "plans", "another name",
        ),
    ],
)  # fmt: skip
def test_refusals(tmp_path: Path, view: str, code: str, place: str, way: str) -> None:
    more = f"""\
feature_views:
  basket: {{request: {{amount: bigint}}, features: {{double: request.amount * 2}}}}
  user_plan: {{entity: user, source: plans, features: [plan]}}
  joined: {{entity: user, source: orders, join: {{plans: {{}}}}, features: {{p: last(plans.plan) over lifetime}}}}
  v: {{{view}}}
"""
    error = only_error(resolved(tmp_path, SHOP, DUMPS, ROWS, more))
    assert (error.code, caret(error)) == (code, place)
    assert way in (error.hint or "")


def test_dumps_have_no_id(tmp_path: Path) -> None:
    error = only_error(resolved(tmp_path, SHOP, DUMPS + "    id: line_id\n"))
    assert (error.code, caret(error)) == ("F391", "line_id")


def test_rows_of_a_view_meet_its_conditions_and_have_its_keys(tmp_path: Path) -> None:
    view = resolved(tmp_path, SHOP, ROWS).project.views["sizes"]
    assert view.where is not None
    assert shown(view.where) == "([status] = 'paid') AND (([user_id] + 1) IS NOT NULL) AND (([user_id] + 1) > 7)"
    assert [shown(s.value) for s in view.slots] == ["[user_id] + 1"]
    assert view.source == "orders"


def test_views_that_read_each_others_rows_are_told_once(tmp_path: Path) -> None:
    circle = """\
feature_views:
  a: {entity: user, source: {view: b}, features: {n: count(*) over lifetime}}
  b: {entity: user, source: {view: c}, features: {n: count(*) over lifetime}}
  c: {entity: user, source: {view: a}, features: {n: count(*) over lifetime}}
"""
    error = only_error(resolved(tmp_path, SHOP, circle))
    assert (error.code, caret(error)) == ("F395", "b")
    assert "a → b → c → a" in error.message
