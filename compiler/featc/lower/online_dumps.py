"""Online dumps: SQL that keeps which dumps of a snapshot source there are, and from when to when each is in force.

A dump is the rows of one τ and α, pushed in one batch. It is in force from when it enters until a later one, by (τ, α),
enters; so the views' rows have the instant at which they go in `_superseded`, as superseded versions have, and a dump
that a later one preceded is never seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from featc.lower import source as src
from featc.lower.ctes import Ctes, select
from featc.lower.online_layout import Stream, table
from featc.lower.online_lift import batch_rows, version_key_sql
from featc.lower.online_store import ABSENT
from featc.lower.source import ARRIVAL, TIME
from featc.resolve.model import Source


@dataclass(frozen=True, slots=True)
class DumpsPlan:
    """The texts that keep a source's dumps. `identity` is what tells its rows apart, as versions are told apart."""

    identity: Stream
    schema_sql: str
    places_sql: str
    listed_sql: str
    known_sql: str
    accept_sql: str
    resolve_sql: str
    note_sql: str

    @property
    def table(self) -> str:
        return self.identity.table


def dumps_plan(source: Source, digest: str) -> DumpsPlan:
    """How the dumps of `source` are kept, in a table whose name carries `digest`."""
    name = table(source.name, digest, "__dumps")
    identity = Stream(source.name, source.name, name, (("_tau", TIME, "BIGINT"), ("_alpha", ARRIVAL, "BIGINT")))
    return DumpsPlan(
        identity=identity,
        schema_sql=schema_sql(name),
        places_sql=places_sql(source),
        listed_sql=listed_sql(source),
        known_sql=f"SELECT _rows, _digest FROM {name} WHERE _tau = ? AND _alpha = ?;\n",
        accept_sql=f"INSERT INTO {name} (_tau, _alpha, _rows, _digest) VALUES (?, ?, ?, ?);\n",
        resolve_sql=resolve_sql(name),
        note_sql=f"UPDATE {name} SET _superseded = ? WHERE _tau = ? AND _alpha = ?;\n",
    )


def schema_sql(name: str) -> str:
    """The dumps: how many different rows each has, what they are, and when a later one is in force."""
    return (
        f"CREATE TABLE IF NOT EXISTS {name} (\n    _tau INTEGER NOT NULL,\n    _alpha INTEGER NOT NULL,\n"
        "    _rows INTEGER NOT NULL,\n    _digest TEXT NOT NULL,\n    _superseded INTEGER,\n"
        "    PRIMARY KEY (_tau, _alpha)\n) STRICT, WITHOUT ROWID;\n"
    )


def _whole(source: Source) -> str:
    """Which rows belong to a dump."""
    found = [f"{TIME} IS NOT NULL", f"{ARRIVAL} IS NOT NULL"]
    in_time = src.in_time(source)
    return " AND ".join(found if in_time is None else [*found, in_time])


def places_sql(source: Source) -> str:
    """DuckDB: (`_row`, τ, α) of the rows of a batch that belong to a dump."""
    ctes = Ctes()
    rows = batch_rows(ctes, source, {c.name for c in source.columns})
    return ctes.query(select(["_row", TIME, ARRIVAL], f"FROM {rows}\nWHERE {_whole(source)}")) + ";\n"


def listed_sql(source: Source) -> str:
    """DuckDB: (τ, α, different rows, their digest, rows) of the dumps in a batch."""
    ctes = Ctes()
    rows = batch_rows(ctes, source, {c.name for c in source.columns})
    items = [TIME, ARRIVAL, f"md5({version_key_sql(source)}) AS _whole"]
    digests = ctes.add("digests", select(items, f"FROM {rows}\nWHERE {_whole(source)}"), "each row in a few digits")
    listed = ["count(DISTINCT _whole)", "md5(string_agg(DISTINCT _whole, '' ORDER BY _whole))", "count(*)"]
    return ctes.query(select([TIME, ARRIVAL, *listed], f"FROM {digests}\nGROUP BY ALL\nORDER BY ALL")) + ";\n"


def resolve_sql(name: str) -> str:
    """(`_superseded`, τ, α) of the dumps that go at another instant now: when the first of the later ones enters, or
    before anybody sees them."""
    later = "ORDER BY _tau, _alpha ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING"
    return (
        f"WITH dump AS (\n    SELECT *, max(_tau, _alpha) AS enter FROM {name}\n),\n"
        f"due AS (\n    SELECT *, min(enter) OVER ({later}) AS until FROM dump\n),\n"
        f"gone AS (\n    SELECT *, CASE WHEN until <= enter THEN {ABSENT} ELSE until END AS at FROM due\n)\n"
        "SELECT at, _tau, _alpha FROM gone WHERE _superseded IS NOT at;\n"
    )


def superseded_sql(events: str) -> str:
    """Writes through to a view's rows when their dump goes: (`_superseded`, τ, α)."""
    return f"UPDATE {events} SET _superseded = ? WHERE _tau = ? AND _alpha = ?;\n"
