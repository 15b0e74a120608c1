"""Labels: the expressions under `labels:` as a view of their own, and their columns (semantics.md, "Labels").

A view's labels read the rows of its source by the same keys and `where`, so they are read, lifted and typed as features
are. They may use features; no feature may use them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from featc.errors import Findings
from featc.resolve.features import Draft
from featc.resolve.model import (
    COMPLETE,
    AggregateRef,
    CompleteRef,
    Expr,
    Feature,
    FeatureRef,
    Ref,
    Source,
    View,
    label_view,
)
from featc.resolve.openview import OpenView, read_templates
from featc.resolve.pieces import joined

Pair = tuple[str, str]


def open_labels(base: OpenView, findings: Findings) -> tuple[OpenView, ...]:
    """The labels of a view as a view, which it gets to know; none where it has none."""
    written = base.definition.labels
    if not written:
        return ()
    name = label_view(base.name)
    definition = replace(base.definition, name=name, features=written, labels=(), windows=(), ttl=None)
    found = OpenView(definition, base.opened, base.blind, base.entity, base.key_names, lost=base.lost, base=base)
    found.joins, found.inherited = base.joins, base.inherited
    read_templates(found, findings)
    base.labels = found
    return (found,)


def check_names(labels: OpenView, findings: Findings) -> None:
    """Labels share a name space with the features of their view, and each brings a column `<label>__complete`."""
    base = labels.base
    features = [] if base is None else [m for t in base.templates for m, _ in t.members]
    taken = {name.casefold(): name for name in features}
    for template in labels.templates:
        member = next((m for m, _ in template.members if m.casefold().endswith(COMPLETE)), None)
        if member is not None:
            message = f"the label {member} has the name of a column that says whether a label is complete"
            findings.error("F307", message, template.definition.span, f"a label's name does not end in {COMPLETE}")
    for member, template in ((m, t) for t in labels.templates for m, _ in t.members):
        for name in (member, f"{member}{COMPLETE}"):
            if name.casefold() in taken:
                message = f"the label {member} and another column of {labels.spoken} are both called {name}"
                findings.error("F307", message, template.definition.span, "rename one of them")


def finished_labels(
    view: View, drafts: Mapping[Pair, Draft], ahead: Collection[str], source: Source, findings: Findings
) -> tuple[Feature, ...]:
    """The columns of a view's labels: each label, NULL where it is not complete, behind the one that says whether.

    `ahead` are the names of all views of labels.
    """
    final = source.settles
    found: list[Feature] = []
    for feature in view.features:
        draft = drafts[view.name, feature.name]
        windows = [view.aggregation(r.name).window for r in feature.expr.refs if isinstance(r, AggregateRef)]
        parents = [FeatureRef(v, f"{f}{COMPLETE}") for v, f in draft.parents if v in ahead]
        if not windows and not parents:
            message = f"{feature.name} is a label, and nothing in it lies after as_of"
            hint = "use an aggregate over next_<duration>, or put it under features:"
            findings.error("F344", message, feature.expr.span, hint)
            continue
        reach = [CompleteRef(max(w.length or 0 for w in windows) + final)] if windows else []
        whole = _with_complete(feature, [*reach, *parents])
        found += [whole, _where_complete(feature, whole.name)]
    return tuple(found)


def _with_complete(label: Feature, conditions: list[CompleteRef | FeatureRef]) -> Feature:
    parts: list[str | Ref] = []
    for condition in conditions:
        parts += [" AND ", condition] if parts else [condition]
    expr = Expr(joined(parts), "BOOLEAN", label.expr.span)
    text = f"whether the data reaches to the end of {label.name}"
    return Feature(label.view, f"{label.name}{COMPLETE}", expr, "BOOLEAN", text=text, span=label.span)


def _where_complete(label: Feature, complete: str) -> Feature:
    """The label, its default inside: what is not complete is NULL, whatever the default."""
    inner: list[str | Ref] = list(label.expr.parts)
    if label.expr.type != label.type:
        inner = ["(", *inner, f")::{label.type}"]
    if label.default is not None:
        inner = ["coalesce(", *inner, f", {label.default})"]
    parts = joined(["CASE WHEN ", FeatureRef(label.view, complete), " THEN ", *inner, " END"])
    return replace(label, expr=Expr(parts, label.type, label.expr.span), default=None)


__all__ = ["check_names", "finished_labels", "open_labels"]
