"""Reading `feature_views:` and their features."""

from __future__ import annotations

import re
from dataclasses import replace

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from featc.load import schema
from featc.load.each import fill_name, fill_prose, fill_sql, read_each, unused
from featc.load.joins import read_joins
from featc.load.meta import read_meta
from featc.load.model import Closed, FeatureDef, Literal, Meta, ViewDef
from featc.load.over import filled, read_over
from featc.load.reader import RESERVED, Fields, Key, Reader
from featc.load.sources import read_columns
from featc.load.text import Text

CLOSED: tuple[Closed, ...] = ("left", "right", "both", "neither")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def read_view(reader: Reader, key: Key, node: Node, closed: Closed) -> tuple[ViewDef, list[str]] | None:
    """A view and the names of those of its features that had errors and were left out. `closed` is the
    default.
    """
    what = f"feature view '{key.name}'"
    fields = reader.fields(node, schema.View, what)
    if fields is None:
        return None
    before = len(reader.findings.items)
    entity = fields.get("entity")
    source = _source(reader, fields, what)
    if fields.get("features") is None and fields.get("labels") is None and not fields.refused:
        reader.findings.error("F112", f"{what} has no features", key.span, "add features:")
    if fields.get("source") is None:
        _check_on_demand(reader, fields, what)
    elif "request" in fields.keys:
        hint = "request columns belong to views without a source"
        reader.findings.error("F123", f"{what} has both source and request", fields.keys["request"], hint)
    view = ViewDef(
        key.name,
        key.span,
        reader.texts(entity) if entity is not None else None,
        source,
        reader.expressions(fields.get("keys"), "keys", reserved=False),
        reader.optional(fields, "where", "sql"),
        reader.list_of(fields, "windows"),
        read_closed(reader, fields) or closed,
        reader.duration_of(fields, "ttl"),
        read_columns(reader, fields.get("request"), "request", data=False),
        (),
        read_meta(reader, fields),
        joins=read_joins(reader, fields),
        of_view=isinstance(fields.get("source"), MappingNode),
        version=reader.number(fields, "version"),
    )
    sound = len(reader.findings.items) == before and not fields.refused
    features, broken = read_features(reader, fields.get("features"), what, view.meta)
    labels, lost = _labels(reader, fields, what, view.meta)
    return (replace(view, features=features, labels=labels), [*broken, *lost]) if sound else None


def _labels(reader: Reader, fields: Fields, what: str, meta: Meta) -> tuple[tuple[FeatureDef, ...], list[str]]:
    node = fields.get("labels")
    if node is not None and not isinstance(node, MappingNode):
        reader.wrong_shape(node, f"labels of {what} must be a mapping, name: expression")
        return (), []
    return read_features(reader, node, f"labels of {what}", meta)


def read_closed(reader: Reader, fields: Fields) -> Closed | None:
    """`closed:` of a view or of the project's defaults."""
    node = fields.get("closed")
    found = reader.choice(node, CLOSED, "closed") if node is not None else None
    return next((c for c in CLOSED if c == found), None)


def _source(reader: Reader, fields: Fields, what: str) -> Text | None:
    """`source: s`, or `source: {view: v}`."""
    node = fields.get("source")
    if not isinstance(node, MappingNode):
        return reader.optional(fields, "source")
    inner = reader.fields(node, schema.OfView, f"the source of {what}")
    if inner is None:
        return None
    if inner.get("view") is None and not inner.refused:
        reader.error("F112", f"the source of {what} names no view", node, "write source: {view: NAME}")
    return reader.optional(inner, "view")


def _check_on_demand(reader: Reader, fields: Fields, what: str) -> None:
    for name in schema.OF_ROWS:
        if name in fields.keys:
            message = f"{what} has {name} but no source"
            reader.findings.error("F123", message, fields.keys[name], f"add source:, or delete {name}")


def read_features(
    reader: Reader, node: Node | None, what: str, meta: Meta
) -> tuple[tuple[FeatureDef, ...], list[str]]:
    """The features of a view, or a service's derived ones, and the names of those with errors. `meta` is inherited."""
    if node is None:
        return (), []
    if isinstance(node, SequenceNode):
        return _pass_through(reader, node, meta)
    found: list[FeatureDef] = []
    broken: list[str] = []
    first: dict[str, FeatureDef] = {}
    for key, value in reader.pairs(node, f"the features of {what}"):
        before = len(reader.findings.items)
        made = _feature(reader, key, value, meta)
        if len(reader.findings.items) > before or _is_cut(reader, value):
            broken += [key.name, *(feature.name for feature in made)]
            continue
        for feature in made:
            other = first.setdefault(feature.name.casefold(), feature)
            if other is not feature:
                message = f"two features are named '{feature.name}' (the other in line {other.span.line})"
                reader.findings.error("F117", message, feature.span, "change one of the names")
            else:
                found.append(feature)
    if isinstance(node, MappingNode) and not node.value and not reader.tree.is_blamed(node):
        reader.error("F113", f"{what} has no features", node, "write at least one")
    return tuple(found), broken


def _is_cut(reader: Reader, node: Node) -> bool:
    """Whether YAML cut the feature's text in two, which was reported when the file was read."""
    parts = [n for pair in node.value for n in pair] if isinstance(node, MappingNode) else []
    return any(reader.tree.is_blamed(n) for n in (node, *parts))


def _pass_through(reader: Reader, node: SequenceNode, meta: Meta) -> tuple[tuple[FeatureDef, ...], list[str]]:
    """`features: [plan, mrr]`: columns of a state source under their own names."""
    found: dict[str, FeatureDef] = {}
    broken: list[str] = []
    for item in node.value:
        key = _column_name(reader, item)
        if key is None:
            broken += [item.value] if isinstance(item, ScalarNode) else []
            if reader.tree.is_blamed(item):
                break
        elif key.name.casefold() in found:
            reader.error("F117", f"the feature '{key.name}' stands here twice", item, "delete one of the two")
        else:
            found[key.name.casefold()] = FeatureDef(key.name, key.span, None, None, None, meta)
    return tuple(found.values()), broken


def _column_name(reader: Reader, item: Node) -> Key | None:
    way_out = "write features: as a mapping, name: expression"
    if not isinstance(item, ScalarNode):
        reader.error("F111", "a list of features holds column names only", item, way_out)
        return None
    if item.style or _NAME.match(item.value):
        return reader.name(item)
    if reader.text(item, "sql") is not None:
        reader.error("F115", f"'{item.value}' is not a column's name", item, way_out)
    else:
        # The rest of an expression that a comma cut in two is not judged.
        reader.tree.blame(item)
    return None


def _feature(reader: Reader, key: Key, node: Node, inherited: Meta) -> list[FeatureDef]:
    if not isinstance(node, MappingNode):
        sql = reader.text(node, "sql")
        return [FeatureDef(key.name, key.span, sql, None, None, inherited)] if sql is not None else []
    fields = reader.fields(node, schema.Feature, f"feature '{key.name}'")
    if fields is None:
        return []
    sql = reader.optional(fields, "sql", "sql")
    windows = reader.list_of(fields, "windows") if fields.get("windows") is not None else None
    meta = inherited.inherited_by(read_meta(reader, fields))
    version = reader.number(fields, "version")
    feature = FeatureDef(key.name, key.span, sql, _default(reader, fields), windows, meta, version=version)
    if "windows" in fields.keys and "over" in fields.keys:
        hint = "keep one of the two: windows: makes a feature for each, over: is one window"
        message = f"feature '{feature.name}' has both windows and over"
        reader.findings.error("F123", message, fields.keys["over"], hint)
    if "each" in fields.keys:
        return _expanded(reader, feature, fields)
    if "name" in fields.keys:
        hint = "the feature's name is its key; name: goes with each:"
        reader.findings.error(
            "F124", f"feature '{key.name}' has name: without each:", fields.keys["name"], hint
        )
    return [_with_over(reader, feature, fields.get("over"))]


def _with_over(reader: Reader, feature: FeatureDef, node: Node | None) -> FeatureDef:
    if node is None:
        return feature
    windows, series = read_over(reader, node, feature.name)
    return replace(feature, over=windows, series=series)


def _default(reader: Reader, fields: Fields) -> Literal | None:
    node = fields.get("default")
    return reader.literal(node) if node is not None else None


def _expanded(reader: Reader, feature: FeatureDef, fields: Fields) -> list[FeatureDef]:
    choices = read_each(reader, fields.values["each"])
    template = reader.optional(fields, "name")
    if not choices:
        return []
    parameters = list(choices[0].values)
    if template is None:
        if "name" not in fields.keys:
            example = "_".join(f"{{{name}}}" for name in parameters)
            hint = f'add name: "{example}_{feature.name}"'
            reader.findings.error(
                "F124", f"feature '{feature.name}' has each: but no name:", fields.keys["each"], hint
            )
        return []
    for missing in unused(parameters, template.value):
        hint = f"put {{{missing}}} into the name"
        message = f"the name does not mention '{missing}', so features would share a name"
        reader.findings.error("F124", message, template.span, hint)
        return []
    made: list[FeatureDef] = []
    for choice in choices:
        name = fill_name(reader, template, choice)
        sql = fill_sql(reader, feature.sql, choice) if feature.sql is not None else None
        if name is None or (sql is None and feature.sql is not None):
            return made
        if not _is_feature_name(reader, name, template):
            continue
        description = feature.meta.description
        meta = (
            replace(feature.meta, description=fill_prose(description, choice))
            if description
            else feature.meta
        )
        over = fields.get("over")
        mine = filled(reader, over, choice) if over is not None else None
        if over is not None and mine is None:
            return made
        expanded = replace(feature, name=name, span=template.span, sql=sql, meta=meta)
        made.append(_with_over(reader, expanded, mine))
    return made


def _is_feature_name(reader: Reader, name: str, template: Text) -> bool:
    if not _NAME.match(name):
        hint = "each value goes into the name: letters, digits and _"
        reader.findings.error("F115", f"each: makes '{name}', which is not a name", template.span, hint)
        return False
    if name.casefold() in RESERVED:
        reader.findings.error(
            "F116", f"each: makes the reserved name '{name}'", template.span, "change the template"
        )
        return False
    return True
