"""A batch of a source that is part of unions: beside its own table, one in the columns of each union.

They are made before the batch is taken in, since slicing a large one consumes its table; and each takes its place, one
after the other, once the batch itself is in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from featc.lower.online import Feed, SourcePlan
from featc.lower.online_lift import BATCH
from featc.runtime.online.engine import Engine


@contextmanager
def united(engine: Engine, plan: SourcePlan) -> Iterator[Iterator[Feed]]:
    """Gives the unions of a batch's source; as each is given, `featc_batch` has the rows in its columns. The caller
    holds `engine.batch`."""
    tables = [f"featc_union_{n}" for n, _ in enumerate(plan.feeds)]
    try:
        for feed, table in zip(plan.feeds, tables, strict=True):
            engine.rows(f"CREATE OR REPLACE TEMP TABLE {table} AS {feed.batch_sql}")
        yield _given(engine, plan.feeds, tables)
    finally:
        for table in tables:
            engine.rows(f"DROP TABLE IF EXISTS {table}")


def _given(engine: Engine, feeds: Sequence[Feed], tables: Sequence[str]) -> Iterator[Feed]:
    for feed, table in zip(feeds, tables, strict=True):
        engine.rows(f"DROP TABLE IF EXISTS {BATCH}")
        engine.rows(f"ALTER TABLE {table} RENAME TO {BATCH}")
        yield feed
