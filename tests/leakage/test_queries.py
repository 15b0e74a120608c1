"""A source's own query is its data: what featc makes of its rows is proven, and that it is the definition's query."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from leakage.queries import Queries, path_of, queries

DEFINITIONS = """\
entities: {user: user_id}
sources:
  paid:
    sql: |
      with paid as (select * from raw_orders where status = 'paid')
      select p.user_id, p.amount, p.ordered_at, count(*) over (partition by p.user_id) as seen -- of all times
      from paid p join raw_orders r using (order_id)
    time: ordered_at
  plain: {sql: "select user_id, amount, ordered_at from raw_orders", time: ordered_at, delay: 1h}
  both: {union: [paid, plain]}
feature_views:
  one: {entity: user, source: paid, features: {n: count(*) over last_7d, seen: last(seen) over lifetime}}
  all: {entity: user, source: both, features: {total: sum(amount) over last_7d}}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Queries:
    folder = tmp_path_factory.mktemp("queries")
    (folder / "features").mkdir()
    (folder / ".featc").mkdir()
    with duckdb.connect(str(folder / ".featc" / "q.duckdb")) as connection:
        columns = "order_id BIGINT, user_id BIGINT, amount BIGINT, status VARCHAR, ordered_at TIMESTAMP"
        connection.execute(f"CREATE TABLE raw_orders ({columns})")
    (folder / "featc.yaml").write_text("version: 1\nproject: q\n")
    (folder / "features" / "all.yaml").write_text(DEFINITIONS)
    return queries(Path(folder))


@pytest.mark.parametrize("view", ["one", "all"])
def test_the_rows_of_a_query_pass(built: Queries, view: str) -> None:
    assert built.check(path_of(view)).findings == ()


@pytest.mark.parametrize(
    ("view", "old", "new"),
    [
        ("one", "where status = 'paid'", "where status <> 'paid'"),
        ("one", "from paid p join raw_orders r", "from paid p join spine r"),
        ("one", "count(*) over (partition by p.user_id)", "count(*) over ()"),
        ("one", "ordered_at,", "min(ordered_at) over () as ordered_at,"),
        ("all", "where status = 'paid'", "where status <> 'paid'"),
        ("all", "'paid' AS _source", "'plain' AS _source"),
    ],
)
def test_another_query_is_refused(built: Queries, view: str, old: str, new: str) -> None:
    sql = built.sql[path_of(view)]
    assert old in sql
    found = built.check(path_of(view), sql.replace(old, new, 1)).findings
    assert found and found[0].code == "F577", found
