"""Sources that are made of others: what these say, the definition does not say again."""

from __future__ import annotations

from pydantic import BaseModel
from yaml.nodes import MappingNode, Node

from featc.load import schema
from featc.load.reader import Reader
from featc.load.schema import keys_of


def without_settings(reader: Reader, node: Node, model: type[BaseModel], refusal: tuple[str, str, str]) -> Node:
    """The definition without keys of sources that `model` has not, which are refused: the code, the message and the
    hint, in which `{}` stands for the key."""
    if not isinstance(node, MappingNode):
        return node
    code, message, hint = refusal
    kept = []
    for name, value in node.value:
        if name.value in keys_of(schema.Source) and name.value not in keys_of(model):
            reader.error(code, message.format(name.value), name, hint.format(name.value))
        else:
            kept.append((name, value))
    return MappingNode(node.tag, kept, node.start_mark, node.end_mark, flow_style=node.flow_style)
