"""A shop whose rows show every way in which a row may stand to a window."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "featc.yaml": "version: 1\nproject: shop\n",
    "features/shop.yaml": """\
entities:
  user: user_id
  sku: sku
windows:
  berlin_day: {calendar: day, timezone: Europe/Berlin}
  since_return: {since: "status = 'returned'"}
sources:
  orders:
    path: data/orders.csv
    time: at
    available_at: seen
    id: order_id
    deleted: op = 'D'
    final_after: 30d
    columns: {order_id: bigint, user_id: bigint, amount: "decimal(12,2)", sku: text}
  products:
    kind: state
    key: sku
    path: data/products.csv
    time: changed
    valid_to: ends
    deleted: gone
    columns: {price: "decimal(12,2)", category: text, gone: boolean}
  listings:
    kind: state
    key: listing_id
    path: data/listings.csv
    time: changed
    columns: {listing_id: bigint, user_id: bigint, price: integer}
  catalogue:
    kind: snapshot
    key: sku
    path: data/catalogue.csv
    time: day
    columns: {sku: text, rank: integer}
  refunds:
    path: data/refunds.csv
    time: at
    delay: 1h
    columns: {order_id: bigint, reason: text}
  settled:
    from: orders
    match:
      refunds: {keys: {order_id: order_id}, within: 1d}
  paid: {union: [orders, tips]}
  tips:
    path: data/tips.csv
    time: at
    final_after: 30d
    columns: {user_id: bigint, amount: integer}
feature_views:
  user_orders:
    entity: user
    source: orders
    where: status <> 'cancelled'
    join: {products: {}}
    features:
      n_7d: {sql: count(*) over last_7d}
      spend_7d: {sql: sum(amount) over last_7d, default: 0}
      returned_7d: sum(amount) filter (where status = 'returned') over last_7d
      top_7d: arg_max(sku, amount) over last_7d
      last_2: sum(amount) over last_2_rows
      today: sum(amount) over berlin_day
      yesterday_7d: count(*) over prev_7d
      since: count(*) over since_return
      toys_7d: sum(amount) filter (where products.category = 'toy') over last_7d
      share: sum(amount) over last_7d / avg(amount) over last_7d
    labels:
      next_spend: sum(amount) over next_7d
  product:
    entity: sku
    source: products
    ttl: 30d
    where: price > 0
    features: [price]
  user_listings:
    entity: user
    source: listings
    features:
      dear: max(price) over current
  ranks:
    entity: sku
    source: catalogue
    features: [rank]
  user_settled:
    entity: user
    source: settled
    features:
      refunded: count(*) filter (where refunds.reason is not null) over lifetime
  user_paid:
    entity: user
    source: paid
    features:
      paid: sum(amount) over lifetime
  basket:
    request: {amount: "decimal(12,2)"}
    features:
      ratio: request.amount / nullif(user_orders.n_7d, 0)
      of_returned: request.amount / user_orders.returned_7d
feature_services:
  till:
    features:
      - user_orders
      - product
      - user_listings
      - ranks
      - user_settled
      - user_paid
      - basket
      - best: {view: product, keys: {sku: user_orders.top_7d}}
    labels: [user_orders]
""",
    "data/orders.csv": """\
order_id,user_id,amount,status,sku,op,at,seen
1,7,1.00,paid,a,U,2026-05-01 11:59:59.999999,2026-05-01 12:00:00
2,7,2.00,paid,a,U,2026-05-01 12:00:00,2026-05-01 12:00:00
3,7,3.00,returned,b,U,2026-05-02 12:00:00,2026-05-02 12:00:01
3,7,30.00,returned,b,U,2026-05-02 12:00:00,2026-05-05 08:00:00
4,7,4.00,cancelled,a,U,2026-05-03 12:00:00,2026-05-03 12:00:01
5,7,5.00,paid,a,U,2026-05-04 12:00:00,2026-05-04 12:00:01
5,,,,,D,,2026-05-06 08:00:00
6,7,6.00,paid,c,U,2026-05-05 12:00:00,2026-05-05 12:00:01
6,8,6.00,paid,c,U,2026-05-05 12:00:00,2026-05-06 12:00:00
7,7,7.00,paid,b,U,2026-05-06 12:00:00,2026-05-09 08:00:00
8,7,8.00,paid,b,U,2026-05-08 12:00:00,2026-05-08 12:00:00
9,7,9.00,paid,a,U,2026-05-07 21:59:59,2026-05-07 22:00:00
9,7,9.00,paid,a,U,2026-05-07 21:59:59,2026-05-07 22:00:00
10,7,10.00,paid,a,U,2026-05-07 22:00:00,
11,7,11.00,paid,a,U,2026-05-02 00:00:00,2026-07-01 00:00:00
12,7,12.00,paid,b,U,2026-05-08 01:00:00,2026-05-08 01:00:00
""",
    "data/products.csv": """\
sku,price,category,gone,changed,ends
a,10.00,book,false,2026-05-01 00:00:00,
a,12.00,book,false,2026-05-20 00:00:00,
b,20.00,toy,false,2026-03-01 00:00:00,
c,30.00,toy,false,2026-05-01 00:00:00,2026-05-07 00:00:00
d,40.00,toy,false,2026-05-01 00:00:00,
d,,,true,2026-05-02 00:00:00,
e,50.00,toy,false,2026-05-01 00:00:00,
e,0.00,toy,false,2026-05-03 00:00:00,
""",
    "data/listings.csv": """\
listing_id,user_id,price,changed
1,7,100,2026-05-01 00:00:00
2,7,300,2026-05-01 00:00:00
2,8,300,2026-05-04 00:00:00
3,7,200,2026-05-02 00:00:00
3,7,150,2026-05-05 00:00:00
""",
    "data/catalogue.csv": """\
sku,rank,day
a,1,2026-05-01 00:00:00
b,2,2026-05-01 00:00:00
a,5,2026-05-05 00:00:00
a,6,2026-05-10 00:00:00
""",
    "data/refunds.csv": """\
order_id,reason,at
2,broken,2026-05-01 20:00:00
9,late,2026-05-08 21:00:00
""",
    "data/tips.csv": """\
user_id,amount,at
7,1,2026-05-02 00:00:00
""",
}

AT = "2026-05-08T12:00:00Z"


def write_shop(folder: Path) -> Path:
    """Writes the project into `folder` and gives it."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
