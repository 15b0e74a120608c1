"""Reading unions: `union:` under `sources:`."""

from __future__ import annotations

from yaml.nodes import MappingNode, Node

from featc.load import schema
from featc.load.meta import read_meta
from featc.load.model import Location, SourceDef
from featc.load.reader import Key, Reader
from featc.load.schema import keys_of
from featc.load.text import Text


def is_union(node: Node) -> bool:
    """Whether a definition under `sources:` is made of the rows of other sources."""
    return isinstance(node, MappingNode) and any(key.value == "union" for key, _ in node.value)


def read_union(reader: Reader, key: Key, node: Node) -> SourceDef | None:
    """A source whose rows are those of others. What they mean in time, these say themselves."""
    what = f"source '{key.name}'"
    node = _without_settings(reader, key, node)
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


HAPPENED = "_happened"
"""The column of a union with the instants at which the rows of its members happened."""


def _without_settings(reader: Reader, key: Key, node: Node) -> Node:
    """The definition without what only the sources that it is made of can say, which is refused."""
    if not isinstance(node, MappingNode):
        return node
    mine = keys_of(schema.Union)
    kept = []
    for name, value in node.value:
        if name.value in keys_of(schema.Source) and name.value not in mine:
            message = f"source '{key.name}' is a union, and each of its sources has its own {name.value}"
            reader.error("F383", message, name, f"write {name.value}: where those sources are defined")
        else:
            kept.append((name, value))
    return MappingNode(node.tag, kept, node.start_mark, node.end_mark, flow_style=node.flow_style)
