"""Fingerprints: 128-bit hashes of what a definition means (architecture.md, "Fingerprints").

Three layers, each holding the one before it: *tile* (what one event brings to which partial state), *feature*
(tiles, finisher, window, closed, ttl, default), *contract* (names, keys, type). Equal fingerprints mean equal
values, as far as definitions decide them; where data lies and what people are told about it is left out.

What is hashed is a canonical, length-safe encoding of the resolved project and never generated SQL.
Expressions are encoded in their canonical form (`featc.canonical`), so that how they are written does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from featc.canonical import Leaf, canonical, canonical_text
from featc.decompose import Partial, decompose
from featc.digests import IR_VERSION as IR_VERSION
from featc.digests import Value, digest
from featc.digests import encode as encode
from featc.lower.source import by_name, told_apart
from featc.names import written
from featc.resolve.model import (
    AggregateRef,
    Aggregation,
    AsOfRef,
    ColumnRef,
    CompleteRef,
    Expr,
    Feature,
    FeatureRef,
    Join,
    KeyRef,
    Member,
    Output,
    Project,
    Ref,
    RequestRef,
    Service,
    Source,
    StateRef,
    View,
    ViewJoin,
    Window,
)

Fingerprint = Callable[[str, str], str]
"""(view, feature) → the feature's fingerprint."""


# ── the layers ─────────────────────────────────────────────────────────────────────────────────────────


def tile_fingerprints(project: Project, view: str, feature: str) -> tuple[str, ...]:
    """One fingerprint per partial state that a feature's values are made of, parents' included, sorted."""
    return Layers(project).tiles(view, feature)


def tile_fingerprint(project: Project, view: str, feature: str) -> str:
    """All tiles of a feature as one fingerprint: while it stays, no source needs to be read again."""
    return Layers(project).whole_tile(view, feature)


def rows_fingerprint(project: Project, view: View, width: int) -> str:
    """Which rows a view's tiles of `width` µs are made of, and for which entities."""
    return digest("rows", (Layers(project).rows(view), width))


def state_fingerprint(project: Project, view: View, partial: Partial) -> str:
    """One partial state over a view's rows: what `tile_fingerprints` lists."""
    return Layers(project).state_of(view, partial)


def feature_fingerprint(project: Project, view: str, feature: str) -> str:
    """Everything that decides a feature's values, parents by their own fingerprints; not its name."""
    return Layers(project).feature(view, feature)


def contract_fingerprint(project: Project, view: str, feature: str) -> str:
    """What users of a feature build on: its name, its keys with types, its type."""
    owner = project.views[view]
    keys = tuple((k.name, k.type) for k in owner.keys)
    return digest("contract", (written(view), feature, keys, owner.feature(feature).type))


def view_fingerprint(project: Project, view: str) -> str:
    """All that decides what an online store keeps of a view: its source, keys, `where`, slots and states.

    Names of keys and of columns that are looked up count here, since tables carry them. Those of slots, which follow
    from how expressions are written, do not; nor do windows: what they ask for is the store's.
    """
    return rows_kept(project, project.views[view], Layers(project).feature)


def rows_kept(project: Project, owner: View, beside: Fingerprint) -> str:
    """The same of any view over a source. `beside` gives the fingerprints of features."""
    parts = decompose(owner)
    source = project.source_of(owner) if owner.source is not None else None
    keys = tuple((k.name, k.type, _expr(source, k.expr, beside)) for k in owner.keys)
    slots = dict(zip((s.name for s in owner.slots), slot_fingerprints(project, owner, beside), strict=True))
    states = tuple((p.kind.value, tuple(slots[s] for s in p.slots), p.types) for p in parts.partials)
    return digest(
        "view",
        {
            "view": written(owner.name),
            "source": None if source is None else _source(source, owner),
            "keys": keys,
            "where": _expr(source, owner.where, beside),
            "closed": owner.closed,
            "slots": tuple(sorted(slots.values())),
            "states": tuple(sorted(states, key=encode)),
            "state_columns": owner.state_columns,
        },
    )


def slot_fingerprints(project: Project, view: View, beside: Fingerprint | None = None) -> tuple[str, ...]:
    """One fingerprint per slot of a view, in order: what its rows bring, however that is written and called."""
    if view.source is None:
        return ()
    source, beside = project.source_of(view), beside or Layers(project).feature
    return tuple(
        digest("slot", (s.type, _expr(source, s.value, beside), _expr(source, s.filter, beside))) for s in view.slots
    )


def join_fingerprint(project: Project, view: View, join: Join | ViewJoin, beside: Fingerprint) -> str:
    """What a join finds beside a row, whatever it is called and whichever columns of it are used."""
    source = project.source_of(view)
    asked = tuple((e.type, _expr(source, e, beside)) for e in join.keys)
    if isinstance(join, ViewJoin):
        return digest("join", ("view", join.view, tuple((k.name, k.type) for k in join.keys_of), asked))
    keys = tuple((k.name, k.type, _expr(join.source, k.expr)) for k in join.rows.keys)
    match = None if join.match is None else (join.match.within, join.match.take, join.match.mature)
    return digest("join", (_source(join.source), keys, asked, join.rows.ttl, match))


def versions_fingerprint(source: Source, view: View | None = None) -> str:
    """By what rows of a source are versions of one event, or rows of one dump, and in which order; `view` is set where
    its keys say of what."""
    keys = () if view is None else tuple((k.type, _expr(source, k.expr)) for k in view.keys)
    order = tuple(c.name for c in by_name(source.columns) if not c.computed)
    return digest("versions", (_source(source), keys, order))


def service_fingerprint(project: Project, service: Service) -> str:
    """A service's contract and the values behind it: outputs in order, keys, request columns."""
    return outputs_fingerprint(project, service.outputs, (*service.keys, *service.request))


def outputs_fingerprint(project: Project, outputs: Iterable[Output], spine: tuple[tuple[str, str], ...] = ()) -> str:
    """The same for any list of outputs; `spine` holds the (name, type) of the columns they need."""
    layers = Layers(project)
    listed = tuple((o.name, o.type, layers.feature(o.view, o.feature)) for o in outputs)
    return digest("outputs", (listed, tuple(spine)))


class Canonical:
    """The canonical values of parts of one project's definitions, for telling which of them an edit changed."""

    def __init__(self, project: Project) -> None:
        self.project, self._layers = project, Layers(project)

    def row(self, source: Source, expr: Expr | None) -> Value:
        """A row expression over a source's columns."""
        return _expr(source, expr, self._layers.feature)

    def window(self, view: View, window: Window) -> Value:
        """What a window of a view means; not its name."""
        return self._layers.window(view, window)

    def type(self, view: View, ref: Ref) -> str | None:
        """The type of what a view's expression refers to."""
        return self._layers.type(view, ref)

    def over(self, expr: Expr, leaves: Mapping[Ref, Leaf]) -> Value:
        """An expression over whatever its references are said to stand for."""
        return _form(expr, leaves)


class Layers:
    """The fingerprints of one project, each computed once: for who asks for many."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._features: dict[tuple[str, str], str] = {}
        self._tiles: dict[tuple[str, str], tuple[str, ...]] = {}
        self._rows: dict[str, Value] = {}
        self._finished: dict[tuple[str, str], tuple[str, ...]] = {}
        self._states: dict[tuple[str, Partial], str] = {}

    def feature(self, view: str, name: str) -> str:
        known = self._features.get((view, name))
        if known is None:
            known = self._features[view, name] = self._feature(view, name)
        return known

    def _feature(self, view: str, name: str) -> str:
        owner = self.project.view(view)
        feature = owner.feature(name)
        value = _form(feature.expr, {r: Leaf(self._ref(owner, r), self.type(owner, r)) for r in feature.expr.refs})
        default = None if feature.default is None else canonical_text(feature.default)
        found = {"value": value, "type": feature.type, "default": default}
        given = [(k.name, self._ref(owner, k.given)) for k in owner.keys if k.given is not None]
        # the same rows for another entity are another value
        return digest("feature", found | {"given": tuple(given)} if given and feature.reads_rows else found)

    def tiles(self, view: str, name: str) -> tuple[str, ...]:
        known = self._tiles.get((view, name))
        if known is None:
            owner = self.project.view(view)
            known = self._tiles[view, name] = tuple(sorted(self._tiles_of(owner, owner.feature(name))))
        return known

    def whole_tile(self, view: str, name: str) -> str:
        """See `tile_fingerprint`."""
        return digest("tiles", self.tiles(view, name))

    def _tiles_of(self, view: View, feature: Feature) -> set[str]:
        found: set[str] = set()
        for ref in feature.expr.refs:
            match ref:
                case AggregateRef(name):
                    found.update(self._partials(view, view.aggregation(name)))
                case StateRef(column):
                    found.add(self._state(view, column))
                case FeatureRef(other, name):
                    found.update(self.tiles(other, name))
                case _:
                    pass  # request, keys and as_of come with the question
        return found

    def _source_of(self, view: View) -> Source:
        if view.source is None:
            raise AssertionError(f"{view.name} aggregates but has no source")
        return self.project.source_of(view)

    def rows(self, view: View) -> Value:
        """Which rows a view sees, and for which entity."""
        if view.name not in self._rows:
            source = self._source_of(view)
            keys = tuple((k.type, _expr(source, k.expr, self.feature)) for k in view.keys)
            self._rows[view.name] = (_source(source, view), keys, _expr(source, view.where, self.feature))
        return self._rows[view.name]

    def _partials(self, view: View, aggregation: Aggregation) -> tuple[str, ...]:
        key = (view.name, aggregation.name)
        if key not in self._finished:
            finish = decompose(view, frozenset((aggregation.name,))).finish(aggregation.name)
            partials = dict.fromkeys(cell.partial for cell in finish.states.values())
            self._finished[key] = tuple(self.state_of(view, partial) for partial in partials)
        return self._finished[key]

    def state_of(self, view: View, partial: Partial) -> str:
        key = (view.name, partial)
        if key not in self._states:
            self._states[key] = self._state_of(view, partial)
        return self._states[key]

    def _state_of(self, view: View, partial: Partial) -> str:
        source = self._source_of(view)
        slots = tuple(view.slot(name) for name in partial.slots)
        lifted = tuple(
            (s.type, _expr(source, s.value, self.feature), _expr(source, s.filter, self.feature)) for s in slots
        )
        return digest("tile", (self.rows(view), partial.kind.value, lifted))

    def _state(self, view: View, column: str) -> str:
        kept = _column(self._source_of(view), column, self.feature)
        return digest("tile", (self.rows(view), "state", kept))

    def _ref(self, view: View, ref: Ref) -> Value:
        """What a reference stands for, names of aggregations and windows left out."""
        match ref:
            case AggregateRef(name):
                aggregation = view.aggregation(name)
                tiles = self._partials(view, aggregation)
                found = ("aggregate", aggregation.aggregate, tiles, self.window(view, aggregation.window), view.closed)
                params = tuple(sorted((name, repr(value)) for name, value in aggregation.params))
                return (*found, params) if params else found
            case StateRef(column):
                return ("state", self._state(view, column), view.ttl, view.closed)
            case FeatureRef(other, name):
                return ("feature", self.feature(other, name))
            case RequestRef(name):
                return ("request", name, dict(view.request).get(name))
            case KeyRef(name):
                return ("key", name, next((k.type for k in view.keys if k.name == name), None))
            case AsOfRef():
                return ("as_of",)
            case CompleteRef(reach):
                return ("complete", reach, _source(self._source_of(view), view))
            case ColumnRef(column):
                raise AssertionError(f"source column {column} outside an aggregate in {view.name}")

    def type(self, view: View, ref: Ref) -> str | None:
        """The type of what a reference stands for."""
        match ref:
            case AggregateRef(name):
                return view.aggregation(name).type
            case StateRef(column):
                return self._source_of(view).column(column).type
            case FeatureRef(other, name):
                return self.project.feature(other, name).type
            case RequestRef(name):
                return dict(view.request).get(name)
            case KeyRef(name):
                return next((k.type for k in view.keys if k.name == name), None)
            case AsOfRef():
                return "TIMESTAMP"
            case _:
                return None

    def window(self, view: View, window: Window) -> Value:
        plain = (window.length, window.offset, window.rows, window.hop, window.align)
        if window.calendar is not None:
            return (*plain, window.calendar.unit, window.calendar.zone, window.calendar.previous)
        if window.current:
            return (*plain, "current", view.ttl)
        if window.since is not None:
            slot = view.slot(window.since)
            return (*plain, "since", _expr(self._source_of(view), slot.filter, self.feature))
        return plain


# ── pieces ─────────────────────────────────────────────────────────────────────────────────────────────


def _column(source: Source, name: str, feature: Fingerprint | None = None) -> Value:
    """A column by name and by the type expressions see; how the data stores it is not part of a version. `feature`
    gives the fingerprints of what views bring."""
    column = source.column(name)
    if column.brought is None:
        return ("column", name, column.type)
    join = column.brought
    if isinstance(join, ViewJoin):
        assert feature is not None, f"{name} is a feature"
        pair = dict(zip(join.columns, join.pairs, strict=True))[name]
        asked = tuple((k.name, k.type, _expr(source, e, feature)) for k, e in zip(join.keys_of, join.keys, strict=True))
        return ("feature beside", feature(*pair), asked, column.type)
    own = dict(zip(join.columns, join.rows.state_columns, strict=True))[name]
    pairs = zip(join.rows.keys, join.keys, strict=True)
    keys = tuple((k.type, _expr(join.source, k.expr), _expr(source, e, feature)) for k, e in pairs)
    found = ("joined", _source(join.source, join.rows), keys, join.rows.ttl, own, column.type)
    match = join.match
    return found if match is None else (*found, "match", match.within, match.take)


def _source(source: Source, view: View | None = None) -> Value:
    """What of a source decides which rows are visible when, and in which order.

    With an identity the order of versions reads every column (semantics.md, "Events and versions").
    """
    versions = bool(source.id) or source.holds
    own = [c for c in source.columns if c.brought is None and not c.computed]
    zone = None if source.timezone is None or source.timezone.upper() == "UTC" else source.timezone
    final = {} if source.final_after is None else {"final_after": source.final_after}
    mature = {"maturity": view.maturity} if view is not None and view.attributed is not None else {}
    united = [(_source(m.source, view), _values(source, m)) for m in source.members]
    return {
        **final,
        **mature,
        **({"union": tuple(united)} if united else {}),
        "name": written(source.name),
        "kind": source.kind,
        "sql": source.query,
        "time": _expr(source, source.time),
        "available_at": _expr(source, source.available_at),
        "delay": source.delay,
        "timezone": zone,
        "id": source.id,
        "key": source.key,
        "deleted": _expr(source, source.deleted),
        "valid_to": _expr(source, source.valid_to),
        "tie_break": tuple(_column(source, c) for c in source.tie_break),
        "columns": tuple(sorted(_column(source, c.name) for c in own)) if versions else None,
    }


def _values(union: Source, member: Member) -> Value:
    """What of a member's rows tells versions apart in a union. All else comes by its name, where it is used."""
    told = told_apart(union)
    return tuple((name, _expr(member.source, expr)) for name, expr in member.values if name in told)


def _expr(source: Source | None, expr: Expr | None, feature: Fingerprint | None = None) -> Value:
    """A row expression: its canonical form over the columns it reads, with their types."""
    if expr is None:
        return None
    if source is None:
        raise AssertionError("a row expression needs a source")
    columns = [r for r in expr.refs if isinstance(r, ColumnRef)]
    return _form(expr, {r: Leaf(_column(source, r.column, feature), source.column(r.column).type) for r in columns})


def _form(expr: Expr, leaves: Mapping[Ref, Leaf]) -> Value:
    """The canonical form of an expression whose references stand for leaves."""
    numbers = {ref: number for number, ref in enumerate(leaves)}
    parts = tuple(p if isinstance(p, str) else numbers[p] for p in expr.parts)
    return canonical(parts, tuple(leaves.values()))
