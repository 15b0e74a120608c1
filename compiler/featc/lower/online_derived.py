"""Derived features online: which of a request's values are computed where, and the DuckDB statement for the rest.

An expression runs in DuckDB unless it is a bare value or a proven closure (`featc.closures`); what depends on one
that runs in DuckDB runs there too, so that one statement answers for all requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from featc.encoding import is_wide
from featc.lower.ctes import Ctes, select
from featc.lower.source import quoted
from featc.resolve.model import (
    AggregateRef,
    AsOfRef,
    ColumnRef,
    Feature,
    FeatureRef,
    KeyRef,
    Project,
    Ref,
    RequestRef,
    StateRef,
    View,
)
from featc.types import collection_parts, decimal_parts, family


@dataclass(frozen=True, slots=True)
class Input:
    """A value the statement is given: `view` is None for request columns, keys and `as_of`."""

    view: str | None
    ref: Ref
    type: str


@dataclass(frozen=True, slots=True)
class Derived:
    """The statement over lists, the requests' numbers first and then one per input: a row per request, in any order,
    of its number and a column per feature."""

    inputs: tuple[Input, ...]
    features: tuple[Feature, ...]
    sql: str


def owner(view: str, ref: Ref) -> str | None:
    """The view a reference's value belongs to; keys, requests and features mean the same everywhere."""
    return view if isinstance(ref, (AggregateRef, StateRef)) else None


def ref_type(project: Project, view: View, ref: Ref) -> str:
    """DuckDB's type of a reference in an expression of `view`."""
    match ref:
        case AggregateRef(name):
            return view.aggregation(name).type
        case StateRef(column):
            return project.sources[view.source or ""].column(column).type
        case FeatureRef(other, feature):
            return project.feature(other, feature).type
        case RequestRef(name):
            return dict(view.request)[name]
        case KeyRef(name):
            return next(k.type for k in view.keys if k.name == name)
        case AsOfRef():
            return "TIMESTAMP"
        case ColumnRef(column):
            raise TypeError(f"a feature cannot read the source's column {column} by itself")


def _unpacked(number: int, type_: str) -> str:
    """SQL that turns the list given as parameter `number` into values of a type (`wire` gives the list's form)."""
    if decimal_parts(type_) or is_wide(type_) or family(type_) == "uuid":
        return f"unnest(${number}::VARCHAR[])::{type_}"
    if collection_parts(type_):
        return collection_sql(f"${number}", type_)
    match family(type_):
        case "timestamp":
            return f"make_timestamp(unnest(${number}::BIGINT[]))"
        case "date":
            return f"DATE '1970-01-01' + unnest(${number}::INTEGER[])"
        case _:
            return f"unnest(${number}::{type_}[])"


def collection_sql(parameter: str, type_: str) -> str:
    """SQL that turns a list of lists or maps of a type, given as exact texts (`exact_texts`), into values."""
    parts = collection_parts(type_)
    assert parts is not None, "lists and maps only"
    key, item = parts
    if key is None:
        return f"unnest({parameter}::VARCHAR[][])::{type_}"
    one = f"map(list_transform(p[1], lambda x: x::{key}), list_transform(p[2], lambda x: x::{item}))"
    return f"unnest(list_transform({parameter}::VARCHAR[][][], lambda p: {one}))"


def _label(given: Input) -> str:
    match given.ref:
        case AggregateRef(name) | StateRef(name):
            return f"{given.view}.{name}"
        case FeatureRef(view, feature):
            return f"{view}.{feature}"
        case RequestRef(name):
            return f"request.{name}"
        case KeyRef(name):
            return f"key.{name}"
        case _:
            return "as_of"


def derived_plan(project: Project, features: Sequence[Feature]) -> Derived | None:
    """The statement for these features, parents first. A feature outside them that they use is an input."""
    if not features:
        return None
    computed = {(f.view, f.name) for f in features}
    inputs: dict[Input, str] = {}
    for feature in features:
        view = project.view(feature.view)
        for ref in feature.expr.refs:
            if not (isinstance(ref, FeatureRef) and (ref.view, ref.feature) in computed):
                given = Input(owner(view.name, ref), ref, ref_type(project, view, ref))
                inputs.setdefault(given, quoted(f"{_label(given)} #{len(inputs) + 1}"))
    names = {(f.view, f.name): quoted(f"{f.view}.{f.name}") for f in features}
    ctes = Ctes()
    # one list even where nothing is given, so that there are as many rows as requests
    items = ["unnest($1::BIGINT[]) AS _request"]
    items += [f"{_unpacked(n, given.type)} AS {column}" for n, (given, column) in enumerate(inputs.items(), 2)]
    last = ctes.add("given", select(items, ""), "one row per request")
    for depth, level in enumerate(_levels(features), 1):
        found = []
        for feature in level:
            view = project.view(feature.view)

            def spelled(ref: Ref, view: View = view) -> str:
                if isinstance(ref, FeatureRef) and (ref.view, ref.feature) in names:
                    return names[ref.view, ref.feature]
                return inputs[Input(owner(view.name, ref), ref, ref_type(project, view, ref))]

            value = feature.expr.render(spelled)
            if feature.default is not None:
                value = f"coalesce({value}, {feature.default})"
            found.append(f"({value})::{feature.type} AS {names[feature.view, feature.name]}")
        last = ctes.add(f"level_{depth}", select(["*", *found], f"FROM {last}"))
    final = select(["_request", *(names[f.view, f.name] for f in features)], f"FROM {last}")
    return Derived(tuple(inputs), tuple(features), ctes.query(final))


def _levels(features: Iterable[Feature]) -> list[list[Feature]]:
    """Features in levels, each of which uses only levels before it."""
    depth: dict[tuple[str, str], int] = {}
    levels: list[list[Feature]] = []
    for feature in features:
        parents = [
            depth[r.view, r.feature]
            for r in feature.expr.refs
            if isinstance(r, FeatureRef) and (r.view, r.feature) in depth
        ]
        mine = max(parents, default=-1) + 1
        depth[feature.view, feature.name] = mine
        if mine == len(levels):
            levels.append([])
        levels[mine].append(feature)
    return levels
