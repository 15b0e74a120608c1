"""Reading attributed sources: `from:` and `match:` under `sources:`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from yaml.nodes import MappingNode, Node

from featc.load import schema
from featc.load.made import without_settings
from featc.load.meta import read_meta
from featc.load.model import AttributedDef, JoinDef, MatchDef, Take
from featc.load.reader import Key, Reader

_OWN = ("from", "match")


def is_attributed(node: Node) -> bool:
    """Whether a definition under `sources:` is made of other sources."""
    return isinstance(node, MappingNode) and any(key.value in _OWN for key, _ in node.value)


def read_attributed(reader: Reader, key: Key, node: Node) -> AttributedDef | None:
    """A source whose rows are another's, each with what matches it (semantics.md, "Enrichment joins")."""
    what = f"source '{key.name}'"
    message = f"{what} is made from: another, whose {{}} it has"
    refusal = ("F384", message, "write {}: where that source is defined")
    node = without_settings(reader, node, schema.Attributed, refusal)
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
