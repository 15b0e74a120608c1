"""Push: a batch of new rows into the store, whole or not at all, and of a token once (semantics.md, "Events and
versions"). The batch is lifted in DuckDB first; then one SQLite transaction takes it in.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from featc.errors import Diagnostic, FeatcError
from featc.lower.online import SourcePlan
from featc.names import written
from featc.resolve.model import Source
from featc.runtime.online import journal
from featc.runtime.online.batch import content_digest, load_batch
from featc.runtime.online.database import Database
from featc.runtime.online.engine import Engine
from featc.runtime.online.journal import Entry
from featc.runtime.online.ledger import (
    KnownBatch,
    PushReport,
    know_batch,
    known_batch,
)
from featc.runtime.online.taking import Batch, Lifter, lifted_batch, take_in

Guard = Callable[[Entry | None], None]
"""Asked inside the transaction that takes a batch in, before anything is written: raises where the batch belongs into
another store by now."""


def unguarded(entry: Entry | None) -> None:
    """Of a store that is not one of several."""


def push_batch(
    database: Database,
    lifter: Lifter,
    plan: SourcePlan,
    rows: Any,
    token: str | None,
    strict: bool,
    guard: Guard = unguarded,
    variants: Sequence[SourcePlan] = (),
) -> PushReport:
    """Takes in one batch, or raises FeatcError (F61x batch, F62x expression, F90x store) and writes nothing. `variants`
    are those of the source that earlier versions of views read: they take in the same rows."""
    source, engine = plan.source.name, lifter.engine
    known = None
    if token is not None:
        with database.read() as store:
            known = known_batch(store, source, token)
    with engine.batch:  # to the end: what is rejected on the way is looked up in the batch
        loaded = load_batch(engine, plan.source, rows, plan.required)
        digest = None if token is None else content_digest(engine, plan.source)
        batch = Batch(loaded.rows, "push", token, digest, strict, loaded.lacking)
        if known is not None:
            with database.read() as store:
                return _same_batch(store, engine, plan.source, known, batch)
        data, now = journal.packed(engine, plan.source, loaded.lacking), time.time_ns() // 1000
        entry = Entry(None, written(source), token, digest, None, now, loaded.rows, 0, 0, "{}", data)
        return _write(database, lifter, plan, replace(batch, entry=entry), guard, variants)


def push_again(
    database: Database,
    lifter: Lifter,
    plan: SourcePlan,
    entry: Entry,
    strict: bool,
    guard: Guard,
    variants: Sequence[SourcePlan] = (),
) -> PushReport:
    """Takes in a batch that was on its way into another store; raises as `push_batch`, and F890."""
    with lifter.engine.batch:
        lacking = journal.unpack(lifter.engine, plan.source, [entry])
        batch = Batch(entry.rows, "push", entry.token, entry.digest, strict, lacking, entry)
        return _write(database, lifter, plan, batch, guard, variants)


def take_over(
    database: Database,
    lifter: Lifter,
    plan: SourcePlan,
    run: Sequence[Entry],
    variants: Sequence[SourcePlan] = (),
    *,
    following: bool = False,
) -> None:
    """Takes in what another store's journal has, in one transaction; raises as `push_batch`, and F890. What the store
    said of each batch when it was pushed stays said. `following`: what another process has taken over meanwhile is left
    out, which is told by the numbers of entries."""
    # of dumps a batch says which are whole
    dumps = any(p.dumps is not None for p in (plan, *variants))
    parts = [[entry] for entry in run] if dumps else list(journal.alike(run))
    for part in parts if len(parts) > 1 else ():
        take_over(database, lifter, plan, part, variants, following=following)
    if len(parts) > 1:
        return
    with lifter.engine.batch:
        lacking = journal.unpack(lifter.engine, plan.source, run)
        rows = sum(entry.rows for entry in run)
        slices = lifted_batch(lifter.engine, plan, rows)
        with database.write() as store:
            fresh = journal.beyond(store, run) if following else run
            if len(fresh) == len(run):
                take_in(store, lifter, plan, slices, Batch(rows, "push", lacking=lacking))
                _take_in_variants(store, lifter, variants, run)
                for entry in run:
                    journal.add(store, entry)
                    know_batch(store, replace(entry, source=plan.source.name))
    if fresh and len(fresh) < len(run):
        take_over(database, lifter, plan, fresh, variants, following=True)


def _write(
    database: Database, lifter: Lifter, plan: SourcePlan, batch: Batch, guard: Guard, variants: Sequence[SourcePlan]
) -> PushReport:
    """Takes in the batch that lies in `featc_batch`, and by its entry that of each variant."""
    slices = lifted_batch(lifter.engine, plan, batch.rows)
    with database.write() as store:
        guard(batch.entry)
        # another process may have brought the batch since
        known = known_batch(store, plan.source.name, batch.token)
        if known is not None:
            return _same_batch(store, lifter.engine, plan.source, known, batch)
        report = take_in(store, lifter, plan, slices, batch)
        if batch.entry is not None:
            _take_in_variants(store, lifter, variants, [batch.entry], strict=batch.strict)
        return report


def _take_in_variants(
    store: sqlite3.Connection,
    lifter: Lifter,
    variants: Sequence[SourcePlan],
    run: Sequence[Entry],
    strict: bool = False,
) -> None:
    """Takes pushed rows in as those of variants of their source, each read by what it says itself; inside the caller's
    transaction. Their books are their own."""
    rows = sum(entry.rows for entry in run)
    for variant in variants:
        lacking = journal.unpack(lifter.engine, variant.source, run)
        for name in sorted(variant.required & lacking):
            message = f"the batch for {run[0].source} lacks the column '{name}', which {variant.source.name} needs"
            hint = f"bring {name}, or move who pins that version to a later one; nothing was written"
            raise FeatcError(Diagnostic("F611", message, hint=hint))
        slices = lifted_batch(lifter.engine, variant, rows)
        take_in(store, lifter, variant, slices, Batch(rows, "push", strict=strict, lacking=lacking))


def _same_batch(
    store: sqlite3.Connection, engine: Engine, source: Source, known: KnownBatch, batch: Batch
) -> PushReport:
    """What the push of a known token did. Raises FeatcError F613 where it was of other rows. `featc_batch` is void
    afterwards."""
    report = known.report
    if batch.digest == known.digest or batch.digest == _digest_now(store, engine, source, report.token):
        return report
    rows = f"with {report.rows} rows; this one has {batch.rows}"
    if report.rows == batch.rows:
        rows = "whose rows have other values"
    message = f"the token '{report.token}' belongs to another batch of {report.source}, {rows}"
    raise FeatcError(Diagnostic("F613", message, hint="give every batch a token of its own; nothing was written"))


def _digest_now(store: sqlite3.Connection, engine: Engine, source: Source, token: str | None) -> str | None:
    """The digest of a batch that lies in the journal, in the types that its source has by now: those it was pushed in
    may have been others. None where it is no batch of the source any more, or lies there no more."""
    entry = journal.with_token(store, source.name, token)
    try:
        if entry is not None:
            journal.unpack(engine, source, [entry])
            return content_digest(engine, source)
    except FeatcError:
        pass
    return None
