"""The SQL that fills tile tables, in the order it runs: versions, a look for changes, rows of an interval, tiles.

Half-open intervals of τ are given by two variables of the connection, in µs, so that every statement runs as it
stands in the engine's own client. Temporary tables hold what several views of one source share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from featc.lower import source as src
from featc.lower.backfill.tables import Stream
from featc.lower.ctes import Ctes, conjunction, named, select
from featc.lower.source import ARRIVAL, DELETED, ENTER, SUPERSEDED, TIME, quoted
from featc.lower.tile_table import DAY, ROWS, SCHEMA, SETTLED, START, TilePart, TileTable
from featc.lower.training import rows as versions
from featc.resolve.model import ColumnRef
from featc.visibility import floor_to_sql
from featc_dialects import duckdb as engine

FIRST, PAST = "interval_start", "interval_end"
"""The variables: an interval's first µs, and the first one after it."""

_FIRST, _PAST = f"getvariable('{FIRST}')", f"getvariable('{PAST}')"
_WITHIN = (f"{TIME} >= {_FIRST}", f"{TIME} < {_PAST}")
_FINAL = f" FILTER (WHERE {SUPERSEDED} IS NULL)"


def _temp(stream: Stream, what: str) -> str:
    return f"temp.{quoted(f'{stream.name}_{what}')}"


def _kept(stream: Stream) -> list[str]:
    """The columns of a row that tables need, its instants with them."""
    dead = [DELETED] if stream.source.deleted is not None else []
    return [*(quoted(c) for c in stream.columns), TIME, ARRIVAL, *dead]


def _all_columns(stream: Stream) -> frozenset[str]:
    """What is read to order versions: every column has a say."""
    return frozenset(c.name for c in stream.source.columns)


# ── versions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def repeated_sqls(stream: Stream) -> tuple[str, ...]:
    """Two statements, once in a run: which events came more than once, and their versions with `_superseded`, by τ.

    None where every row is an event of its own.
    """
    if not stream.versioned:
        return ()
    source, view = stream.source, stream.view
    ctes = Ctes()
    base = versions.source_rows(ctes, source, frozenset(stream.columns), shared=False)
    base = versions.in_time(ctes, stream.source, base)
    which = ctes.query(versions.repeated_select(source, view, base))
    ctes = Ctes()
    base = versions.source_rows(ctes, source, _all_columns(stream), shared=False)
    base = versions.in_time(ctes, stream.source, base)
    items = [f"r.{c}" for c in _kept(stream)]
    ids = _temp(stream, "repeated_ids")
    several = versions.several_select(source, view, base, ids, items, order=f"\nORDER BY {TIME}")
    return (
        f"CREATE OR REPLACE TEMP TABLE {ids.removeprefix('temp.')} AS\n{which}",
        f"CREATE OR REPLACE TEMP TABLE {_temp(stream, 'repeated').removeprefix('temp.')} AS\n{ctes.query(several)}",
    )


# ── the look for changes ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Places:
    """Where in a scan's rows a table's numbers are: how many rows count, and the hash by fingerprint."""

    table: TileTable
    rows: int
    hashes: Mapping[str, int]


def scan_sql(stream: Stream) -> tuple[str, tuple[Places, ...]]:
    """One pass over all rows of a stream: by day, how many there are, and a hash of what each state is made of.

    A hash is the sum of its rows' hashes: it does not depend on their order, and is NULL where no row counts. It is
    over the lifted values, so that it changes when and only when what a tile is made of does. That of a table's own
    fingerprint is over keys, τ and visibility. The answer's first columns are the day's first µs and its number of
    rows.
    """
    ctes = Ctes()
    kept = ", ".join(_kept(stream))
    base = versions.source_rows(ctes, stream.source, frozenset(stream.columns), shared=False)
    base = versions.in_time(ctes, stream.source, base)
    if stream.versioned:
        ids, items = _temp(stream, "repeated_ids"), [f"r.{c}" for c in _kept(stream)]
        body = versions.single_select(stream.source, stream.view, base, ids, items)
        body += f"\nUNION ALL\nSELECT {kept}, {SUPERSEDED}\nFROM {_temp(stream, 'repeated')}"
        base = ctes.add(quoted(f"{stream.name}_versions"), body, f"{stream.name}: every version of every event")
    items, answers = [f"{floor_to_sql(TIME, DAY)} AS {START}"], [START, "count(*)"]
    places = []
    for table in stream.tables:
        found: dict[str, int] = {}
        names: dict[tuple[str, ...], str] = {}
        for fingerprint, slots in [(table.fingerprint, ()), *((s.fingerprint, s.partial.slots) for s in table.states)]:
            if slots not in names:
                names[slots] = f"_hash_{len(items)}"
                items.append(f"{_hash(table, slots, names[()])} AS {names[slots]}")
                answers.append(f"sum({names[slots]})")
            found[fingerprint] = answers.index(f"sum({names[slots]})")
        answers.append(f"count({names[()]})")
        places.append(Places(table, len(answers) - 1, found))
    comment = "a hash of what each row brings to each state; NULL where it brings nothing"
    rows = ctes.add(
        quoted(f"{stream.name}_hashes"), select(items, f"FROM {base}\nWHERE {TIME} IS NOT NULL"), comment
    )
    final = select(answers, f"FROM {rows}\nGROUP BY {START}\nORDER BY {START}")
    return ctes.query(final), tuple(places)


def _hash(table: TileTable, slots: tuple[str, ...], own: str) -> str:
    """A row's hash for one list of slots; `own` names the hash of the row without any.

    The engine's hash of zeros is zero, which would not show in a sum of hashes; hence the one in front.
    """
    if slots:
        lifted = ", ".join(versions.slot_sql(table.view, s) for s in slots)
        return f"CASE WHEN {own} IS NOT NULL THEN hash({own}, {lifted}) END"
    superseded = [SUPERSEDED] if _is_versioned(table) else []
    values = ", ".join([*(src.key_sql(k) for k in table.view.keys), TIME, _enter(table), *superseded])
    return f"CASE\n    WHEN {' AND '.join(_conditions(table))}\n    THEN hash(1, {values})\nEND"


# ── an interval's rows ────────────────────────────────────────────────────────────────────────────────────────────


def interval_sql(stream: Stream) -> str:
    """The statement that puts an interval's rows, all versions of them, where the tables of the stream find them."""
    ctes = Ctes()
    source, kept = stream.source, _kept(stream)
    base = versions.source_rows(ctes, source, frozenset(stream.columns), shared=False, raw=_raw_range(stream))
    base = versions.in_time(ctes, stream.source, base)
    if not stream.versioned:
        body = select(kept, f"FROM {base}\n{conjunction(_WITHIN)}")
    else:
        here = ctes.add(
            quoted(f"{stream.name}_here"),
            select([*kept, SUPERSEDED], f"FROM {_temp(stream, 'repeated')}\n{conjunction(_WITHIN)}"),
            f"{stream.name}: versions of events that came more than once",
        )
        ids = ctes.add(
            quoted(f"{stream.name}_here_ids"),
            select(versions.identity_items(source, stream.view), f"FROM {here}", distinct=True),
        )
        if source.final_after is not None:  # a version that came too late is among them no more
            ids = _temp(stream, "repeated_ids")
        body = versions.single_select(source, stream.view, base, ids, [f"r.{c}" for c in kept], _WITHIN)
        body += f"\nUNION ALL\n{select([*kept, SUPERSEDED], f'FROM {here}')}"
    name = _temp(stream, "interval").removeprefix("temp.")
    return f"CREATE OR REPLACE TEMP TABLE {name} AS\n{ctes.query(body)}"


def _raw_range(stream: Stream) -> list[str]:
    """The interval over the data's own time column, where that is one: files are then read in part."""
    source = stream.source
    ref = source.time.parts[0]
    if not source.time.is_bare or not isinstance(ref, ColumnRef):
        return []
    column = source.column(ref.column)
    makers = {"TIMESTAMP": "make_timestamp", "TIMESTAMP WITH TIME ZONE": "make_timestamptz"}
    zoned = source.timezone is not None and source.timezone.upper() != "UTC" and column.physical == "TIMESTAMP"
    if column.physical not in makers or zoned or src.is_text(source, column):
        return []
    make, name = makers[column.physical], quoted(column.name)
    return [f"{name} >= {make}({_FIRST})", f"{name} < {make}({_PAST})"]


# ── tiles ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _is_versioned(table: TileTable) -> bool:
    return src.identity(table.source, table.view) is not None


def _enter(table: TileTable) -> str:
    return f"greatest({TIME}, {ARRIVAL})" if table.source.available_at is not None else ARRIVAL


def _conditions(table: TileTable) -> list[str]:
    """What a row needs to be visible at some instant (semantics.md, "Events and versions")."""
    found = versions.event_conditions(table.source, table.view)
    if _is_versioned(table):
        found.append(f"({SUPERSEDED} IS NULL OR {SUPERSEDED} > {_enter(table)})")
    return found


def _tiles(table: TileTable, states: Sequence[TilePart], relation: str, *, counted: bool) -> str:
    """SELECT of the tiles of the interval's rows: keys, `_start`, with `counted` the columns every tile has, states.

    The interval may be part of the one whose rows `relation` holds: views of one source can be open in other days.
    """
    final = _FINAL if _is_versioned(table) else ""
    slots = versions.slot_columns(table.view, table.parts)
    used = dict.fromkeys(s for state in states for s in state.partial.slots)
    items = [named(src.key_sql(k), c) for k, c in zip(table.view.keys, table.keys, strict=True)]
    items += [f"{floor_to_sql(TIME, table.width)} AS {START}", named(_enter(table), ENTER)]
    items += [SUPERSEDED] if final else []
    items += [named(versions.slot_sql(table.view, s), slots[s]) for s in used]
    ctes = Ctes()
    lifted = ctes.add(
        quoted(f"{table.view.name}_rows"),
        select(items, f"FROM {relation}\n{conjunction([*_conditions(table), *_WITHIN])}"),
        f"{table.view.name}: the rows that are visible at some instant, and what each brings",
    )
    wanted = [*table.keys, START]
    if counted:
        settled = f"coalesce({SUPERSEDED}, {ENTER})" if final else ENTER
        wanted += [f"max({settled}) AS {SETTLED}", f"count(*){final} AS {ROWS}"]
    for state in states:
        partial = state.partial
        names = [slots[s] for s in partial.slots]
        spelled = engine.partial(partial.kind, names, partial.types, "", START, final)
        wanted += [f"{sql} AS {column}" for sql, column in zip(spelled, state.columns, strict=True)]
    return ctes.query(select(wanted, f"FROM {lifted}\nGROUP BY {', '.join([*table.keys, START])}"))


def create_sql(stream: Stream, table: TileTable) -> str:
    """Makes the table, empty, its columns of the types that the engine gives states. Needs `interval_sql` to have
    run."""
    tiles = _tiles(table, table.states, _temp(stream, "interval"), counted=True)
    return f"CREATE TABLE IF NOT EXISTS {table.relation} AS\n{tiles}\nLIMIT 0"


def fill_sql(stream: Stream, table: TileTable) -> tuple[str, str]:
    """Replaces the tiles of an interval by those of the rows that `interval_sql` found."""
    tiles = _tiles(table, table.states, _temp(stream, "interval"), counted=True)
    return (
        f"DELETE FROM {table.relation}\nWHERE {START} >= {_FIRST} AND {START} < {_PAST}",
        f"INSERT INTO {table.relation} BY NAME\n{tiles}",
    )


def add_sql(stream: Stream, table: TileTable, states: Sequence[TilePart]) -> str:
    """Fills in states of tiles that are there, their rows having stayed the same."""
    tiles = _tiles(table, states, _temp(stream, "interval"), counted=False)
    columns = [c for s in states for c in s.columns]
    same = " AND ".join(f"tiles.{c} = found.{c}" for c in (*table.keys, START))
    sets = ",\n    ".join(f"{c} = found.{c}" for c in columns)
    inner = tiles.replace("\n", "\n    ")
    within = f"tiles.{START} >= {_FIRST} AND tiles.{START} < {_PAST}"
    head = f"UPDATE {table.relation} AS tiles SET\n    {sets}"
    return f"{head}\nFROM (\n    {inner}\n) AS found\nWHERE {same} AND {within}"


def backfill_sql(stream: Stream, table: TileTable) -> str:
    """All statements that fill one interval of one table, as they run."""
    delete, insert = fill_sql(stream, table)
    steps = [
        *(("once in a run: the events that came more than once, and their versions", s) for s in repeated_sqls(stream)),
        ("each interval: its rows, for all views of the source", interval_sql(stream)),
        ("the first time: the table", f"CREATE SCHEMA IF NOT EXISTS {SCHEMA};\n{create_sql(stream, table)}"),
        ("each interval: its tiles, in one transaction", f"BEGIN;\n{delete};\n{insert};\nCOMMIT"),
    ]
    return "\n\n".join(f"-- {why}\n{sql};" for why, sql in steps) + "\n"
