"""Reading `feature_services:` and the author's `tests:`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from yaml.nodes import MappingNode, Node, SequenceNode

from featc.errors import Span
from featc.load import schema
from featc.load.meta import read_meta
from featc.load.model import FeatureDef, Literal, Meta, PickDef, RoleDef, Row, Rows, ServiceDef, TestDef
from featc.load.reader import Fields, Key, Reader
from featc.load.sources import read_columns
from featc.load.views import read_features
from featc.names import AT

_VIEW = r"[A-Za-z_]\w*(?:@v[1-9]\d*)?"
_PATTERN = re.compile(rf"{_VIEW}(?:\.[A-Za-z_*?][\w*?]*)?\Z", re.ASCII)
_ONE = re.compile(rf"{_VIEW}\.[A-Za-z_]\w*\Z", re.ASCII)
_HALF_PINNED = re.compile(r"([A-Za-z_]\w*)(\.[\w*?]+)?\s*@\s*[vV]?([1-9]\d*)?(\.[\w*?]+)?\Z", re.ASCII)
"""A version of a view as somebody may write it who does not know how."""


def read_service(reader: Reader, key: Key, node: Node) -> ServiceDef | None:
    """A service: picks (`view`, `view.feature`, `view.spend_*`, the same with a version as `view@v2`, and
    `{new_name: view.feature}`), roles (`{name: {view: …, keys: …}}`), and its own keys, request columns and derived
    features.
    """
    what = f"feature service '{key.name}'"
    fields = reader.fields(node, schema.Service, what)
    if fields is None:
        return None
    picks: list[PickDef | RoleDef] = []
    listed = fields.get("features")
    if listed is None:
        if not fields.refused:
            reader.findings.error(
                "F112", f"{what} has no features", key.span, "add features: with a list of views"
            )
    elif isinstance(listed, SequenceNode):
        if not listed.value:
            reader.error(
                "F113", f"{what} picks no features", listed, "list views, or features as view.feature"
            )
        for item in listed.value:
            picks += _picks(reader, item)
    else:
        if isinstance(listed, MappingNode):
            reader.wrong_shape(listed, "a service's features must be a list")
        else:
            picks += _picks(reader, listed)
    return ServiceDef(
        key.name,
        key.span,
        tuple(picks),
        reader.expressions(fields.get("keys"), "keys", reserved=False),
        read_columns(reader, fields.get("request"), "request", data=False),
        _derived(reader, fields, what),
        read_meta(reader, fields),
        _labels(reader, fields, what),
        reader.number(fields, "version"),
    )


def _labels(reader: Reader, fields: Fields, what: str) -> tuple[PickDef, ...]:
    node = fields.get("labels")
    if isinstance(node, MappingNode):
        reader.wrong_shape(node, f"labels of {what} must be a list of view.label")
        return ()
    items = node.value if isinstance(node, SequenceNode) else [] if node is None else [node]
    found = [pick for item in items for pick in _picks(reader, item)]
    for role in (p for p in found if isinstance(p, RoleDef)):
        hint = "name the label as view.label"
        reader.findings.error("F123", f"the role '{role.name}' stands among labels", role.span, hint)
    return tuple(p for p in found if isinstance(p, PickDef))


def _derived(reader: Reader, fields: Fields, what: str) -> tuple[FeatureDef, ...]:
    node = fields.get("derived")
    if node is not None and not isinstance(node, MappingNode):
        reader.wrong_shape(node, f"derived of {what} must be a mapping, name: expression")
        return ()
    found, _ = read_features(reader, node, f"derived of {what}", Meta())
    for feature in found:
        if feature.over:
            hint = "delete it, and give the features that it uses windows"
            reader.findings.error("F123", f"'{feature.name}' has over, and no rows to aggregate", feature.span, hint)
        if feature.windows is not None:
            hint = "delete it; families that it uses bring their own windows"
            reader.findings.error("F123", f"'{feature.name}' has windows, and no rows to aggregate", feature.span, hint)
    return found


def _picks(reader: Reader, node: Node) -> Sequence[PickDef | RoleDef]:
    if not isinstance(node, MappingNode):
        return _pick(reader, None, node)
    found: list[PickDef | RoleDef] = []
    for key, value in reader.pairs(node, "a renamed feature"):
        if isinstance(value, MappingNode):
            found += _role(reader, key, value)
        else:
            found += _pick(reader, key, value)
    return found


def _role(reader: Reader, key: Key, node: MappingNode) -> list[RoleDef]:
    what = f"role '{key.name}'"
    fields = reader.fields(node, schema.Role, what)
    if fields is None:
        return []
    view = reader.optional(fields, "view")
    if view is None:
        if not fields.refused and "view" not in fields.keys:
            hint = f"say whose features it is: {key.name}: {{view: …}}"
            reader.findings.error("F112", f"{what} has no view", key.span, hint)
        return []
    if AT in view.value:
        hint = f"list {view.value} among the features, or give the role {view.value.partition(AT)[0]}, as it is now"
        reader.findings.error("F886", f"{what} asks a view as it is now, and cannot pin a version", view.span, hint)
        return []
    listed = reader.list_of(fields, "features") if fields.get("features") is not None else None
    keys = reader.expressions(fields.get("keys"), "keys", reserved=False)
    return [RoleDef(key.name, key.span, view, keys, listed)]


def _pick(reader: Reader, new: Key | None, node: Node) -> list[PickDef]:
    text = reader.text(node)
    if text is None:
        return []
    half = _HALF_PINNED.match(text.value.strip())
    if not _PATTERN.match(text.value) and half is not None:
        view, early, number, late = half.groups()
        told = "" if number else ", with the number of the version"
        hint = f"write {view}@v{number or 1}{early or late or ''}{told}"
        reader.error("F883", f"'{text.value}' names no version of a view", node, hint)
        return []
    if not _PATTERN.match(text.value):
        hint = "write view, view.feature or view.spend_*"
        several = re.split(r"[\s,]+(?:-\s+)?", text.value.strip())
        if _PATTERN.match(text.value.replace(":", ".")):
            hint = f"write {text.value.replace(':', '.')}"
        elif len(several) > 1 and all(map(_PATTERN.match, several)):
            hint = f"list them: [{', '.join(several)}], or one a line, each after '- '"
        reader.error("F115", f"'{text.value}' names no feature", node, hint)
        return []
    if new is not None and not _ONE.match(text.value):
        hint = "name one feature, as view.feature"
        reader.error("F123", f"'{text.value}' cannot be renamed: it is not one feature", node, hint)
        return []
    return [PickDef(new.name if new else None, text, new.span if new else text.span)]


def read_test(reader: Reader, key: Key, node: Node) -> TestDef | None:
    """An author's test: what is given, the spine, and what is expected of a service."""
    what = f"test '{key.name}'"
    fields = reader.fields(node, schema.Test, what)
    if fields is None:
        return None
    service = reader.optional(fields, "service")
    for name in ("service", "spine", "expect"):
        if fields.get(name) is None and not fields.refused:
            reader.findings.error("F112", f"{what} has no {name}", key.span, f"add {name}:")
    given: dict[str, Rows] = {}
    listed = fields.get("given")
    for source, value in reader.pairs(listed, "given") if listed is not None else ():
        rows = _rows(reader, value, f"given rows of '{source.name}'")
        if rows is not None:
            given[source.name] = rows
    spine, expect = (_rows_of(reader, fields, name) for name in ("spine", "expect"))
    meta = read_meta(reader, fields)
    if service is None or spine is None or expect is None:
        return None
    if spine.file is None and expect.file is None and len(spine.rows) != len(expect.rows):
        message = f"{what} expects {len(expect.rows)} rows of a spine of {len(spine.rows)}"
        hint = "write one row under expect: for each row under spine:, {} to expect nothing of it"
        reader.findings.error("F123", message, fields.keys["expect"], hint)
    folder = posixpath.dirname(reader.file.path)
    return TestDef(key.name, key.span, service, given, spine, expect, folder, meta)


def _rows_of(reader: Reader, fields: Fields, name: str) -> Rows | None:
    node = fields.get(name)
    return _rows(reader, node, name) if node is not None else None


def _rows(reader: Reader, node: Node, what: str) -> Rows | None:
    """Rows written in place as a list of mappings, or the name of a file."""
    if isinstance(node, MappingNode):
        reader.wrong_shape(node, f"{what} must be a list of rows or a file's name")
        return None
    if not isinstance(node, SequenceNode):
        file = reader.text(node)
        return Rows(file, (), reader.span(node)) if file is not None else None
    rows: list[Row] = []
    for item in node.value:
        if not isinstance(item, MappingNode):
            reader.wrong_shape(item, "a row must be a mapping from columns to values")
            continue
        values: dict[str, Literal] = {}
        names: dict[str, Span] = {}
        for key, value in reader.pairs(item, "a row", reserved=False, quoted=True):
            literal = reader.literal(value)
            if literal is not None:
                values[key.name] = literal
                names[key.name] = key.span
        rows.append(Row(values, names, reader.span(item)))
    return Rows(None, tuple(rows), reader.span(node))
