"""Attribution in the online store: SQL that finds what may match a row, and the rows that something may match.

The rows of such a view are kept as they came, like those with joins (`online_joins`), and lifted to one row for each
answer that they have had: `_enter` is the instant from which it is seen, `_superseded` the one until which it is. In
DuckDB these lie in `featc_beside`, as `SEEN` and `GONE`, beside what matched.
"""

from __future__ import annotations

from featc.lower.ctes import conjunction
from featc.lower.online_layout import Layout
from featc.lower.online_store import key_conditions
from featc.resolve.model import Match


def following_sql(rows: Layout, match: Match) -> str:
    """(enter, superseded, columns …) of the rows that may match one of the key with `τ = :t`, the one to take first
    before the others."""
    way = "DESC" if match.take == "last" else "ASC"
    order = ", ".join(f"{c} {way}" for c in ("_tau", *(["_version"] if rows.versioned else [])))
    items = ", ".join([rows.enter, rows.superseded or "NULL", *rows.states.values()])
    within = [*key_conditions(rows), "_tau >= :t", f"_tau < :t + {match.within}"]
    return f"SELECT {items}\nFROM {rows.events}\n{conjunction(within)}\nORDER BY {order};\n"


def reached_sql(table: str, same: list[str], match: Match) -> str:
    """The rows that what happened from one instant up to another may match: the keys, then both instants."""
    return f"SELECT _seq FROM {table}\n{conjunction([*same, f'_tau > ? - {match.within}', '_tau <= ?'])};\n"
