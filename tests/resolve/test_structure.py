# ruff: noqa: E501 — YAML and SQL are read best on one line
"""Good definitions become the resolved structure that later phases read."""

from __future__ import annotations

from pathlib import Path

from featc.durations import UNITS
from featc.resolve.model import AggregateRef, Output, StateRef, Window, feature_closure
from resolve.projects import SHOP, Resolved, resolved, shown

DAY = UNITS["d"]

ORDERS = """\
windows:
  smooth_30d: {range: 30d, hop: 1h}
  daily: {range: 7d, hop: 1d, align: true}
  recent: {rows: 5, range: 2d}
feature_views:
  user_orders:
    entity: user
    source: orders
    where: status <> 'test'
    windows: [1d, 7d, smooth_30d]
    features:
      orders: count(*)
      spend: sum(amount)
      refunds: count(*) filter (where status = 'refunded')
      refund_rate: refunds / nullif(orders, 0)
      avg_purchase_7d: avg(amount) over last_7d
      spend_prev_7d:
        sql: sum(amount) over prev_7d
        default: 0
      change: spend_7d - spend_prev_7d
      share: sum(amount) / sum(amount) over lifetime
      idle:
        sql: seconds_since(last(ordered_at) over lifetime)
        default: 1000000000
        description: Since the last order
      short:
        sql: max(net)
        windows: [1d]
"""


def shop(tmp_path: Path, *texts: str) -> Resolved:
    result = resolved(tmp_path, SHOP, *texts)
    assert not result.errors, "\n".join(d.render() for d in result.errors)
    return result


def test_families_have_a_member_for_each_window(tmp_path: Path) -> None:
    view = shop(tmp_path, ORDERS).project.views["user_orders"]
    assert [f.name for f in view.features][:12] == [
        "orders_1d", "orders_7d", "orders_smooth_30d", "spend_1d", "spend_7d", "spend_smooth_30d",
        "refunds_1d", "refunds_7d", "refunds_smooth_30d", "refund_rate_1d", "refund_rate_7d", "refund_rate_smooth_30d",
    ]  # fmt: skip
    assert [f.name for f in view.features][12:] == [
        "avg_purchase_7d", "spend_prev_7d", "change", "share_1d", "share_7d", "share_smooth_30d", "idle", "short_1d",
    ]  # fmt: skip


def test_windows_are_microseconds(tmp_path: Path) -> None:
    text = (
        ORDERS
        + "      a: sum(amount) over daily\n      b: sum(amount) over recent\n      c: sum(amount) over last_10_rows\n"
    )
    view = shop(tmp_path, text).project.views["user_orders"]
    window = {a.name: a.window for a in view.aggregations}
    assert window["spend_1d"] == Window("", length=DAY)
    assert window["spend_prev_7d"] == Window("", length=7 * DAY, offset=7 * DAY)
    assert window["spend_smooth_30d"] == Window("", length=30 * DAY, hop=3_600_000_000)
    assert window["a"] == Window("", length=7 * DAY, hop=DAY, align=True)
    assert window["b"] == Window("", length=2 * DAY, rows=5)
    assert window["c"] == Window("", rows=10)
    assert window["sum_amount_lifetime"] == Window("")


def test_derived_members_use_the_same_windows_members(tmp_path: Path) -> None:
    result = shop(tmp_path, ORDERS)
    assert (
        result.sql("user_orders.refund_rate_7d")
        == "[user_orders.refunds_7d] / nullif([user_orders.orders_7d], 0)"
    )
    assert result.sql("user_orders.share_1d") == "[agg spend_1d] / [agg sum_amount_lifetime]"
    assert result.sql("user_orders.change") == "[user_orders.spend_7d] - [user_orders.spend_prev_7d]"


def test_slots_are_named_after_what_they_hold_and_shared(tmp_path: Path) -> None:
    view = shop(tmp_path, ORDERS).project.views["user_orders"]
    slots = {s.name: (shown(s.value), s.filter and shown(s.filter), s.type) for s in view.slots}
    assert slots == {
        "amount": ("[amount]", None, "DECIMAL(12,2)"),
        "is_status_refunded": ("true", "[status] = 'refunded'", "BOOLEAN"),
        "ordered_at": ("[ordered_at]", None, "TIMESTAMP"),
        "net": ("[amount] * 2", None, "DECIMAL(18,2)"),
    }
    assert view.where is not None
    assert shown(view.where) == "[status] <> 'test'"


def test_equal_aggregations_are_one(tmp_path: Path) -> None:
    view = shop(
        tmp_path,
        ORDERS + "      again: sum(amount) over last_7d\n      twice: 2 * sum(AMOUNT) over last_7d\n",
    ).project.views["user_orders"]
    assert view.feature("again").expr.parts == (AggregateRef("spend_7d"),)
    assert view.feature("twice").expr.parts == ("2 * ", AggregateRef("spend_7d"))
    assert len({(a.aggregate, a.slots, a.window) for a in view.aggregations}) == len(view.aggregations)


def test_counting_with_a_filter_counts_a_true_slot(tmp_path: Path) -> None:
    view = shop(tmp_path, ORDERS).project.views["user_orders"]
    assert (view.aggregation("refunds_7d").aggregate, view.aggregation("refunds_7d").slots) == (
        "count",
        ("is_status_refunded",),
    )
    assert (view.aggregation("orders_7d").aggregate, view.aggregation("orders_7d").slots) == (
        "count_rows",
        (),
    )


def test_a_slot_does_not_take_a_keys_name(tmp_path: Path) -> None:
    view = shop(
        tmp_path,
        """
        feature_views:
          v: {entity: user, source: orders, features: {u: count(distinct user_id) over lifetime}}
    """,
    ).project.views["v"]
    assert view.slots[0].name == "user_id_2"


def test_types_and_defaults(tmp_path: Path) -> None:
    result = shop(tmp_path, ORDERS)
    types = {f.name: (f.type, f.default) for f in result.project.views["user_orders"].features}
    assert types["orders_7d"] == ("BIGINT", None)
    assert types["spend_prev_7d"] == ("DECIMAL(38,2)", "'0'::DECIMAL(38,2)")
    assert types["idle"] == ("DOUBLE", "'1000000000'::DOUBLE")
    assert types["refund_rate_7d"] == ("DOUBLE", None)
    assert result.feature("user_orders.idle").meta == {"description": "Since the last order"}


def test_seconds_since_is_written_out(tmp_path: Path) -> None:
    assert (
        shop(tmp_path, ORDERS).sql("user_orders.idle")
        == "((epoch_us([as_of]) - epoch_us([agg last_ordered_at_lifetime])) / 1e6)"
    )


def test_let_names_are_inlined_in_parentheses(tmp_path: Path) -> None:
    view = shop(
        tmp_path,
        """
        feature_views:
          v:
            entity: user
            source: orders
            features:
              a: sum(net + 1) over lifetime
              b: count(*) filter (where not paid) over lifetime
              c: sum(net) over lifetime
    """,
    ).project.views["v"]
    assert shown(view.slots[0].value) == "([amount] * 2) + 1"
    assert view.slots[1].filter is not None
    assert shown(view.slots[1].filter) == "not ([status] = 'paid')"
    assert shown(view.slots[2].value) == "[amount] * 2"


def test_state_columns_stand_bare_and_win_over_features(tmp_path: Path) -> None:
    result = shop(
        tmp_path,
        """
        feature_views:
          user_plan:
            entity: user
            source: plans
            ttl: 365d
            features:
              plan: plan
              is_pro: plan = 'pro'
              mrr: mrr * 2
              more: mrr + user_plan.mrr
              big: is_big
              changes: count(*) over last_30d
    """,
    )
    view = result.project.views["user_plan"]
    assert view.ttl == 365 * DAY
    assert view.state_columns == ("plan", "mrr")
    assert view.feature("plan").expr.parts == (StateRef("plan"),)
    assert result.sql("user_plan.more") == "[state mrr] + [user_plan.mrr]"
    assert result.sql("user_plan.big") == "[state mrr] > 100"
    assert result.feature("user_plan.mrr").type == "INTEGER"
    assert view.aggregation("changes").aggregate == "count_rows"


def test_pass_through_lists(tmp_path: Path) -> None:
    view = shop(
        tmp_path, "feature_views:\n  p: {entity: user, source: plans, features: [plan, mrr]}\n"
    ).project.views["p"]
    assert [(f.name, f.expr.parts) for f in view.features] == [
        ("plan", (StateRef("plan"),)),
        ("mrr", (StateRef("mrr"),)),
    ]


def test_on_demand_views_take_their_parents_keys(tmp_path: Path) -> None:
    result = shop(
        tmp_path,
        ORDERS,
        """
        feature_views:
          sales: {entity: product, source: orders, features: {sold: count(*) over lifetime}}
          ctx:
            request:
              price: decimal(12,2)
            features:
              ratio: request.price / nullif(user_orders.avg_purchase_7d, 0)
              popular: sales.sold > 10
              rate: user_orders.refund_rate * 2
              late: as_of > timestamp '2026-01-01'
              odd: key.user_id % 2
    """,
    )
    view = result.project.views["ctx"]
    assert [(k.name, k.type, k.expr) for k in view.keys] == [
        ("user_id", "BIGINT", None),
        ("sku", "VARCHAR", None),
    ]
    assert view.request == (("price", "DECIMAL(12,2)"),)
    assert [f.name for f in view.features] == [
        "ratio",
        "popular",
        "rate_1d",
        "rate_7d",
        "rate_smooth_30d",
        "late",
        "odd",
    ]
    assert result.sql("ctx.ratio") == "[request price] / nullif([user_orders.avg_purchase_7d], 0)"
    assert result.feature("ctx.odd").type == "BIGINT"


def test_keys_can_be_row_expressions_crossed_or_global(tmp_path: Path) -> None:
    views = shop(
        tmp_path,
        """
        feature_views:
          by_text: {entity: user, source: orders, keys: {user_id: "user_id % 10"}, features: {n: count(*) over lifetime}}
          crossed: {entity: [user, product], source: orders, features: {n: count(*) over lifetime}}
          everyone: {entity: [], source: orders, features: {n: count(*) over lifetime}}
    """,
    ).project.views
    key = views["by_text"].keys[0]
    assert key.expr is not None
    assert (key.name, key.type, shown(key.expr)) == ("user_id", "BIGINT", "[user_id] % 10")
    assert [k.name for k in views["crossed"].keys] == ["user_id", "sku"]
    assert views["everyone"].keys == ()


def test_sources_have_columns_and_typed_expressions(tmp_path: Path) -> None:
    source = shop(tmp_path).project.sources["orders"]
    assert (source.kind, source.id, source.tie_break, source.delay) == ("event", ("order_id",), (), 0)
    assert source.available_at is not None
    assert (shown(source.time), shown(source.available_at)) == ("[ordered_at]", "[loaded_at]")
    assert [(c.name, c.type) for c in source.columns][:5] == [
        ("user_id", "BIGINT"), ("order_id", "BIGINT"), ("sku", "VARCHAR"), ("status", "VARCHAR"), ("amount", "DECIMAL(12,2)"),
    ]  # fmt: skip


def test_times_of_every_kind_become_naive_microseconds(tmp_path: Path) -> None:
    result = resolved(
        tmp_path,
        """
        entities: {user: user_id}
        sources:
          s:
            sql: select 1 as user_id, timestamptz '2026-01-01' as a, '2026-01-01'::timestamp_ns as b, 'x'::enum('x','y') as c, 1::hugeint as h
            time: a
        feature_views:
          v: {entity: user, source: s, features: {last_b: last(b) over lifetime, last_c: last(c) over lifetime, total: sum(h) over lifetime}}
    """,
    )
    assert not result.errors
    columns = {c.name: (c.physical, c.type) for c in result.project.sources["s"].columns}
    assert columns["a"] == ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP")
    assert columns["b"] == ("TIMESTAMP_NS", "TIMESTAMP")
    assert columns["c"][1] == "VARCHAR"
    slots = {s.name: (s.type, shown(s.value)) for s in result.project.views["v"].slots}
    assert slots["h"] == ("BIGINT", "([h])::BIGINT")


def test_services_list_outputs_keys_and_request_columns(tmp_path: Path) -> None:
    project = shop(
        tmp_path,
        ORDERS,
        """
        feature_views:
          user_plan: {entity: user, source: plans, features: [plan]}
          ctx: {request: {price: double}, features: {ratio: request.price / user_orders.avg_purchase_7d, flat: as_of > timestamp '2026-01-01'}}
        feature_services:
          checkout:
            features:
              - user_plan
              - recent: user_orders.spend_7d
              - user_orders.orders_*
              - user_orders.refunds
              - ctx
          small: {features: [ctx.flat]}
    """,
    ).project
    service = project.services["checkout"]
    assert [o.name for o in service.outputs] == [
        "plan", "recent", "orders_1d", "orders_7d", "orders_smooth_30d", "refunds_1d", "refunds_7d", "refunds_smooth_30d", "ratio", "flat",
    ]  # fmt: skip
    assert service.outputs[1] == Output("recent", "user_orders", "spend_7d", "DECIMAL(38,2)")
    assert service.keys == (("user_id", "BIGINT"),)
    assert service.request == (("price", "DOUBLE"),)
    assert (project.services["small"].keys, project.services["small"].request) == ((), ())


def test_order_puts_parents_first_and_is_stable(tmp_path: Path) -> None:
    first = shop(tmp_path, ORDERS).project
    place = {pair: i for i, pair in enumerate(first.order)}
    assert set(place) == {(v.name, f.name) for v in first.views.values() for f in v.features}
    for pair in first.order:
        assert all(place[p] <= place[pair] for p in feature_closure(first, (pair,)))
    assert shop(tmp_path, ORDERS).project.order == first.order


def test_expressions_of_equal_meaning_are_equal_wherever_they_stand(tmp_path: Path) -> None:
    view = shop(
        tmp_path,
        """
        feature_views:
          v:
            entity: user
            source: orders
            features:
              a: sum(coalesce(amount,0)) over lifetime
              b: sum( COALESCE(Amount , 0) ) over last_7d
    """,
    ).project.views["v"]
    assert len(view.slots) == 1


def test_declared_types_widen_and_drive_csv(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "o.csv").write_text("user_id,amount,at,code\n1,2.5,2026-01-01,007\n")
    result = resolved(
        tmp_path,
        """
        entities: {user: user_id}
        sources:
          o:
            path: data/o.csv
            time: at
            columns: {amount: "decimal(12, 2)", at: timestamp, code: text}
        feature_views:
          v: {entity: user, source: o, features: {spend: sum(amount) over lifetime, code: last(code) over lifetime}}
    """,
    )
    assert not result.errors, result.errors
    columns = {c.name: (c.physical, c.type) for c in result.project.sources["o"].columns}
    assert columns == {
        "user_id": ("BIGINT", "BIGINT"), "amount": ("DECIMAL(12,2)", "DECIMAL(12,2)"), "at": ("TIMESTAMP", "TIMESTAMP"), "code": ("VARCHAR", "VARCHAR"),
    }  # fmt: skip
    assert result.feature("v.spend").type == "DECIMAL(38,2)"


def test_ties_that_nothing_declared_decides_are_warned_of(tmp_path: Path) -> None:
    result = resolved(
        tmp_path,
        """
        entities: {user: user_id}
        sources:
          s: {sql: "select 1 as user_id, 2 as x, timestamp '2026-01-01' as at", time: at}
          t: {sql: "select 1 as user_id, 2 as x, timestamp '2026-01-01' as at", time: at, tie_break: [x]}
        feature_views:
          a: {entity: user, source: s, features: {last_x: last(x) over lifetime}}
          b: {entity: user, source: t, features: {last_x: last(x) over lifetime}}
          c: {entity: user, source: s, features: {most: max(x) over lifetime}}
          d: {entity: user, source: s, features: {sum3: sum(x) over last_3_rows}}
    """,
    )
    assert not result.errors
    assert [(w.code, w.span and w.span.line) for w in result.warnings] == [("F350", 7), ("F350", 10)]


def test_versions_ordered_by_event_time_are_told(tmp_path: Path) -> None:
    result = resolved(
        tmp_path,
        """
        entities: {user: user_id}
        sources:
          s: {sql: "select 1 as user_id, 2 as x, timestamp '2026-01-01' as at", time: at, id: x}
    """,
    )
    assert [w.code for w in result.warnings] == ["F351"]
