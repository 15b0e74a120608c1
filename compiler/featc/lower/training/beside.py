"""Joins: the rows of a source with the columns of other sources beside them (semantics.md, "Enrichment joins").

Every version of an event is looked up for on its own: at its own τ, by what was known when it entered. So a join is a
state lookup whose spine are the rows themselves, and what reads the joined rows need not know of it. Features of
another view are that view, asked at the same spine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from featc.lower import source as src
from featc.lower.calendars import with_begins
from featc.lower.ctes import Ctes, conjunction, named, select
from featc.lower.source import ARRIVAL, TIME, quoted
from featc.lower.training.cells import ROW
from featc.lower.training.lookup import lookup
from featc.lower.training.rows import Known, state_rows
from featc.resolve.model import Calendar, Join, Project, View, ViewJoin, Window
from featc.visibility import AS_OF

KNOWN = "_known"
"""The instant by which a row of another source has to be known: when the event itself entered."""
ENTERED = f"greatest({TIME}, {ARRIVAL})"


MOMENT = "_at"
"""The same as the spine's own instant, as a time, for what another view's expressions call as_of."""


def numbered(ctes: Ctes, project: Project, view: View, relation: str, reach: Sequence[str]) -> str:
    """The CTE of the rows of `relation` as a spine: numbered, each at its own τ, by what is known when it entered.
    `reach` are conditions that leave out rows which no window holds."""
    source = project.sources[view.source or ""]
    items = [f"row_number() OVER () AS {ROW}", f"{TIME} AS {AS_OF}", f"{ENTERED} AS {KNOWN}", "*"]
    seen = [f"{TIME} IS NOT NULL", f"{ARRIVAL} IS NOT NULL", *reach]
    body = select(items, f"FROM {relation}\n{conjunction(seen)}")
    comment = f"{view.name}: rows of {source.name}, numbered"
    return ctes.add(quoted(f"{view.name}_unjoined"), body, comment, materialized=True)


def asks(
    ctes: Ctes, view: View, join: ViewJoin, relation: str, begins: Mapping[str, tuple[Calendar, int]]
) -> str:
    """The CTE of what each row asks another view: for whom, when, and by what it may know; with the columns that
    calendar windows need beside the instant."""
    keys = [named(src.render(e), quoted(k.name)) for e, k in zip(join.keys, join.keys_of, strict=True)]
    items = [ROW, AS_OF, KNOWN, f"make_timestamp({AS_OF}) AS {MOMENT}", *keys]
    comment = f"{view.name}: what each row asks {join.view}, when, and by what it may know"
    name = f"{view.name} {join.name}_asked"
    asked = ctes.add(quoted(name), select(items, f"FROM {relation}"), comment, materialized=True)
    if not begins:
        return asked
    comment = "the same, with the beginnings of the calendar units each lies in"
    return ctes.add(quoted(f"{name}_begun"), with_begins(ctes, asked, begins), comment, materialized=True)


def with_features(ctes: Ctes, view: View, join: ViewJoin, relation: str, found: str) -> str:
    """The CTE of the rows of `relation` with the features of another view that `found` holds by their numbers."""
    pairs = zip(join.pairs, join.columns, strict=True)
    items = ["r.*", *(f"j.{quoted('.'.join(pair))} AS {quoted(column)}" for pair, column in pairs)]
    body = select(items, f"FROM {relation} r\nLEFT JOIN {found} j USING ({ROW})")
    comment = f"{view.name}: each row with the features of {join.view} as they were then"
    return ctes.add(quoted(f"{view.name} {join.name}_joined"), body, comment)


def with_lookup(
    ctes: Ctes, project: Project, view: View, join: Join, relation: str, bases: Mapping[str, str], known: Known
) -> str:
    """The CTE of the rows of `relation` with the columns of the row of another source that held then. `bases` are the
    CTEs of the other sources' rows."""
    rows, source = join.rows, project.sources[join.rows.source or ""]
    keys = [named(src.render(e), quoted(k.name)) for e, k in zip(join.keys, rows.keys, strict=True)]
    comment = f"{view.name}: what each row looks up in {source.name}, when, and by what it may know"
    asked = ctes.add(
        quoted(f"{rows.name}_asked"), select([ROW, AS_OF, KNOWN, *keys], f"FROM {relation}"), comment, materialized=True
    )
    base = bases[source.name]
    window = Window("within", length=rows.ttl) if rows.ttl else Window("lifetime")
    listed = ", ".join(quoted(k.name) for k in rows.keys)
    wanted = ", ".join(src.key_sql(k) for k in rows.keys)
    reach = [
        f"{wanted if len(rows.keys) == 1 else f'({wanted})'} IN"
        f" (SELECT {listed if len(rows.keys) == 1 else f'({listed})'} FROM {asked})"
    ]
    states = state_rows(ctes, rows, source, base, asked, reach, known)
    found = lookup(ctes, states, window)
    items = ["r.*", *(f"j.{quoted(c)} AS {quoted(n)}" for c, n in zip(rows.state_columns, join.columns, strict=True))]
    body = select(items, f"FROM {relation} r\nLEFT JOIN {found} j USING ({ROW})")
    comment = f"{view.name}: each row with the {join.name} that held then"
    return ctes.add(quoted(f"{rows.name}_joined"), body, comment)
