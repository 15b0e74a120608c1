"""Reading what every kind may say about itself: description, owner, tags, meta, deprecated."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from featc.load import schema
from featc.load.model import Deprecated, Meta
from featc.load.plain import read_plain
from featc.load.reader import Fields, Reader
from featc.load.text import Text

_NONE = Meta()


def read_meta(reader: Reader, fields: Fields) -> Meta:
    """The five keys of any kind; values do not matter to any feature, so plain text is taken as it stands."""
    if not any(key in fields.values for key in schema.DESCRIBING):
        return _NONE
    description, owner = (reader.optional(fields, key, "free") for key in ("description", "owner"))
    return Meta(
        description.value if description is not None else None,
        owner.value if owner is not None else None,
        tuple(dict.fromkeys(tag.value for tag in reader.list_of(fields, "tags", "free"))),
        _free_mapping(reader, fields.get("meta")),
        _deprecated(reader, fields.get("deprecated")),
    )


def read_free(reader: Reader, node: Node) -> object:
    """Free-form YAML as Python values. An alias gives the same object again, so no file can blow it up."""
    return _free(reader, node, {})


def _free(reader: Reader, node: Node, done: dict[int, object]) -> object:
    if id(node) in done:
        return done[id(node)]
    done[id(node)] = None
    result: object
    if isinstance(node, MappingNode):
        result = {key.value: _free(reader, value, done) for key, value in node.value}
    elif isinstance(node, SequenceNode):
        result = [_free(reader, item, done) for item in node.value]
    else:
        assert isinstance(node, ScalarNode)
        text = reader.rendered(node)
        result = None if text is None else text.value if node.style else read_plain(text.value)
    done[id(node)] = result
    return result


def _free_mapping(reader: Reader, node: Node | None) -> Mapping[str, object]:
    if node is None:
        return {}
    if not isinstance(node, MappingNode):
        reader.wrong_shape(node, "meta must be a mapping")
        return {}
    found = read_free(reader, node)
    assert isinstance(found, dict)
    return found


def _deprecated(reader: Reader, node: Node | None) -> Deprecated | None:
    fields = reader.fields(node, schema.Deprecated, "deprecated") if node is not None else None
    if fields is None:
        return None
    since, until = (_day(reader, fields, key) for key in ("since", "until"))
    if since is not None and until is not None and until.value < since.value:
        message = f"deprecated until {until.value}, which is before since {since.value}"
        reader.findings.error("F141", message, until.span, "until is the last day of its use: write a later one")
    return Deprecated(since, until, reader.optional(fields, "use"), fields.span)


def _day(reader: Reader, fields: Fields, key: str) -> Text | None:
    """A day as YYYY-MM-DD, whose text orders as days do."""
    text = reader.optional(fields, key)
    if text is None:
        return None
    try:
        if len(text.value) != len("2026-01-31"):
            raise ValueError(text.value)
        date.fromisoformat(text.value)
    except ValueError:
        hint = "write a day of the calendar as 2026-01-31"
        reader.findings.error("F140", f"{key} of deprecated is no day: '{text.value}'", text.span, hint)
        return None
    return text
