"""Reading unions: `union:` under `sources:`."""

from __future__ import annotations

from yaml.nodes import MappingNode, Node

from featc.load import schema
from featc.load.made import without_settings
from featc.load.meta import read_meta
from featc.load.model import Location, SourceDef
from featc.load.reader import Key, Reader
from featc.load.text import Text
from featc.names import HAPPENED


def is_union(node: Node) -> bool:
    """Whether a definition under `sources:` is made of the rows of other sources."""
    return isinstance(node, MappingNode) and any(key.value == "union" for key, _ in node.value)


def read_union(reader: Reader, key: Key, node: Node) -> SourceDef | None:
    """A source whose rows are those of others. What they mean in time, these say themselves."""
    what = f"source '{key.name}'"
    message = f"{what} is a union, and each of its sources has its own {{}}"
    node = without_settings(reader, node, schema.Union, ("F383", message, "write {}: where those sources are defined"))
    fields = reader.fields(node, schema.Union, what)
    if fields is None:
        return None
    members = reader.list_of(fields, "union")
    if len(members) < 2 and not fields.refused and fields.get("union") is not None:
        hint = "name two sources or more: union: [web_orders, app_orders]"
        reader.findings.error("F112", f"{what} is a union of less than two sources", fields.keys["union"], hint)
        return None
    let = reader.expressions(fields.get("let"), "let")
    meta = read_meta(reader, fields)
    if not members:
        return None
    place = Location("union", Text(", ".join(m.value for m in members), members[0].span))
    time = Text(HAPPENED, key.span)
    nothing = (None, None, (), None, (), None, (), None, None)
    return SourceDef(key.name, key.span, "event", place, time, *nothing, let, {}, meta, members)
