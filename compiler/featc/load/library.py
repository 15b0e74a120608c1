"""Reading `entities:` and `windows:`."""

from __future__ import annotations

import re

from yaml.nodes import MappingNode, Node

from featc.load import schema
from featc.load.meta import read_meta
from featc.load.model import EntityDef, Meta, WindowDef
from featc.load.reader import Fields, Key, Reader
from featc.load.text import Text

_BUILT_IN = re.compile(r"(?:(?:last|prev|next)_\d\w*|lifetime|current)\Z", re.IGNORECASE)


def read_entity(reader: Reader, key: Key, node: Node) -> EntityDef | None:
    """`user: user_id`, `pair: [a, b]`, or the long form `{keys: …, description: …}`."""
    if not isinstance(node, MappingNode):
        return EntityDef(key.name, key.span, _distinct(reader, key.name, reader.texts(node)), Meta())
    fields = reader.fields(node, schema.Entity, f"entity '{key.name}'")
    if fields is None:
        return None
    keys = reader.list_of(fields, "keys")
    if fields.get("keys") is None:
        reader.findings.error(
            "F112",
            f"entity '{key.name}' has no keys",
            key.span,
            "add keys: with the columns that identify it",
        )
    return EntityDef(key.name, key.span, _distinct(reader, key.name, keys), read_meta(reader, fields))


def _distinct(reader: Reader, entity: str, keys: tuple[Text, ...]) -> tuple[Text, ...]:
    """The keys, once each: a column cannot be told from another by letter case, nor a key from the instant."""
    known: dict[str, Text] = {}
    for key in keys:
        folded = key.value.casefold()
        if folded == "as_of":
            message, hint = f"the key of entity '{entity}' has the name of the instant", "call it something else"
            reader.findings.error("F116", message, key.span, hint)
        elif folded in known:
            message = f"entity '{entity}' has the keys '{known[folded].value}' and '{key.value}', which are one name"
            reader.findings.error("F116", message, key.span, "leave one out, or rename it")
        else:
            known[folded] = key
    return tuple(known.values())


def read_window(reader: Reader, key: Key, node: Node) -> WindowDef | None:
    """A window of the project's library; a single duration is short for its range."""
    if _BUILT_IN.match(key.name):
        reader.findings.error(
            "F116",
            f"the window '{key.name}' is built in, or looks as if it were",
            key.span,
            "use the built-in one without declaring it, or choose another name",
        )
        return None
    if not isinstance(node, MappingNode):
        length = reader.duration(node)
        return WindowDef(key.name, key.span, length, None, None, False, None, False, Meta())
    fields = reader.fields(node, schema.Window, f"window '{key.name}'")
    if fields is None:
        return None
    rows = fields.get("rows")
    lifetime = fields.get("lifetime")
    align = fields.get("align")
    window = WindowDef(
        key.name,
        key.span,
        reader.duration_of(fields, "range"),
        reader.duration_of(fields, "offset", allow_zero=True),
        reader.count(rows, "rows") if rows is not None else None,
        reader.flag(lifetime) if lifetime is not None else False,
        reader.duration_of(fields, "hop"),
        reader.flag(align) if align is not None else False,
        read_meta(reader, fields),
        reader.duration_of(fields, "next"),
    )
    _check_kind(reader, window, fields)
    return window


def _check_kind(reader: Reader, window: WindowDef, fields: Fields) -> None:
    """Semantics, Windows: `hop` goes with `range` alone, `align` with `hop`, `lifetime` with neither of
    them.
    """
    has = fields.keys
    what = f"window '{window.name}'"
    if "next" in has:
        for other in ("range", "rows", "lifetime", "hop", "offset", "align"):
            if other in has:
                hint = "a window of labels has a length alone: next: 30d"
                reader.findings.error("F123", f"{what} has both next and {other}", has[other], hint)
        return
    if not ("range" in has or "rows" in has or "lifetime" in has):
        if not fields.refused:
            hint = "add range: (such as 7d), rows: or lifetime: true"
            reader.findings.error("F112", f"{what} does not say what it holds", window.span, hint)
        return
    for other in ("rows", "lifetime"):
        if "hop" in has and other in has:
            reader.findings.error(
                "F123",
                f"{what} has both hop and {other}",
                has["hop"],
                "hop belongs to windows of a range alone",
            )
    if "lifetime" in has and window.lifetime:
        for other in ("range", "rows"):
            if other in has:
                reader.findings.error(
                    "F123", f"{what} has both lifetime and {other}", has[other], "keep one of the two"
                )
    elif "lifetime" in has and "range" not in has and "rows" not in has:
        reader.findings.error(
            "F112", f"{what} does not say what it holds", has["lifetime"], "write lifetime: true"
        )
    if window.align and "hop" not in has:
        reader.findings.error(
            "F123", f"{what} has align without hop", has["align"], "add hop:, such as hop: 1h"
        )
