"""A project with most of what a definition can say, to be edited, and its data."""

from __future__ import annotations

from pathlib import Path

from featc.resolve.model import Project
from featc.runtime.planning.plan import side_now
from featc.runtime.store import compile_project
from featc.versions.past import Side

FEATC = """\
version: 1
project: shopping
vars:
  paid: status = 'paid'
defaults: {closed: left}
"""

DEFINITIONS = """\
entities:
  user: user_id
  product: sku

windows:
  smooth: {range: 3d, hop: 1h}
  spare: {range: 5d}

sources:
  orders:
    description: What is bought.
    path: data/orders.csv
    time: ordered_at
    available_at: loaded_at
    id: order_id
    deleted: op = 'D'
    tie_break: [seq]
    let:
      big: amount >= 20
      unused: seq + 1
    columns:
      order_id: bigint
      user_id: bigint
      amount: decimal(12,2)
      quantity: integer
      weight: double
      seq: bigint

  visits:
    sql: select * from read_csv('data/visits.csv')
    time: visited_at
    delay: 10m

  plans:
    kind: state
    key: user_id
    path: data/plans.csv
    time: since

feature_views:
  buying:
    description: What a user buys.
    owner: growth
    entity: user
    source: orders
    where: status <> 'cancelled'
    windows: [1d, 7d]
    features:
      orders: count(*)
      spend:
        sql: sum(amount)
        default: 0
        tags: [money]
      paid: count(*) filter (where {{ var('paid') }} and quantity > 1)
      dear: count(*) filter (where big)
      between: count(*) filter (where quantity between 2 and 5)
      mean_7d: avg(amount) over last_7d
      load_7d: sum(weight * 2 + quantity) over last_7d
      last_status: last(status) over lifetime
      smooth_spend: sum(amount) over smooth
      odd: count(*) filter (where quantity <> 0 and 7 % quantity > 1) over last_7d
      sizes_7d: sum(case when big then 1 else 0 end) over last_7d

  selling:
    entity: product
    source: orders
    features:
      sold_7d: sum(quantity) over last_7d
      buyers_7d: count(distinct user_id) over last_7d

  looking:
    entity: user
    source: visits
    features:
      visits_1d: count(*) over last_1d

  plan:
    entity: user
    source: plans
    ttl: 365d
    features:
      plan: plan
      is_pro: plan = 'pro'

  basket:
    request:
      amount: decimal(12,2)
    features:
      share: request.amount / nullif(buying.spend_7d, 0)
      per_visit: buying.orders_1d / nullif(looking.visits_1d, 0)

feature_services:
  checkout:
    owner: fraud
    features:
      - buying
      - plan.plan
      - basket
  small:
    features:
      - recent: buying.spend_7d
      - selling
"""

ORDERS = """\
order_id,user_id,sku,amount,quantity,weight,status,op,seq,ordered_at,loaded_at
1,7,a,10.00,1,0.5,paid,U,1,2026-01-01 10:00:00,2026-01-01 10:05:00
2,7,b,25.50,3,0.25,new,U,2,2026-01-03 10:00:00,2026-01-03 10:05:00
2,7,b,26.50,3,0.25,paid,U,3,2026-01-03 10:00:00,2026-01-04 00:00:00
3,8,a,99.99,0,9.5,cancelled,U,4,2026-01-03 11:00:00,2026-01-03 11:05:00
4,8,c,1.00,5,0.1,paid,U,5,2026-01-03 12:00:00,2026-01-03 12:05:00
5,8,c,21.00,6,0.1,returned,U,6,2026-01-03 13:00:00,2026-01-03 13:05:00
"""
VISITS = "user_id,page,visited_at\n7,home,2026-01-03 09:00:00\n8,cart,2026-01-03 09:30:00\n"
PLANS = "user_id,plan,price,since\n7,pro,9,2026-01-01 00:00:00\n8,free,0,2026-01-01 00:00:00\n"


def write(folder: Path, *edits: tuple[str, str]) -> Path:
    """The project with edits, each (text, what stands in its place), in a folder."""
    for name, text in {"orders": ORDERS, "visits": VISITS, "plans": PLANS}.items():
        (folder / "data").mkdir(parents=True, exist_ok=True)
        (folder / "data" / f"{name}.csv").write_text(text)
    (folder / "features").mkdir(exist_ok=True)
    files = {"featc.yaml": FEATC, "features/all.yaml": DEFINITIONS}
    for old, new in edits:
        there = [name for name, text in files.items() if old in text]
        assert there, old
        files |= {name: files[name].replace(old, new, 1) for name in there[:1]}
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def side(folder: Path, *edits: tuple[str, str]) -> Side:
    """The edited project as one side of a comparison."""
    return side_now(compile_project(write(folder, *edits)))


def project(folder: Path, *edits: tuple[str, str]) -> Project:
    return side(folder, *edits).project
