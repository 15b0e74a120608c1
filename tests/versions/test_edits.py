"""What each of many edits means: which features move, and in which category (architecture.md, "Fingerprints")."""

from __future__ import annotations

from pathlib import Path

import pytest

from featc.versions.comparison import compare
from featc.versions.past import Side
from versions.shopping import side

Edit = tuple[list[tuple[str, str]], dict[str, str]]
"""Replacements, and the category of every definition that changes or is affected; families as `view.name_*`."""

BUYING = ["orders", "spend", "paid", "dear", "between"]
ALONE = ["mean_7d", "load_7d", "last_status", "smooth_spend", "odd", "sizes_7d"]


def buying(category: str, names: list[str] | None = None) -> dict[str, str]:
    """All features of the view `buying`, or the families and features named."""
    listed = [*BUYING, *ALONE] if names is None else names
    return {f"buying.{n}_*" if n in BUYING else f"buying.{n}": category for n in listed}


NOTHING: dict[str, str] = {}
ALL = {**buying("semantic"), "basket.share": "semantic", "basket.per_visit": "semantic"}
SOLD = {"selling.sold_7d": "semantic", "selling.buyers_7d": "semantic"}

METADATA: dict[str, Edit] = {
    "description of a view": ([("What a user buys.", "What users buy.")], NOTHING),
    "owner of a view": ([("owner: growth", "owner: risk")], NOTHING),
    "tags of a feature": (
        [("tags: [money]", "tags: [money, pii]")], buying("metadata", ["spend"])),
    "tags of a view": ([("    owner: growth\n", "    owner: growth\n    tags: [a]\n")], NOTHING),
    "description of a source": ([("What is bought.", "What was bought.")], NOTHING),
    "owner of a service": ([("owner: fraud", "owner: risk")], NOTHING),
    "deprecation": (
        [("tags: [money]", "tags: [money]\n        deprecated: {since: 2026-01-01}")], buying("metadata", ["spend"])),
    "meta": ([("tags: [money]", "tags: [money]\n        meta: {sheet: 1}")], buying("metadata", ["spend"])),
    "where the data lies": ([("path: data/orders.csv", "path: data/orders*.csv")], NOTHING),
    "tags of a column": ([("weight: double", "weight: {type: double, tags: [x]}")], NOTHING),
}

EQUIVALENT: dict[str, Edit] = {
    "case": ([("sum(amount)\n        default", "SUM(Amount)\n        default")], buying("equivalent", ["spend"])),
    "spacing": ([("avg(amount)", "avg( amount )")], buying("equivalent", ["mean_7d"])),
    "a comment": (
        [("avg(amount) over", '"avg(amount /* of it */) over'), ("last_7d\n      load", 'last_7d"\n      load')],
        buying("equivalent", ["mean_7d"])),
    "parentheses": (
        [("where big)", "where (((big))))")], buying("equivalent", ["dear"])),
    "order of AND": (
        [("{{ var('paid') }} and quantity > 1", "quantity > 1 and {{ var('paid') }}")], buying("equivalent", ["paid"])),
    "a comparison turned": (
        [("{{ var('paid') }} and quantity > 1", "{{ var('paid') }} and 1 < quantity")], buying("equivalent", ["paid"])),
    "sides of an equality": (
        [("{{ var('paid') }} and", "'paid' = status and")], buying("equivalent", ["paid"])),
    "Jinja that renders the same": (
        [("{{ var('paid') }} and", "status = 'paid' and")], NOTHING),
    "a var renamed": ([("paid: status", "sold: status"), ("var('paid')", "var('sold')")], NOTHING),
    "order of +": (
        [("weight * 2 + quantity", "quantity + weight * 2")], buying("equivalent", ["load_7d"])),
    "order of *": ([("weight * 2 +", "2 * weight +")], buying("equivalent", ["load_7d"])),
    "BETWEEN as comparisons": (
        [("quantity between 2 and 5", "quantity >= 2 and quantity <= 5")], buying("equivalent", ["between"])),
    "BETWEEN as comparisons, turned": (
        [("quantity between 2 and 5", "5 >= quantity and 2 <= quantity")], buying("equivalent", ["between"])),
    "a negated comparison": (
        [("{{ var('paid') }} and quantity > 1", "not (quantity <= 1) and {{ var('paid') }}")],
        buying("equivalent", ["paid"])),
    "De Morgan": (
        [("{{ var('paid') }} and quantity > 1", "not (quantity <= 1 or status <> 'paid')")],
        buying("equivalent", ["paid"])),
    "<> as NOT =": ([("status <> 'cancelled'", "not status = 'cancelled'")], NOTHING),
    "!= for <>": ([("status <> 'cancelled'", "status != 'cancelled'")], NOTHING),
    "IN of one": ([("status <> 'cancelled'", "status not in ('cancelled')")], NOTHING),
    "a named expression written out": ([("where big)", "where amount >= 20)")], buying("equivalent", ["dear"])),
    "a let renamed": (
        [("big: amount", "large: amount"), ("where big", "where large"), ("when big", "when large")],
        buying("equivalent", ["dear", "sizes_7d"])),
    "a let written otherwise": ([("big: amount >= 20", "big: 20 <= amount")], NOTHING),
    "an unused let": ([("unused: seq + 1", "unused: seq + 2")], NOTHING),
    "a let more": ([("unused: seq + 1", "unused: seq + 1\n      more: seq + 2")], NOTHING),
    "order of keys in YAML": (
        [("        sql: sum(amount)\n        default: 0\n", "        default: 0\n        sql: sum(amount)\n")],
        NOTHING),
    "a window renamed": (
        [("smooth: {range", "gentle: {range"), ("over smooth", "over gentle")], buying("equivalent", ["smooth_spend"])),
    "a duration in another unit": ([("range: 3d", "range: 72h")], NOTHING),
    "a window that nothing uses": ([("spare: {range: 5d}", "spare: {range: 6d}")], NOTHING),
    "quotes that change nothing": (
        [("avg(amount)", "'avg(\"amount\")"), ("over last_7d\n      load", "over last_7d'\n      load")],
        buying("equivalent", ["mean_7d"])),
    "an unused column declared": ([("seq: bigint", "seq: bigint\n      sku: varchar")], NOTHING),
    "closed as it is by default": (
        [("    windows: [1d, 7d]", "    closed: left\n    windows: [1d, 7d]")], NOTHING),
    "UTC said": ([("    time: ordered_at", "    time: ordered_at\n    timezone: UTC")], NOTHING),
    "time with a cast that is written otherwise": (
        [("time: visited_at", "time: VISITED_AT")], NOTHING),
    "a feature as a mapping": (
        [("last_status: last(status) over lifetime", "last_status: {sql: last(status) over lifetime}")], NOTHING),
    "keys said": (
        [("    source: visits\n", "    source: visits\n    keys: {user_id: user_id}\n")], NOTHING),
}

ADDITIVE: dict[str, Edit] = {
    "a window of a family more": (
        [("windows: [1d, 7d]", "windows: [1d, 7d, 30d]")],
        # in the middle of the vector of a service that gives the whole view
        {f"buying.{n}_30d": "additive" for n in BUYING} | {"checkout": "contract"}),
    "a feature over states that are there": (
        [("      mean_7d:", "      spend_3d: sum(amount) over last_3d\n      mean_7d:")],
        {"buying.spend_3d": "additive", "checkout": "contract"}),  # in the middle of the vector
    "a feature at the end of the view": (
        [("    features:\n      visits_1d", "    features:\n      visits_2d: count(*) over last_2d\n      visits_1d")],
        {"looking.visits_2d": "additive"}),
    "a feature of new states": (
        [("      visits_1d", "      pages_1d: count(distinct page) over last_1d\n      visits_1d")],
        {"looking.pages_1d": "additive"}),
    "a derived feature": (
        [("      share:", "      twice: buying.orders_1d * 2\n      share:")],
        {"basket.twice": "additive", "checkout": "contract"}),
    "a service": (
        [("  small:\n", "  other: {features: [plan]}\n  small:\n")], {"other": "additive"}),
    "a view": (
        [("  plan:\n    entity", "  looking_too:\n    entity: user\n    source: visits\n    features:\n"
          "      n_1d: count(*) over last_1d\n  plan:\n    entity")],
        {"looking_too": "additive", "looking_too.n_1d": "additive"}),
    "a column for a service": ([("      - selling\n", "      - selling\n      - plan.plan\n")], {"small": "additive"}),
    "a source": (
        [("  plans:\n    kind", "  more: {path: data/visits.csv, time: visited_at}\n  plans:\n    kind")],
        {"more": "additive"}),
    "an entity": ([("  product: sku\n", "  product: sku\n  page: page\n")], {"page": "additive"}),
    "a window": ([("  spare:", "  other: {range: 2d}\n  spare:")], {"other": "additive"}),
}

TILE_COMPATIBLE: dict[str, Edit] = {
    "the window of a feature": (
        [("avg(amount) over last_7d", "avg(amount) over last_14d")], buying("tile-compatible", ["mean_7d"])),
    "a named window": ([("range: 3d", "range: 4d")], buying("tile-compatible", ["smooth_spend"])),
    "the steps of a window": ([("hop: 1h", "hop: 2h")], buying("tile-compatible", ["smooth_spend"])),
    "the offset of a window": (
        [("avg(amount) over last_7d", "avg(amount) over prev_7d")], buying("tile-compatible", ["mean_7d"])),
    "closed": (
        [("defaults: {closed: left}", "defaults: {closed: right}")],
        {**buying("tile-compatible"), "basket.share": "tile-compatible", "basket.per_visit": "tile-compatible",
         "selling.sold_7d": "tile-compatible", "selling.buyers_7d": "tile-compatible",
         "looking.visits_1d": "tile-compatible", "plan.plan": "tile-compatible", "plan.is_pro": "tile-compatible"}),
    "default": (
        [("default: 0", "default: 1")], {**buying("tile-compatible", ["spend"]), "basket.share": "tile-compatible"}),
    "no default": (
        [("        default: 0\n", "")], {**buying("tile-compatible", ["spend"]), "basket.share": "tile-compatible"}),
    "ttl": ([("ttl: 365d", "ttl: 30d")], {"plan.plan": "tile-compatible", "plan.is_pro": "tile-compatible"}),
    "a derived expression": (
        [("request.amount / nullif(buying.spend_7d, 0)", "request.amount / nullif(buying.spend_7d, 1)")],
        {"basket.share": "tile-compatible"}),
    "which feature a derived one reads": (
        [("nullif(buying.spend_7d, 0)", "nullif(buying.spend_1d, 0)")], {"basket.share": "tile-compatible"}),
    "operands of - swapped": (
        [("plan = 'pro'", "plan = 'PRO'")], {"plan.is_pro": "tile-compatible"}),
    "a finisher over the states of a mean": (
        [("avg(amount) over last_7d", "avg(amount) over last_7d + 1")], buying("tile-compatible", ["mean_7d"])),
}

SEMANTIC: dict[str, Edit] = {
    "an argument": ([("avg(amount)", "avg(amount * 2)")], buying("semantic", ["mean_7d"])),
    "letter case of a literal": (
        [("{{ var('paid') }} and", "status = 'Paid' and")], buying("semantic", ["paid"])),
    "a var": ([("paid: status = 'paid'", "paid: status = 'new'")], buying("semantic", ["paid"])),
    "a filter": ([("quantity > 1", "quantity > 2")], buying("semantic", ["paid"])),
    "> for >=": ([("amount >= 20", "amount > 20")], buying("semantic", ["dear", "sizes_7d"])),
    "an end of BETWEEN": ([("between 2 and 5", "between 2 and 6")], buying("semantic", ["between"])),
    "NOT BETWEEN": ([("quantity between", "quantity not between")], buying("semantic", ["between"])),
    "OR for AND": (
        [("{{ var('paid') }} and quantity > 1", "{{ var('paid') }} or quantity > 1")], buying("semantic", ["paid"])),
    "a let that is used": ([("amount >= 20", "amount >= 21")], buying("semantic", ["dear", "sizes_7d"])),
    "where": ([("<> 'cancelled'", "<> 'failed'")], ALL),
    "no where": ([("    where: status <> 'cancelled'\n", "")], ALL),
    "where that keeps NULLs": ([("status <> 'cancelled'", "status is distinct from 'cancelled'")], ALL),
    "time": ([("time: ordered_at", "time: loaded_at")], {**ALL, **SOLD}),
    "arrival": ([("    available_at: loaded_at\n", "    delay: 5m\n")], {**ALL, **SOLD}),
    "delay": ([("delay: 10m", "delay: 15m")], {"looking.visits_1d": "semantic", "basket.per_visit": "semantic"}),
    "no delay": ([("    delay: 10m\n", "")], {"looking.visits_1d": "semantic", "basket.per_visit": "semantic"}),
    "id": ([("    id: order_id\n", "")], {**ALL, **SOLD}),
    "another id": ([("id: order_id", "id: [order_id, seq]")], {**ALL, **SOLD}),
    "deleted": ([("op = 'D'", "op = 'X'")], {**ALL, **SOLD}),
    "never deleted": ([("    deleted: op = 'D'\n", "")], {**ALL, **SOLD}),
    "tie_break": ([("tie_break: [seq]", "tie_break: [seq, op]")], {**ALL, **SOLD}),
    "timezone": ([("    time: ordered_at", "    time: ordered_at\n    timezone: Europe/Berlin")], {**ALL, **SOLD}),
    "final_after": ([("    tie_break:", "    final_after: 30d\n    tie_break:")], {**ALL, **SOLD}),
    "key": (
        [("    source: visits\n", "    source: visits\n    keys: {user_id: user_id + 1}\n")],
        {"looking.visits_1d": "semantic", "basket.per_visit": "semantic"}),
    "the query of a source": (
        [("select * from read_csv('data/visits.csv')", "select * from read_csv('data/visits.csv') where page <> 'x'")],
        {"looking.visits_1d": "semantic", "basket.per_visit": "semantic"}),
    "case of a query's text": (
        [("sql: select * from", "sql: SELECT * from")],  # what a query means is not judged
        {"looking.visits_1d": "semantic", "basket.per_visit": "semantic"}),
    "another source": (
        [("    source: visits\n", "    source: plans\n")],
        {"looking.visits_1d": "semantic", "basket.per_visit": "semantic"}),
    "another expression over a state's column": (
        [("      plan: plan\n", "      plan: upper(plan)\n")], {"plan.plan": "tile-compatible"}),
    "DOUBLE sums put together otherwise": (
        [("weight * 2 + quantity", "weight * (2 + quantity)")], buying("semantic", ["load_7d"])),
    "operands across what can fail": (
        [("quantity <> 0 and 7 % quantity > 1", "7 % quantity > 1 and quantity <> 0")], buying("semantic", ["odd"])),
    "CASE with ELSE 0 as FILTER": (
        [("sum(case when big then 1 else 0 end)", "sum(1) filter (where big)")], buying("semantic", ["sizes_7d"])),
    "a cast more": (
        [("sum(weight * 2", "sum(cast(weight as float) * 2")], buying("semantic", ["load_7d"])),
    "kind of a source": ([("    kind: state\n", "    kind: snapshot\n")],
        {"plan.plan": "semantic", "plan.is_pro": "semantic"}),
    "valid_to": ([("    time: since\n", "    time: since\n    valid_to: since\n")],
        {"plan.plan": "semantic", "plan.is_pro": "semantic"}),
    "a cast that was not there": ([("weight * 2", "weight::double * 2")], buying("semantic", ["load_7d"])),
    "IS TRUE of a condition": ([("where big)", "where big is true)")], buying("semantic", ["dear"])),
    "try_cast for cast": (
        [("count(*) filter (where big)", "count(*) filter (where try_cast(status as integer) = 1)")],
        buying("semantic", ["dear"])),
    "the declared type of a column that is not used": (
        [("seq: bigint", "seq: integer")], {**ALL, **SOLD}),  # versions are told apart by every column
    "IN with one more": ([("status <> 'cancelled'", "status not in ('cancelled', 'x')")], ALL),
    "LIKE for =": (
        [("{{ var('paid') }} and", "status like 'paid' and")], buying("semantic", ["paid"])),
    "integer division": (
        [("weight * 2 + quantity", "weight * 2 + quantity // 2")], buying("semantic", ["load_7d"])),
}

CONTRACT: dict[str, Edit] = {
    "a feature is gone": (
        [("      load_7d: sum(weight * 2 + quantity) over last_7d\n", "")],
        {"buying.load_7d": "contract", "checkout": "contract"}),
    "a feature is renamed": (
        [("      load_7d:", "      weight_7d:")],
        {"buying.load_7d": "contract", "buying.weight_7d": "additive", "checkout": "contract"}),
    "another type": (
        [("avg(amount)", "count(amount)")], {**buying("contract", ["mean_7d"]), "checkout": "contract"}),
    "a wider column": (
        [("amount: decimal(12,2)\n      quantity", "amount: decimal(14,3)\n      quantity")],
        {**ALL, **SOLD, **buying("contract", ["spend", "smooth_spend"]), "basket.share": "semantic"}),
    "an output is renamed": ([("- recent: buying", "- newest: buying")], {"small": "contract"}),
    "outputs change places": (
        [("      - buying\n      - plan.plan\n", "      - plan.plan\n      - buying\n")], {"checkout": "contract"}),
    "an output is gone": ([("      - plan.plan\n", "")], {"checkout": "contract"}),
    "a service is gone": (
        [("  small:\n    features:\n      - recent: buying.spend_7d\n      - selling\n", "")], {"small": "contract"}),
    "the type of a request column": (
        [("      amount: decimal(12,2)\n    features", "      amount: double\n    features")],
        {"basket.share": "tile-compatible", "checkout": "contract"}),
    "a window of a family is gone": (
        [("windows: [1d, 7d]", "windows: [7d]"), ("buying.orders_1d", "buying.orders_7d")],
        {f"buying.{n}_1d": "contract" for n in BUYING}
        | {"checkout": "contract", "basket.per_visit": "tile-compatible"}),
    "another output under the same name": (
        [("- recent: buying.spend_7d", "- recent: buying.spend_1d")], {"small": "semantic"}),
    "an entity's key": (
        [("  product: sku\n", "  product: item\n"), ("    entity: product\n    source: orders\n",
          "    entity: product\n    source: orders\n    keys: {item: sku}\n")],
        {"selling.sold_7d": "contract", "selling.buyers_7d": "contract", "small": "contract"}),
}

EDITS = {
    f"{kind}: {name}": edit
    for kind, table in (
        ("metadata", METADATA), ("equivalent", EQUIVALENT), ("additive", ADDITIVE),
        ("tile-compatible", TILE_COMPATIBLE), ("semantic", SEMANTIC), ("contract", CONTRACT),
    )
    for name, edit in table.items()
}  # fmt: skip


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Side:
    return side(tmp_path_factory.mktemp("before"))


def test_there_are_a_hundred_edits() -> None:
    assert len(EDITS) >= 100


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_moves_what_it_means_to(before: Side, tmp_path: Path, edit: str) -> None:
    changes, expected = EDITS[edit]
    after = side(tmp_path, *changes)
    found = {c.name: str(c.category) for c in compare(before, after).changes if c.kind in ("feature", "label")}
    others = {
        c.name: str(c.category) for c in compare(before, after).changes if c.kind == "service" or c.what == "added"
    }
    own = {n for n in expected if "." not in n}
    # services that give what moved are affected; here only what is said of themselves
    assert {**found, **{n: c for n, c in others.items() if n in own}} == unfolded(expected)
    kind = edit.partition(":")[0]
    if kind in ("metadata", "equivalent"):
        assert not [c for c in compare(before, after).changes if c.moves]


def unfolded(expected: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, category in expected.items():
        if name.endswith("_*"):
            found |= {f"{name[:-2]}_{w}": category for w in ("1d", "7d")}
        else:
            found[name] = category
    return found
