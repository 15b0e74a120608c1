"""The spine of a training set: checked, and brought to the types the query needs. `spine_given` takes it in.

semantics.md "Observation", "The result": every spine row is kept, in order, with all its columns; a NULL key is an
unknown entity; a NULL instant is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featc.errors import Diagnostic, FeatcError, Findings, did_you_mean, nearest
from featc.lower.source import floored, integral, literal, quoted
from featc.names import is_internal
from featc.runtime.reasons import reason
from featc.runtime.spine_given import GIVEN
from featc.types import family

if TYPE_CHECKING:
    import duckdb

ROW = "_given"
"""A row of the spine as it was given. No column of a spine has that name: it would be taken for the row."""
TYPED = "memory.main.spine_typed"
_ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
_INSTANTS = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMP_MS", "DATE", *_ZONED)


Example = Callable[[str], tuple[str, str] | None]
"""A key's name → a source that has it and a value there, as text; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Spine:
    """A spine ready to be queried: the connection holds it as the view `spine`.

    `time` is the name of its instant column; `extra` what the query selects of the spine itself (its columns as
    given); `columns` their names. `relation` is the table below the view, visible to every cursor.
    """

    time: str
    extra: tuple[str, ...]
    columns: tuple[str, ...]
    rows: int
    relation: str = GIVEN

    def given(self, column: str) -> str:
        """SQL of a column as it was given, over the view `spine`."""
        return f"spine.{quoted(column)}" if self.relation == GIVEN else f"spine.{ROW}.{quoted(column)}"


def prepare(
    connection: duckdb.DuckDBPyConnection,
    keys: Sequence[tuple[str, str]],
    request: Sequence[tuple[str, str]],
    outputs: Sequence[str],
    time: str | None,
    inner: Sequence[str] = (),
    example: Example = lambda key: None,
) -> Spine:
    """Checks the table `spine_given` and lays the view `spine` over it. `example` serves what is said of a bad key.

    Raises FeatcError F51x with all that is wrong: missing keys or request columns, no instant or several, types that
    do not fit, names that collide with outputs, NULL instants.
    """
    types = _types(connection)
    needed = tuple(dict.fromkeys((*keys, *request)))
    found = Findings()
    instant = _instant(connection, types, time, found)
    _collisions(types, outputs, inner, found)
    casts = _casts(connection, types, needed, keys, found, example)
    found.raise_errors()
    assert instant is not None
    _retype(connection, types, {instant: "TIMESTAMP"} | dict(needed))
    at = _utc(instant, types[instant])
    _check_instants(connection, instant, at)
    if at != quoted(instant):
        casts.setdefault(instant, at)
    return _laid(connection, types, instant, {n: casts.get(n, quoted(n)) for n in (*dict(needed), instant)})


def _casts(
    connection: duckdb.DuckDBPyConnection,
    types: dict[str, str],
    needed: Sequence[tuple[str, str]],
    keys: Sequence[tuple[str, str]],
    found: Findings,
    example: Example,
) -> dict[str, str]:
    """{name: SQL} of the needed columns that are not as they have to be; missing and unfit ones go to `found`."""
    casts: dict[str, str] = {}
    for name, kind in needed:
        actual = _named(types, name)
        if actual is None:
            what = "key" if (name, kind) in keys else "request column"
            message = f"the spine has no column '{name}', which is a {what} of these features"
            found.error("F511", message, hint=_lacking(name, kind, types))
            continue
        cast = _cast(actual, types[actual], kind)
        if cast is None:
            such = _such_as(connection, actual, kind)
            message = f"the spine's column '{actual}' is {types[actual]}{such}, and {name} is {kind}"
            text_key = kind == "VARCHAR" and (name, kind) in keys
            hint = _as_text(actual, example(name)) if text_key else _casting(actual, kind)
            found.error("F512", message, hint=hint)
        elif cast != quoted(name) or actual != name:
            casts[name] = cast
    return casts


def _types(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """{column: type} of the spine as given; NULL for a column that holds no value of any type."""
    described = connection.execute(f"DESCRIBE {GIVEN}").fetchall()
    types = {name: "NULL" if kind == '"NULL"' else kind for name, kind, *_ in described}
    types.update(dict.fromkeys(_without_values(connection, types), "NULL"))
    return types


def _check_instants(connection: duckdb.DuckDBPyConnection, instant: str, at: str) -> None:
    """Refuses rows without an instant (F513), naming the first (semantics.md, "Events and versions")."""
    lacking = f"FROM {GIVEN} WHERE {at} IS NULL OR NOT isfinite({at})"
    count, row = connection.execute(f"SELECT count(*), min(rowid) + 1 {lacking}").fetchall()[0]
    if not count:
        return
    given = connection.execute(f"SELECT {quoted(instant)}::VARCHAR FROM {GIVEN} WHERE rowid = {row - 1}").fetchall()
    what = "NULL" if given[0][0] is None else str(given[0][0])
    more = f" ({count} rows have none)" if count > 1 else ""
    message = f"row {row} of the spine has no instant: '{instant}' is {what}{more}"
    hint = "every row of a training set needs the instant it is observed at: fill it in, or leave the row out"
    raise FeatcError(Diagnostic("F513", message, hint=hint))


def check_known_at(connection: duckdb.DuckDBPyConnection, spine: Spine, known_at: int) -> None:
    """Refuses rows whose instant is after `known_at` µs (F529), naming the first (semantics.md, "Observation")."""
    time = quoted(spine.time)
    numbered = f"SELECT row_number() OVER () AS _nth, {time} FROM spine"
    count, row, at = connection.execute(
        f"SELECT count(*), min(_nth), arg_min({time}, _nth)::VARCHAR FROM ({numbered}) spine"
        f" WHERE epoch_us({time}) > {known_at}"
    ).fetchall()[0]
    if count:
        more = f" ({count} rows are)" if count > 1 else ""
        message = f"row {row} of the spine is of {at}, after known_at{more}"
        hint = "what is known at an instant says nothing of later ones: leave those rows out, or give a later known_at"
        raise FeatcError(Diagnostic("F529", message, hint=hint))


def _laid(
    connection: duckdb.DuckDBPyConnection, types: dict[str, str], instant: str, columns: dict[str, str]
) -> Spine:
    """Lays the view `spine` over the rows as given, or where `columns` (name → SQL) convert, over a typed copy."""
    import duckdb

    (rows,) = connection.execute(f"SELECT count(*) FROM {GIVEN}").fetchall()[0]
    if all(sql == quoted(name) for name, sql in columns.items()):
        connection.execute(f"CREATE OR REPLACE TEMP VIEW spine AS FROM {GIVEN}")
        return Spine(instant, tuple(quoted(n) for n in types), tuple(types), rows)
    items = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in columns.items())
    typed = f"CREATE OR REPLACE TABLE {TYPED} AS SELECT {ROW} AS {ROW}, {items} FROM {GIVEN} {ROW}"
    try:
        connection.execute(typed)
    except duckdb.Error as error:
        what = reason(error).removeprefix("F512: ")
        hint = "put the value right; each key and request column has to fit its type"
        raise FeatcError(Diagnostic("F512", f"a value of the spine does not fit: {what}", hint=hint)) from None
    connection.execute(f"CREATE OR REPLACE TEMP VIEW spine AS FROM {TYPED}")
    return Spine(instant, (f"unnest({ROW})",), tuple(types), rows, TYPED)


def _named(types: dict[str, str], name: str) -> str | None:
    if name in types:
        return name
    return next((t for t in types if t.lower() == name.lower()), None)


def _without_values(connection: duckdb.DuckDBPyConnection, types: dict[str, str]) -> list[str]:
    """Text columns that hold nothing: a CSV's way of writing NULL of any type, or no rows at all."""
    texts = [name for name, kind in types.items() if kind == "VARCHAR"]
    if not texts:
        return []
    counts = ", ".join(f"count({quoted(name)})" for name in texts)
    found = connection.execute(f"SELECT {counts} FROM {GIVEN}").fetchall()[0]
    return [name for name, count in zip(texts, found, strict=True) if count == 0]


def _retype(connection: duckdb.DuckDBPyConnection, types: dict[str, str], kinds: dict[str, str]) -> None:
    """Gives columns without values the type of what they are, so that a set without rows has the types of others."""
    for name, kind in kinds.items():
        actual = _named(types, name)
        if actual is not None and types[actual] == "NULL":
            connection.execute(f"ALTER TABLE {GIVEN} ALTER COLUMN {quoted(actual)} SET DATA TYPE {kind}")
            types[actual] = kind


def _lacking(name: str, kind: str, types: dict[str, str]) -> str:
    """What to do about a column that is not there."""
    close = nearest(name, types)
    if close:
        return f"did you mean its column '{close}'? Rename that to {name}"
    return f"add a column {name} of type {kind}; there are: {', '.join(types)}"


def _such_as(connection: duckdb.DuckDBPyConnection, column: str, kind: str) -> str:
    """The first value of a column that is no `kind`, and its row, in words."""
    raw = quoted(column)
    wrong = f"{raw} IS NOT NULL AND try_cast({raw}::VARCHAR AS {kind}) IS NULL"
    asked = f"SELECT {raw}::VARCHAR, rowid + 1 FROM {GIVEN} WHERE {wrong} ORDER BY rowid LIMIT 1"
    found = connection.execute(asked).fetchall()
    return f", such as '{found[0][0]}' in row {found[0][1]}" if found else ""


def _casting(column: str, kind: str) -> str:
    return f"put its values right, or cast it: --spine \"select * replace ({column}::{kind} as {column}) from 'FILE'\""


def _as_text(column: str, found: tuple[str, str] | None) -> str:
    """How a number becomes a key that is text: zeros at its head are gone once it is one, so it is read anew."""
    such = f"{found[0]} has values such as {literal(found[1])}, and " if found else ""
    read = f"--spine \"from read_csv('FILE', types = {{'{column}': 'VARCHAR'}})\""
    return f"{such}numbers lose leading zeros: read it as text, as in {read}; a cast does not bring them back"


def _no_instant(connection: duckdb.DuckDBPyConnection, column: str, kind: str, found: Findings) -> None:
    hint = _casting(column, "TIMESTAMP")
    if family(kind) == "integer":
        made = f"make_timestamp({column} * 1000000)"
        hint = f"if it counts seconds since 1970: --spine \"select * replace ({made} as {column}) from 'FILE'\""
    such = _such_as(connection, column, "TIMESTAMP")
    found.error("F515", f"the spine's column '{column}' is {kind}{such}, not a timestamp", hint=hint)


def _instant(
    connection: duckdb.DuckDBPyConnection, types: dict[str, str], time: str | None, found: Findings
) -> str | None:
    """The column named by `time`, else as_of or event_timestamp, else the only timestamp column."""
    stamps = [n for n, t in types.items() if t in _INSTANTS]
    if time is not None:
        actual = _named(types, time)
        if actual is None:
            hint = did_you_mean(time, types) or "name the column that holds the instants"
            found.error("F514", f"the spine has no column '{time}'", hint=hint)
        elif types[actual] not in (*_INSTANTS, "NULL"):
            _no_instant(connection, actual, types[actual], found)
            return None
        return actual
    for usual in ("as_of", "event_timestamp"):
        actual = _named(types, usual)
        if actual is not None and types[actual] in (*_INSTANTS, "NULL"):
            return actual
        if actual is not None:
            _no_instant(connection, actual, types[actual], found)
            return None
    if len(stamps) == 1:
        return stamps[0]
    if not stamps:
        found.error(
            "F516",
            "the spine has no timestamp column, so the instants are unknown",
            hint="add a column as_of of type TIMESTAMP",
        )
    else:
        found.error(
            "F517",
            f"the spine has several timestamp columns: {', '.join(stamps)}",
            hint="say which is the instant: --time COLUMN, or time= in Python",
        )
    return None


def _collisions(types: dict[str, str], outputs: Sequence[str], inner: Sequence[str], found: Findings) -> None:
    taken = {n.lower(): n for n in types}
    for name in inner:
        if name.lower() in taken:
            hint = "rename it in the spine"
            found.error("F518", f"the spine has a column '{taken[name.lower()]}', which names a feature", hint=hint)
    for name in outputs:
        if name.lower() in taken:
            found.error(
                "F518",
                f"the spine has a column '{taken[name.lower()]}', which is also the name of a feature",
                hint=f"rename it in the spine, or the feature in the service: - my_{name}: view.{name}",
            )
    for name in types:
        if is_internal(name):
            found.error("F519", f"the spine has a column '{name}', a name featc uses itself", hint="rename it")


def _utc(column: str, kind: str) -> str:
    """An instant as a naive UTC TIMESTAMP; ±infinity is no instant."""
    raw = quoted(column)
    match kind:
        case "TIMESTAMP":
            return raw
        case "TIMESTAMP WITH TIME ZONE":
            return f"{raw} AT TIME ZONE 'UTC'"
        case "TIMESTAMP_NS" | "TIMESTAMPTZ_NS":
            return floored(raw)
        case _:
            return f"{raw}::TIMESTAMP"


def _whole(raw: str, wanted: str, problem: str) -> str:
    """A number in another type, exactly; any value that would change is an error."""
    there = f"try_cast({raw} AS {wanted})"
    return f"CASE WHEN {there} = {raw} THEN {there} WHEN {raw} IS NOT NULL THEN error({literal(problem)} || {raw}) END"


def _cast(column: str, actual: str, wanted: str) -> str | None:
    """SQL that brings a spine column to a key's or request column's type without loss, or None."""
    raw = quoted(column)
    if actual == wanted:
        # −0.0 is 0.0 (semantics.md, "Order and ties"), so that 1 / x is the same in both plans
        return raw if family(wanted) != "float" else f"{raw} + 0.0::{wanted}"
    if actual == "NULL":
        return f"{raw}::{wanted}"
    from_, to = family(actual), family(wanted)
    if to == "timestamp" and actual in _INSTANTS:
        return _utc(column, actual)
    if from_ == "integer" and to == "float":
        return f"{raw}::{wanted}"
    if (from_ in ("integer", "decimal", "float") and to == "decimal") or from_ == to == "integer":
        return _whole(raw, wanted, f"F512: spine column {column} holds a value that no {wanted} is: ")
    if from_ == "float" and to == "integer":  # pandas turns integer columns with gaps into DOUBLE
        return integral(raw, wanted, f"F512: spine column {column} holds a value that is not integral: ")
    if from_ == "decimal" and to == "integer":
        return _whole(raw, wanted, f"F512: spine column {column} holds a value that no {wanted} is: ")
    if from_ in ("decimal", "float") and to == "float":
        return f"{raw}::{wanted} + 0.0::{wanted}"
    if from_ == to and from_ != "other":
        return f"{raw}::{wanted}"
    if actual.startswith("ENUM") and to == "text":
        return f"{raw}::VARCHAR"
    if to in ("uuid", "date") and from_ == "text":
        return f"{raw}::{wanted}"
    return None
