"""Keys of views without a source: those of their parents (semantics.md, "Derived and on-demand features")."""

from __future__ import annotations

from collections.abc import Mapping

from featc.errors import Findings, Span
from featc.resolve.families import Families
from featc.resolve.meaning import FeatureNeed
from featc.resolve.model import Key
from featc.resolve.openview import OpenView, Template
from featc.types import common_type


def parents_of(view: OpenView, families: Families) -> dict[str, tuple[Template, Span]]:
    """The other views whose features `view` uses, and where it first does."""
    found: dict[str, tuple[Template, Span]] = {}
    for template in view.templates:
        for name in template.outer_names:
            meaning = families.meant.get((template, name.start))
            if isinstance(meaning, FeatureNeed) and meaning.view != view.name:
                found.setdefault(
                    meaning.view, (template, template.text.span_at(name.start, name.end - name.start))
                )
    return found


def inherit_keys(
    layer: Mapping[str, OpenView], views: Mapping[str, OpenView], families: Families, findings: Findings
) -> None:
    """Gives those of a layer's views that have no source their keys, and checks that each one's keys cover its
    parents'. `views` are all; those that a layer needs are of it, or of one before it.

    Views may need each other's features without a feature needing itself, so keys spread until none is new.
    """
    parents = {name: parents_of(view, families) for name, view in layer.items()}
    changed = True
    while changed:
        changed = False
        for name, view in layer.items():
            if view.definition.source is None:
                changed |= _spread(view, [views[p] for p in parents[name]])
    for name, view in layer.items():
        _fill(view, views)
        for parent, (_, span) in parents[name].items():
            missing = [k.name for k in views[parent].keys if k.name not in view.key_names]
            if missing and not view.blind and not views[parent].blind:
                findings.error(
                    "F309",
                    f"{name} lacks the key {', '.join(missing)} of {parent}",
                    span,
                    "use features of views whose keys it has all, or a view without source and entity",
                )


def _spread(view: OpenView, parents: list[OpenView]) -> bool:
    before = (view.key_names, view.keys)
    if view.definition.entity is None:
        view.key_names = tuple(dict.fromkeys((*view.key_names, *(k for p in parents for k in p.key_names))))
    types: dict[str, str] = {k.name: k.type for k in view.keys}
    for parent in parents:
        for key in parent.keys:
            types[key.name] = common_type(types.get(key.name, key.type), key.type) or types[key.name]
    view.keys = tuple(Key(k, types[k]) for k in view.key_names if k in types)
    return before != (view.key_names, view.keys)


def _fill(view: OpenView, views: Mapping[str, OpenView]) -> None:
    """A key that no parent has: its type is what any other view gives it, else VARCHAR."""
    if view.definition.source is not None or len(view.keys) == len(view.key_names):
        return
    types = {k.name: k.type for v in views.values() if v.definition.source is not None for k in v.keys}
    types |= {k.name: k.type for k in view.keys}
    view.keys = tuple(Key(k, types.get(k, "VARCHAR")) for k in view.key_names)
