"""Warnings of leaks: what is told, and what a source says to have none. The words are in tests/errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.projects import caret, compiled, told


def source(sql: str, more: str = "", feature: str = "sum(value)") -> str:
    return f"""
entities: {{user: user_id}}
sources:
  s:
    sql: |
      {sql}
    time: seen
{more}
feature_views:
  v: {{entity: user, source: s, features: {{f: {feature} over last_7d}}}}
feature_services:
  risk: {{features: [v]}}
"""


FILES = {
    "orders.csv": "user_id,sku,amount,seen,loaded_at\n7,2,3,2024-01-01 00:00:00,2024-01-02 00:00:00\n",
    "products.csv": "sku,price,since\n2,5,2023-01-01 00:00:00\n",
}


def beyond(folder: Path, sql: str, more: str = "", feature: str = "sum(value)") -> list[str]:
    """The words under the carets of F366, for a `sql:` over orders and products."""
    body = sql.replace("ORDERS", "'orders.csv'").replace("PRODUCTS", "'products.csv'")
    return [caret(d) for d in told(compiled(folder, source(body, more, feature), files=FILES), "F366")]


@pytest.mark.parametrize(
    ("expression", "ahead"),
    [
        ("lead(amount) over (partition by user_id order by seen)", True),
        ("lead(amount) over (partition by user_id order by seen desc)", False),
        ("lag(amount) over (partition by user_id order by seen)", False),
        ("lag(amount) over (partition by user_id order by seen desc)", True),
        ("sum(amount) over (partition by user_id)", True),
        ("sum(amount) over (partition by user_id order by seen)", False),
        ("sum(amount) over (partition by user_id order by seen desc)", True),
        ("sum(amount) over (order by seen rows between 3 preceding and current row)", False),
        ("sum(amount) over (order by seen rows between 3 preceding and 1 preceding)", False),
        ("sum(amount) over (order by seen rows between 3 preceding and 1 following)", True),
        ("max(amount) over (order by seen range between current row and unbounded following)", True),
        ("sum(amount) over (order by seen desc rows between current row and 3 following)", False),
        ("last_value(amount) over (order by seen)", False),
        ("last_value(amount) over (order by seen rows between unbounded preceding and unbounded following)", True),
        ("first_value(amount ignore nulls) over (order by seen)", False),
        ("count(*) filter (where amount > 1) over ()", True),
        ("row_number() over ()", False),
        ("row_number() over (order by seen)", False),
        ("rank() over (partition by user_id order by seen desc)", True),
        ("ntile(4) over (order by seen)", True),
        ("(sum(amount) over w) + (lag(amount) over w)", False),
        ("(lead(amount) over w) + 1", True),
        ("amount + 1", False),
    ],
)
def test_windows_that_look_ahead(tmp_path: Path, expression: str, ahead: bool) -> None:
    named = "window w as (partition by user_id order by seen)"
    sql = f"select user_id, seen, {expression} as value from ORDERS {named}"
    assert bool(beyond(tmp_path, sql)) == ahead


@pytest.mark.parametrize(
    ("sql", "places"),
    [
        ("select o.*, price as value from ORDERS o join PRODUCTS p using (sku)", ["'products.csv'"]),
        ("select o.*, price as value from ORDERS o left join PRODUCTS p on p.sku = o.sku", ["'products.csv'"]),
        ("select o.*, price as value from ORDERS o, PRODUCTS p where p.sku = o.sku", ["'products.csv'"]),
        ("select o.*, price as value from ORDERS o join PRODUCTS p on p.sku = o.sku and p.since <= o.seen", []),
        ("select o.*, price as value from ORDERS o, PRODUCTS p where p.sku = o.sku and o.seen >= p.since", []),
        ("select o.*, price as value from ORDERS o asof join PRODUCTS p on p.sku = o.sku and p.since <= o.seen", []),
        ("select o.*, amount as value from ORDERS o cross join unnest([1, 2]) as u(n)", []),
        ("select *, amount as value from ORDERS where sku in (select sku from PRODUCTS)", ["'products.csv'"]),
        ("select *, amount as value from ORDERS o where exists (select 1 from PRODUCTS p where p.sku = o.sku)",
         ["'products.csv'"]),
        ("select *, (select max(price) from PRODUCTS) as value from ORDERS", ["'products.csv'"]),
        ("select *, (select max(price) from PRODUCTS p where p.since < o.seen) as value from ORDERS o", []),
        ("with p as (select * from PRODUCTS) select o.*, price as value from ORDERS o join p using (sku)", ["p"]),
        ("select *, amount as value from ORDERS union all select *, amount from ORDERS", []),
        ("select distinct on (user_id) *, amount as value from ORDERS order by user_id, seen desc", ["user_id"]),
        ("select *, amount as value from ORDERS qualify row_number() over (partition by sku order by seen desc) = 1",
         ["row_number"]),
    ],
)  # fmt: skip
def test_joins_and_subqueries_without_times(tmp_path: Path, sql: str, places: list[str]) -> None:
    assert beyond(tmp_path, sql) == places


def test_a_column_that_no_feature_reads_leaks_nothing(tmp_path: Path) -> None:
    rows = "select *, lead(amount) over (order by seen) as ahead from ORDERS"
    sql = f"with w as ({rows}) select *, ahead + 1 as later from w"
    assert beyond(tmp_path, sql, feature="sum(amount)") == []
    assert beyond(tmp_path, sql, feature="sum(later)") == ["lead"]
    assert beyond(tmp_path, sql, feature="sum(ahead)") == ["lead"]


@pytest.mark.parametrize(
    ("known", "told_of"),
    [
        ("greatest(o.loaded_at, p.since)", []),
        ("case when p.since > o.loaded_at then p.since else o.loaded_at end", []),
        ("o.loaded_at", ["p"]),
    ],
)
def test_arrival_made_of_both_sides_accounts_for_a_join(tmp_path: Path, known: str, told_of: list[str]) -> None:
    sql = (
        "with p as (select * from PRODUCTS)"
        f" select o.*, p.price as value, {known} as known from ORDERS o join p on p.sku = o.sku"
    )
    assert beyond(tmp_path, sql, "    available_at: known") == told_of
    assert beyond(tmp_path, sql, "    delay: 1h") == ["p"]


def test_arrival_made_by_a_window_accounts_for_windows(tmp_path: Path) -> None:
    sql = (
        "select *, lead(amount) over (partition by user_id order by seen) as value,"
        " lead(loaded_at) over (partition by user_id order by seen) as known from ORDERS"
    )
    assert beyond(tmp_path, sql, "    available_at: known") == []
    assert beyond(tmp_path, sql, "    available_at: loaded_at") == ["lead"]


def test_a_select_that_cannot_be_read_is_let_be(tmp_path: Path) -> None:
    sql = "from ORDERS select user_id, seen, amount as value"
    assert beyond(tmp_path, sql) == []


def test_a_source_of_which_nothing_is_read_is_let_be(tmp_path: Path) -> None:
    text = source("select *, lead(amount) over (order by seen) as value from 'orders.csv'")
    text = text.partition("feature_views")[0]
    assert told(compiled(tmp_path, text, files=FILES), "F366", "F367", "F368") == []


TIMELESS = """
entities: {user: user_id}
sources:
  s: {kind: state, PLACE, columns: {user_id: bigint}}
feature_views:
  v: {entity: user, source: s, features: [amount]}
"""


@pytest.mark.parametrize(
    ("place", "caught"),
    [
        ("path: orders.csv, time: \"timestamp '2000-01-01'\"", ["timestamp '2000-01-01'"]),
        ("path: orders.csv, time: \"make_timestamp(0)\"", ["make_timestamp(0)"]),
        ("sql: \"select *, timestamp '2000-01-01' as since from 'orders.csv'\", time: since", ["since"]),
        ("sql: \"select *, loaded_at as since from 'orders.csv'\", time: since", []),
        ("path: orders.csv, time: seen", []),
        ("path: orders.csv, time: \"timestamp '2000-01-01'\", available_at: loaded_at", []),
    ],
)
def test_sources_without_time(tmp_path: Path, place: str, caught: list[str]) -> None:
    found = compiled(tmp_path, TIMELESS.replace("PLACE", place), files=FILES)
    assert [caret(d).strip('"') for d in told(found, "F367")] == caught


UNDELAYED = """
entities: {user: user_id}
sources:
  s:
    path: orders.csv
    time: seen
    DELAY
feature_views:
  past: {entity: user, source: s, features: {spend: sum(amount) over last_7d}}
  ahead: {entity: user, source: s, labels: {buys: count(*) over next_7d > 0}}
  derived: {features: {double: past.spend * 2}}
feature_services:
  risk: {features: [FEATURES], labels: [ahead.buys]}
"""


@pytest.mark.parametrize(
    ("delay", "feature", "count"),
    [
        ("", "past", 1),
        ("", "derived", 1),
        ("delay: 0s", "past", 0),
        ("delay: 2h", "past", 0),
        ("available_at: loaded_at", "past", 0),
    ],
)
def test_labels_of_a_source_that_is_known_at_once(tmp_path: Path, delay: str, feature: str, count: int) -> None:
    found = compiled(tmp_path, UNDELAYED.replace("DELAY", delay).replace("FEATURES", feature), files=FILES)
    assert [caret(d) for d in told(found, "F368")] == ["s"] * count


def test_a_label_alone_is_no_leak(tmp_path: Path) -> None:
    other = UNDELAYED.replace("DELAY", "").replace("FEATURES", "other").replace(
        "feature_services", "  other: {entity: user, source: o, features: {n: count(*) over last_7d}}\nfeature_services"
    ).replace("sources:\n", "sources:\n  o: {path: orders.csv, time: seen}\n")  # fmt: skip
    assert told(compiled(tmp_path, other, files=FILES), "F368") == []
