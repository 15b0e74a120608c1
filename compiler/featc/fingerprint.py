"""Fingerprints: 128-bit hashes of what a definition means (architecture.md, "Fingerprints").

Three layers, each holding the one before it: *tile* (what one event brings to which partial state), *feature*
(tiles, finisher, window, closed, ttl, default), *contract* (names, keys, type). Equal fingerprints mean equal
values, as far as definitions decide them; where data lies and what people are told about it is left out.

What is hashed is a canonical, length-safe encoding of the resolved project and never generated SQL.
Expressions are encoded as trees, so that case, spacing, comments, redundant parentheses and the spelling of
casts do not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from featc.decompose import Partial, decompose
from featc.digests import IR_VERSION as IR_VERSION
from featc.digests import Value, digest
from featc.digests import encode as encode
from featc.lower.source import identity, told_apart
from featc.resolve.model import (
    AggregateRef,
    Aggregation,
    AsOfRef,
    ColumnRef,
    CompleteRef,
    Expr,
    Feature,
    FeatureRef,
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

if TYPE_CHECKING:
    from sqlglot import exp

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
    return digest("contract", (view, feature, keys, owner.feature(feature).type))


def view_fingerprint(project: Project, view: str) -> str:
    """All that decides what an online store keeps of a view: its source, keys, `where`, slots and states.

    Names count here, since tables and columns carry them. Windows do not: what they ask for is the store's.
    """
    owner = project.views[view]
    parts, beside = decompose(owner), Layers(project).feature
    source = project.source_of(owner) if owner.source is not None else None
    keys = tuple((k.name, k.type, _expr(source, k.expr, beside)) for k in owner.keys)
    slots = tuple(
        (s.name, s.type, _expr(source, s.value, beside), _expr(source, s.filter, beside)) for s in owner.slots
    )
    states = tuple((p.name, p.kind.value, p.slots, p.types) for p in parts.partials)
    return digest(
        "view",
        {
            "view": view,
            "source": None if source is None else _source(source, owner),
            "keys": keys,
            "where": _expr(source, owner.where, beside),
            "closed": owner.closed,
            "slots": slots,
            "states": states,
            "state_columns": owner.state_columns,
        },
    )


def service_fingerprint(project: Project, service: Service) -> str:
    """A service's contract and the values behind it: outputs in order, keys, request columns."""
    return outputs_fingerprint(project, service.outputs, (*service.keys, *service.request))


def outputs_fingerprint(project: Project, outputs: Iterable[Output], spine: tuple[tuple[str, str], ...] = ()) -> str:
    """The same for any list of outputs; `spine` holds the (name, type) of the columns they need."""
    layers = Layers(project)
    listed = tuple((o.name, o.type, layers.feature(o.view, o.feature)) for o in outputs)
    return digest("outputs", (listed, tuple(spine)))


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
        value = (_shape(feature.expr), tuple(self._ref(owner, r) for r in feature.expr.refs))
        default = None if feature.default is None else expression_tree(feature.default)
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
                found = ("aggregate", aggregation.aggregate, tiles, self._window(view, aggregation.window), view.closed)
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

    def _window(self, view: View, window: Window) -> Value:
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


def _source(source: Source, view: View) -> Value:
    """What of a source decides which rows are visible when, and in which order.

    With an identity the order of versions reads every column (semantics.md, "Events and versions").
    """
    located = source.location.value.strip() if source.location.kind == "sql" else None
    versions = identity(source, view) is not None or source.in_dumps
    own = [c for c in source.columns if c.brought is None and not c.computed]
    zone = None if source.timezone is None or source.timezone.upper() == "UTC" else source.timezone
    final = {} if source.final_after is None else {"final_after": source.final_after}
    mature = {"maturity": view.maturity} if view.attributed is not None else {}
    united = [(_source(m.source, view), _values(source, m)) for m in source.members]
    return {
        **final,
        **mature,
        **({"union": tuple(united)} if united else {}),
        "name": source.name,
        "kind": source.kind,
        "sql": located,
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
    """A row expression: its tree, and the columns it reads with their types."""
    if expr is None:
        return None
    if source is None:
        raise AssertionError("a row expression needs a source")
    columns = tuple(_column(source, r.column, feature) for r in expr.refs if isinstance(r, ColumnRef))
    return (_shape(expr), columns)


# ── expressions as trees ───────────────────────────────────────────────────────────────────────────────

_MARK = "⟨ref {}⟩"


def _shape(expr: Expr) -> Value:
    """An expression's tree, its references numbered in order of first use."""
    numbers = {ref: number for number, ref in enumerate(expr.refs)}
    return expression_tree(expr.render(lambda ref: '"' + _MARK.format(numbers[ref]) + '"'))


@lru_cache(maxsize=100_000)
def expression_tree(text: str) -> Value:
    """The tree of DuckDB text. Text that cannot be parsed stands for itself."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(text, read="duckdb")
    except SqlglotError:
        return ("text", text)
    return _node(tree, text)


def _node(node: exp.Expr, text: str) -> Value:
    """One node: its class, the function's name as written (some share a class), its arguments by name."""
    from sqlglot import exp

    if isinstance(node, exp.Paren):
        return _node(node.this, text)
    kind = type(node).__name__
    if isinstance(node, (exp.And, exp.Or)):  # both associate, and evaluation stays left to right
        return (kind, tuple(_node(operand, text) for operand in _operands(node, type(node))))
    if isinstance(node, exp.Identifier):
        name = str(node.this)
        return (kind, name if node.args.get("quoted") else name.lower())
    spelled = ""
    if isinstance(node, exp.Func) and "start" in node.meta:
        spelled = text[node.meta["start"] : node.meta["end"] + 1].lower()
    arguments = {
        name: _argument(value, text)
        for name, value in node.args.items()
        if not name.startswith("_") and value is not None and value is not False and value != []
    }
    if isinstance(node, exp.Anonymous):
        arguments.pop("this", None)
    return (kind, spelled, arguments)


def _operands(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """The operands of nested ANDs, or ORs, from left to right."""
    bare = node.unnest()
    if type(bare) is not kind:
        return [bare]
    return [*_operands(bare.this, kind), *_operands(bare.expression, kind)]


def _argument(value: object, text: str) -> Value:
    from sqlglot import exp

    if isinstance(value, exp.Expr):
        return _node(value, text)
    if isinstance(value, list):
        return tuple(_argument(item, text) for item in value)
    if isinstance(value, (bool, int, str)):
        return value
    return str(value)
