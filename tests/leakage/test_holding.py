"""Rows that hold, and dumps: each is proven to have been there to be known, and no number that chooses is shown."""

from __future__ import annotations

import pytest

from leakage.queries import Queries, path_of, queries

DEFINITIONS = """\
entities: {account: account_id}
sources:
  tickets:
    kind: state
    key: ticket_id
    path: data/tickets.csv
    time: updated_at
    columns: {ticket_id: bigint, account_id: bigint, minutes: bigint, updated_at: timestamp}
  late:
    kind: state
    key: ticket_id
    path: data/late.csv
    time: updated_at
    available_at: loaded_at
    id: change_id
    columns: {change_id: bigint, ticket_id: bigint, account_id: bigint, updated_at: timestamp, loaded_at: timestamp}
  seats:
    kind: snapshot
    key: [account_id, seat]
    path: data/seats.csv
    time: day
    available_at: landed_at
    columns: {account_id: bigint, seat: bigint, minutes: bigint, day: timestamp, landed_at: timestamp}
  plans:
    kind: snapshot
    path: data/plans.csv
    time: day
    available_at: landed_at
    columns: {account_id: bigint, plan: text, day: timestamp, landed_at: timestamp}
feature_views:
  support:
    entity: account
    source: tickets
    ttl: 30d
    features: {n: count(*) over current, m: sum(minutes) over current}
  corrected: {entity: account, source: late, closed: right, features: {late_n: count(*) over current}}
  used: {entity: account, source: seats, features: {seats: count(*) over current, newest: last(seat) over current}}
  plan: {entity: account, source: plans, ttl: 9d, features: [plan]}
feature_services:
  all: {features: [support, corrected, used, plan]}
"""
FAULTS = [
    ("support", "r._from <= s._as_of - 1 AND", "r._from <= s._as_of AND", "F57"),
    ("support", "s.account_id = r.account_id", "true", "F574"),
    ("support", "_superseded IS NULL\n", "true\n", "F573"),
    ("support", "lead(_from) OVER (PARTITION BY ticket_id", "lead(_from) OVER (PARTITION BY account_id", "F577"),
    ("support", "lead(_from)", "lead(_from, 2)", "F577"),
    ("support", "_time NULLS FIRST, _arrival NULLS FIRST, ", "_arrival NULLS FIRST, ", "F577"),
    ("support", "sum(minutes) AS", "sum(_until) AS", "F571"),
    ("support", "_time AS _from", "_time - 1 AS _from", "F57"),
    ("corrected", "r._enter <= s._as_of AND", "r._enter <= s._as_of + 1 AND", "F57"),
    ("corrected", "AND (r._superseded IS NULL OR r._superseded > s._as_of)", "", "F573"),
    ("corrected", "max(r._turn)", "min(r._turn)", "F577"),
    ("corrected", "> c._from", ">= c._from", "F577"),
    ("used", "r._enter <= s._as_of - 1", "r._enter <= s._as_of", "F57"),
    ("used", "d._from <= s._as_of - 1", "d._from <= s._as_of", "F577"),
    ("used", "QUALIFY coalesce(_from", "QUALIFY coalesce(_from - 1", "F577"),
    ("used", "PARTITION BY _dump, account_id, seat", "PARTITION BY _dump, account_id", "F577"),
    ("used", "_arrival DESC NULLS LAST, ", "", "F577"),
    ("plan", "r._enter <= s._as_of - 1", "true", "F57"),
    ("plan", "PARTITION BY _dump, account_id", "PARTITION BY _dump, plan", "F577"),
    ("plan", "s.account_id = r.account_id", "true", "F574"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Queries:
    folder = tmp_path_factory.mktemp("holding")
    (folder / "features").mkdir()
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text("version: 1\nproject: desk\n")
    (folder / "features" / "desk.yaml").write_text(DEFINITIONS)
    heads = {
        "tickets": "ticket_id,account_id,minutes,updated_at",
        "late": "change_id,ticket_id,account_id,updated_at,loaded_at",
        "seats": "account_id,seat,minutes,day,landed_at",
        "plans": "account_id,plan,day,landed_at",
    }
    for name, head in heads.items():
        (folder / "data" / f"{name}.csv").write_text(f"{head}\n")
    return queries(folder)


def test_queries_over_rows_that_hold_are_proven(built: Queries) -> None:
    for path in built.sql:
        checked = built.check(path)
        assert checked.findings == (), path
    wanted = {"support.n", "support.m", "corrected.late_n", "used.seats", "used.newest", "plan.plan"}
    assert wanted <= set(built.check(path_of("services/all")).features)


@pytest.mark.parametrize(("view", "old", "new", "code"), FAULTS)
def test_a_row_that_could_not_be_known_is_found(built: Queries, view: str, old: str, new: str, code: str) -> None:
    path = path_of(view)
    sql = built.sql[path]
    assert old in sql
    findings = built.check(path, sql.replace(old, new)).findings
    assert any(f.code.startswith(code) for f in findings), findings
