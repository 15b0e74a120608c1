"""The values behind a feature, by the training plan: its own, without its default, and all that it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from featc.errors import FeatcError
from featc.lower.training import Knowledge
from featc.resolve.model import (
    AggregateRef,
    CompleteRef,
    Expr,
    Feature,
    KeyRef,
    Output,
    Project,
    Ref,
    RequestRef,
    StateRef,
    View,
    feature_closure,
)
from featc.runtime.verify.closeness import Questions, output_of, questions
from featc.runtime.verify.history import Failed

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

AGGREGATE, STATE, COMPLETE, PLAIN = "aggregate", "state", "complete", "plain"
"""What a made feature's name begins with: an aggregation, a state column, whether a label's data is complete, and a
feature without its default."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of both plans about one output: `closeness` says what must be asked to judge whether they agree
    (None of labels, which online never has), `project` is the training plan's, with every part as a feature."""

    output: Output
    pairs: tuple[tuple[str, str], ...]
    closeness: Questions | None
    project: Project

    @property
    def outputs(self) -> tuple[Output, ...]:
        """All that is asked of the training plan, by qualified names."""
        listed = [made for view, feature in self.pairs for made in _with_parts(self.project, view, feature)]
        beside = (*self.closeness.asked, *self.closeness.companions) if self.closeness is not None else ()
        return tuple({o.name: o for o in (*map(output_of, listed), *beside)}.values())


def ask(project: Project, output: Output) -> Asked:
    """The questions about one output of a project."""
    pairs = feature_closure(project, ((output.view, output.feature),))
    closeness = None
    base = project
    if not any(v in project.labels for v, _ in pairs):
        own = project.without_labels()
        closeness = questions(own, [output_of(project.feature(*pair)) for pair in pairs])
        base = closeness.training
    return Asked(output, pairs, closeness, _in_parts(base, pairs))


def part(feature: Feature, ref: Ref) -> str | None:
    """What a part of a feature's expression is called as a feature of its own; None where it is one, or is given."""
    match ref:
        case AggregateRef(name):
            return f"{AGGREGATE} {name}"
        case StateRef(column):
            return f"{STATE} {column}"
        case CompleteRef(reach):
            return f"{COMPLETE} {reach}"
        case _:
            return None


def plain(feature: Feature) -> str:
    """The name of a feature without its default."""
    return f"{PLAIN} {feature.name}"


def _in_parts(project: Project, pairs: tuple[tuple[str, str], ...]) -> Project:
    """The project with the parts of features as features, each before the first that has it."""
    added: dict[str, dict[str, Feature]] = {}
    order: list[tuple[str, str]] = []
    for pair in project.order:
        if pair in pairs:
            view = project.view(pair[0])
            known = {f.name for f in view.features} | added.setdefault(pair[0], {}).keys()
            for made in _parts(project, view, project.feature(*pair)):
                if made.name not in known:
                    added[pair[0]][made.name] = made
                    order.append((pair[0], made.name))
        order.append(pair)
    views = {n: replace(project.view(n), features=(*project.view(n).features, *f.values())) for n, f in added.items()}
    labels = {n: views.get(n, v) for n, v in project.labels.items()}
    return replace(project.with_views(views), labels=labels, order=tuple(order))


def _parts(project: Project, view: View, feature: Feature) -> Iterator[Feature]:
    for ref in feature.expr.refs:
        name = part(feature, ref)
        if name is None:
            continue
        match ref:
            case AggregateRef(aggregation):
                type_ = view.aggregation(aggregation).type
            case StateRef(column):
                type_ = project.sources[view.source or ""].column(column).type
            case _:
                type_ = "BOOLEAN"
        yield Feature(view.name, name, Expr((ref,), type_), type_)
    if feature.default is not None:
        yield replace(feature, name=plain(feature), default=None)


def _with_parts(project: Project, view: str, name: str) -> Iterator[Feature]:
    feature = project.feature(view, name)
    yield feature
    named = [part(feature, ref) for ref in feature.expr.refs]
    named += [plain(feature)] if feature.default is not None else []
    yield from (project.feature(view, n) for n in named if n is not None)


# ── the training plan's answer ────────────────────────────────────────────────────────────────────────────────────


def training(
    store: FeatureStore, asked: Asked, row: Mapping[str, Any], time: str, knowledge: Knowledge
) -> dict[str, Any]:
    """The value of each of `asked.outputs` by its name, and the spine's own columns; `Failed` where the plan refuses.

    Raises FeatcError where no value can be had at all.
    """
    try:
        return _rows(store, asked, asked.outputs, row, time, knowledge)
    except FeatcError as error:
        if error.code not in ("F421", "F422", "F430"):
            raise
        found: dict[str, Any] = {}
        for output in asked.outputs:
            try:
                found |= _rows(store, asked, (output,), row, time, knowledge)
            except FeatcError as why:
                found[output.name] = Failed(f"{why.code}: {why.diagnostics[0].message}")
        return found


def _rows(
    store: FeatureStore,
    asked: Asked,
    outputs: tuple[Output, ...],
    row: Mapping[str, Any],
    time: str,
    knowledge: Knowledge,
) -> dict[str, Any]:
    from featc.runtime.dataset import Dataset

    located = asked.project.with_sources(store.located.sources)
    with store.connect() as connection:
        (found,) = Dataset(connection, located, outputs, [dict(row)], time, knowledge=knowledge).rows()
    return found


def given_as(project: Project, view: View, ref: Ref, row: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """The value of one reference of an expression in a view."""
    match ref:
        case KeyRef(name):
            key = next((k for k in view.keys if k.name == name), None)
            if key is not None and key.given is not None:
                return values.get(f"{key.given.view}.{key.given.feature}")
            return row.get(name)
        case RequestRef(name):
            return row.get(name)
        case _:
            raise AssertionError(ref)
