"""Reading `join:` of a view."""

from __future__ import annotations

from yaml.nodes import MappingNode, ScalarNode

from featc.load import schema
from featc.load.model import JoinDef
from featc.load.reader import Fields, Reader


def read_joins(reader: Reader, fields: Fields) -> tuple[JoinDef, ...]:
    """The joins of a view in their order; those with errors, which are reported, are left out."""
    node = fields.get("join")
    if node is None:
        return ()
    if isinstance(node, ScalarNode):
        reader.wrong_shape(node, f"join must be a mapping: {{{node.value}: {{}}}}")
        return ()
    found = []
    for key, value in reader.pairs(node, "join"):
        if isinstance(value, ScalarNode) and not value.value:
            value = MappingNode("tag:yaml.org,2002:map", [], value.start_mark, value.end_mark, flow_style=True)
        given = reader.fields(value, schema.Join, f"join '{key.name}'")
        if given is None or given.refused:
            continue
        keys = reader.expressions(given.get("keys"), "keys", reserved=False)
        within = reader.duration_of(given, "within")
        source, view = (reader.optional(given, name) for name in ("source", "view"))
        found.append(JoinDef(key.name, key.span, source, keys, within, view))
    return tuple(found)
