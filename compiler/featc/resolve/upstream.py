"""What lies upstream of a view by its joins: the views and sources that are read to know its events."""

from __future__ import annotations

from collections.abc import Iterable

from featc.resolve.model import AggregateRef, Project, StateRef, View, ViewJoin, feature_closure


def readers(project: Project, pairs: Iterable[tuple[str, str]]) -> tuple[View, ...]:
    """The views whose rows are read for features (view, feature), those behind them included; not what is beside."""
    listed = feature_closure(project, tuple(pairs))
    names = dict.fromkeys(view for view, feature in listed if project.feature(view, feature).reads_rows)
    return tuple(map(project.view, names))


def reach(project: Project, pairs: Iterable[tuple[str, str]], reader: View) -> int | None:
    """How long after a row's τ features can still change by a row of a view that they read, in µs: so long that nothing
    later is ever reached; None without an end."""
    refs = [r for v, f in feature_closure(project, tuple(pairs)) if v == reader.name
            for r in project.feature(v, f).expr.refs]  # fmt: skip
    windows = [reader.aggregation(r.name).window for r in refs if isinstance(r, AggregateRef)]
    looks_up = any(isinstance(r, StateRef) for r in refs)
    if any(w.length is None for w in windows) or (looks_up and reader.ttl is None):
        return None
    spans = [(w.length or 0) + w.offset + 2 * (w.hop or 0) for w in windows]
    return max([*spans, *([reader.ttl or 0] if looks_up else [])], default=0) + 1


def read_beside(project: Project, view: View) -> tuple[View, ...]:
    """The views whose rows a view's joins read, lookups of rows among them, each before those that join it."""
    found: dict[str, View] = {}
    for join in view.joins:
        if not isinstance(join, ViewJoin):
            found[join.rows.name] = join.rows
            continue
        for reader in readers(project, join.pairs):
            found |= {v.name: v for v in read_beside(project, reader)}
            found[reader.name] = reader
    return tuple(found.values())


def read_sources(project: Project, view: View) -> tuple[str, ...]:
    """The sources that a view's rows are made of, its own first."""
    found = (view.source, *(other.source for other in read_beside(project, view)))
    return tuple(dict.fromkeys(source for source in found if source is not None))


def behind(project: Project, wanted: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """All (view, feature) that features are made of, those that lie beside the rows of their views included, parents
    first."""
    found: dict[tuple[str, str], None] = {}
    pairs = dict.fromkeys(wanted)
    while pairs.keys() - found.keys():
        found = dict.fromkeys(feature_closure(project, tuple(pairs)))
        views = [project.view(name) for name in dict.fromkeys(view for view, _ in found)]
        pairs = found | dict.fromkeys(pair for v in views for join in v.view_joins for pair in join.pairs)
    return tuple(found)


def depth(project: Project, view: View) -> int:
    """How many joins lie one upon another behind a view's rows; 0 without joins."""
    return 1 + max((depth(project, v) for v in read_beside(project, view)), default=0) if view.joins else 0
