"""Reading `policies:` of featc.yaml: what some services must not give."""

from __future__ import annotations

from yaml.nodes import Node, SequenceNode

from featc.load import schema
from featc.load.meta import read_free
from featc.load.model import PolicyDef
from featc.load.reader import Fields, Reader


def read_policies(reader: Reader, node: Node | None) -> tuple[PolicyDef, ...]:
    """The policies in order; those with errors are reported and left out."""
    if node is None:
        return ()
    if not isinstance(node, SequenceNode):
        way_out = 'write them as a list: - {service: "ads_*", forbid: [pii]}'
        reader.wrong_shape(node, "policies must be a list", way_out)
        return ()
    found = [_policy(reader, item) for item in node.value]
    return tuple(policy for policy in found if policy is not None)


def _policy(reader: Reader, node: Node) -> PolicyDef | None:
    fields = reader.fields(node, schema.Policy, "a policy")
    if fields is None:
        return None
    before = len(reader.findings.items)
    for key, example in (("service", '"ads_*"'), ("forbid", "[pii]")):
        _check_given(reader, fields, key, example)
    through = fields.get("through")
    listed = through.value if isinstance(through, SequenceNode) else [] if through is None else [through]
    kinds = {reader.choice(item, schema.THROUGH, "through") for item in listed}
    name, description = fields.get("name"), fields.get("description")
    policy = PolicyDef(
        fields.span,
        _free(reader, name),
        _free(reader, description),
        reader.list_of(fields, "service"),
        reader.list_of(fields, "forbid", "free"),
        None if through is None else tuple(k for k in schema.THROUGH if k == "value" or k in kinds),
        reader.list_of(fields, "allow"),
    )
    return policy if len(reader.findings.items) == before and not fields.refused else None


def _free(reader: Reader, node: Node | None) -> str | None:
    found = read_free(reader, node) if node is not None else None
    return None if found is None else str(found)


def _check_given(reader: Reader, fields: Fields, key: str, example: str) -> None:
    node = fields.get(key)
    if node is None and not fields.refused:
        reader.findings.error("F112", f"a policy has no {key}", fields.span, f"add {key}: {example}")
    elif isinstance(node, SequenceNode) and not node.value:
        reader.error("F113", f"{key} of a policy is empty", node, f"write {key}: {example}")
