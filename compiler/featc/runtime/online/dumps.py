"""Dumps of snapshot sources going into the store: each whole, once (semantics.md, "State and snapshot sources")."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from featc.errors import Diagnostic, FeatcError
from featc.lower.online import ViewPlan
from featc.lower.online_dumps import DumpsPlan

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Dump = tuple[int, int]
"""(τ, α) in µs."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A dump in a batch: how many different rows it has, their digest, and how many rows."""

    different: int
    digest: str
    rows: int


def accept(
    store: sqlite3.Connection,
    plan: DumpsPlan,
    listed: Mapping[Dump, Listed],
    places: Mapping[int, Dump],
    horizon: int | None,
) -> frozenset[int]:
    """Takes in the dumps of a batch; gives the places of the rows of those that the store has already. A dump that
    arrived before `horizon` is only looked for.

    Raises FeatcError F394 where the store has a dump with other rows.
    """
    known: set[Dump] = set()
    for dump, found in listed.items():
        there = store.execute(plan.known_sql, dump).fetchone()
        if there is not None and tuple(there) != (found.different, found.digest):
            raise _other_rows(plan.identity.source, dump, there[0], found)
        if there is not None:
            known.add(dump)
        elif horizon is None or dump[1] >= horizon:
            store.execute(plan.accept_sql, (*dump, found.different, found.digest))
    return frozenset(place for place, dump in places.items() if dump in known)


def resolve(store: sqlite3.Connection, plan: DumpsPlan, views: Sequence[ViewPlan]) -> None:
    """Writes through to the dumps, and to the views' rows, when each dump goes."""
    changed = store.execute(plan.resolve_sql).fetchall()
    for text in (plan.note_sql, *(view.supersede_sql for view in views)):
        store.executemany(text, changed)


def _other_rows(source: str, dump: Dump, there: int, found: Listed) -> FeatcError:
    tau, alpha = (_written(us) for us in dump)
    arrived = "" if tau == alpha else f" that arrived at {alpha}"
    has = f"with {there} different rows, and the batch has {found.different}"
    if there == found.different:
        has = "with rows that have other values"
    message = f"the store has the dump of {source} of {tau}{arrived} {has}"
    hint = "push a dump whole, in one batch; give one that replaces it a later arrival. Nothing was written"
    return FeatcError(Diagnostic("F394", message, hint=hint))


def _written(us: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=us)).replace(tzinfo=None).isoformat(sep=" ")
    except OverflowError:
        return f"{us} µs"
