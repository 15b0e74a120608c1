"""Reading `entities:` and `windows:`."""

from __future__ import annotations

import re
from dataclasses import replace

from yaml.nodes import MappingNode, Node

from featc.load import schema
from featc.load.meta import read_meta
from featc.load.model import EntityDef, Meta, Unit, WindowDef
from featc.load.reader import Fields, Key, Reader
from featc.load.text import Text

_MOST_UNITS = 1_000
_PARTS = ("range", "rows", "lifetime", "hop", "align", "offset", "calendar", "previous", "timezone", "since")
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
    calendar, previous = fields.get("calendar"), fields.get("previous")
    window = replace(
        read_extent(reader, key.name, fields),
        span=key.span,
        meta=read_meta(reader, fields),
        calendar=_unit(reader, calendar) if calendar is not None else None,
        previous=_previous(reader, previous) if previous is not None else None,
        timezone=reader.optional(fields, "timezone"),
        since=reader.optional(fields, "since", "sql"),
        next=reader.duration_of(fields, "next"),
    )
    _check_kind(reader, window, fields)
    return window


def read_extent(reader: Reader, name: str, fields: Fields) -> WindowDef:
    """A window by what any may say: range, offset, rows, lifetime, hop and align."""
    rows, lifetime, align = fields.get("rows"), fields.get("lifetime"), fields.get("align")
    return WindowDef(
        name,
        fields.span,
        reader.duration_of(fields, "range"),
        reader.duration_of(fields, "offset", allow_zero=True),
        reader.count(rows, "rows") if rows is not None else None,
        reader.flag(lifetime) if lifetime is not None else False,
        reader.duration_of(fields, "hop"),
        reader.flag(align) if align is not None else False,
        Meta(),
    )


def _previous(reader: Reader, node: Node) -> int | None:
    found = reader.count(node, "previous")
    if found is not None and found > _MOST_UNITS:
        message = f"previous is {_MOST_UNITS:,} at most, not {found:,}"
        reader.error("F118", message, node, "take a longer unit, or a range")
        return None
    return found


def _unit(reader: Reader, node: Node) -> Unit | None:
    found = reader.choice(node, schema.CALENDARS, "calendar")
    return next((unit for unit in schema.CALENDARS if unit == found), None)


def _check_kind(reader: Reader, window: WindowDef, fields: Fields) -> None:
    """Semantics, Windows: `hop` goes with `range` alone, `align` with `hop`, `lifetime` with neither of them; a
    `calendar` and a `since` window have no other part of an extent.
    """
    has = fields.keys
    what = f"window '{window.name}'"
    if "next" in has:
        for other in ("range", "rows", "lifetime", "hop", "offset", "align", "calendar", "since"):
            if other in has:
                hint = "a window of labels has a length alone: next: 30d"
                reader.findings.error("F123", f"{what} has both next and {other}", has[other], hint)
        return
    if not any(kind in has for kind in ("range", "rows", "lifetime", "calendar", "since")):
        if not fields.refused:
            hint = "add range: (such as 7d), rows:, calendar:, since: or lifetime: true"
            reader.findings.error("F112", f"{what} does not say what it holds", window.span, hint)
        return
    for kind in ("calendar", "since"):
        if kind in has:
            _check_alone(reader, what, kind, fields)
            return
    for other in ("previous", "timezone"):
        if other in has:
            hint = "add calendar:, such as calendar: month"
            reader.findings.error("F123", f"{what} has {other} without calendar", has[other], hint)
    check_extent(reader, what, window, fields)


def check_extent(reader: Reader, what: str, window: WindowDef, fields: Fields) -> None:
    """Refuses parts of a window that do not go together, calendars and `since` apart."""
    has = fields.keys
    if not any(kind in has for kind in ("range", "rows", "lifetime")) and not fields.refused:
        message = f"{what} does not say what it holds"
        reader.findings.error("F112", message, window.span, "add range: (such as 7d), rows: or lifetime: true")
    for other in ("rows", "lifetime"):
        if "hop" in has and other in has:
            hint = "hop belongs to windows of a range alone"
            reader.findings.error("F123", f"{what} has both hop and {other}", has["hop"], hint)
    if "lifetime" in has and window.lifetime:
        for other in ("range", "rows"):
            if other in has:
                message = f"{what} has both lifetime and {other}"
                reader.findings.error("F123", message, has[other], "keep one of the two")
    elif "lifetime" in has and "range" not in has and "rows" not in has:
        message = f"{what} does not say what it holds"
        reader.findings.error("F112", message, has["lifetime"], "write lifetime: true")
    if window.align and "hop" not in has:
        reader.findings.error("F123", f"{what} has align without hop", has["align"], "add hop:, such as hop: 1h")


def _check_alone(reader: Reader, what: str, kind: str, fields: Fields) -> None:
    """Refuses what does not go with a calendar, or with the event a window begins with."""
    own = {"calendar": ("previous", "timezone"), "since": ()}[kind]
    why = {
        "calendar": "a calendar window begins and ends with units of the calendar: delete one of the two",
        "since": "a since window is all there is from an event on: delete one of the two",
    }[kind]
    for other in _PARTS:
        if other in fields.keys and other != kind and other not in own:
            reader.findings.error("F123", f"{what} has both {kind} and {other}", fields.keys[other], why)
