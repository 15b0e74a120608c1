"""How near two values must be (semantics.md, "What “equal” means"), and what has to be asked to know it.

Everything but DOUBLEs that are computed (sums, means, deviations …) must be identical. Those may differ by rounding, in
proportion to the members of the window; the companions asked beside them give that proportion. A feature
computed from them may differ only as far as its inputs do: its own expression, evaluated over the inputs the
plan itself gave, must give the plan's value exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from featc.algebra import AGGREGATES
from featc.algebra.rounding import Bound
from featc.resolve.model import (
    AggregateRef,
    Aggregation,
    Expr,
    Feature,
    FeatureRef,
    Output,
    Project,
    Ref,
    StateRef,
    View,
)
from featc.runtime.verify.history import Failed
from featc.types import FLOATS, INTEGERS, collection_parts, decimal_parts, family

# ── identity ────────────────────────────────────────────────────────────────────────────────────────────────


def identical(a: Any, b: Any, type_: str) -> bool:
    """Whether two values of one type are the same: NaN equals NaN, −0.0 equals 0.0, an integer no DOUBLE."""
    if isinstance(a, Failed) or isinstance(b, Failed):
        return isinstance(a, Failed) and isinstance(b, Failed)
    if a is None or b is None:
        return a is b
    parts = collection_parts(type_)
    if parts:
        return _same_items(a, b, *parts)
    if not (_fits(a, type_) and _fits(b, type_)):
        return False
    if isinstance(a, float) and a != a:
        return bool(b != b)
    return bool(a == b)


def _same_items(a: Any, b: Any, key: str | None, item: str) -> bool:
    """Whether two lists, or maps with keys of a type, hold the same in the same order."""
    if key is not None:
        if not isinstance(a, dict) or not isinstance(b, dict) or not _same_items(list(a), list(b), None, key):
            return False
        a, b = list(a.values()), list(b.values())
    if not isinstance(a, list) or not isinstance(b, list) or len(a) != len(b):
        return False
    return all(identical(x, y, item) for x, y in zip(a, b, strict=True))


def _fits(value: Any, type_: str) -> bool:
    if type_ in INTEGERS:
        return isinstance(value, int) and not isinstance(value, bool)
    if decimal_parts(type_):
        return isinstance(value, Decimal)
    if type_ in FLOATS:
        return isinstance(value, float)
    match family(type_):
        case "boolean":
            return isinstance(value, bool)
        case "text":
            return isinstance(value, str)
        case "timestamp":
            return isinstance(value, datetime)
        case "date":
            return isinstance(value, date) and not isinstance(value, datetime)
        case _:
            return True


# ── rounding ────────────────────────────────────────────────────────────────────────────────────────────────

def within(a: Any, b: Any, bound: Callable[[float], float]) -> bool:
    """Whether two DOUBLEs are of one class (finite, NaN, +∞, −∞), and if finite at most `bound(a)` apart; or two lists
    or maps all of whose items are, keys being the same in the same order.
    """
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(within(x, y, bound) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        alike = len(a) == len(b) and all(x == y or (x != x and y != y) for x, y in zip(a, b, strict=True))
        return alike and within(list(a.values()), list(b.values()), bound)
    if not isinstance(a, float) or not isinstance(b, float):
        return False
    if not (isfinite(a) and isfinite(b)):
        return a == b or (a != a and b != b)
    most = bound(a)
    return abs(a - b) <= most if isfinite(most) else True


# ── what to ask besides ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Rounded:
    """A feature that is one rounding aggregation: its bound, and companions by aggregate name."""

    bound: Bound
    companions: Mapping[str, Output]


@dataclass(frozen=True, slots=True)
class Derived:
    """A feature over inputs that may differ in rounding: the outputs that give its inputs."""

    feature: Feature
    inputs: Mapping[Ref, Output]


Judgement = Rounded | Derived | None
"""How a feature is judged; None: identical or different."""


@dataclass(frozen=True, slots=True)
class Questions:
    """What to ask each plan so that all `outputs` can be judged.

    `online` and `training` are the project with inputs (and for training companions) as features of their
    own; `asked` are the outputs to ask of both, `companions` those to ask of training besides.
    """

    outputs: tuple[Output, ...]
    online: Project
    training: Project
    asked: tuple[Output, ...]
    companions: tuple[Output, ...]
    judgements: Mapping[str, Judgement]

    def only(self, outputs: Sequence[Output]) -> Questions:
        """What of it concerns these outputs."""
        asked = {o.name: o for o in outputs}
        companions: dict[str, Output] = {}
        for output in outputs:
            match self.judgements[output.name]:
                case Derived(inputs=inputs):
                    asked |= {o.name: o for o in inputs.values()}
                case Rounded(companions=beside):
                    companions |= {o.name: o for o in beside.values()}
        return replace(self, outputs=tuple(outputs), asked=tuple(asked.values()), companions=tuple(companions.values()))


def output_of(feature: Feature) -> Output:
    """A feature as an output called by its qualified name."""
    return Output(feature.qualified, feature.view, feature.name, feature.type)


def questions(project: Project, outputs: Sequence[Output]) -> Questions:
    """What to ask of both plans to judge `outputs` (named by their qualified names)."""
    inexact = _inexact(project)
    inputs: dict[str, Feature] = {}
    companions: dict[str, Feature] = {}
    extra: dict[str, list[Aggregation]] = {}
    judgements: dict[str, Judgement] = {}
    asked = {o.name: o for o in outputs}
    for output in outputs:
        view, feature = project.view(output.view), project.feature(output.view, output.feature)
        if (view.name, feature.name) not in inexact:
            judgements[output.name] = None
        elif feature.expr.is_bare and isinstance(ref := feature.expr.parts[0], AggregateRef):
            judgements[output.name] = _rounded(view, view.aggregation(ref.name), companions, extra)
        else:
            judged = _derived(project, view, feature, inputs)
            judgements[output.name] = judged
            asked |= {o.name: o for o in judged.inputs.values()}
    online = _with(project, inputs.values(), {})
    training = _with(online, companions.values(), extra)
    return Questions(
        tuple(outputs),
        online,
        training,
        tuple(asked.values()),
        tuple(output_of(f) for f in companions.values()),
        judgements,
    )


def _inexact(project: Project) -> frozenset[tuple[str, str]]:
    """The features whose value may differ because a DOUBLE aggregate they use is rounded differently."""
    found: set[tuple[str, str]] = set()
    for view_name, name in project.order:
        view = project.view(view_name)
        for ref in view.feature(name).expr.refs:
            aggregation = view.aggregation(ref.name) if isinstance(ref, AggregateRef) else None
            rounded = aggregation is not None and AGGREGATES[aggregation.aggregate].rounds(aggregation.type)
            if rounded or (isinstance(ref, FeatureRef) and (ref.view, ref.feature) in found):
                found.add((view_name, name))
    return frozenset(found)


def _rounded(
    view: View, aggregation: Aggregation, companions: dict[str, Feature], extra: dict[str, list[Aggregation]]
) -> Rounded:
    rounding = AGGREGATES[aggregation.aggregate].rounding
    assert rounding is not None, "only rounding aggregates have companions"
    found = {}
    for name in rounding.beside:
        row = AGGREGATES[name]
        slots = aggregation.slots[: row.arity]
        type_ = row.returns(tuple(view.slot(s).type for s in slots))
        made = Aggregation(f"{name} beside {aggregation.name}", name, slots, aggregation.window, type_)
        feature = Feature(view.name, made.name, Expr((AggregateRef(made.name),), made.type), made.type)
        if feature.qualified not in companions:
            companions[feature.qualified] = feature
            extra.setdefault(view.name, []).append(made)
        found[name] = output_of(feature)
    return Rounded(rounding.bound, found)


def _derived(project: Project, view: View, feature: Feature, inputs: dict[str, Feature]) -> Derived:
    found: dict[Ref, Output] = {}
    for ref in feature.expr.refs:
        match ref:
            case FeatureRef(other, name):
                found[ref] = output_of(project.feature(other, name))
                continue
            case AggregateRef(name):
                label, type_ = f"aggregate {name}", view.aggregation(name).type
            case StateRef(column):
                source = project.sources[view.source or ""]
                label, type_ = f"state {column}", source.column(column).type
            case _:
                continue
        made = Feature(view.name, label, Expr((ref,), type_), type_)
        inputs[made.qualified] = made
        found[ref] = output_of(made)
    return Derived(feature, found)


def _with(project: Project, features: Any, aggregations: Mapping[str, Sequence[Aggregation]]) -> Project:
    """The project with more features, which read aggregations and states only."""
    by_view: dict[str, list[Feature]] = {}
    for feature in features:
        by_view.setdefault(feature.view, []).append(feature)
    views: dict[str, View] = {}
    for name, added in by_view.items():
        view = project.view(name)
        more = tuple(aggregations.get(name, ()))
        views[name] = replace(view, features=(*view.features, *added), aggregations=(*view.aggregations, *more))
    return replace(project.with_views(views), order=_placed(project, by_view))


def _placed(project: Project, by_view: Mapping[str, Sequence[Feature]]) -> tuple[tuple[str, str], ...]:
    """The order of features with more of them: each view's stand before the first of its own that reads rows, since
    what a service computes its keys from has to come first for both."""
    left, found = dict(by_view), list[tuple[str, str]]()
    for name, feature in project.order:
        if name in left and project.feature(name, feature).reads_rows:
            found += [(name, f.name) for f in left.pop(name)]
        found.append((name, feature))
    return (*((name, f.name) for name, added in left.items() for f in added), *found)
