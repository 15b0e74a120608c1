"""`featc why`: the rows behind one value, put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from featc.errors import Diagnostic, FeatcError
from featc.lower.training import Knowledge
from featc.resolve.model import (
    AggregateRef,
    Aggregation,
    AsOfRef,
    CompleteRef,
    Feature,
    FeatureRef,
    KeyRef,
    Project,
    Ref,
    RequestRef,
    StateRef,
    View,
)
from featc.runtime.online.store import Instant as Given
from featc.runtime.online.store import instant
from featc.runtime.reasons import reason
from featc.runtime.verify.history import Failed
from featc.runtime.why.asked import given, output_asked
from featc.runtime.why.counted import Instant, counted
from featc.runtime.why.entity import EntityRows, entity_rows, nobody
from featc.runtime.why.model import Counted, Explained, Input, LookedUp, Plan, WhyReport
from featc.runtime.why.reasons import why_null
from featc.runtime.why.served import Served
from featc.runtime.why.states import counted_current, looked_up
from featc.runtime.why.values import Asked, ask, part, plain, training
from featc.runtime.why.words import aggregate_text

if TYPE_CHECKING:
    import duckdb

    from featc.runtime.store import FeatureStore

LIMIT = 5
TIME = "as_of"


def why(
    store: FeatureStore,
    service: str,
    feature: str,
    keys: Mapping[str, Any],
    at: Given = None,
    *,
    known_at: Given = None,
    limit: int = LIMIT,
) -> WhyReport:
    """The value of a feature of a service for one entity at an instant (None: now), and all that it comes from.

    `keys` has the keys and the request columns. `known_at` is what a label may know (None: all there is). `limit`: so
    many rows of each kind are listed, of the counted ones from both ends. Raises FeatcError F850 to F853, F632, and
    what a training set raises.
    """
    output = output_asked(store.project, service, feature)
    own, request = given(store.project, output, keys)
    at_us = instant(at)
    knowledge = Knowledge(None if known_at is None else instant(known_at))
    asked = ask(store.project, output)
    row = {**own, **request, TIME: datetime(1970, 1, 1) + timedelta(microseconds=at_us)}
    values = training(store, asked, row, TIME, knowledge)
    served = Served(store, service, asked)
    try:
        online = served.read({**own, **request}, at_us)
        differs = served.differs(values, own, request, at_us)
        with store.connect() as connection:
            tracer = Tracer(store, asked, row, values, served, Instant(at_us, knowledge), limit, connection)
            features = tuple(tracer.features())
    finally:
        served.close()
    value = values[f"{output.view}.{output.feature}"]
    offline = Plan(missing=value.reason) if isinstance(value, Failed) else Plan(value)
    name = f"{store.project.view(output.view).origin}.{output.feature}"
    return WhyReport(
        store.project.name, service, output.name, name, output.type, own, request, at_us, offline, online, differs,
        features, (*([served.note] if served.note else ()), *tracer.notes.values()),
    )  # fmt: skip


@dataclass(slots=True)
class Tracer:
    """Explains features one by one, the one asked for first, then what it is made of, depth first, each once."""

    store: FeatureStore
    asked: Asked
    row: Mapping[str, Any]
    values: Mapping[str, Any]
    served: Served
    instant: Instant
    limit: int
    connection: duckdb.DuckDBPyConnection
    notes: dict[str, str] = field(default_factory=dict)
    """What is odd about a view's rows as a whole, by view."""

    def features(self) -> Iterator[Explained]:
        done: set[tuple[str, str]] = set()
        stack = [(self.asked.output.view, self.asked.output.feature)]
        while stack:
            pair = stack.pop()
            if pair in done:
                continue
            done.add(pair)
            view = self.asked.project.view(pair[0])
            feature = view.feature(pair[1])
            yield self._explained(view, feature)
            stack += [(r.view, r.feature) for r in reversed(view.needs_first(feature))]

    def _explained(self, view: View, feature: Feature) -> Explained:
        keys = self._keys(view)
        counts, state = self._rows(view, feature, keys)
        inputs = {ref: self._input(view, feature, ref) for ref in feature.expr.refs}
        value = self.values.get(feature.qualified)
        bare = value if feature.default is None else self.values.get(f"{view.name}.{plain(feature)}")
        because = None
        if isinstance(value, Failed):
            because = value.reason
        elif bare is None:
            because = why_null(view, feature, inputs, counts, state, self.connection)
        kinds = {FeatureRef: "feature", AggregateRef: "aggregate", StateRef: "state", KeyRef: "key"}
        kinds |= {RequestRef: "request", AsOfRef: "as_of", CompleteRef: "complete"}
        listed = [Input(n, kinds[type(ref)], _plain(v)) for ref, (n, _, v) in inputs.items()]  # type: ignore[arg-type]
        return Explained(
            f"{view.origin}.{feature.name}", view.name, feature.name, feature.text, feature.type, _plain(value),
            _plain(bare), feature.default, tuple(listed), counts, state, because, str(feature.span or "") or None,
            isinstance(value, Failed),
        )  # fmt: skip

    # ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _rows(
        self, view: View, feature: Feature, keys: Mapping[str, Any]
    ) -> tuple[tuple[Counted, ...], LookedUp | None]:
        names = [r.name for r in feature.expr.refs if isinstance(r, AggregateRef)]
        columns = tuple(r.column for r in feature.expr.refs if isinstance(r, StateRef))
        if not names and not columns:
            return (), None
        aggregations = [view.aggregation(n) for n in names]
        project = self.asked.project.with_sources(self.store.located.sources)
        made = [part(feature, r) for r in feature.expr.refs if isinstance(r, (AggregateRef, StateRef))]
        rows = self._laid(project, view, feature, [m for m in made if m], aggregations, keys)
        if rows.own_rows() == 0:
            self.notes[view.name] = nobody(rows)
        counts = tuple(self._counted(rows, view, name) for name in names)
        state = None
        if columns:
            found = {c: self.values.get(f"{view.name}.state {c}") for c in columns}
            state = looked_up(rows, columns, self.instant.at, {c: _plain(v) for c, v in found.items()}, self.limit)
            state = replace(state, online=self.served.row_for(view, keys, self.instant.at))
        return counts, state

    def _laid(
        self,
        project: Project,
        view: View,
        feature: Feature,
        parts: Sequence[str],
        aggregations: Sequence[Aggregation],
        keys: Mapping[str, Any],
    ) -> EntityRows:
        import duckdb

        try:
            return entity_rows(self.connection, project, view, parts, aggregations, keys)
        except duckdb.Error as error:
            message = f"the rows of {view.source} behind {view.origin} cannot be read: {reason(error)}"
            hint = "put the data right, or guard the expression (nullif, try_cast)"
            raise FeatcError(Diagnostic("F853", message, feature.span, hint)) from None

    def _counted(self, rows: EntityRows, view: View, name: str) -> Counted:
        aggregation = rows.view.aggregation(name)
        given = self.values.get(f"{view.name}.aggregate {name}")
        failed, value = isinstance(given, Failed), _plain(given)
        if aggregation.window.current:
            found = counted_current(rows, aggregation, self.instant.at, self.limit, value)
        else:
            found = counted(rows, aggregation, self.instant, self.limit, value)
        if view.ahead or aggregation.window.current:
            return replace(found, failed=failed)
        standings = "('counted', 'filtered', 'beyond')"
        members = rows.query(f"SELECT _time, _enter FROM why_standing WHERE _standing IN {standings}")
        pairs = [(m["_time"], m["_enter"]) for m in members]
        online = self.served.rows_for(view, aggregation, rows.keys, self.instant.at, pairs)
        return replace(found, online=online, failed=failed)

    # ── inputs ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _keys(self, view: View) -> dict[str, Any]:
        """The entity that a view is asked for."""
        return {
            k.name: self.row.get(k.name) if k.given is None else _plain(
                self.values.get(f"{k.given.view}.{k.given.feature}")
            )
            for k in view.keys
        }  # fmt: skip

    def _input(self, view: View, feature: Feature, ref: Ref) -> tuple[str, str, Any]:
        """What a reference is called for people, its type and its value."""
        project = self.asked.project
        match ref:
            case FeatureRef(other, name):
                shown = f"{project.view(other).origin}.{name}"
                return shown, project.feature(other, name).type, self.values.get(f"{other}.{name}")
            case AggregateRef(name):
                found = view.aggregation(name)
                value = self.values.get(f"{view.name}.{part(feature, ref)}")
                return aggregate_text(view, found), found.type, value
            case StateRef(column):
                type_ = project.sources[view.source or ""].column(column).type
                return column, type_, self.values.get(f"{view.name}.{part(feature, ref)}")
            case KeyRef(name):
                keys = self._keys(view)
                type_ = next((k.type for k in view.keys if k.name == name), "VARCHAR")
                return f"key.{name}", type_, keys.get(name, self.row.get(name))
            case RequestRef(name):
                return f"request.{name}", dict(view.request).get(name, "VARCHAR"), self.row.get(name)
            case AsOfRef():
                return "as_of", "TIMESTAMP", self.row[TIME]
            case _:
                return "complete", "BOOLEAN", self.values.get(f"{view.name}.{part(feature, ref)}")


def _plain(value: Any) -> Any:
    return None if isinstance(value, Failed) else value
