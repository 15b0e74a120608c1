"""Every row that could have to do with one entity, and how it stands: SQL for DuckDB (`featc why`).

What is shown has to be what the training query reads. So the stages are the training plan's own, from a source's rows
to versions, joins and matches, slots and event order; only what that plan filters away stays here, beside a column that
says so. `why_entity` is a table of one row with the view's keys, `why_rows` a table of the rows of its source that can
concern the entity, with `_why`, a number for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from featc.lower import source as src
from featc.lower.ctes import Ctes, conjunction, indent, named, select
from featc.lower.source import ARRIVAL, DELETED, ENTER, SUPERSEDED, TIME, quoted
from featc.lower.training.beside import numbered
from featc.lower.training.current import stretches
from featc.lower.training.dumps import DUMP, FROM, UNTIL, dump_rows, dumps, holding
from featc.lower.training.follows import with_matches
from featc.lower.training.knowledge import LATEST
from featc.lower.training.needs import Wanted, joins_read
from featc.lower.training.rows import AtT, chosen_by, in_time, row_conditions, slot_sql, source_rows, versions
from featc.lower.training.views import Views, bases_of
from featc.resolve.model import Aggregation, ColumnRef, Expr, Join, Project, Source, View

NUMBER = "_why"
ENTITY, ROWS, HISTORY, SEEN, HELD = "why_entity", "why_rows", "why_history", "why_seen", "why_held"
MINE, PASSES, NEXT, SAME = "_mine", "_passes", "_next", "_same"
"""Of a row: whether it has the entity's keys and can be visible; whether it passes `where`; which version takes its
place, and whether that is the same row once more."""
RELATED = "WHERE _standing <> 'elsewhere'"
"""Leaves out the rows of `why_standing` that have nothing to do with a window."""
ORDER, STATE_ORDER = "_order", "_state_order"


def widened(project: Project, view: View) -> Project:
    """The project with lookups of the view's joins that also bring what tells which row was looked up: its id, and
    when it happened and was known."""
    if not any(isinstance(j, Join) for j in view.joins):
        return project
    made = replace(view, joins=tuple(_telling(j) if isinstance(j, Join) else j for j in view.joins))
    if view.name in project.labels:
        return replace(project, labels={**project.labels, view.name: made})
    return project.with_views({view.name: made})


def _telling(join: Join) -> Join:
    source = join.source
    times = [e for e in (source.time, source.available_at) if e is not None and e.is_bare]
    told = [*source.id, *(r.column for e in times for r in e.refs if isinstance(r, ColumnRef))]
    columns = dict.fromkeys([*join.rows.state_columns, *told])
    return replace(join, rows=replace(join.rows, state_columns=tuple(columns)))


# ── the rows that can concern an entity ───────────────────────────────────────────────────────────────────────────


def related_sql(source: Source, view: View) -> str:
    """Makes `why_rows`: the rows that have the entity's keys; other versions of their events, which may be about
    another entity; and the other rows of what they are about, where rows hold for a time. All rows, where only joins
    say which entity a row is about."""
    ctes = Ctes()
    base = source_rows(ctes, source, frozenset(c.name for c in source.columns), shared=True)
    wanted = ""
    if view.keys and not view.finds_keys:
        own = is_own(view)
        also = [_listed(i) for i in (src.identity(source, view), _place(source)) if i]
        meeting = [f"{one} IN (SELECT {one} FROM {base} WHERE {own})" for one in dict.fromkeys(also)]
        wanted = f"\nWHERE {chr(10).join([own, *(f'   OR {m}' for m in meeting)])}"
    body = select([f"row_number() OVER () AS {NUMBER}", "*"], f"FROM {base}{wanted}")
    return f"CREATE OR REPLACE TEMP TABLE {ROWS} AS\n{ctes.query(body)}"


def is_own(view: View) -> str:
    """Whether a row has the entity's keys."""
    if not view.keys:
        return "true"
    keys = [src.key_sql(k) for k in view.keys]
    return " AND ".join(
        f"coalesce({k} = (SELECT {quoted(key.name)} FROM {ENTITY}), false)"
        for k, key in zip(keys, view.keys, strict=True)
    )


def _place(source: Source) -> tuple[str, ...]:
    return tuple(quoted(c) for c in source.key) if source.holds else ()


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"


# ── what became of them ───────────────────────────────────────────────────────────────────────────────────────────


def history_sql(source: Source, view: View) -> str:
    """Makes `why_history`: of each row that counts as a version, when another takes its place, which one that is
    (`_next`), and whether it is the same row once more (`_same`)."""
    ctes = Ctes()
    relation = _versions(ctes, source, view)
    identity = None if source.in_dumps else src.identity(source, view)
    dead = DELETED if source.deleted is not None else "false"
    items = [NUMBER, TIME, ARRIVAL, f"greatest({TIME}, {ARRIVAL}) AS {ENTER}", named(dead, DELETED)]
    if identity is None:
        items += [*(f"NULL::BIGINT AS {name}" for name in (SUPERSEDED, NEXT)), f"false AS {SAME}"]
    else:
        given = " AND ".join(f"{i} IS NOT NULL" for i in (*identity, ARRIVAL))
        order = ", ".join(f"{c} NULLS FIRST" for c in src.version_order(source))
        over = f"OVER (PARTITION BY {', '.join(identity)} ORDER BY {order}, {SUPERSEDED} NULLS LAST)"
        row = f"row({', '.join(quoted(c.name) for c in source.columns)})"
        items += [
            SUPERSEDED,
            f"CASE WHEN {given} THEN lead({NUMBER}) {over} END AS {NEXT}",
            f"{given} AND coalesce(lead({row}) {over} IS NOT DISTINCT FROM {row}"
            f" AND lead({NUMBER}) {over} IS NOT NULL, false) AS {SAME}",
        ]
    return f"CREATE OR REPLACE TEMP TABLE {HISTORY} AS\n{ctes.query(select(items, f'FROM {relation}'))}"


def _versions(ctes: Ctes, source: Source, view: View) -> str:
    """The CTE of the rows as versions; those of dumps are none."""
    return in_time(ctes, source, ROWS) if source.in_dumps else versions(ctes, source, view, ROWS)


def too_late_sql(source: Source) -> str:
    """The numbers of the rows that `final_after` leaves out."""
    return (
        f"SELECT {NUMBER} FROM {ROWS} ANTI JOIN {HISTORY} USING ({NUMBER})"
        f" WHERE {TIME} IS NULL OR {ARRIVAL} IS NOT NULL"
    )


# ── what the view sees of them ────────────────────────────────────────────────────────────────────────────────────


def orders(aggregations: Iterable[Aggregation]) -> dict[tuple[str, ...], str]:
    """The columns that number rows in the event orders that aggregations go by."""
    found: dict[tuple[str, ...], str] = {}
    for a in aggregations:
        found.setdefault(chosen_by(a), f"{ORDER}_{len(found) + 1}")
    return found


def slots(aggregations: Iterable[Aggregation]) -> dict[str, int]:
    """The slots of aggregations, numbered: `_slot_1` is what a row brings, `_filter_1` whether its FILTER holds."""
    names = dict.fromkeys(s for a in aggregations for s in chosen_by(a))
    return {name: number for number, name in enumerate(names, 1)}


def seen_sql(project: Project, view: View, need: Wanted, aggregations: Sequence[Aggregation]) -> str:
    """Makes `why_seen`: each version with what joins and matches bring, whether it is the entity's and passes `where`,
    and what it brings to `aggregations`. An attributed row comes once for each answer, with the instants between which
    that is seen."""
    ctes = Ctes()
    source = project.sources[view.source or ""]
    relation = _joined(ctes, project, view, need, _versions(ctes, source, view))
    body = select(list(_seen_items(project, view, need, aggregations)), f"FROM {relation}")
    return f"CREATE OR REPLACE TEMP TABLE {SEEN} AS\n{ctes.query(body)}"


def _joined(ctes: Ctes, project: Project, view: View, need: Wanted, relation: str) -> str:
    """The CTE of the versions with what lies beside them."""
    if not view.joins:
        return relation
    bases = bases_of(ctes, project, view, need)
    if view.attributed is not None:
        return with_matches(ctes, project, view, relation, bases, ())
    relation = numbered(ctes, project, view, relation, ())
    return Views(ctes, project, need, bases, {}, LATEST).with_joins(view, relation, joins_read(view, need))


def _seen_items(
    project: Project, view: View, need: Wanted, aggregations: Sequence[Aggregation]
) -> Iterator[str]:
    source = project.sources[view.source or ""]
    yield NUMBER
    if view.attributed is not None:
        yield f"{ARRIVAL} AS _answer_arrival"
        yield f"{ENTER} AS _answer_enter"
        yield f"{SUPERSEDED} AS _answer_superseded"
    present = " AND ".join(f"({c})" for c in row_conditions(source, view)) or "true"
    yield f"coalesce({is_own(view)} AND {present}, false) AS {MINE}"
    yield f"{_holds(view.where)} AS {PASSES}"
    numbers = slots(aggregations)
    for name, number in numbers.items():
        slot = view.slot(name)
        yield f"{slot_sql(view, name)} AS _slot_{number}"
        yield f"{_holds(slot.filter)} AS _filter_{number}"
    for names, column in orders(aggregations).items():
        keys = [*src.event_order(source), *(slot_sql(view, s) for s in names)]
        yield f"row_number() OVER (ORDER BY {', '.join(f'{c} NULLS FIRST' for c in keys)}) AS {column}"
    order = ", ".join(f"{c} NULLS FIRST" for c in src.state_order(source))
    yield f"row_number() OVER (ORDER BY {order}) AS {STATE_ORDER}"
    until = "NULL::BIGINT" if source.valid_to is None else src.instant(source, source.valid_to)
    yield f"{until} AS {UNTIL}"
    yield from (quoted(c.name) for c in source.columns)
    yield from (quoted(c) for c in beside(view, need, aggregations))


def _holds(condition: Expr | None) -> str:
    """Whether a condition holds, NULL being false."""
    return "true" if condition is None else f"coalesce(({src.render(condition)}), false)"


def beside(view: View, need: Wanted, aggregations: Sequence[Aggregation]) -> tuple[str, ...]:
    """The columns that joins and matches bring to the view's rows, of those joins that these aggregations, `where`, the
    keys, or another such join make use of."""
    exprs = [view.where, *(k.expr for k in view.keys)]
    exprs += [e for name in slots(aggregations) for e in (view.slot(name).value, view.slot(name).filter)]
    used = {r.column for e in exprs if e is not None for r in e.refs if isinstance(r, ColumnRef)}
    found: list[str] = []
    for join in reversed(view.joins if view.attributed is not None else joins_read(view, need)):
        if used & set(join.columns):
            used |= {r.column for e in join.keys for r in e.refs if isinstance(r, ColumnRef)}
            found[:0] = join.columns
    return tuple(found)


# ── rows that hold for a time ─────────────────────────────────────────────────────────────────────────────────────


def held_sql(source: Source, view: View) -> str:
    """Makes `why_held`: the stretches of time for which each row is its key's own (`_from`, `_until`), or of dumps the
    number of the dump and when that is in force (`_from`, `_until`)."""
    ctes = Ctes()
    holds = f"coalesce({' AND '.join(holding(source, view)) or 'true'}, false) AS _holds"
    if source.in_dumps:
        base = source_rows(ctes, source, frozenset(c.name for c in source.columns), shared=True)
        listed = dumps(ctes, source, base, AtT())
        relation = dump_rows(ctes, source, view, ROWS, listed, [])
        ends = f"SELECT {DUMP}, {FROM}, lead({FROM}) OVER (ORDER BY {FROM}) AS {UNTIL} FROM {listed}"
        rest = f"FROM {relation} r JOIN (\n{indent(ends)}\n) d USING ({DUMP})"
        body = select([NUMBER, DUMP, f"d.{FROM}", f"d.{UNTIL}", holds], rest)
    else:
        relation = stretches(ctes, source, view, versions(ctes, source, view, ROWS), [], AtT())
        body = select([NUMBER, f"NULL::BIGINT AS {DUMP}", FROM, UNTIL, holds], f"FROM {relation}")
    return f"CREATE OR REPLACE TEMP TABLE {HELD} AS\n{ctes.query(body)}"


def dumps_sql(source: Source) -> str:
    """The dumps of a source that are in force for some time: τ, α, from when, in that order."""
    ctes = Ctes()
    base = source_rows(ctes, source, frozenset(c.name for c in source.columns), shared=True)
    listed = dumps(ctes, source, base, AtT())
    return ctes.query(f"SELECT {TIME}, {ARRIVAL}, {FROM} FROM {listed}\nORDER BY {FROM}")


def row_sql(number: int) -> str:
    """A row of `why_rows` as the data has it."""
    return f"FROM {ROWS} {conjunction([f'{NUMBER} = {number}'])}"
