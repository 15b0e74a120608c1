"""What a training query has to compute of which views, and what it reads of their sources for that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from featc.lower import source as src
from featc.lower.ctes import Ctes
from featc.lower.training.rows import chosen_by, source_rows
from featc.resolve.model import (
    AggregateRef,
    ColumnRef,
    CompleteRef,
    Expr,
    Feature,
    Join,
    Project,
    Source,
    StateRef,
    View,
    ViewJoin,
    Window,
    feature_closure,
)

Pair = tuple[str, str]
"""(view, feature)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query has to compute: features in dependency order, by view, and the aggregations they read."""

    features: tuple[Feature, ...]
    aggregations: dict[str, frozenset[str]]
    states: tuple[str, ...]
    ahead: tuple[str, ...] = ()
    """The views of labels of which it is asked whether they are complete."""

    @property
    def views(self) -> tuple[str, ...]:
        """The views whose rows are read."""
        return tuple(dict.fromkeys([*self.aggregations, *self.states, *self.ahead]))

    def windows(self, view: View) -> list[Window]:
        """The windows that are read of a view."""
        return [a.window for a in view.aggregations if a.name in self.aggregations.get(view.name, ())]


def needed(project: Project, outputs: Iterable[Pair]) -> Wanted:
    """The features behind `outputs`, hidden dependencies included."""
    pairs = feature_closure(project, tuple(outputs))
    features = tuple(project.feature(*p) for p in pairs)
    aggregations: dict[str, set[str]] = {}
    states: dict[str, None] = {}  # in order of use: the text must not depend on a set's order
    for f in features:
        for ref in f.expr.refs:
            if isinstance(ref, AggregateRef):
                aggregations.setdefault(f.view, set()).add(ref.name)
            if isinstance(ref, StateRef):
                states[f.view] = None
    ahead = dict.fromkeys(f.view for f in features if any(isinstance(r, CompleteRef) for r in f.expr.refs))
    return Wanted(features, {v: frozenset(a) for v, a in aggregations.items()}, tuple(states), tuple(ahead))


def joins_read(view: View, need: Wanted) -> tuple[Join | ViewJoin, ...]:
    """The joins whose columns the rows of a view are read with, with the features of other views that are used: what
    these cost, nobody pays who does not ask for them."""
    used = _columns(_expressions(view, need))
    found: list[Join | ViewJoin] = []
    for join in reversed(view.joins):
        made: Join | ViewJoin = join
        if isinstance(join, ViewJoin):
            pairs = zip(join.columns, join.features, strict=True)
            features = tuple(f for column, f in pairs if column in used)
            if not features:
                continue
            made = replace(join, features=features)
        found.insert(0, made)
        used |= _columns(join.keys)
    return tuple(found)


def _expressions(view: View, need: Wanted) -> Iterator[Expr | None]:
    """What is evaluated on the rows of a view."""
    yield from (k.expr for k in view.keys)
    yield view.where
    wanted = need.aggregations.get(view.name, ())
    for name in sorted({s for a in view.aggregations if a.name in wanted for s in chosen_by(a)}):
        yield from (view.slot(name).value, view.slot(name).filter)


def _columns(expressions: Iterable[Expr | None]) -> set[str]:
    return {r.column for e in expressions if e is not None for r in e.refs if isinstance(r, ColumnRef)}


def _readers(project: Project, need: Wanted) -> Iterator[tuple[View, Wanted]]:
    """The views whose rows are read, lookups and what stands beside their events included."""
    for view in map(project.view, need.views):
        yield view, need
        for join in joins_read(view, need):
            if isinstance(join, Join):
                yield join.rows, need
            else:
                yield from _readers(project, needed(project, join.pairs))


def source_ctes(ctes: Ctes, project: Project, need: Wanted) -> dict[str, str]:
    """One scan per source, for all views that read it."""
    readers: dict[str, list[tuple[View, Wanted]]] = {}
    for view, by in _readers(project, need):
        if view.source is not None:
            readers.setdefault(view.source, []).append((view, by))
    found = {}
    for name in sorted(readers):
        source = project.sources[name]
        columns = _used_columns(source, readers[name])
        found[name] = source_rows(ctes, source, columns, shared=len(readers[name]) > 1)
    return found


def _used_columns(source: Source, readers: Sequence[tuple[View, Wanted]]) -> frozenset[str]:
    exprs: list[Expr | None] = [source.time, source.available_at, source.deleted, source.valid_to]
    named_columns = {*source.tie_break, *source.key, *(source.told_by if source.members else ())}
    if source.in_dumps or any(v.beside or src.identity(source, v) is not None for v, _ in readers):
        named_columns |= src.told_apart(source)  # the order of versions reads every column
    for view, need in readers:
        exprs += _expressions(view, need)
        exprs += [e for join in joins_read(view, need) for e in join.keys]
        if view.name in need.states or view.beside:
            named_columns.update(view.state_columns)
    return frozenset(_columns(exprs) | named_columns)
