"""Reading `sources:`, their places and their columns."""

from __future__ import annotations

from collections.abc import Mapping

from yaml.nodes import MappingNode, Node

from featc.load import schema
from featc.load.meta import read_meta
from featc.load.model import ColumnDef, Location, LocationKind, Meta, SourceDef, SourceKind
from featc.load.reader import Fields, Key, Reader

_PLACES: tuple[LocationKind, ...] = ("path", "table", "sql")
_KINDS: tuple[SourceKind, ...] = ("event", "state", "snapshot")


def read_source(reader: Reader, key: Key, node: Node) -> SourceDef | None:
    """A source of events, states or dumps that has rows of its own."""
    what = f"source '{key.name}'"
    fields = reader.fields(node, schema.Source, what, others=("union", "from", "match"))
    if fields is None:
        return None
    kind = _kind(reader, fields)
    location = read_location(reader, fields, key, what) if not fields.refused else None
    if fields.get("time") is None and not fields.refused:
        reader.findings.error(
            "F112", f"{what} has no time", key.span, "add time: with the event's time column"
        )
    time = reader.optional(fields, "time")
    _check_pairs(reader, fields, what, kind)
    rest = {name: reader.optional(fields, name) for name in ("available_at", "timezone", "valid_to")}
    deleted = reader.optional(fields, "deleted", "sql")
    delay = reader.duration_of(fields, "delay", allow_zero=True)
    final_after = reader.duration_of(fields, "final_after", allow_zero=True)
    lists = {name: reader.list_of(fields, name) for name in ("id", "tie_break", "key")}
    let = reader.expressions(fields.get("let"), "let")
    columns = read_columns(reader, fields.get("columns"), "columns", data=True)
    meta = read_meta(reader, fields)
    if location is None or time is None or kind is None:
        return None
    return SourceDef(
        key.name,
        key.span,
        kind,
        location,
        time,
        rest["available_at"],
        delay,
        lists["id"],
        deleted,
        lists["tie_break"],
        rest["timezone"],
        lists["key"],
        rest["valid_to"],
        final_after,
        let,
        columns,
        meta,
    )


def read_location(reader: Reader, fields: Fields, key: Key, what: str) -> Location | None:
    """The one of path, table and sql that is given."""
    given = [place for place in _PLACES if place in fields.keys]
    if not given:
        hint = "add one of path:, table: or sql:"
        reader.findings.error("F112", f"{what} does not say where its rows lie", key.span, hint)
        return None
    if len(given) > 1:
        hint = "keep one of path, table and sql"
        reader.findings.error(
            "F123", f"{what} has both {given[0]} and {given[1]}", fields.keys[given[1]], hint
        )
        return None
    node = fields.values[given[0]]
    text = reader.text(node, "sql" if given[0] == "sql" else "name")
    return Location(given[0], text) if text is not None else None


def read_columns(reader: Reader, node: Node | None, what: str, *, data: bool) -> Mapping[str, ColumnDef]:
    """`name: type` or `name: {type, known_after, …}`. `data`: columns of real data, which may have any
    quoted name.
    """
    found: dict[str, ColumnDef] = {}
    if node is None:
        return found
    for key, value in reader.pairs(node, what, reserved=False, quoted=data):
        if not isinstance(value, MappingNode):
            kind = reader.text(value, "sql")
            if kind is not None:
                found[key.name] = ColumnDef(key.name, key.span, kind, None, Meta())
            continue
        fields = reader.fields(value, schema.Column, f"column '{key.name}'")
        if fields is not None:
            kind, after = reader.optional(fields, "type", "sql"), reader.optional(fields, "known_after")
            found[key.name] = ColumnDef(key.name, key.span, kind, after, read_meta(reader, fields))
    return found


def _kind(reader: Reader, fields: Fields) -> SourceKind | None:
    node = fields.get("kind")
    if node is None:
        return "event"
    kind = reader.choice(node, _KINDS, "the kind of a source")
    return next((k for k in _KINDS if k == kind), None)


def _check_pairs(reader: Reader, fields: Fields, what: str, kind: SourceKind | None) -> None:
    has = fields.keys
    if "available_at" in has and "delay" in has:
        message = f"{what} has both available_at and delay"
        hint = "keep available_at when the data says when a row arrived, delay when it does not"
        reader.findings.error("F123", message, has["delay"], hint)
    if kind == "event":
        for name in ("key", "valid_to"):
            if name in has:
                hint = f"add kind: state or kind: snapshot, or delete {name}"
                reader.findings.error(
                    "F123", f"{what} has {name}, which only states and snapshots have", has[name], hint
                )
