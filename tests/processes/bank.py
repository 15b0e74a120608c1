"""A project whose every answer says how many whole batches were pushed: a half batch cannot look like a whole one.

A batch brings the same number of entries to each of five accounts, and moves one token event, the ball, to the next
account. What `audit` must answer after `n` batches is `expected(n, size)`, and no other state of the store gives it.

Where several write, each has a branch of its own: its own five accounts and its own ball, in one bank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ACCOUNTS = 5
WEIGHT = 1_000_000
"""The ball's amount."""
START = datetime(2026, 1, 1)
TOTALS = ("all_entries", "all_balls", "all_amount")
LATER = "2028-01-01T00:00:00Z"
"""An instant after every event of the tests."""

DEFINITIONS = """\
entities: {account: account_id}
sources:
  moves:
    path: data/moves.parquet
    time: happened_at
    available_at: known_at
    id: move_id
feature_views:
  account:
    entity: account
    source: moves
    features:
      entries: count(*) filter (where kind = 'entry') over lifetime
      balls: count(*) filter (where kind = 'ball') over lifetime
      amount: sum(amount) over last_1000d
      newest: last(amount) filter (where kind = 'entry') over lifetime
  bank:
    entity: []
    source: moves
    features:
      all_entries: count(*) filter (where kind = 'entry') over lifetime
      all_balls: count(*) filter (where kind = 'ball') over lifetime
      all_amount: sum(amount) over lifetime
feature_services:
  audit: {features: [account, bank]}
"""
SCHEMA = pa.schema(
    {
        "move_id": pa.int64(),
        "account_id": pa.int64(),
        "kind": pa.string(),
        "amount": pa.int64(),
        "happened_at": pa.timestamp("us"),
        "known_at": pa.timestamp("us"),
    }
)
_APART = 10**9
"""Between the numbers of two branches' moves."""


def requests(branches: int) -> list[dict[str, Any]]:
    """All accounts of the first branches."""
    return [{"account_id": account} for account in range(branches * ACCOUNTS)]


REQUESTS = requests(1)


def write_bank(folder: Path) -> Path:
    """Writes the project into `folder` and gives it."""
    (folder / "features").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text("version: 1\nproject: bank\n")
    (folder / "features" / "bank.yaml").write_text(DEFINITIONS)
    pq.write_table(SCHEMA.empty_table(), folder / "data" / "moves.parquet")
    return folder


def batch(number: int, size: int, branch: int = 0) -> pa.Table:
    """A branch's batch `number`, from 0: `size` entries for each account, and the ball's newest version."""
    now = START + timedelta(hours=number)
    own, account = branch * _APART, branch * ACCOUNTS
    first = own + 1 + number * size * ACCOUNTS
    rows = [
        {"move_id": first + i, "account_id": account + i % ACCOUNTS, "kind": "entry", "amount": number + i % ACCOUNTS}
        for i in range(size * ACCOUNTS)
    ]
    times = {"happened_at": now, "known_at": now}
    holder = account + number % ACCOUNTS
    ball = {"move_id": own, "account_id": holder, "kind": "ball", "amount": WEIGHT, "happened_at": START}
    return pa.Table.from_pylist([*({**row, **times} for row in rows), {**ball, "known_at": now}], SCHEMA)


def expected(batches: int, size: int) -> list[dict[str, Any]]:
    """What `audit` answers for all accounts, long after `batches` batches of `size`."""
    holder = (batches - 1) % ACCOUNTS if batches else None
    entered = [size * sum(n + account for n in range(batches)) for account in range(ACCOUNTS)]
    whole = {
        "all_entries": batches * size * ACCOUNTS,
        "all_balls": min(batches, 1),
        "all_amount": sum(entered) + WEIGHT if batches else None,
    }
    return [
        {
            "entries": batches * size,
            "balls": int(account == holder),
            "amount": entered[account] + WEIGHT * (account == holder) if batches else None,
            "newest": batches - 1 + account if batches else None,
            **whole,
        }
        for account in range(ACCOUNTS)
    ]


def batches_in(answer: Sequence[Mapping[str, Any]], size: int) -> int | None:
    """How many whole batches an answer shows; None when it shows a part of one."""
    batches: int = answer[0]["entries"] // size
    return batches if list(answer) == expected(batches, size) else None


def expected_of(batches: Sequence[int], size: int) -> list[dict[str, Any]]:
    """What `audit` answers for the accounts of all branches after so many batches of each."""
    parts = [expected(n, size) for n in batches]
    whole = {name: sum(p[0][name] for p in parts if p[0][name] is not None) for name in TOTALS}
    if not any(batches):
        whole["all_amount"] = None
    return [{**row, **whole} for part in parts for row in part]


def batches_of(answer: Sequence[Mapping[str, Any]], size: int) -> list[int] | None:
    """How many whole batches of each branch an answer shows; None when it shows a part of one."""
    batches = [answer[first]["entries"] // size for first in range(0, len(answer), ACCOUNTS)]
    return batches if list(answer) == expected_of(batches, size) else None
