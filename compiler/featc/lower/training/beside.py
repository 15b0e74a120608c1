"""Joins: the rows of a source with the columns of other sources beside them (semantics.md, "Enrichment joins").

Every version of an event is looked up for on its own: at its own τ, by what was known when it entered. So a join is a
state lookup whose spine are the rows themselves, and what reads the joined rows need not know of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from featc.lower import source as src
from featc.lower.ctes import Ctes, conjunction, named, select
from featc.lower.source import ARRIVAL, TIME, quoted
from featc.lower.training.cells import ROW
from featc.lower.training.follows import with_matches
from featc.lower.training.lookup import lookup
from featc.lower.training.rows import AtT, Known, source_rows, state_rows, versions
from featc.resolve.model import Join, Project, View, Window
from featc.visibility import AS_OF

KNOWN = "_known"
"""The instant by which a row of another source has to be known: when the event itself entered."""
ENTERED = f"greatest({TIME}, {ARRIVAL})"


def with_joins(
    ctes: Ctes,
    project: Project,
    view: View,
    relation: str,
    bases: Mapping[str, str],
    reach: Sequence[str],
    known: Known,
) -> str:
    """The CTE of the rows of `relation` with the columns that the view's joins bring. `bases` are the CTEs of the other
    sources' rows; `reach` are conditions that leave out rows which no window holds."""
    source = project.sources[view.source or ""]
    items = [f"row_number() OVER () AS {ROW}", f"{TIME} AS {AS_OF}", f"{ENTERED} AS {KNOWN}", "*"]
    seen = [f"{TIME} IS NOT NULL", f"{ARRIVAL} IS NOT NULL", *reach]
    name = quoted(f"{view.name}_unjoined")
    body = select(items, f"FROM {relation}\n{conjunction(seen)}")
    relation = ctes.add(name, body, f"{view.name}: rows of {source.name}, numbered", materialized=True)
    for join in view.joins:
        relation = _joined(ctes, project, view, join, relation, bases, known)
    return relation


def _joined(
    ctes: Ctes, project: Project, view: View, join: Join, relation: str, bases: Mapping[str, str], known: Known
) -> str:
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


def with_beside(ctes: Ctes, project: Project, view: View, relation: str, bases: Mapping[str, str]) -> str:
    """The CTE of all rows of `relation` with the columns of the view's joins, or of its matches: then `relation` has
    versions, and a row comes once for each answer."""
    if view.attributed is not None:
        return with_matches(ctes, project, view, relation, bases, ())
    return with_joins(ctes, project, view, relation, bases, (), AtT(KNOWN))


def joined_keys_sql(project: Project, view: View) -> str:
    """The keys of all rows of a view whose joins say which entity they are about, then τ and α: no row is left out, and
    none is taken for a version of another."""
    ctes = Ctes()
    bases = {}
    for name in view.sources:
        source = project.sources[name]
        bases[name] = source_rows(ctes, source, frozenset(c.name for c in source.columns), shared=True)
    relation = bases[view.sources[0]]
    if view.attributed is not None:
        relation = versions(ctes, project.sources[view.sources[0]], view, relation)
    relation = with_beside(ctes, project, view, relation, bases)
    items = [f"{src.key_sql(k)} AS {quoted(k.name)}" for k in view.keys]
    return ctes.query(select([*items, TIME, ARRIVAL], f"FROM {relation}\nORDER BY ALL"))
