"""Every kind of definition in every form it may be written in, and what is refused of each."""

from __future__ import annotations

from decimal import Decimal

import pytest

from featc.load.model import FeatureDef

from .conftest import Shop

DAY = 86_400_000_000


def sqls(features: tuple[FeatureDef, ...]) -> dict[str, str | None]:
    return {f.name: f.sql.value if f.sql else None for f in features}


def test_entities_and_windows(shop: Shop) -> None:
    found = shop.load(
        """
        entities:
          user: user_id
          pair: [a_id, b_id]
          product: {keys: sku, description: What is sold}
        windows:
          smooth_30d: {range: 30d, hop: 1h}
          quarter_hour: 15m
          recent: {rows: 10, range: 7d, offset: 1d}
          ever: {lifetime: true}
          daily: {range: 1d, hop: 1d, align: true}
        """
    ).good
    assert {n: tuple(k.value for k in e.keys) for n, e in found.entities.items()} == {
        "user": ("user_id",),
        "pair": ("a_id", "b_id"),
        "product": ("sku",),
    }
    assert found.entities["product"].meta.description == "What is sold"
    smooth, recent = found.windows["smooth_30d"], found.windows["recent"]
    assert smooth.range and smooth.hop and (smooth.range.us, smooth.hop.us) == (30 * DAY, DAY // 24)
    assert recent.offset and (recent.rows, recent.offset.us) == (10, DAY)
    assert found.windows["ever"].lifetime and found.windows["daily"].align
    short = found.windows["quarter_hour"].range
    assert short is not None and short.us == 900_000_000


@pytest.mark.parametrize(
    ("window", "code"),
    [
        ("last_7d: 7d", "F116"),
        ("prev_30d: 7d", "F116"),
        ("last_10_rows: {rows: 10}", "F116"),
        ("lifetime: {lifetime: true}", "F116"),
        ("w: {rows: 3, hop: 1h}", "F123"),
        ("w: {lifetime: true, hop: 1h}", "F123"),
        ("w: {range: 7d, align: true}", "F123"),
        ("w: {range: 7d, align: yes}", "F118"),
        ("w: {rows: 0}", "F118"),
        ("w: {hop: 1h}", "F112"),
        ("w: {range: 7 days}", "F119"),
        ("w: {calendar: hour}", "F118"),
        ("w: {calendar: month, range: 7d}", "F123"),
        ("w: {calendar: month, offset: 1d}", "F123"),
        ("w: {calendar: month, previous: 0}", "F118"),
        ("w: {range: 7d, previous: 1}", "F123"),
        ("w: {since: x, hop: 1h}", "F123"),
        ("w: {since: x, calendar: day}", "F123"),
        ("w: {next: 7d, offset: 1d}", "F123"),
    ],
)
def test_windows_that_are_refused(shop: Shop, window: str, code: str) -> None:
    assert {d.code for d in shop.load(f"windows:\n  {window}\n").findings} == {code}


SOURCES = """
sources:
  orders:
    path: data/orders/*.parquet   # a comment
    time: ordered_at
    available_at: loaded_at
    id: order_id
    deleted: op = 'D'
    tie_break: [seq, batch]
    timezone: Europe/Berlin
    final_after: 30d
    let:
      paid: status = 'paid'
    columns:
      order_id: bigint
      amount: decimal(12,2)
      "Customer ID": text
      refunded_at: {type: timestamp, known_after: refunded_at, tags: [pii]}
  plans:
    kind: state
    key: [user_id, plan]
    table: raw.plans
    time: changed_at
    valid_to: ends_at
  clicks:
    sql: |
      SELECT *
      FROM clicks
    time: at
    delay: 15m
"""


def test_a_source_of_events_in_every_form(shop: Shop) -> None:
    orders = shop.load(SOURCES).good.sources["orders"]
    assert (orders.kind, orders.location.kind, orders.time.value) == ("event", "path", "ordered_at")
    assert orders.available_at and orders.available_at.value == "loaded_at"
    assert [t.value for t in orders.id] == ["order_id"] and [t.value for t in orders.tie_break] == ["seq", "batch"]
    assert orders.deleted and orders.deleted.value == "op = 'D'" and orders.final_after
    assert orders.let["paid"].value == "status = 'paid'"
    assert {n: c.type.value if c.type else None for n, c in orders.columns.items()} == {
        "order_id": "bigint",
        "amount": "decimal(12,2)",
        "Customer ID": "text",
        "refunded_at": "timestamp",
    }
    assert orders.columns["refunded_at"].meta.tags == ("pii",)


def test_sources_of_states_and_of_a_query(shop: Shop) -> None:
    sources = shop.load(SOURCES).good.sources
    plans, clicks = sources["plans"], sources["clicks"]
    assert (plans.kind, [k.value for k in plans.key]) == ("state", ["user_id", "plan"])
    assert clicks.location.value.value == "SELECT *\nFROM clicks"
    assert clicks.delay and clicks.delay.us == 900_000_000


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("{time: t}", ("F112", 2, 3, "s")),
        ("{path: p}", ("F112", 2, 3, "s")),
        ("{path: p, table: t, time: t}", ("F123", 2, 16, "table")),
        ("{path: p, time: t, delay: 1h, available_at: a}", ("F123", 2, 25, "delay")),
        ("{path: p, time: t, key: k}", ("F123", 2, 25, "key")),
        ("{path: p, time: t, kind: stat}", ("F118", 2, 31, "stat")),
        ("{union: [a]}", ("F112", 2, 7, "union")),
        ("{union: [a, b], time: t}", ("F383", 2, 22, "time")),
        ("{from: a, match: {}}", ("F112", 2, 23, "{}")),
        ("{from: a, match: {b: {keys: {k: k}}}}", ("F112", 2, 24, "b")),
        ("{from: a, time: t, match: {b: {keys: {k: k}, within: 1h}}}", ("F384", 2, 16, "time")),
        ("{path: p, time: t, delay: 1mo}", ("F119", 2, 32, "1mo")),
        ("{path: p, time: t, let: {key: x}}", ("F116", 2, 31, "key")),
        ("{path: p, time: t, colums: {}}", ("F106", 2, 25, "colums")),
        ("[a]", ("F111", 2, 6, "[a]")),
    ],
)
def test_sources_that_are_refused(shop: Shop, source: str, place: tuple[str, int, int, str]) -> None:
    assert shop.load(f"sources:\n  s: {source}\n").places[0] == place


VIEWS = """
feature_views:
  user_orders:
    entity: user
    source: orders
    keys:
      user_id: buyer_id
    where: status = 'paid'
    windows: [1d, 7d, smooth_30d]
    closed: right
    owner: growth
    tags: [core]
    meta: {tier: 1}
    features:
      orders: count(*)
      refunds: count(*) filter (where status = 'refunded')
      idle_seconds:
        sql: seconds_since(last(ordered_at) over lifetime)
        default: 1000000000
        description: Time since the last paid order
        tags: [recency, core]
        windows: 7d
  user_plan:
    entity: user
    source: plans
    ttl: 365d
    features: [plan, mrr]
  total:
    entity: []
    source: orders
    features: {n: count(*) over lifetime}
  cross:
    entity: [user, product]
    source: orders
    features:
      n: count(*) over lifetime
  basket_context:
    request:
      amount: decimal(12,2)
      country: {type: text, description: ISO code}
    features:
      ratio: request.amount / nullif(user_orders.avg, 0)
"""


def test_a_view_of_events_in_every_form(shop: Shop) -> None:
    orders = shop.load(VIEWS).good.views["user_orders"]
    assert sqls(orders.features)["refunds"] == "count(*) filter (where status = 'refunded')"
    assert [w.value for w in orders.windows] == ["1d", "7d", "smooth_30d"]
    assert orders.keys["user_id"].value == "buyer_id" and orders.closed == "right"


def test_a_feature_in_its_long_form(shop: Shop) -> None:
    idle = shop.load(VIEWS).good.views["user_orders"].features[2]
    assert idle.default and idle.default.value == 1_000_000_000
    assert idle.windows and idle.windows[0].value == "7d"
    assert (idle.meta.owner, idle.meta.tags, idle.meta.meta) == ("growth", ("core", "recency"), {"tier": 1})


def test_views_of_states_of_everything_of_crosses_and_without_source(shop: Shop) -> None:
    views = shop.load(VIEWS).good.views
    plan, total, basket = views["user_plan"], views["total"], views["basket_context"]
    assert sqls(plan.features) == {"plan": None, "mrr": None} and plan.ttl and plan.ttl.us == 365 * DAY
    assert total.entity == () and plan.closed == "left"
    cross = views["cross"].entity
    assert cross is not None and [e.value for e in cross] == ["user", "product"]
    assert basket.entity is None and basket.source is None and set(basket.request) == {"amount", "country"}


@pytest.mark.parametrize(
    ("view", "code"),
    [
        ("{source: s, features: {a: x}, join: {p: {view: [w]}}}", "F111"),
        ("{source: s, features: {a: x}, join: {p: {on: x}}}", "F106"),
        ("{source: s, features: {a: x}, join: p}", "F111"),
        ("{features: {a: x}, join: {p: {}}}", "F123"),
        ("{source: s, features: {a: x}, labels: [a]}", "F111"),
        ("{features: {a: x}, labels: {b: x}}", "F123"),
        ("{source: {vew: w}, features: {a: x}}", "F106"),
        ("{source: {}, features: {a: x}}", "F112"),
        ("{source: s, version: two, features: {a: x}}", "F118"),
        ("{source: s}", "F112"),
        ("{source: s, features: {}}", "F113"),
        ("{features: {a: x}, where: y}", "F123"),
        ("{source: s, request: {a: int}, features: {a: x}}", "F123"),
        ("{source: s, closed: lef, features: {a: x}}", "F118"),
        ("{source: s, ttl: 1y, features: {a: x}}", "F119"),
        ("{source: s, features: {as_of: x}}", "F116"),
        ("{source: s, features: {7d: x}}", "F115"),
        ("{source: s, features: {a: x, A: y}}", "F117"),
        ("{source: s, features: [a, a]}", "F117"),
        ("{source: s, features: [a + 1]}", "F115"),
    ],
)
def test_views_that_are_refused(shop: Shop, view: str, code: str) -> None:
    assert [d.code for d in shop.load(f"feature_views:\n  v: {view}\n").findings] == [code]


def test_reserved_names(shop: Shop) -> None:
    for name in ("request", "key", "source", "as_of", "AS_OF"):
        found = shop.load(f"feature_views:\n  {name}: {{source: s, features: {{a: x}}}}\n")
        assert found.places == [("F116", 2, 3, name)]


def test_each_makes_features_over_all_combinations(shop: Shop) -> None:
    view = shop.features(
        """
        n:
          sql: count(*) filter (where status = '{status}' and {column} > {least})
          each: {status: [paid, "it's"], column: [amount], least: [1, 2.5]}
          name: "{status}_{column}_{least}"
          description: Orders that are {status}
        """
    ).good.views["v"]
    assert sqls(view.features) == {
        "paid_amount_1": "count(*) filter (where status = 'paid' and amount > 1)",
        "paid_amount_2_5": "count(*) filter (where status = 'paid' and amount > 2.5)",
        "it_s_amount_1": "count(*) filter (where status = 'it''s' and amount > 1)",
        "it_s_amount_2_5": "count(*) filter (where status = 'it''s' and amount > 2.5)",
    }
    assert view.features[0].meta.description == "Orders that are paid"


@pytest.mark.parametrize(
    ("feature", "place"),
    [
        ("{sql: 'f({c})', each: {c: ['a b']}, name: 'x_{c}'}", ("F124", 6, 19, "{c}")),
        ("{sql: 'f({d})', each: {c: [a]}, name: 'x_{c}'}", ("F124", 6, 19, "{d}")),
        ("{sql: 'f({c})', each: {c: [a]}}", ("F124", 6, 26, "each")),
        ("{sql: 'f({c})', each: {c: [a]}, name: x}", ("F124", 6, 48, "x")),
        ("{sql: 'f({c})', each: {c: []}, name: '{c}'}", ("F124", 6, 36, "[]")),
        ("{sql: 'f({c})', each: {c: a}, name: '{c}'}", ("F124", 6, 36, "a")),
        ("{sql: 'f({c})', each: {c: [1]}, name: '{c}'}", ("F115", 6, 48, "'{c}'")),
        ("{sql: 'f({c})', each: {c: [a, A]}, name: 'x_{c}'}", ("F117", 6, 51, "'x_{c}'")),
        ("{sql: x, name: y}", ("F124", 6, 19, "name")),
    ],
)
def test_each_that_is_refused(shop: Shop, feature: str, place: tuple[str, int, int, str]) -> None:
    assert shop.features(f"a: {feature}").places == [place]


def test_services_pick_views_features_globs_and_renames(shop: Shop) -> None:
    service = shop.load(
        """
        feature_services:
          checkout:
            features:
              - user_orders                  # all, in order
              - user_plan.plan
              - user_orders.spend_*
              - recent: user_orders.spend_7d # renamed
        """
    ).good.services["checkout"]
    assert [(p.output, p.pattern.value) for p in service.picks] == [
        (None, "user_orders"),
        (None, "user_plan.plan"),
        (None, "user_orders.spend_*"),
        ("recent", "user_orders.spend_7d"),
    ]


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("{features: [v], labels: {a: v.x}}", "F111"),
        ("{features: [v], derived: [a]}", "F111"),
        ("{features: [v], derived: {a: {sql: x, windows: [7d]}}}", "F123"),
        ("{features: [v], keys: [a]}", "F111"),
        ("{features: [{a: {keys: {k: x}}}]}", "F112"),
        ("{features: [{a: {view: v, key: {k: x}}}]}", "F106"),
        ("{features: [{key: {view: v}}]}", "F116"),
        ("{features: [{a: v}]}", "F123"),
        ("{features: ['v:a']}", "F115"),
        ("{features: []}", "F113"),
        ("{}", "F112"),
    ],
)
def test_services_that_are_refused(shop: Shop, service: str, code: str) -> None:
    assert [d.code for d in shop.load(f"feature_services:\n  s: {service}\n").findings] == [code]


def test_an_authors_test(shop: Shop) -> None:
    test = shop.load(
        """
        tests:
          idle_customer_falls_to_zero:
            service: checkout
            given:
              orders: orders.csv
              plans:
                - {user_id: 7, plan: pro, "Paid At": 2026-01-08}
            spine:
              - {user_id: 7, as_of: 2026-01-08T10:00:00Z, amount: 3.50, note: null, ok: true}
            expect:
              - {orders_7d: 0}
        """
    ).good.tests["idle_customer_falls_to_zero"]
    assert test.service.value == "checkout" and test.folder == "features"
    assert test.given["orders"].file is not None and test.given["orders"].file.value == "orders.csv"
    assert test.given["plans"].rows[0].values["Paid At"].value == "2026-01-08"
    row = {name: literal.value for name, literal in test.spine.rows[0].values.items()}
    assert row == {
        "user_id": 7, "as_of": "2026-01-08T10:00:00Z", "amount": Decimal("3.50"), "note": None, "ok": True,
    }  # fmt: skip
    assert test.expect.rows[0].values["orders_7d"].value == 0


def test_a_test_expects_a_row_for_each_row_of_its_spine(shop: Shop) -> None:
    found = shop.load("tests:\n  t: {service: s, spine: [{a: 1}, {a: 2}], expect: [{b: 1}]}\n")
    assert found.places == [("F123", 2, 44, "expect")]


def test_deprecation_and_meta_on_every_kind(shop: Shop) -> None:
    about = "description: d, owner: o, tags: t, meta: {a: [1, x]}, deprecated: {since: 2026-01-01, use: b}"
    found = shop.load(
        f"entities: {{a: {{keys: k, {about}}}}}\n"
        f"windows: {{a: {{range: 1d, {about}}}}}\n"
        f"sources: {{a: {{path: p, time: t, {about}}}}}\n"
        f"feature_views: {{a: {{source: a, features: {{b: x}}, {about}}}}}\n"
        f"feature_services: {{a: {{features: [a], {about}}}}}\n"
    ).good
    kinds = (found.entities, found.windows, found.sources, found.views, found.services)
    for meta in (kind["a"].meta for kind in kinds):
        assert (meta.description, meta.owner, meta.tags, meta.meta) == ("d", "o", ("t",), {"a": [1, "x"]})
        assert meta.deprecated and meta.deprecated.use and meta.deprecated.use.value == "b"
    assert found.views["a"].features[0].meta.owner == "o"


def test_shapes_of_the_worked_definitions(shop: Shop) -> None:
    """Fraud, IoT, ETA and the peers' tutorials, as far as this version goes."""
    found = shop.load(
        """
        entities: {vendor: vendor_id, pax: passenger_count}
        windows:
          daily_30d: {range: 30d, hop: 1d}
        sources:
          trips: {path: data/taxi_tour.csv, time: pickup_datetime, id: id}
          readings: {path: data/readings/**/*.parquet, time: ts, delay: 30s, tie_break: [seq]}
          merchants: {kind: state, key: merchant_id, table: raw.merchants, time: updated_at}
        feature_views:
          zone_speed:
            entity: zone
            keys: {cell: "geo_cell(pickup_lat, pickup_lng, 6)"}
            source: trips
            windows: [30m, 2h]
            features:
              kmh: 3600 * sum(distance_km) / nullif(sum(duration_s), 0)
          readings:
            entity: machine
            source: readings
            windows: [10m, 1h, 1d]
            features:
              mean:
                sql: avg(value) filter (where sensor = '{sensor}')
                each: {sensor: [vibration, temperature, current]}
                name: "{sensor}_mean"
          user_home: {entity: user, source: users, features: [lat, long]}
          realtime:
            request: {amt: double, merch_lat: double, merch_long: double}
            features:
              is_high: request.amt > 100
              distance_km: haversine_km(user_home.lat, user_home.long, request.merch_lat, request.merch_long)
          checks:
            source: merchants
            features:
              gambling_spend_7d: sum(amount) filter (where mcc in ('7995', '6051')) over last_7d
              plan_age_days: seconds_since(valid_from) / 86400.0
              decayed: decay_sum(amount, half_life => '6h') over lifetime
        feature_services:
          fraud_detection: {features: [zone_speed, user_home, realtime]}
        """
    ).good
    assert [f.name for f in found.views["readings"].features] == [
        "vibration_mean",
        "temperature_mean",
        "current_mean",
    ]
