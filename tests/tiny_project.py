"""A project small enough to know by heart, for tests of what is around the features."""

from __future__ import annotations

from pathlib import Path

FEATC = "version: 1\nproject: tiny\n"

DEFINITIONS = """\
entities:
  user: user_id

sources:
  orders:
    path: data/orders.csv
    time: ordered_at
    id: order_id
    available_at: loaded_at
    deleted: op = 'D'
    columns:
      order_id: bigint
      user_id: bigint
      amount: decimal(12,2)

feature_views:
  user_orders:
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
      paid: count(*) filter (where status = 'paid')
      last_status: last(status) over lifetime
  basket:
    request:
      amount: decimal(12,2)
    features:
      share: request.amount / nullif(user_orders.spend_7d, 0)

feature_services:
  checkout:
    features:
      - user_orders
      - basket
  small:
    features:
      - recent: user_orders.spend_7d
"""

ORDERS = """\
order_id,user_id,amount,status,op,ordered_at,loaded_at
1,7,10.00,paid,U,2026-01-01 10:00:00,2026-01-01 10:05:00
2,7,5.50,new,U,2026-01-03 10:00:00,2026-01-03 10:05:00
2,7,6.50,paid,U,2026-01-03 10:00:00,2026-01-04 00:00:00
3,8,99.99,cancelled,U,2026-01-03 11:00:00,2026-01-03 11:05:00
4,8,1.00,paid,U,2026-01-03 12:00:00,2026-01-03 12:05:00
"""


def write_project(folder: Path) -> Path:
    """Writes the project into `folder` and gives it."""
    (folder / "features").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text(FEATC)
    (folder / "features" / "orders.yaml").write_text(DEFINITIONS)
    (folder / "data" / "orders.csv").write_text(ORDERS)
    return folder
