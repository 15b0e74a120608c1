"""Reading attributed sources: `from:` and `match:` under `sources:`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from yaml.nodes import MappingNode, Node

from featc.load import schema
from featc.load.meta import read_meta
from featc.load.model import AttributedDef, JoinDef, MatchDef, Take
from featc.load.reader import Key, Reader
from featc.load.schema import keys_of

_OWN = ("from", "match")


def is_attributed(node: Node) -> bool:
    """Whether a definition under `sources:` is made of other sources."""
    return isinstance(node, MappingNode) and any(key.value in _OWN for key, _ in node.value)


def read_attributed(reader: Reader, key: Key, node: Node) -> AttributedDef | None:
    """A source whose rows are another's, each with what matches it (semantics.md, "Enrichment joins")."""
    what = f"source '{key.name}'"
    node = _without_settings(reader, key, node)
    fields = reader.fields(node, schema.Attributed, what)
    if fields is None:
        return None
    base = reader.optional(fields, "from")
    for word in _OWN if not fields.refused else ():
        if fields.get(word) is None:
            hint = "from: names the source of the events, match: what may follow each of them"
            reader.findings.error("F112", f"{what} has no {word}", key.span, hint)
    matches = tuple(_matches(reader, fields.get("match"), what)) if fields.get("match") is not None else ()
    let = reader.expressions(fields.get("let"), "let")
    meta = read_meta(reader, fields)
    if base is None or not matches:
        return None
    return AttributedDef(key.name, key.span, base, matches, let, meta)


def _without_settings(reader: Reader, key: Key, node: Node) -> Node:
    """The definition without what only the source that it is made of can say, which is refused."""
    if not isinstance(node, MappingNode):
        return node
    mine = keys_of(schema.Attributed)
    kept = []
    for name, value in node.value:
        if name.value in keys_of(schema.Source) and name.value not in mine:
            message = f"source '{key.name}' is made from: another, whose {name.value} it has"
            reader.error("F384", message, name, f"write {name.value}: where that source is defined")
        else:
            kept.append((name, value))
    return MappingNode(node.tag, kept, node.start_mark, node.end_mark, flow_style=node.flow_style)


def _matches(reader: Reader, node: Node | None, what: str) -> Iterator[MatchDef]:
    if node is None:
        return
    before = len(reader.findings.items)
    empty = True
    for key, value in reader.pairs(node, "match"):
        empty = False
        found = _match(reader, key, value)
        if found is not None:
            yield found
    if empty and len(reader.findings.items) == before:
        hint = "name one: match: {click: {source: clicks, keys: {…}, within: 30m}}"
        reader.error("F112", f"{what} has no match", node, hint)


def _match(reader: Reader, key: Key, node: Node) -> MatchDef | None:
    what = f"match '{key.name}'"
    given = reader.fields(node, schema.Match, what)
    if given is None or given.refused:
        return None
    for word in ("keys", "within"):
        if given.get(word) is None:
            hint = {
                "keys": "say which of its columns equals what: keys: {order_id: order_id}",
                "within": "say how long after the event it may happen: within: 30m",
            }[word]
            reader.findings.error("F112", f"{what} has no {word}", key.span, hint)
    keys = reader.expressions(given.get("keys"), "keys", reserved=False)
    within = reader.duration_of(given, "within")
    take_node, mature_node = given.get("take"), given.get("mature")
    take = "first" if take_node is None else reader.choice(take_node, ("first", "last"), "what a match takes")
    mature = True if mature_node is None else reader.flag(mature_node)
    if not keys or within is None or take is None:
        return None
    join = JoinDef(key.name, key.span, reader.optional(given, "source"), keys, None)
    return MatchDef(join, within, cast(Take, take), mature)
