"""The examples of the language's page: one project, of which each section shows a file."""

from __future__ import annotations

from pydantic import BaseModel

from featc.load import schema

PROJECT_FILES = (
    (
        "data/orders.csv",
        "csv",
        "order_id,buyer_id,shop,amount,status,op,seq,refunded_at,ordered_at,loaded_at\n"
        "1,7,A,10.00,paid,U,1,,2026-01-01 08:00:00,2026-01-01 08:00:05\n"
        "2,7,B,25.00,refunded,U,2,2026-01-06 09:00:00,2026-01-05 09:30:00,2026-01-05 09:30:05\n",
    ),
    (
        "data/plans.csv",
        "csv",
        "user_id,plan,price,closed,changed_at,paid_until\n7,pro,4.90,false,2026-01-01 00:00:00,2026-12-31 00:00:00\n",
    ),
    (
        "data/till.csv",
        "csv",
        "buyer_id,shop,amount,rung_up_at\n7,A,3.20,2026-01-04 12:00:00\n",
    ),
    (
        "data/mails.csv",
        "csv",
        "mail_id,reader,sent_at\n1,7,2026-01-04 07:00:00\n",
    ),
)

_PROJECT = """\
version: 1
project: reference
paths: [features]
default_target: dev
targets:
  dev:
    dialect: duckdb
    database: .featc/reference.duckdb
    settings: {memory_limit: 2GB, threads: 2, temp_directory: .featc/spill}
    sources:
      plans: {path: data/plans.csv}
    online:
      store: sqlite
      path: .featc/online.db
      replay: unlimited
defaults:
  closed: left
vars:
  sold: status <> 'cancelled'
policies:
  - name: what comes late
    description: Refunds are told to partners only.
    service: [checkout, "gift*"]
    forbid: [late]
    through: [value, filter]        # conditions on it, too
    allow: user_returns.returns_*   # judged: how many, but not when
"""

_ENTITIES = """\
entities:
  user: user_id
  shop:
    keys: [shop]
    description: Where things are sold; the code of the till.
"""

_WINDOWS = """\
windows:
  fortnight: 14d
  smooth_week: {range: 7d, hop: 1h}
  whole_hours_6h: {range: 6h, hop: 1h, align: true, description: The six whole hours before this one.}
  week_before_last: {range: 7d, offset: 14d}
  five_in_a_day: {rows: 5, range: 1d}
  all_but_today: {lifetime: true, offset: 1d}
  month_to_date: {calendar: month, timezone: Europe/Berlin}
  last_two_weeks: {calendar: week, timezone: Europe/Berlin, previous: 2}
  since_refund: {since: status = 'refunded'}
  coming_week: {next: 7d}             # for labels
"""

_SOURCES = """\
sources:
  orders:
    path: data/orders.csv
    time: ordered_at
    available_at: loaded_at
    id: order_id                    # a second row of an id corrects the first
    deleted: op = 'D'               # and this one takes it back
    tie_break: [seq]
    final_after: 90d                # a correction that comes later is not taken any more
    timezone: UTC
    let:
      refunded: status = 'refunded'
    columns:
      order_id: bigint
      buyer_id: bigint
      amount: decimal(12,2)
      refunded_at: {type: timestamp, known_after: refunded_at, tags: [late]}

  plans:
    kind: state                     # a row holds until the next one of its key
    path: data/plans.csv            # or  table: raw.plans,  or  sql: select … from …
    key: user_id
    time: changed_at
    valid_to: paid_until
    deleted: closed
    delay: 1m
    columns: {user_id: bigint, price: "decimal(12,2)", closed: boolean}
"""

_ATTRIBUTED = """\
sources:
  mails:
    path: data/mails.csv
    time: sent_at
    columns: {mail_id: bigint, reader: bigint}

  answered_mails:                     # each mail, with the order that it led to
    from: mails
    match:
      order:
        source: orders
        keys: {buyer_id: reader}
        within: 3d
        take: first
        mature: true                  # a mail counts when its three days are over
    let:
      led_to_an_order: order.order_id is not null
"""

_UNIONS = """\
sources:
  till_orders:
    path: data/till.csv
    time: rung_up_at
    delay: 1d
    final_after: 90d
    columns: {buyer_id: bigint}

  all_orders:
    union: [orders, till_orders]
    let: {at_the_till: _source = 'till_orders'}
"""

_VIEWS = """\
feature_views:
  user_orders:
    description: What a user buys.
    owner: growth
    tags: [orders]
    meta: {sheet: F-17}
    version: 2                      # yours; without it featc counts by itself
    entity: user
    source: orders
    keys:
      user_id: buyer_id             # where the source calls it otherwise
    join:
      plan: {source: plans, keys: {user_id: buyer_id}, within: 400d}
    where: "{{ var('sold') }}"
    windows: [7d, 30d]
    closed: left
    features:
      orders: count(*)              # orders_7d, orders_30d
      spend: sum(amount)
      as_pro: count(*) filter (where plan.plan = 'pro')
    labels:                         # what training sets are to predict
      buys_again: count(*) over next_30d > 0

  user_plan:
    entity: user
    source: plans
    ttl: 365d
    features: [plan, price]

  basket:                           # computed when asked
    request:
      value: decimal(12,2)
    features:
      value_vs_usual: request.value / nullif(user_orders.spend_30d / user_orders.orders_30d, 0)
"""

_FEATURES = """\
feature_views:
  user_returns:
    entity: user
    source: orders
    keys: {user_id: buyer_id}
    windows: [7d, 30d]
    features:
      returns: count(*) filter (where refunded)
      return_rate: returns / nullif(orders, 0)
      orders:
        sql: count(*)
        windows: [7d, 30d]
      idle_days:
        sql: seconds_since(last(ordered_at) over lifetime) / 86400
        default: 9999
        description: Days since the last order.
        version: 3
      by_status:
        sql: count(*) filter (where status = '{status}') over last_30d
        each: {status: [paid, refunded]}
        name: "{status}_orders_30d"   # paid_orders_30d, refunded_orders_30d
      month_orders:
        sql: count(*) over month_to_date
        deprecated: {since: 2026-06-01, until: 2026-12-31, use: orders_30d}
      orders_since_refund: count(*) over since_refund
      orders_by_week:
        sql: count(*)
        over: {range: 7d, offsets: [0d, 7d, 14d]}   # a list of three numbers
"""

_SERVICES = """\
feature_services:
  checkout:
    description: Scores a basket at the till.
    version: 2
    features:
      - user_orders                   # all of it, in order
      - user_plan.plan
      - user_returns.return_rate_*
      - idle: user_returns.idle_days  # renamed
      - basket
    labels:                           # in training sets, after the features
      - user_orders.buys_again

  gift:
    request:
      giver: bigint
      friend: bigint
    keys:
      user_id: request.giver          # computed: the spine needs no user_id
    features:
      - user_plan.price
      - other: {view: user_orders, keys: {user_id: request.friend}, features: spend_7d}   # other_spend_7d
    derived:
      closeness: other.spend_7d / nullif(user_plan.price, 0)
"""

_TESTS = """\
tests:
  a_refund_is_counted:
    service: checkout
    given:
      orders:
        - {order_id: 1, buyer_id: 7, amount: 10.00, status: refunded, ordered_at: 2026-01-01T08:00:00Z,
           loaded_at: 2026-01-01T08:00:05Z}
    spine:
      - {user_id: 7, as_of: 2026-01-02T00:00:00Z, value: 5.00}
    expect:
      - {orders_7d: 1, return_rate_7d: 1.0, value_vs_usual: 0.5}
"""

EXAMPLES: dict[type[BaseModel], tuple[str, str]] = {
    schema.ProjectFile: ("featc.yaml", _PROJECT),
    schema.Target: ("", ""),
    schema.Place: ("", ""),
    schema.Settings: ("", ""),
    schema.Online: ("", ""),
    schema.Defaults: ("", ""),
    schema.Policy: ("", ""),
    schema.DefinitionsFile: ("", ""),
    schema.Entity: ("features/entities.yaml", _ENTITIES),
    schema.Window: ("features/windows.yaml", _WINDOWS),
    schema.Source: ("features/sources.yaml", _SOURCES),
    schema.Attributed: ("features/mails.yaml", _ATTRIBUTED),
    schema.Union: ("features/till.yaml", _UNIONS),
    schema.Match: ("", ""),
    schema.Column: ("", ""),
    schema.View: ("features/views.yaml", _VIEWS),
    schema.Join: ("", ""),
    schema.Feature: ("features/returns.yaml", _FEATURES),
    schema.Over: ("", ""),
    schema.Service: ("features/services.yaml", _SERVICES),
    schema.Role: ("", ""),
    schema.Test: ("tests/checkout.yaml", _TESTS),
}
"""By model: the file its example is, and the text; without text the section's keys stand in another one's."""
