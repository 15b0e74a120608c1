"""`over:` of a feature: a window of its own for every aggregate without OVER, or a series of them.

`over: {range: 7d, offset: 7d}` is one window. With `each: {offset: [0d, 7d]}` it may hold `{offset}`, which makes a
feature for each; `over: {range: 7d, offsets: [0d, 7d]}` makes one feature, the list of the values at each.
"""

from __future__ import annotations

from dataclasses import replace

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from featc.durations import format_duration
from featc.errors import Span
from featc.load import schema
from featc.load.each import Choice, fill_text
from featc.load.library import check_extent, read_extent
from featc.load.model import Duration, WindowDef
from featc.load.reader import Fields, Reader

_MOST = 100


def filled(reader: Reader, node: Node, choice: Choice) -> Node | None:
    """`over:` with the parameters of `each:` replaced; None where it holds one that is not there, which is reported."""
    if isinstance(node, ScalarNode):
        value = fill_text(reader, reader.span(node), node.value, choice)
        return None if value is None else ScalarNode(node.tag, value, node.start_mark, node.end_mark, node.style)
    if isinstance(node, SequenceNode):
        items = [filled(reader, item, choice) for item in node.value]
        return None if None in items else SequenceNode(node.tag, items, node.start_mark, node.end_mark)
    assert isinstance(node, MappingNode)
    values = [(key, filled(reader, value, choice)) for key, value in node.value]
    if any(value is None for _, value in values):
        return None
    return MappingNode(node.tag, values, node.start_mark, node.end_mark)


def read_over(reader: Reader, node: Node, feature: str) -> tuple[tuple[WindowDef, ...], bool]:
    """The windows, and whether they are a series; none where there is an error, which is reported."""
    what = f"over of '{feature}'"
    fields = reader.fields(node, schema.Over, what)
    if fields is None:
        return (), False
    before = len(reader.findings.items)
    plain = read_extent(reader, "", fields)
    check_extent(reader, what, plain, fields)
    offsets = _offsets(reader, what, fields)
    if len(reader.findings.items) > before or fields.refused:
        return (), False
    if offsets is None:
        return (_named(plain, plain.offset, fields.span),), False
    return tuple(_named(plain, offset, fields.span) for offset in offsets), True


def _offsets(reader: Reader, what: str, fields: Fields) -> list[Duration] | None:
    """The offsets of a series; None where it is none."""
    node = fields.get("offsets")
    if node is None:
        return None
    if "offset" in fields.keys:
        message = f"{what} has both offset and offsets"
        reader.findings.error("F123", message, fields.keys["offset"], "keep offsets; 0d is among them if you want it")
    if not isinstance(node, SequenceNode) or not node.value:
        reader.error("F111", f"{what} has offsets that are no list of durations", node, "write offsets: [0d, 7d, 14d]")
        return []
    if len(node.value) > _MOST:
        reader.error("F118", f"{what} has {len(node.value)} offsets; {_MOST} are the most", node, "split it up")
    found = [reader.duration(item, allow_zero=True) for item in node.value]
    return [offset for offset in found if offset is not None]


def _named(window: WindowDef, offset: Duration | None, span: Span) -> WindowDef:
    """The window with an offset, under a name made of its parts: equal names are equal windows."""
    words = []
    if window.range is not None:
        words.append(format_duration(window.range.us))
    if window.rows is not None:
        words += [str(window.rows), "rows"]
    if window.hop is not None:
        words += ["hop", format_duration(window.hop.us), *(["aligned"] if window.align else [])]
    if offset is not None and offset.us:
        words += ["before", format_duration(offset.us)]
    head = "lifetime" if window.lifetime else "last"
    return replace(window, name="_".join((head, *words)), span=span, offset=offset)
