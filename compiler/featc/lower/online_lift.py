"""Online lift: DuckDB SQL from a pushed batch to lifted rows, encoded for the store.

A batch is the DuckDB table `featc_batch`: the source's columns in their physical types, and `_row`, the place in the
batch. Instants of a source with a zone are in UTC already (`pushed`): a local time cannot say which of two it is.
Row expressions run here and nowhere else, in the words of the training query, so that both plans see the same values
(architecture.md, "Where expressions run").

* census, once per batch: the rows that can never be seen (with the reason), and what makes rows versions.
* view rows, once per view: the rows that pass, in the order of the columns of the view's events table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from featc.encoding import encoded_sql, real_sql, sort_key_sql, storage
from featc.lower import source as src
from featc.lower.ctes import Ctes, conjunction, named, select
from featc.lower.online_layout import GONE, SEEN, Layout, Stream
from featc.lower.source import ARRIVAL, DELETED, TIME, quoted
from featc.lower.training.rows import slot_sql
from featc.resolve.model import Column, ColumnRef, Expr, Source, View
from featc.types import FLOATS

BATCH = "featc_batch"
EMPTY = "''"
"""Stands last in a sort key of a few narrow columns, which is no BLOB without it."""
RAW, BESIDE = "featc_raw", "featc_beside"
"""The rows of a view with joins while they are lifted: as they came, and the columns of the joins made so far."""
TOO_LATE = "arrived later than final_after allows"


def pushed(source: Source) -> Source:
    """The source as its batches lie in `featc_batch`: columns that are local times in the data are in UTC,
    and so are nanoseconds with a zone, as microseconds."""
    source = replace(source, columns=tuple(map(_in_micros, source.columns)))
    if source.timezone is None:
        return source
    bare = replace(source, timezone=None)

    def as_pushed(column: Column) -> Column:
        name = column.name
        local = src.normalised_batch_column(source, name) != src.normalised_batch_column(bare, name)
        return replace(column, physical=column.type) if local else column

    return replace(bare, columns=tuple(map(as_pushed, source.columns)))


def _in_micros(column: Column) -> Column:
    """Nanoseconds with a zone, which few of the engine's functions take, are brought to naive UTC as they come."""
    return replace(column, physical="TIMESTAMP") if column.physical == "TIMESTAMPTZ_NS" else column


def _columns_of(expressions: Iterable[Expr | None]) -> set[str]:
    return {r.column for e in expressions if e is not None for r in e.refs if isinstance(r, ColumnRef)}


def _instant_columns(source: Source) -> set[str]:
    return _columns_of((source.time, source.available_at, source.deleted))


def view_columns(layout: Layout) -> set[str]:
    """The source columns a view's rows are made of."""
    source = layout.source
    if layout.versioned or source.in_dumps:
        return src.told_apart(source) | read_columns(layout)
    return read_columns(layout) | _instant_columns(source) | set(source.told_by) | set(source.tie_break)


def read_columns(layout: Layout) -> set[str]:
    """The source columns that a view's features, its `where` and its keys read."""
    view = layout.view
    slots = [view.slot(s) for s in layout.slots]
    used = _columns_of((view.where, layout.source.valid_to, *(k.expr for k in view.keys)))
    used |= set(layout.source.key) if layout.placed else set()
    used |= _columns_of(e for join in view.joins for e in join.keys)
    return used | _columns_of(e for s in slots for e in (s.value, s.filter)) | set(view.state_columns)


def required_columns(source: Source, views: Iterable[View]) -> set[str]:
    """The columns a batch has to bring; the others are NULL where it leaves them out.

    Where rows can be deleted by id, a batch of nothing but deletions needs only the id and α.
    """
    if source.id and source.deleted is not None:
        return set(source.id) | _columns_of([source.available_at or source.time])
    needed = _columns_of((source.time, source.available_at)) | set(source.id) | set(source.key)
    return needed.union(*(_columns_of(k.expr for k in v.keys) - v.joined for v in views))


def batch_rows(
    ctes: Ctes, source: Source, columns: set[str], *, kept: bool = False, maturity: int | None = None
) -> str:
    """The CTE of the batch's rows with normalised columns and their instants; with `kept`, of rows as a view with joins
    keeps them, with the columns of the joins that have been made. `maturity`: how long after τ they arrive at the
    earliest, in µs."""
    names = [c.name for c in source.columns if c.name in columns]
    instants = src.instants_select(source, tuple(names))
    if maturity is not None:
        instants = tuple((f"greatest({s}, {TIME} + {maturity})" if n == ARRIVAL else s, n) for s, n in instants)
    times = [f"{sql} AS {name}" for sql, name in instants]
    if kept:
        items = ["r.*", "b.* EXCLUDE (_row)", *times]
        body = select(items, f"FROM {RAW} r\nLEFT JOIN {BESIDE} b USING (_row)")
        return ctes.add(quoted(f"{source.name}_rows"), body, "rows as they came, and what lay beside them then")
    batch = pushed(source)
    normalised = [named(src.normalised_batch_column(batch, n), quoted(n)) for n in names]
    origin = f"FROM {BATCH}"
    if normalised != [quoted(n) for n in names]:
        inner = select(["_row", *normalised], origin).replace("\n", "\n    ")
        origin = f"FROM (\n    {inner}\n)"
    body = select(["_row", *(quoted(n) for n in names), *times], origin)
    return ctes.add(quoted(f"{source.name}_rows"), body, "the batch, with its instants in microseconds")


def _canonical(source: Source, column: str) -> str:
    """A column of the version order, with −0.0 the same as 0.0."""
    bare = next((c for c in source.columns if quoted(c.name) == column), None)
    if bare is not None and bare.type in FLOATS:
        return f"CASE WHEN {column} = 0 THEN 0 ELSE {column} END"
    return column


def version_key_sql(source: Source) -> str:
    """A BLOB in the version order. The id is part of it: state rows of different ids can tie in all else."""
    return sort_key_sql([_canonical(source, c) for c in src.version_order(source)])


def state_key_sql(source: Source) -> str:
    """A BLOB in the order by which, after τ, a lookup takes the last row."""
    return sort_key_sql([_canonical(source, c) for c in src.state_order(source)[1:]])


def place_sql(source: Source, view: View) -> str:
    """A BLOB that is the same for rows of one key of a state source; NULL where a part of the key is."""
    parts = src.place(source, view)
    given = " AND ".join(src.place_conditions(source, view))
    if not parts:
        return "''::BLOB"
    return f"CASE WHEN {given} THEN {sort_key_sql([*parts, EMPTY])} END"


def _faults(source: Source) -> list[tuple[str, str]]:
    """(condition, reason) of why a row of the source is never seen by itself."""
    found = []
    if source.available_at is not None:
        found.append((f"{ARRIVAL} IS NULL", "available_at is NULL"))
    alive = f" AND NOT {DELETED}" if source.deleted is not None and source.id else ""
    found.append((f"{TIME} IS NULL{alive}", "time is NULL"))
    in_time = src.in_time(source)
    if in_time is not None:
        found.append((f"NOT {in_time}", TOO_LATE))
    if source.deleted is not None and source.id:
        missing = " OR ".join(f"{quoted(c)} IS NULL" for c in source.id)
        found.append((f"{DELETED} AND ({missing})", "a deletion without id"))
    return found


def _fault_sql(faults: list[tuple[str, str]]) -> str:
    branches = " ".join(f"WHEN {condition} THEN {src.literal(reason)}" for condition, reason in faults)
    return f"CASE {branches} END" if branches else "NULL"


def census_sql(source: Source, stream: Stream | None) -> str:
    """Per batch: `_row`, `_fault` (why never seen, or NULL), and for versions `_arrival`, where
    events become final `_first` (τ), `_version`, identity.

    With versions all rows come, `_arrival` NULL where a row takes no part. Without, only the rows with a fault, and
    row −1 with the greatest `_arrival`.
    """
    ctes = Ctes()
    columns = src.told_apart(source) if stream else _instant_columns(source) | set(source.id)
    rows = batch_rows(ctes, source, columns)
    fault = f"{_fault_sql(_faults(source))} AS _fault"
    if stream is None:
        seen = f"FROM {rows}\nWHERE {_fault_sql(_faults(source))} IS NULL"
        newest = select(["-1 AS _row", "NULL AS _fault", f"max({ARRIVAL}) AS _arrival"], seen)
        faulty = select(["_row", fault, "NULL AS _arrival"], f"FROM {rows}\nWHERE _fault IS NOT NULL")
        return ctes.query(f"{newest}\nUNION ALL\n{faulty}") + ";\n"
    return ctes.query(select(["_row", fault, *_version_items(source, stream)], f"FROM {rows}\nORDER BY _row")) + ";\n"


def reasons_sql(source: Source, views: Iterable[View]) -> str:
    """All that is wrong with each of the rows `$1`: `_row` and a list of reasons, those of the source first.

    A plan needs one reason to leave a row out; people who are to mend the rows need all.
    """
    ctes = Ctes()
    rows = batch_rows(ctes, source, {c.name for c in source.columns})
    found = [f"CASE WHEN {condition} THEN {src.literal(reason)} END" for condition, reason in _faults(source)]
    alive = "true" if source.deleted is None else f"NOT {DELETED}"
    for view in views:
        passes = alive if view.where is None else f"{alive} AND try({src.render(view.where)})"
        for key in view.keys:
            reason = src.literal(f"{view.name}: key {key.name} is NULL")
            found.append(f"CASE WHEN {passes} AND try({src.key_sql(key)}) IS NULL THEN {reason} END")
    listed = f"list_filter([{', '.join(found)}], lambda r: r IS NOT NULL)"
    return ctes.query(select(["_row", f"{listed} AS _reasons"], f"FROM {rows}\nWHERE _row IN (SELECT unnest($1))"))


def behind_sql(source: Source) -> str:
    """The `_row`s whose α is before the instant `$1`."""
    ctes = Ctes()
    rows = batch_rows(ctes, source, _instant_columns(source))
    return ctes.query(select(["_row"], f"FROM {rows}\nWHERE {ARRIVAL} < $1")) + ";\n"


def _version_items(source: Source, stream: Stream) -> list[str]:
    identity = [f"{encoded_sql(sql, type_)} AS {column}" for column, sql, type_ in stream.identity]
    parts = [f"{sql} IS NOT NULL" for _, sql, _ in stream.identity]
    in_time = src.in_time(source)
    whole = " AND ".join(parts if in_time is None else [*parts, in_time])
    return [
        f"CASE WHEN {whole} THEN {ARRIVAL} END AS _arrival",
        *([] if stream.final_after is None else [f"{TIME} AS _first"]),
        f"{version_key_sql(source)} AS _version",
        *identity,
    ]


def stream_sql(source: Source, stream: Stream) -> str:
    """The versions of a stream that depends on a view's keys, in the shape of the census (`_fault` is NULL)."""
    ctes = Ctes()
    rows = batch_rows(ctes, source, src.told_apart(source))
    items = ["_row", "NULL AS _fault", *_version_items(source, stream)]
    return ctes.query(select(items, f"FROM {rows}\nORDER BY _row")) + ";\n"


# ── view rows ─────────────────────────────────────────────────────────────────────────────────────────────────────


def event_columns(layout: Layout) -> tuple[tuple[str, str], ...]:
    """(column, store type) of a lifted row, in order: the events table without `_seq`, and without `_superseded` where
    no lifted row brings it."""
    found: list[tuple[str, str]] = [(column, storage(type_)) for _, column, type_ in layout.keys]
    found.append(("_tau", "INTEGER"))
    if layout.has_enter:
        found.append(("_enter", "INTEGER"))
    if layout.view.attributed is not None:
        found.append(("_superseded", "INTEGER"))
    if layout.source.in_dumps:
        found.append(("_alpha", "INTEGER"))
    if layout.ordered:
        found.append(("_order", "BLOB"))
    if layout.versioned:
        found.append(("_version", "BLOB"))
    if layout.placed:
        found.append(("_place", "BLOB"))
    if layout.is_state:
        found.append(("_holds", "INTEGER"))
    if layout.is_state and layout.source.valid_to is not None:
        found.append(("_valid_to", "INTEGER"))
    for slot in layout.slots.values():
        found.append((slot.column, storage(slot.type)))
        if slot.real:
            found.append((slot.real, "REAL"))
    found += [(column, storage(layout.source.column(name).type)) for name, column in layout.states.items()]
    return tuple(found)


def _lifted_items(layout: Layout) -> list[str]:
    """The lifted row before encoding, with names of its own."""
    view, source = layout.view, layout.source
    items = [f"{src.key_sql(k)} AS {column}" for k, (_, column, _) in zip(view.keys, layout.keys, strict=True)]
    items.append(f"{TIME} AS _tau")
    if view.attributed is not None:
        items += [f"{SEEN} AS _enter", f"{GONE} AS _superseded"]
    elif source.available_at is not None:
        items.append(f"greatest({TIME}, {ARRIVAL}) AS _enter")
    if source.in_dumps:
        items.append(f"{ARRIVAL} AS _alpha")
    if layout.ordered:
        order = [_canonical(source, c) for c in src.event_order(source)[1:]]
        items.append(f"{sort_key_sql(order)} AS _order")
    if layout.versioned:
        items.append(f"{state_key_sql(source)} AS _version")
    if layout.placed:
        items.append(f"{place_sql(source, view)} AS _place")
    if layout.is_state:
        items.append(f"{_holds_sql(layout)} AS _holds")
    if layout.is_state and source.valid_to is not None:
        items.append(f"{src.instant(source, source.valid_to)} AS _valid_to")
    for name, slot in layout.slots.items():
        value = slot_sql(view, name)
        # a row that does not hold may not make its slots' expressions fail
        items.append(named(f"CASE WHEN _holds THEN {value} END" if layout.is_state else value, slot.column))
    items += [f"{quoted(name)} AS {column}" for name, column in layout.states.items()]
    return items


def _holds_sql(layout: Layout) -> str:
    conditions = [] if layout.view.where is None else [f"coalesce(({src.render(layout.view.where)}), false)"]
    if layout.source.deleted is not None and not layout.source.id and layout.source.holds:
        conditions.append(f"NOT {DELETED}")
    return " AND ".join(conditions) or "true"


def _encoded_items(layout: Layout) -> list[str]:
    """The lifted row encoded, in the order of `event_columns`."""
    types = {column: type_ for _, column, type_ in layout.keys}
    types |= {column: layout.source.column(name).type for name, column in layout.states.items()}
    types |= {slot.column: slot.type for slot in layout.slots.values()}
    reals = {slot.real: slot for slot in layout.slots.values() if slot.real}
    types["_holds"] = "BOOLEAN"
    items = []
    for column, _ in event_columns(layout):
        if column in reals:
            slot = reals[column]
            items.append(f"{real_sql(slot.column, slot.type)} AS {column}")
        else:
            items.append(named(encoded_sql(column, types[column]) if column in types else column, column))
    return items


def row_conditions(source: Source) -> list[str]:
    """What a row needs to be seen by any view at any instant, its keys apart."""
    conditions = [f"{TIME} IS NOT NULL"]
    if source.available_at is not None:
        conditions.append(f"{ARRIVAL} IS NOT NULL")
    in_time = src.in_time(source)
    if in_time is not None:
        conditions.append(in_time)
    if source.deleted is not None and (source.id or not source.holds):
        conditions.append(f"NOT {DELETED}")
    return conditions


def _present(layout: Layout) -> list[str]:
    """What a row of a dump needs to be about something, and about an entity."""
    keys = [f"{src.key_sql(k)} IS NOT NULL" for k in layout.view.keys]
    return list(dict.fromkeys([*keys, *src.place_conditions(layout.source, layout.view)]))


def view_sql(layout: Layout) -> str:
    """The rows one view takes from a batch: `_row`, `_fault` (a NULL key, or NULL), then `event_columns`."""
    view, source = layout.view, layout.source
    ctes = Ctes()
    rows = batch_rows(ctes, source, view_columns(layout), kept=bool(view.joins), maturity=view.maturity)
    # attributed rows are kept where these hold, and arrive later than what `final_after` is about
    conditions = row_conditions(source) if view.attributed is None else [f"{SEEN} IS NOT NULL"]
    if view.where is not None and not layout.is_state:
        conditions.append(f"({src.render(view.where)})")
    items, origin = _lifted_items(layout), f"FROM {rows}\n{conjunction(conditions)}"
    faults = [(f"{column} IS NULL", f"key {name} is NULL") for name, column, _ in layout.keys]
    if source.in_dumps:
        given = conjunction(_present(layout)).removeprefix("WHERE ") or "true"
        items.append(f"NOT ({given}) AS _keyless")
        faults.append(("_keyless", f"a part of the key {', '.join(source.key)} is NULL"))
        parts = ", ".join([TIME, ARRIVAL, *src.place(source, view)])
        own = f"row_number() OVER (PARTITION BY {parts}, ({given}) ORDER BY {', '.join(src.dump_order(source))}) = 1"
        origin += f"\nQUALIFY _keyless OR {own}"
    lifted = ctes.add(
        quoted(f"{view.name}_lifted"),
        select(["_row", *items], origin),
        "the rows the view sees, and what each brings",
    )
    fault = _fault_sql(faults)
    # in the order of the table's own key, which takes a large batch in faster
    order = ", ".join([*(column for _, column, _ in layout.keys), "_tau"])
    final = select(["_row", f"{fault} AS _fault", *_encoded_items(layout)], f"FROM {lifted}\nORDER BY {order}")
    return ctes.query(final) + ";\n"
