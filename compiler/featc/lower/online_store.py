"""Online schema and update: SQLite SQL that keeps lifted rows, versions and tiles.

Whole batches only: the runtime runs these texts inside one transaction. Tiles are rebuilt from their rows, never
subtracted from, and say since when their membership is final (`_settled_at`).
"""

from __future__ import annotations

from featc.decompose import Partial
from featc.encoding import storage
from featc.lower.ctes import conjunction, indent, select
from featc.lower.online_layout import Layout, Stream
from featc.lower.online_lift import event_columns
from featc.lower.source import literal, quoted
from featc_dialects.sqlite import SPELLINGS

_EVER = -(2**63)
ABSENT = _EVER
"""`_superseded` of a version that counts as absent (`final_after`): gone before anybody can see it."""

# ── schema ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _create(table: str, columns: list[str], options: str) -> str:
    listed = ",\n".join(f"    {column}" for column in columns)
    return f"CREATE TABLE IF NOT EXISTS {table} (\n{listed}\n) {options};\n"


def tile_fields(partial: Partial) -> tuple[tuple[str, str], ...]:
    """(column, store type) of a partial state in a tile."""
    spelling = SPELLINGS[partial.kind]
    own = storage(partial.types[0]) if partial.types else "INTEGER"
    return tuple(
        (quoted(f"{partial.name}__{suffix}" if suffix else partial.name), type_ or own)
        for suffix, type_ in zip(spelling.fields, spelling.types, strict=True)
    )


def tile_columns(layout: Layout) -> list[tuple[str, str]]:
    keys = [(column, storage(type_)) for _, column, type_ in layout.keys]
    fixed = [("_start", "INTEGER"), ("_settled_at", "INTEGER"), ("_rows", "INTEGER")]
    return keys + fixed + [f for p in layout.tiled for f in tile_fields(p)]


def clustered(layout: Layout) -> list[str]:
    """The columns by which a view's rows lie together, in order."""
    order = [*(["_order"] if layout.ordered else []), *(["_enter"] if layout.view.attributed is not None else [])]
    return [*key_columns(layout), "_tau", *order, "_seq"]


def schema_sql(layout: Layout) -> str:
    """The view's tables. An entity's rows lie together, in event order, so that a window is one stretch."""
    keys = [column for _, column, _ in layout.keys]
    columns = list(event_columns(layout))
    brings = layout.view.attributed is not None  # each lifted row brings its own, of which there may be some of one row
    instants = len(keys) + 1 + layout.has_enter + brings
    columns[instants:instants] = [
        *([("_superseded", "INTEGER")] if layout.superseded and not brings else []),
        ("_seq", "INTEGER"),
    ]
    body = [f"{name} {type_}" for name, type_ in columns]
    body.append(f"PRIMARY KEY ({', '.join(clustered(layout))})")
    text = _create(layout.events, body, "STRICT, WITHOUT ROWID")
    if layout.stream or layout.view.joins:
        index = quoted(layout.events.strip('"') + "__seq")
        text += f"CREATE {'' if brings else 'UNIQUE '}INDEX IF NOT EXISTS {index} ON {layout.events} (_seq);\n"
    if layout.source.in_dumps:
        index = quoted(layout.events.strip('"') + "__dump")
        text += f"CREATE INDEX IF NOT EXISTS {index} ON {layout.events} (_tau, _alpha);\n"
    if layout.placed:
        index = quoted(layout.events.strip('"') + "__place")
        text += f"CREATE INDEX IF NOT EXISTS {index} ON {layout.events} (_place, _tau);\n"
    if layout.tiled:
        body = [f"{name} {type_}" for name, type_ in tile_columns(layout)]
        body.append(f"PRIMARY KEY ({', '.join([*keys, '_start'])})")
        text += _create(layout.tiles, body, "STRICT, WITHOUT ROWID")
    return text


def stream_schema_sql(stream: Stream) -> str:
    """The versions of a stream. `_seq` is the row's number in the store, `_version` its place among its versions,
    `_first` the least τ of it and of those before it that the store has dropped."""
    columns = ["_seq INTEGER PRIMARY KEY", *(f"{c} {storage(t)} NOT NULL" for c, _, t in stream.identity)]
    columns += ["_version BLOB NOT NULL", "_arrival INTEGER NOT NULL", "_superseded INTEGER"]
    columns += [] if stream.final_after is None else ["_first INTEGER"]
    columns.append(f"UNIQUE ({', '.join(c for c, _, _ in stream.identity)}, _version)")
    return _create(stream.table, columns, "STRICT")


# ── update: versions and rows ─────────────────────────────────────────────────────────────────────────────────────


def _insert(table: str, columns: list[str], tail: str = "") -> str:
    return f"INSERT INTO {table} ({', '.join(columns)})\nVALUES ({', '.join('?' * len(columns))}){tail};\n"


def accept_version_sql(stream: Stream) -> str:
    """Takes in one version; a row identical to one that is there changes nothing."""
    first = [] if stream.final_after is None else ["_first"]
    columns = ["_seq", "_arrival", *first, "_version", *(c for c, _, _ in stream.identity)]
    return _insert(stream.table, columns, "\nON CONFLICT DO NOTHING")


def known_version_sql(stream: Stream) -> str:
    """Whether a version is there: its `_version`, then its identity."""
    same = " AND ".join(f"{c} = ?" for c, _, _ in stream.identity)
    return f"SELECT 1 FROM {stream.table} WHERE _version = ? AND {same};\n"


def passed_version_sql(stream: Stream) -> str:
    """Whether a later version of the event is there that arrived before an instant: `_version`, its identity, and the
    instant. Then eviction may have dropped the version."""
    same = " AND ".join(f"{column} = ?" for column, _, _ in stream.identity)
    there = f"_arrival < ? AND (_superseded IS NULL OR _superseded <> {ABSENT})"
    return f"SELECT 1 FROM {stream.table} WHERE _version > ? AND {same} AND {there};\n"


def resolve_versions_sql(stream: Stream) -> str:
    """(`_seq`, new `_superseded`) of the versions whose successor changed with the rows numbered from `:first` on."""
    if stream.final_after is not None:
        return _final_versions_sql(stream)
    columns = [c for c, _, _ in stream.identity]
    listed, of_v = ", ".join(columns), ", ".join(f"v.{c}" for c in columns)
    same = " AND ".join(f"v.{c} = fresh.{c}" for c in columns)
    return (
        # NOT INDEXED: the new rows are the last ones, and not to be looked for in the identities' index
        f"WITH fresh AS (\n    SELECT DISTINCT {listed} FROM {stream.table} NOT INDEXED WHERE _seq >= :first\n),\n"
        "chain AS (\n"
        "    SELECT v._seq, v._superseded,\n"
        f"        lead(v._arrival) OVER (PARTITION BY {of_v} ORDER BY v._version) AS successor\n"
        f"    FROM fresh CROSS JOIN {stream.table} v ON {same}\n)\n"
        "SELECT _seq, successor FROM chain WHERE _superseded IS NOT successor;\n"
    )


def _final_versions_sql(stream: Stream) -> str:
    """The same where events become final: a version that is too late gets ABSENT, and all that follow it are too
    late as well, so the one before it has no successor."""
    columns = [c for c, _, _ in stream.identity]
    listed, of_v = ", ".join(columns), ", ".join(f"v.{c}" for c in columns)
    same = " AND ".join(f"v.{c} = fresh.{c}" for c in columns)
    late = f"v._arrival > min(v._first) OVER (PARTITION BY {of_v} ORDER BY v._version) + {stream.final_after}"
    following = f"OVER (PARTITION BY {listed} ORDER BY _version)"
    return (
        f"WITH fresh AS (\n    SELECT DISTINCT {listed} FROM {stream.table} NOT INDEXED WHERE _seq >= :first\n),\n"
        "version AS (\n"
        f"    SELECT v._seq, v._superseded, v._arrival, v._version, {of_v}, coalesce({late}, false) AS late\n"
        f"    FROM fresh CROSS JOIN {stream.table} v ON {same}\n),\n"
        "chain AS (\n"
        f"    SELECT _seq, _superseded, CASE WHEN late THEN {ABSENT}"
        f" WHEN NOT lead(late) {following} THEN lead(_arrival) {following} END AS successor\n"
        "    FROM version\n)\n"
        "SELECT _seq, successor FROM chain WHERE _superseded IS NOT successor;\n"
    )


def supersede_sql(table: str) -> str:
    """Writes a version's successor through: (`_superseded`, `_seq`)."""
    return f"UPDATE {table} SET _superseded = ? WHERE _seq = ?;\n"


def insert_sql(layout: Layout) -> str:
    """Takes in one lifted row: `event_columns`, then `_seq`."""
    return _insert(layout.events, [*(name for name, _ in event_columns(layout)), "_seq"])


# ── update: tiles ─────────────────────────────────────────────────────────────────────────────────────────────────


def key_parameters(layout: Layout) -> tuple[str, ...]:
    """The names key values are bound by, in key order."""
    names = [f"key_{name}" for name, _, _ in layout.keys]
    return tuple(n if n.isascii() and n.isidentifier() else f"key_{i}" for i, n in enumerate(names))


def key_conditions(layout: Layout) -> list[str]:
    return [f"{column} = :{p}" for (_, column, _), p in zip(layout.keys, key_parameters(layout), strict=True)]


def key_columns(layout: Layout) -> list[str]:
    return [column for _, column, _ in layout.keys]


def compacted_sql(layout: Layout) -> str:
    """The first τ that tiles are built for; eviction put those before it together, and kept few of their rows."""
    known = f"SELECT before FROM featc_compacted WHERE name = {literal(layout.events)}"
    return f"coalesce(({known}), {_EVER})"


def newest_conditions(layout: Layout) -> list[str]:
    """Which rows of a key its newest tile is sought among."""
    conditions = key_conditions(layout)
    return conditions if layout.source.final_after is None else [*conditions, f"_tau >= {compacted_sql(layout)}"]


def newest_sql(layout: Layout) -> str:
    """The newest τ of a key: its tile stays open, those before it are sealed."""
    return f"SELECT max(_tau) FROM {layout.events}\n{conjunction(newest_conditions(layout))};\n"


def touched_sql(layout: Layout) -> str:
    """Key and τ of a row by its number, to find the tile a change of visibility touches."""
    keys = [column for _, column, _ in layout.keys]
    return f"SELECT {', '.join([*keys, '_tau'])} FROM {layout.events} WHERE _seq = ?;\n"


def placed_sql(layout: Layout) -> str:
    """Key, τ, enter and α of the successor of a row by its number, to find what joins it."""
    keys = [column for _, column, _ in layout.keys]
    items = [*keys, "_tau", layout.enter, layout.superseded or "NULL"]
    return f"SELECT {', '.join(items)} FROM {layout.events} WHERE _seq = ?;\n"


def reopen_sql(layout: Layout) -> str:
    """Drops the tiles of a key from `:start` on."""
    return f"DELETE FROM {layout.tiles} {conjunction([*key_conditions(layout), '_start >= :start'])};\n"


def mean_name(partial: Partial) -> str:
    return quoted(f"_mean_{partial.slots[0]}") if partial.slots else ""  # no slot starts with an underscore


def raw_fields(layout: Layout, partial: Partial) -> list[str]:
    """A partial state over rows, field by field."""
    names = {"x": "", "r": "", "m": mean_name(partial)}
    if partial.slots:
        slot = layout.slots[partial.slots[0]]
        names |= {"x": slot.column, "r": slot.real or ""}
    return [text.format(**names) for text in SPELLINGS[partial.kind].raw]


def raw_means(layout: Layout, partials: tuple[Partial, ...]) -> list[str]:
    """`mean AS name` for the partial states that are computed around the mean of the same rows."""
    found = []
    for partial in partials:
        mean = SPELLINGS[partial.kind].raw_mean
        if mean is not None:
            slot = layout.slots[partial.slots[0]]
            found.append(f"{mean.format(x=slot.column, r=slot.real)} AS {mean_name(partial)}")
    return found


def raw_states(layout: Layout, partials: tuple[Partial, ...], lead: list[str], relation: str, where: str) -> str:
    """SELECT of `lead`, the number of rows, and the partial states over the rows of `relation` that pass `where`."""
    items = [*lead, "count(*)", *(f for p in partials for f in raw_fields(layout, p))]
    means = raw_means(layout, partials)
    around = f", (SELECT {', '.join(means)} FROM {relation} {where})" if means else ""
    return select(items, f"FROM {relation}{around}\n{where}")


def merged_fields(partial: Partial) -> list[str]:
    """A partial state over stored ones, field by field."""
    columns = [name for name, _ in tile_fields(partial)]
    return [text.format(*columns, m=mean_name(partial)) for text in SPELLINGS[partial.kind].merge]


def merged_means(partials: tuple[Partial, ...]) -> list[str]:
    """`mean AS name` for the partial states that are merged around the mean of the same stored ones."""
    found = []
    for partial in partials:
        mean = SPELLINGS[partial.kind].merge_mean
        if mean is not None:
            found.append(f"{mean.format(*(name for name, _ in tile_fields(partial)))} AS {mean_name(partial)}")
    return found


def merged_states(layout: Layout, lead: list[str], relation: str, keys: list[str]) -> str:
    """SELECT of `lead` and the union of the tiles of `relation`; the caller groups by `keys`."""
    items = [*lead, *(f for p in layout.tiled for f in merged_fields(p))]
    means = merged_means(layout.tiled)
    if not means:
        return select(items, f"FROM {relation}")
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    around = f"(SELECT {', '.join([*keys, *means])} FROM {relation}{grouped})"
    using = f" USING ({', '.join(keys)})" if keys else ""
    return select(items, f"FROM {relation} JOIN {around}{using}")


def tile_insert(layout: Layout, states: str) -> str:
    """INSERT of tiles, in the place of those that are there; `states` is a SELECT of the table's columns."""
    names = [name for name, _ in tile_columns(layout)]
    kept = {
        name: text.format(*(f for f, _ in tile_fields(p)))
        for p in layout.tiled
        for (name, _), text in zip(tile_fields(p), SPELLINGS[p.kind].bounded, strict=False)
    }
    into = f"INSERT OR REPLACE INTO {layout.tiles} ({', '.join(names)})"
    if not kept:
        return f"{into}\n{states};\n"
    found = f"WITH found ({', '.join(names)}) AS (\n{indent(states)}\n)"
    return f"{into}\n{found}\n{select([kept.get(name, name) for name in names], 'FROM found')};\n"


def seal_sql(layout: Layout) -> str:
    """Builds the tile `:start` of a key from its rows.

    Its state is the final one: superseded rows are left out. It is what a reader sees from `_settled_at` on, when
    the last of its rows had entered and the last superseded one had gone.
    """
    if layout.width is None:
        raise ValueError(f"{layout.view.name} has no tiles")
    bucket = [*key_conditions(layout), "_tau >= :start", f"_tau < :start + {layout.width}"]
    if layout.is_state:
        bucket.append("_holds")
    settled = f"coalesce(max({layout.enter}), {_EVER})"
    if layout.superseded:
        gone = f"SELECT max(_superseded) FROM {layout.events} WHERE {' AND '.join(bucket)}"
        settled = f"max({settled}, coalesce(({gone}), {_EVER}))"
        bucket.append("_superseded IS NULL")
    lead = [*(f":{p}" for p in key_parameters(layout)), ":start", settled]
    states = raw_states(layout, layout.tiled, lead, layout.events, "WHERE " + " AND ".join(bucket))
    return tile_insert(layout, states)
