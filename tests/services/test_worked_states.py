# ruff: noqa: E501 — the definitions are as their authors would write them
"""Churn and credit as their authors would write them: open tickets of an account, the bureau's dump of the day."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from featc.cli import cli

CHURN = """\
entities:
  account: account_id
windows:
  prev_month: {calendar: month, previous: 1, timezone: Europe/Berlin}
sources:
  logins: {table: raw.logins, time: ts}
  subscriptions: {kind: state, key: account_id, table: raw.subscriptions_scd2, time: valid_from, valid_to: valid_to}
  tickets: {kind: state, key: ticket_id, table: raw.tickets, time: updated_at}
  invoices: {table: raw.invoices, time: issued_at, id: invoice_id, deleted: voided}
feature_views:
  activity:
    entity: account
    source: logins
    windows: [last_30d, prev_30d]
    features:
      active_users: count(distinct user_id)
      active_days: count(distinct in_zone(ts, 'Europe/Berlin')::date)
      mau_change: active_users_30d - active_users_prev_30d
      logins_prev_month: count(*) over prev_month
    labels:
      churned_30d: count(*) over next_30d = 0
  plan:
    entity: account
    source: subscriptions
    features:
      plan: plan
      mrr: mrr
      plan_age_days: seconds_since(valid_from) / 86400.0
  support:
    entity: account
    source: tickets
    features:
      open_tickets: count(*) filter (where status = 'open') over current
  billing:
    entity: account
    source: invoices
    features:
      billed_prev_month: sum(amount) over prev_month
feature_services:
  churn: {features: [activity, plan, support, billing], labels: [activity.churned_30d]}
"""

CREDIT = """\
entities:
  applicant: ssn_hash
sources:
  bureau:
    kind: snapshot
    path: data/bureau/dt=*/*.parquet
    time: dt
    available_at: landed_at
    key: [ssn_hash, tradeline_id]
  payments: {table: core.payments, time: paid_at, available_at: posted_at, id: payment_id, deleted: is_reversed, tie_break: [version]}
feature_views:
  tradelines:
    entity: applicant
    source: bureau
    features:
      utilization: sum(balance) over current / nullif(sum(limit_amt) over current, 0)
      open_lines: count(*) filter (where status = 'open') over current
  pay:
    entity: applicant
    source: payments
    windows: [90d, 365d]
    features:
      late: count(*) filter (where paid_at > due_at + interval 30 day)
      streak_on_time: streak(paid_at <= due_at) over lifetime
feature_services:
  pd_model:
    features: [tradelines, pay]
    request: {income: double, loan_amount: double}
    derived:
      dti: request.loan_amount / nullif(request.income, 0)
"""

START = datetime(2026, 1, 1)
AT = datetime(2026, 2, 20)


def run(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(cli, [*arguments, "-p", str(folder)])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def project(folder: Path, name: str, definitions: str) -> duckdb.DuckDBPyConnection:
    (folder / "features").mkdir()
    head = f"version: 1\nproject: {name}\ntargets: {{dev: {{database: {name}.duckdb}}}}\n"
    (folder / "featc.yaml").write_text(head, encoding="utf-8")
    (folder / "features" / f"{name}.yaml").write_text(definitions, encoding="utf-8")
    return duckdb.connect(str(folder / f"{name}.duckdb"))


def fill(connection: duckdb.DuckDBPyConnection, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.partition('.')[0]}")
    connection.execute(f"CREATE TABLE {table} ({columns})")
    connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def got(folder: Path, service: str, *asked: str) -> dict[str, Any]:
    found = json.loads(run(folder, "get", service, *asked, "--at", f"{AT.isoformat()}Z", "--format", "json"))
    (vector,) = found
    return dict(vector)


def trained(folder: Path, service: str, spine: str) -> dict[str, Any]:
    text = run(folder, "dataset", service, "--spine", f"select {spine}, timestamp '{AT}' as as_of", "--out", "set.parquet", "-q")
    assert text is not None
    (row,) = pq.read_table(folder / "set.parquet").to_pylist()
    return dict(row)


@pytest.mark.slow
def test_churn_counts_the_tickets_that_are_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = Random(3)

    def moment(days: int) -> datetime:
        return START + timedelta(seconds=random.randrange(days * 86_400))

    with project(tmp_path, "churn", CHURN) as connection:
        logins = [(random.randrange(8), random.randrange(30), moment(80)) for _ in range(300)]
        fill(connection, "raw.logins", "account_id INT, user_id INT, ts TIMESTAMP", logins)
        plans = [(a, p, random.randrange(99), moment(20) + timedelta(days=20 * n), None) for a in range(8) for n, p in enumerate(("free", "pro"))]
        columns = "account_id INT, plan VARCHAR, mrr INT, valid_from TIMESTAMP, valid_to TIMESTAMP"
        fill(connection, "raw.subscriptions_scd2", columns, plans)
        tickets = [
            (ticket, random.randrange(8), status, moment(20) + timedelta(days=20 * n))
            for ticket in range(40)
            for n, status in enumerate(random.sample(["open", "pending", "open", "closed"], 3))
        ]
        fill(connection, "raw.tickets", "ticket_id INT, account_id INT, status VARCHAR, updated_at TIMESTAMP", tickets)
        invoices = [(n, random.randrange(8), random.randrange(900), moment(80), n % 9 == 0) for n in range(80)]
        columns = "invoice_id INT, account_id INT, amount DECIMAL(12,2), issued_at TIMESTAMP, voided BOOLEAN"
        fill(connection, "raw.invoices", columns, invoices)
    run(tmp_path, "build", "-q")
    run(tmp_path, "materialize", "-q")
    newest = {t[0]: t for t in sorted(tickets, key=lambda t: t[3]) if t[3] < AT}
    wanted = Counter(account for _, account, status, _ in newest.values() if status == "open")
    for account in range(8):
        served = got(tmp_path, "churn", "--key", f"account_id={account}")
        assert served["open_tickets"] == wanted[account]
        row = trained(tmp_path, "churn", f"{account}::INT as account_id")
        assert (row["open_tickets"], row["plan"]) == (wanted[account], served["plan"])
    assert "11 of 11 features proven equal" in run(tmp_path, "verify")


@pytest.mark.slow
def test_credit_sees_the_dump_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = Random(4)
    people = [f"s{n}" for n in range(6)]
    dumps: dict[datetime, tuple[datetime, list[dict[str, Any]]]] = {}
    for week in range(8):
        dumped = START + timedelta(days=7 * week)
        landed = dumped + timedelta(days=random.choice((1, 2, 9)))
        rows = [
            {"ssn_hash": s, "tradeline_id": n, "status": random.choice(("open", "closed")), "landed_at": landed,
             "balance": float(random.randrange(900)), "limit_amt": float(random.randrange(1, 2000))}
            for s in people for n in range(4) if random.random() < 0.7
        ]  # fmt: skip
        folder = tmp_path / f"data/bureau/dt={dumped:%Y-%m-%d}"
        folder.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / "part.parquet")
        dumps[dumped] = (landed, rows)
    with project(tmp_path, "credit", CREDIT) as connection:
        payments = []
        for n in range(150):
            paid = START + timedelta(hours=random.randrange(1800))
            due = paid + timedelta(days=random.randrange(-50, 10))
            payments.append((n, random.choice(people), paid, paid + timedelta(days=n % 3), due, False, 1))
            if n % 10 == 0:
                payments.append((*payments[-1][:3], paid + timedelta(days=5), due, True, 2))
        columns = "payment_id INT, ssn_hash VARCHAR, paid_at TIMESTAMP, posted_at TIMESTAMP, due_at TIMESTAMP, is_reversed BOOLEAN, version INT"
        fill(connection, "core.payments", columns, payments)
    run(tmp_path, "build", "-q")
    run(tmp_path, "materialize", "-q")
    _, inside = dumps[max(dumped for dumped, (landed, _) in dumps.items() if landed < AT)]
    for person in people:
        asked = ["--key", f"ssn_hash={person}", "--request", "income=10", "--request", "loan_amount=2"]
        served = got(tmp_path, "pd_model", *asked)
        mine = [row for row in inside if row["ssn_hash"] == person]
        assert served["open_lines"] == sum(row["status"] == "open" for row in mine)
        used = sum(row["balance"] for row in mine) / sum(row["limit_amt"] for row in mine) if mine else None
        assert served["utilization"] == pytest.approx(used)
        row = trained(tmp_path, "pd_model", f"'{person}' as ssn_hash, 10.0 as income, 2.0 as loan_amount")
        assert (row["open_lines"], row["dti"]) == (served["open_lines"], served["dti"])
    assert "6 of 6 features proven equal" in run(tmp_path, "verify")
