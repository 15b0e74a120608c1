"""Random joins: columns of other sources, or of the same, beside the events of a view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import oracle

from .choices import Draw
from .expressions import Expr, coalesce, column, constant
from .histories import History, abstract_type
from .timeline import Timeline, duration

HIDDEN = ("seq2", "op", "gone")


def draw_joins(
    draw: Draw, history: History, others: Sequence[History], line: Timeline
) -> tuple[tuple[oracle.Join, ...], dict[str, Any], list[Expr]]:
    """One or two joins of events of a history: what they mean, their YAML, and the names they bring."""
    joins: list[oracle.Join] = []
    yaml: dict[str, Any] = {}
    names: list[Expr] = []
    for number in range(draw.weighted(((70, 1), (30, 2)))):
        other = draw.one(others)
        name = other.spec.name if number == 0 and draw.chance(30) else f"k{number + 1}"
        keys = draw_keys(draw, history, other, names)
        within = line.length(draw, 1, 4) if draw.chance(75) else None
        written = {} if name == other.spec.name else {"source": other.spec.name}
        state = other.spec.meaning.kind == "state"
        plain = {c: e.sql for c, e in keys.items()}
        if not (state and other.spec.meaning.key and all(c == sql for c, sql in plain.items()) and draw.chance(60)):
            written["keys"] = plain
        if within is not None:
            written["within"] = duration(within)
        joins.append(oracle.Join(name, other.spec.name, keys, within))
        yaml[name] = written
        names += brought(name, other)
    return tuple(joins), yaml, names


def draw_view_joins(
    draw: Draw, history: History, upstream: Mapping[str, Upstream], names: Sequence[Expr]
) -> tuple[tuple[oracle.ViewJoin, ...], dict[str, Any], list[Expr]]:
    """One or two joins of events with other views, as above. `names` is what lies beside the events already."""
    joins: list[oracle.ViewJoin] = []
    yaml: dict[str, Any] = {}
    found: list[Expr] = []
    for number in range(draw.weighted(((75, 1), (25, 2)))):
        view = draw.one(sorted(upstream))
        name = view if view not in yaml and draw.chance(25) else f"w{number + 1}"
        keys = {}
        for key, type_ in upstream[view].keys.items():
            keys[key] = column(history.spec.key_columns[key], type_)
            fitting = [e for e in (*names, *found) if e.type == type_]
            if fitting and draw.chance(15):
                keys[key] = draw.one(fitting)
            elif draw.chance(10) and type_ in ("bigint", "text"):
                keys[key] = coalesce(keys[key], constant(draw, type_))
        written = {key: e.sql for key, e in keys.items() if e.sql != key or draw.chance(20)}
        yaml[name] = {"view": view, **({"keys": written} if written else {})}
        features = upstream[view].features
        joins.append(oracle.ViewJoin(name, view, keys, tuple(features)))
        found += [column(f"{name}.{f}", type_) for f, type_ in features.items()]
    return tuple(joins), yaml, found


@dataclass(frozen=True, slots=True)
class Upstream:
    """A view whose features can lie beside events: its keys and those features, with their types."""

    keys: Mapping[str, str]
    features: Mapping[str, str]


def draw_keys(draw: Draw, history: History, other: History, names: Sequence[Expr]) -> dict[str, Expr]:
    """Columns of the other source, and what of the event each has to equal: a key of the same name, or now and then
    what an earlier join brought."""
    mine, its = history.spec.key_columns, other.spec.key_columns
    wanted = list(its) if other.spec.meaning.kind == "state" else draw.some(list(its), 1, len(its))
    found = {}
    for key in wanted:
        type_ = abstract_type(other.spec.types[its[key]])
        expr = column(mine[key], type_)
        fitting = [e for e in names if e.type == type_]
        if fitting and draw.chance(40):
            expr = draw.one(fitting)
        elif draw.chance(10) and type_ in ("bigint", "text"):
            expr = coalesce(expr, constant(draw, type_))
        found[its[key]] = expr
    return found


def brought(name: str, other: History) -> list[Expr]:
    """The names of a join's columns."""
    return [
        column(f"{name}.{c}", abstract_type(type_)) for c, type_ in other.spec.types.items() if c not in HIDDEN
    ]

