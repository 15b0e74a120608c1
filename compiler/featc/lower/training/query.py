"""Training: the point-in-time correct batch query of a list of features, as DuckDB SQL (semantics.md, "Observation",
"The result").

The query reads a relation `spine` with the keys, the instant and the request columns, and returns it with the
features, one row per spine row, in order. It is plain SQL that runs in the engine's own client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Literal

from featc.decompose import Parts, decompose
from featc.lower import source as src
from featc.lower.calendars import with_begins
from featc.lower.ctes import Ctes, named, select
from featc.lower.source import TIME, quoted
from featc.lower.tile_table import TileTable
from featc.lower.training.beside import KNOWN, with_joins
from featc.lower.training.cells import ROW, Cells
from featc.lower.training.current import current, current_rows, of_windows
from featc.lower.training.dumps import dump_lookup, dumps, in_force
from featc.lower.training.knowledge import LATEST, Knowledge, watermark
from featc.lower.training.lookup import lookup
from featc.lower.training.rows import AtT, KnownBy, chosen_by, source_rows, state_rows, view_rows
from featc.lower.training.tiles import is_tiled, reach_sql, tiled
from featc.lower.training.values import compute, finished, joined
from featc.resolve.model import (
    AggregateRef,
    AsOfRef,
    ColumnRef,
    CompleteRef,
    Expr,
    Feature,
    FeatureRef,
    KeyRef,
    Output,
    Project,
    Ref,
    RequestRef,
    Source,
    StateRef,
    View,
    Window,
    feature_closure,
)
from featc.visibility import AS_OF, after_sql, begin_columns

SPINE = "spine_rows"

Place = Literal["values", "state", "watermark"]
Relations = dict[tuple[str, Place], str]
"""The CTEs with one row per spine row: by view, its finished aggregates and the state it looks up; and
those with the one row of its source's watermark."""


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


def wanted(project: Project, outputs: Sequence[Output]) -> Wanted:
    """The features behind `outputs`, hidden dependencies included."""
    pairs = feature_closure(project, tuple((o.view, o.feature) for o in outputs))
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


def training_sql(
    project: Project,
    outputs: Sequence[Output],
    *,
    time: str = "as_of",
    extra: Sequence[str] = ("*",),
    tiles: Mapping[str, TileTable] = MappingProxyType({}),
    knowledge: Knowledge = LATEST,
) -> str:
    """The training query of `outputs`. `time` is the spine's instant column; `extra` what to select of the spine
    itself (default: all of it); `tiles` the tables, by view, that are read in place of rows where they can be;
    `knowledge` what labels know."""
    ctes, final = _query(project, outputs, time, extra, tiles, knowledge)
    return ctes.query(final)


def stages(
    project: Project, outputs: Sequence[Output], tiles: Mapping[str, TileTable] = MappingProxyType({})
) -> tuple[tuple[str, str], ...]:
    """The stages of the training query in their order, each with what it does: (name, words)."""
    ctes, _ = _query(project, outputs, "as_of", ("*",), tiles, LATEST)
    return tuple((name, comment) for comment, name, _ in ctes.items.values())


def _query(
    project: Project,
    outputs: Sequence[Output],
    time: str,
    extra: Sequence[str],
    tiles: Mapping[str, TileTable],
    knowledge: Knowledge,
) -> tuple[Ctes, str]:
    """The stages, and the statement that reads the last of them."""
    need = wanted(project, outputs)
    ctes = Ctes()
    begins = _add_spine(ctes, project, need, time)
    views = Views(ctes, project, need, _source_ctes(ctes, project, need), tiles, knowledge)
    for name in need.views:
        if all(k.given is None for k in project.view(name).keys):
            views.add(name, SPINE)
    last = _feature_ctes(views, time)
    spine = (
        [f"* EXCLUDE ({', '.join([ROW, AS_OF, *begins, *(_column(f) for f in need.features)])})"]
        if extra == ("*",)
        else list(extra)
    )
    return ctes, select(
        [*spine, *(named(_column_of(o), quoted(o.name)) for o in outputs)], f"FROM {last}\nORDER BY {ROW}"
    )


def _add_spine(ctes: Ctes, project: Project, need: Wanted, time: str) -> list[str]:
    """Adds the CTE of the spine, numbered, with its instants; gives the columns that calendar windows need beside
    them."""
    items = [f"row_number() OVER () AS {ROW}", f"epoch_us({quoted(time)}) AS {AS_OF}", "*"]
    numbered, comment = select(items, "FROM spine"), "the rows to be answered, numbered to keep their order"
    begins = begin_columns(w for name in need.aggregations for w in _windows(project.view(name), need))
    if not begins:
        ctes.add(SPINE, numbered, comment)
        return []
    relation = ctes.add("spine_numbered", numbered, comment)
    body = with_begins(ctes, relation, begins)
    ctes.add(SPINE, body, "the same, with the beginnings of the calendar units each lies in")
    return list(begins)


def _windows(view: View, need: Wanted) -> list[Window]:
    """The windows that are read of a view."""
    return [a.window for a in view.aggregations if a.name in need.aggregations[view.name]]


def _column(feature: Feature) -> str:
    return quoted(feature.qualified)


def _column_of(output: Output) -> str:
    return quoted(f"{output.view}.{output.feature}")


# ── sources and views ─────────────────────────────────────────────────────────────────────────────────────────────


def _source_ctes(ctes: Ctes, project: Project, need: Wanted) -> dict[str, str]:
    """One scan per source, for all views that read it."""
    readers: dict[str, list[View]] = {}
    for name in need.views:
        view = project.view(name)
        for reader in (view, *(join.rows for join in view.joins)):
            if reader.source is not None:
                readers.setdefault(reader.source, []).append(reader)
    found = {}
    for name in sorted(readers):
        source = project.sources[name]
        columns = _used_columns(source, readers[name], need)
        found[name] = source_rows(ctes, source, columns, shared=len(readers[name]) > 1)
    return found


def _used_columns(source: Source, views: Sequence[View], need: Wanted) -> frozenset[str]:
    if source.in_dumps or any(v.beside or src.identity(source, v) is not None for v in views):
        return frozenset(c.name for c in source.columns)  # the order of versions reads every column
    exprs: list[Expr | None] = [source.time, source.available_at, source.deleted, source.valid_to]
    named_columns = {*source.tie_break, *source.key}
    for view in views:
        exprs += [k.expr for k in view.keys] + [view.where]
        exprs += [e for join in view.joins for e in join.keys]
        if view.name in need.states or view.beside:
            named_columns.update(view.state_columns)
        slots = {s for a in view.aggregations if a.name in need.aggregations.get(view.name, ()) for s in chosen_by(a)}
        for slot in sorted(slots):
            exprs += [view.slot(slot).value, view.slot(slot).filter]
    used = {r.column for e in exprs if e is not None for r in e.refs if isinstance(r, ColumnRef)}
    return frozenset(used | named_columns)


@dataclass(slots=True)
class Views:
    """The CTEs of views: `relations` are those with one row per spine row. `bases` are the sources' rows, `tiles` the
    tables read in place of rows."""

    ctes: Ctes
    project: Project
    need: Wanted
    bases: dict[str, str]
    tiles: Mapping[str, TileTable]
    knowledge: Knowledge
    relations: Relations = field(default_factory=dict)

    def add(self, name: str, spine: str) -> None:
        """Makes what is read of a view, asked at the rows of `spine`, which hold its keys."""
        view, need, ctes = self.project.view(name), self.need, self.ctes
        if view.source is None:
            raise AssertionError(f"{name} has aggregations but no source")
        source, base = self.project.sources[view.source], self.bases[view.source]
        if view.ahead:
            self.relations[name, "watermark"] = watermark(ctes, source, view, base, self.knowledge)
        if name in need.aggregations:
            parts = decompose(view, need.aggregations[name])
            cells = self._cells(parts, source, base, spine)
            items = [f"{finished(f, cells)} AS {quoted(f.aggregation.name)}" for f in parts.finishes]
            body = select([f"s.{ROW}", *items], joined(spine, cells))
            relation = ctes.add(quoted(f"{name}_values"), body, f"{name}: its aggregates at each spine row")
            self.relations[name, "values"] = relation
        if name in need.states:
            window = Window("ttl", length=view.ttl) if view.ttl else Window("lifetime")
            if source.in_dumps:
                own = _of_spine(view, spine)
                found = dump_lookup(ctes, source, view, base, spine, own, self.knowledge.of(view))
                self.relations[name, "state"] = found
                return
            reach = _reach(view, spine, [window])
            states = state_rows(ctes, view, source, base, spine, reach, self.knowledge.of(view))
            self.relations[name, "state"] = lookup(ctes, states, window)

    def _cells(self, parts: Parts, source: Source, base: str, spine: str) -> Cells:
        """All cells of a view: those that tiles serve, the others from rows."""
        view, ctes, out = parts.view, self.ctes, Cells()
        holding, parts = of_windows(parts, current=True), of_windows(parts, current=False)
        if holding.cells:
            known = self.knowledge.of(view)
            states = current_rows(ctes, holding, source, base, spine, _of_spine(view, spine), known)
            asked = in_force(ctes, view, dumps(ctes, source, base, known), spine) if source.in_dumps else None
            current(ctes, states, holding.cells, out, asked)
            if not parts.cells:
                return out
        table = self.tiles.get(view.name) if spine == SPINE else None
        served = [c for c in parts.cells if table is not None and is_tiled(c, table.width)]
        others = tuple(c for c in parts.cells if c not in served)
        if table is not None and served:
            windows = list(dict.fromkeys(c.window for c in served))
            tiled(ctes, table, served, base, [*_of_spine(view, spine), reach_sql(table, windows, view.closed)], out)
        if others or not served:
            reach = _reach(view, spine, [c.window for c in others])
            beside = partial(self._beside, view, reach) if view.joins else str
            rows = view_rows(ctes, parts, source, base, spine, reach, self.knowledge.of(view), beside)
            compute(ctes, replace(parts, cells=others), rows, out)
        return out

    def _beside(self, view: View, reach: Sequence[str], relation: str) -> str:
        """The rows of a view with what its joins bring; `reach` leaves out what the joins need not be made for."""
        own = reach[len(_of_spine(view, "")) :] if view.finds_keys else reach
        known = self.knowledge.of(view)
        by = known if view.ahead is False and isinstance(known, KnownBy) else AtT(KNOWN)
        return with_joins(self.ctes, self.project, view, relation, self.bases, own, by)

    def add_given(self, name: str, computed: str) -> None:
        """The same for a view whose keys are computed, among the columns of the relation `computed`."""
        view = self.project.view(name)
        keys = [named(quoted(k.name) if k.given is None else _given(k.given), quoted(k.name)) for k in view.keys]
        comment = f"{name}: {view.origin} for the entity that the service's expressions give"
        begins = begin_columns(_windows(view, self.need)) if name in self.need.aggregations else ()
        body = select([ROW, AS_OF, *begins, *keys], f"FROM {computed}")
        spine = self.ctes.add(quoted(f"{name}_spine"), body, comment)
        self.add(name, spine)


def _given(ref: FeatureRef) -> str:
    return quoted(f"{ref.view}.{ref.feature}")


def _of_spine(view: View, spine: str) -> list[str]:
    """Pruning: only the spine's keys."""
    conditions = []
    if view.keys:
        keys = ", ".join(src.key_sql(k) for k in view.keys)
        given = ", ".join(quoted(k.name) for k in view.keys)
        left = keys if len(view.keys) == 1 else f"({keys})"
        conditions.append(
            f"{left} IN (SELECT {given} FROM {spine})"
            if len(view.keys) == 1
            else f"{left} IN (SELECT ({given}) FROM {spine})"
        )
    return conditions


def _reach(view: View, spine: str, windows: Sequence[Window]) -> list[str]:
    """Pruning: only the spine's keys, and only the time the windows can reach."""
    conditions = _of_spine(view, spine)
    ahead = max((-w.offset for w in windows if w.is_ahead), default=0)
    conditions.append(f"{TIME} <= (SELECT max({AS_OF}) FROM {spine}){f' + {ahead}' if ahead else ''}")
    if all(w.bounded for w in windows):
        first = f"(SELECT min({AS_OF}) FROM {spine})"
        lengths = [w.length + w.offset + 2 * (w.hop or 0) + 1 for w in windows if w.length is not None]
        lows = [f"{first} - {max(lengths)}"] if lengths else []
        calendars = (after_sql(w, first, view.closed) for w in windows if w.calendar is not None)
        lows += [low for low in calendars if low is not None]
        found = list(dict.fromkeys(lows))
        least = found[0] if len(found) == 1 else f"least({', '.join(found)})"
        conditions.append(f"{TIME} >= {least}")
    return conditions


# ── features ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _levels(project: Project, features: Sequence[Feature]) -> list[list[Feature]]:
    """Features in layers: each needs only features of earlier layers."""
    level: dict[tuple[str, str], int] = {}
    for f in features:
        parents = [level[r.view, r.feature] for r in project.view(f.view).needs_first(f)]
        level[f.view, f.name] = max(parents, default=-1) + 1
    layers: list[list[Feature]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for f in features:
        layers[level[f.view, f.name]].append(f)
    return layers


def _feature_ctes(views: Views, time: str) -> str:
    """The CTEs that evaluate features layer by layer over the joined aggregates; gives the last one's name.

    Views whose keys are computed are asked as soon as a layer reads them: what their keys need lies in those before.
    """
    project, relations = views.project, views.relations
    relation = SPINE
    for number, layer in enumerate(_levels(project, views.need.features)):
        first = number == 0
        places = dict.fromkeys(place for f in layer for place in _places(f))
        for name in dict.fromkeys(view for view, kind in places if (view, kind) not in relations):
            views.add_given(name, relation)
        items = ["s.*"]
        items += [f"{feature_sql(project.view(f.view), f, relations, time)} AS {_column(f)}" for f in layer]
        joins = dict.fromkeys(relations[place] for place in places)
        source = f"FROM {relation} s" + "".join(f"\nLEFT JOIN {j} USING ({ROW})" for j in joins)
        comment = (
            "the features that come straight from aggregates and states"
            if first
            else "the features derived from those above"
        )
        relation = views.ctes.add("features" if first else f"features_{number + 1}", select(items, source), comment)
    return relation


def _places(feature: Feature) -> list[tuple[str, Place]]:
    """The relations a feature's own expression reads."""
    found: list[tuple[str, Place]] = []
    for ref in feature.expr.refs:
        if isinstance(ref, AggregateRef):
            found.append((feature.view, "values"))
        if isinstance(ref, StateRef):
            found.append((feature.view, "state"))
    return found


def feature_sql(view: View, feature: Feature, relations: Relations, time: str = "as_of") -> str:
    """A feature's final value over the joined aggregates, its `default` applied."""

    def spelled(ref: Ref) -> str:
        match ref:
            case AggregateRef(name):
                return f"{relations[view.name, 'values']}.{quoted(name)}"
            case StateRef(column):
                return f"{relations[view.name, 'state']}.{quoted(column)}"
            case FeatureRef(other, name):
                return f"s.{quoted(f'{other}.{name}')}"
            case RequestRef(name) | KeyRef(name):
                return f"s.{quoted(name)}"
            case AsOfRef():
                return f"s.{quoted(time)}"
            case CompleteRef(reach):
                until = f"SELECT us FROM {relations[view.name, 'watermark']}"
                return f"coalesce(s.{AS_OF} + {reach} <= ({until}), false)"
            case ColumnRef(column):
                raise AssertionError(f"source column {column} outside an aggregate in {feature.qualified}")

    text = feature.expr.render(spelled)
    if feature.expr.type != feature.type:
        text = f"({text})::{feature.type}"
    return text if feature.default is None else f"coalesce({text}, {feature.default})"
