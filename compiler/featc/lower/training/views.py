"""The CTEs of views, asked at the rows of a spine: their aggregates and states, and the features made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from featc.decompose import Parts, decompose
from featc.lower import source as src
from featc.lower.ctes import Ctes, named, select
from featc.lower.source import ARRIVAL, TIME, quoted
from featc.lower.tile_table import TileTable
from featc.lower.training.beside import KNOWN, MOMENT, asks, numbered, with_features, with_lookup
from featc.lower.training.cells import ROW, Cells
from featc.lower.training.current import current, current_rows, of_windows
from featc.lower.training.dumps import dump_lookup, dumps, in_force
from featc.lower.training.follows import with_matches
from featc.lower.training.knowledge import LATEST, Knowledge, watermark
from featc.lower.training.lookup import lookup
from featc.lower.training.needs import Wanted, joins_read, needed
from featc.lower.training.rows import AtT, Known, KnownBy, source_rows, state_rows, versions, view_rows
from featc.lower.training.tiles import is_tiled, reach_sql, tiled
from featc.lower.training.values import compute, finished, joined
from featc.resolve.model import (
    AggregateRef,
    AsOfRef,
    ColumnRef,
    CompleteRef,
    Feature,
    FeatureRef,
    Join,
    KeyRef,
    Project,
    Ref,
    RequestRef,
    Source,
    StateRef,
    View,
    ViewJoin,
    Window,
)
from featc.resolve.upstream import read_beside
from featc.visibility import AS_OF, after_sql, begin_columns

SPINE = "spine_rows"

Place = Literal["values", "state", "watermark"]
Relations = dict[tuple[str, Place], str]
"""The CTEs with one row per spine row: by view, its finished aggregates and the state it looks up; and
those with the one row of its source's watermark."""


@dataclass(slots=True)
class Views:
    """The CTEs of views: `relations` are those with one row per spine row. `bases` are the sources' rows, `tiles` the
    tables read in place of rows. `root` is the spine that all others are made of; `known` its column with the instants
    by which rows count, where these are not its own."""

    ctes: Ctes
    project: Project
    need: Wanted
    bases: dict[str, str]
    tiles: Mapping[str, TileTable]
    knowledge: Knowledge
    known: str | None = None
    root: str = SPINE
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
                found = dump_lookup(ctes, source, view, base, spine, own, self._known(view))
                self.relations[name, "state"] = found
                return
            reach = _reach(view, spine, self.root, [window])
            states = state_rows(ctes, view, source, base, spine, reach, self._known(view))
            self.relations[name, "state"] = lookup(ctes, states, window)

    def _cells(self, parts: Parts, source: Source, base: str, spine: str) -> Cells:
        """All cells of a view: those that tiles serve, the others from rows."""
        view, ctes, out = parts.view, self.ctes, Cells()
        holding, parts = of_windows(parts, current=True), of_windows(parts, current=False)
        if holding.cells:
            known = self._known(view)
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
            reach = _reach(view, spine, self.root, [c.window for c in others])
            beside = partial(self._beside, view, reach) if view.joins else str
            rows = view_rows(ctes, parts, source, base, spine, reach, self._known(view), beside)
            compute(ctes, replace(parts, cells=others), rows, out)
        return out

    def _known(self, view: View) -> Known:
        """What the rows of a view are known by."""
        known = self.knowledge.of(view)
        return AtT(self.known) if isinstance(known, AtT) else known

    def _beside(self, view: View, reach: Sequence[str], relation: str) -> str:
        """The rows of a view with what its joins bring; `reach` leaves out what the joins need not be made for."""
        own = reach[len(_of_spine(view, "")) :] if view.finds_keys else reach
        if view.attributed is not None:
            return with_matches(self.ctes, self.project, view, relation, self.bases, own)
        relation = numbered(self.ctes, self.project, view, relation, own)
        return self.with_joins(view, relation, joins_read(view, self.need))

    def with_joins(self, view: View, relation: str, joins: Sequence[Join | ViewJoin]) -> str:
        """The CTE of the numbered rows of `relation` with the columns that joins bring."""
        by = KnownBy(None) if self.knowledge.hindsight and not view.ahead else AtT(KNOWN)
        for join in joins:
            if isinstance(join, Join):
                relation = with_lookup(self.ctes, self.project, view, join, relation, self.bases, by)
            else:
                relation = self._with_features(view, join, relation)
        return relation

    def _with_features(self, view: View, join: ViewJoin, relation: str) -> str:
        """The CTE of the rows of `relation` with features of another view: that view asked at each row."""
        need = needed(self.project, join.pairs)
        begins = begin_columns(w for name in need.views for w in need.windows(self.project.view(name)))
        asked = asks(self.ctes, view, join, relation, begins)
        knowledge = replace(self.knowledge, hindsight=self.knowledge.hindsight and not view.ahead)
        other = Views(self.ctes, self.project, need, self.bases, {}, knowledge, KNOWN, asked)
        for name in need.views:
            other.add(name, asked)
        found = other.features(asked, MOMENT, f"{view.name} {join.name} ")
        return with_features(self.ctes, view, join, relation, found)

    def add_given(self, name: str, computed: str) -> None:
        """The same for a view whose keys are computed, among the columns of the relation `computed`."""
        view = self.project.view(name)
        keys = [named(quoted(k.name) if k.given is None else _given(k.given), quoted(k.name)) for k in view.keys]
        comment = f"{name}: {view.origin} for the entity that the service's expressions give"
        begins = begin_columns(self.need.windows(view))
        body = select([ROW, AS_OF, *begins, *keys], f"FROM {computed}")
        spine = self.ctes.add(quoted(f"{name}_spine"), body, comment)
        self.add(name, spine)

    def features(self, spine: str, time: str, prefix: str = "") -> str:
        """The CTEs that evaluate features layer by layer over the joined aggregates; gives the last one's name. `time`
        is the spine's instant column, `prefix` what their names begin with.

        Views whose keys are computed are asked as soon as a layer reads them: what their keys need lies in those
        before.
        """
        project, relations = self.project, self.relations
        relation = spine
        for number, layer in enumerate(_levels(project, self.need.features)):
            first = number == 0
            places = dict.fromkeys(place for f in layer for place in _places(f))
            for name in dict.fromkeys(view for view, kind in places if (view, kind) not in relations):
                self.add_given(name, relation)
            items = ["s.*"]
            items += [f"{feature_sql(project.view(f.view), f, relations, time)} AS {column_of(f)}" for f in layer]
            joins = dict.fromkeys(relations[place] for place in places)
            source = f"FROM {relation} s" + "".join(f"\nLEFT JOIN {j} USING ({ROW})" for j in joins)
            comment = "the features derived from those above"
            if not any(relations.get(p) for f in layer for p in _places(f)) and first:
                comment = "what the service's expressions say of the request"
            elif first:
                comment = "the features that come straight from aggregates and states"
            name = f"{prefix}features" if first else f"{prefix}features_{number + 1}"
            relation = self.ctes.add(quoted(name) if prefix else name, select(items, source), comment)
        return relation


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


def _reach(view: View, spine: str, root: str, windows: Sequence[Window]) -> list[str]:
    """Pruning: only the spine's keys, and only the time the windows can reach from the instants of `root`, whose rows
    the spine has."""
    conditions = _of_spine(view, spine)
    ahead = max((-w.offset for w in windows if w.is_ahead), default=0)
    conditions.append(f"{TIME} <= (SELECT max({AS_OF}) FROM {root}){f' + {ahead}' if ahead else ''}")
    if all(w.bounded for w in windows):
        first = f"(SELECT min({AS_OF}) FROM {root})"
        lengths = [w.length + w.offset + 2 * (w.hop or 0) + 1 for w in windows if w.length is not None]
        lows = [f"{first} - {max(lengths)}"] if lengths else []
        calendars = (after_sql(w, first, view.closed) for w in windows if w.calendar is not None)
        lows += [low for low in calendars if low is not None]
        found = list(dict.fromkeys(lows))
        least = found[0] if len(found) == 1 else f"least({', '.join(found)})"
        conditions.append(f"{TIME} >= {least}")
    return conditions


# ── features ──────────────────────────────────────────────────────────────────────────────────────────────────────


def column_of(feature: Feature) -> str:
    """The column of a feature's value."""
    return quoted(feature.qualified)


def _levels(project: Project, features: Sequence[Feature]) -> list[list[Feature]]:
    """Features in layers: each needs only features of earlier layers. Keys that a service computes without reading a
    row stand in a layer of their own, so that whom it asks for depends on nothing else."""
    level: dict[tuple[str, str], int] = {}
    keys = [k.given for f in features for k in project.view(f.view).keys if k.given is not None]
    given = {(key.view, key.feature) for key in keys}
    plain = {(f.view, f.name) for f in features if (f.view, f.name) in given and not _reads(project, f)}
    for f in features:
        parents = [level[r.view, r.feature] for r in project.view(f.view).needs_first(f)]
        first = 0 if not plain or (f.view, f.name) in plain else 1
        level[f.view, f.name] = max([first, *(p + 1 for p in parents)])
    layers: list[list[Feature]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for f in features:
        layers[level[f.view, f.name]].append(f)
    return layers


def _reads(project: Project, feature: Feature) -> bool:
    """Whether a feature needs anything but the spine's own columns."""
    return bool(_places(feature) or project.view(feature.view).needs_first(feature))


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


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────


_NOTHING = Wanted((), {}, ())


def bases_of(ctes: Ctes, project: Project, view: View, need: Wanted = _NOTHING) -> dict[str, str]:
    """The CTEs of all rows of the sources that a view and what lies beside its events read, by source: of joins those
    that say whose a row is, and those that `need` reads."""
    own = replace(view, joins=joins_read(view, need))
    names = dict.fromkeys(v.source for v in (own, *read_beside(project, own)) if v.source is not None)
    found = {}
    for name in names:
        source = project.sources[name]
        columns = frozenset(c.name for c in source.columns)
        found[name] = source_rows(ctes, source, columns, shared=len(names) > 1)
    return found


def with_beside(ctes: Ctes, project: Project, view: View, relation: str, bases: dict[str, str]) -> str:
    """The CTE of all rows of `relation` with what the keys and `where` of the view need of its joins, or of its
    matches: then `relation` has versions, and a row comes once for each answer."""
    if view.attributed is not None:
        return with_matches(ctes, project, view, relation, bases, ())
    relation = numbered(ctes, project, view, relation, ())
    return Views(ctes, project, _NOTHING, bases, {}, LATEST).with_joins(view, relation, joins_read(view, _NOTHING))


def joined_keys_sql(project: Project, view: View) -> str:
    """The keys of all rows of a view whose joins say which entity they are about, then τ and α: no row is left out, and
    none is taken for a version of another."""
    ctes = Ctes()
    bases = bases_of(ctes, project, view)
    relation = bases[view.source or ""]
    if view.attributed is not None:
        relation = versions(ctes, project.sources[view.source or ""], view, relation)
    relation = with_beside(ctes, project, view, relation, bases)
    items = [f"{src.key_sql(k)} AS {quoted(k.name)}" for k in view.keys]
    return ctes.query(select([*items, TIME, ARRIVAL], f"FROM {relation}\nORDER BY ALL"))
