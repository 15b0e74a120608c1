"""The read of a list of outputs: which views it asks, what a request has to bring, how its answer is put together."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, repeat
from typing import Any

from featc.decompose import decompose
from featc.encoding import decoder, encode, has_way_back
from featc.errors import Diagnostic, FeatcError, Findings, did_you_mean
from featc.lower.online import ViewPlan
from featc.lower.online_read import read_plan
from featc.resolve.model import (
    AggregateRef,
    KeyRef,
    Output,
    Project,
    StateRef,
    feature_closure,
)
from featc.resolve.needs import spine_columns
from featc.runtime.online.derived import DerivedStage, Environment, Value, value_of
from featc.runtime.online.engine import Engine
from featc.runtime.online.read import Overflow, ViewReader
from featc.runtime.online.values import plain
from featc.types import collection_parts

_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A view that a stage reads: the place of each key's value in an environment, and how it is encoded."""

    name: str
    keys: tuple[tuple[Value, Callable[[Any], Any]], ...]
    reader: ViewReader


@dataclass(frozen=True, slots=True)
class Stage:
    """Views whose keys are known by then, and the features that follow from these and from earlier stages."""

    asked: tuple[Asked, ...]
    derived: DerivedStage


class ServiceReader:
    """Answers requests for a fixed list of outputs. `checked`: the views' histories were found to be complete.

    `views` are the plans of the views it reads; `keys` and `request` what a request has to bring.
    """

    def __init__(
        self, project: Project, engine: Engine, plans: Mapping[str, ViewPlan], outputs: tuple[Output, ...],
        *, banded: bool = True,
    ) -> None:
        self.project = project
        self.outputs = outputs
        self.checked = False
        keys, request = spine_columns(project, outputs)
        self.keys, self.request = dict(keys), dict(request)
        self._declared = _declared(project, outputs)
        self._same: dict[Value, Value] = {}
        stages = [list(pairs) for pairs in staged(project, outputs)]
        self._stages: list[Stage] = []
        read: dict[str, ViewPlan] = {}
        for pairs in stages:
            asked = tuple(
                self._asked(plan, name, wanted, states=states, banded=banded)
                for name, wanted, states in _rows_of(project, pairs)
                for plan in [read.setdefault(project.view(name).origin, plans[project.view(name).origin])]
            )
            self._stages.append(Stage(asked, DerivedStage(project, engine, pairs, self._same)))
        self.views = list(read.values())
        self._decoders = {
            name: decoder(type_) if has_way_back(type_) else None
            for name, type_ in {**self.keys, **self.request}.items()
        }
        self._outputs = [(o.name, self._place(("feature", o.view, o.feature))) for o in outputs]

    def _place(self, value: Value) -> Value:
        return self._same.get(value, value)

    def _asked(
        self, plan: ViewPlan, name: str, wanted: frozenset[str], *, states: bool, banded: bool
    ) -> Asked:
        view = self.project.view(name)
        keys = tuple((self._place(value_of(name, k.given or KeyRef(k.name))), _encoder(k.type)) for k in view.keys)
        # as the store keeps the view, whose aggregations have the names they have in the project
        read = read_plan(plan.layout, decompose(plan.layout.view, wanted), lookup=states, banded=banded)
        return Asked(name, keys, ViewReader(read))

    @property
    def in_duckdb(self) -> Mapping[str, str]:
        """The features that need DuckDB at each read, and why."""
        return {name: why for stage in self._stages for name, why in stage.derived.in_duckdb.items()}

    def read(self, store: sqlite3.Connection, requests: Sequence[Mapping[str, Any]], t: int) -> list[dict[str, Any]]:
        """The outputs of each request at `t` (µs). Raises FeatcError F421, F621, F63x."""
        moment = _EPOCH + timedelta(microseconds=t)
        environments: list[Environment] = []
        for number, request in enumerate(requests, 1):
            environment = self._given(number, request)
            environment["as_of", "", ""] = moment
            environments.append(environment)
        self._answer(store, requests, environments, repeat((t, t)))
        return [{name: e[value] for name, value in self._outputs} for e in environments]

    def read_beside(
        self, store: sqlite3.Connection, entities: Sequence[Mapping[str, Any]], places: Sequence[tuple[int, int]]
    ) -> list[tuple[Any, ...]]:
        """The outputs in order for each entity, by its keys' values, at its own (t, k) in µs: as of t, by what was
        known at k (semantics.md, "Enrichment joins"). Raises FeatcError F421, F422, F621."""
        environments: list[Environment] = []
        for entity, (t, _) in zip(entities, places, strict=True):
            environment: Environment = {("key", "", name): value for name, value in entity.items()}
            environment["as_of", "", ""] = _moment(t)
            environments.append(environment)
        self._answer(store, entities, environments, places)
        return [tuple(e[value] for _, value in self._outputs) for e in environments]

    def _answer(
        self,
        store: sqlite3.Connection,
        requests: Sequence[Mapping[str, Any]],
        environments: Sequence[Environment],
        places: Iterable[tuple[int, int]],
    ) -> None:
        """Adds all that is asked to each environment, at its own (t, k)."""
        at = list(islice(places, len(environments)))
        for stage in self._stages:
            for request, environment, place in zip(requests, environments, at, strict=True):
                for asked in stage.asked:
                    self._ask(store, asked, request, place, environment)
            stage.derived.run(environments)

    def _ask(
        self,
        store: sqlite3.Connection,
        asked: Asked,
        request: Mapping[str, Any],
        place: tuple[int, int],
        environment: Environment,
    ) -> None:
        t, k = place
        key = [encoded(environment[value]) for value, encoded in asked.keys]
        try:
            # an entity whose key is NULL (or NaN) is not known (semantics.md, "Events and versions")
            found = asked.reader.unknown() if None in key else asked.reader.read(store, key, t, k)
        except Overflow as overflow:
            raise self._overflow(asked.name, str(overflow), request, t) from None
        except OverflowError:
            message = f"{asked.name} holds an instant outside the years 1 to 9999 for {_shown(request)}"
            raise FeatcError(Diagnostic("F422", message)) from None
        aggregations, states = found
        for name, value in aggregations.items():
            environment["aggregation", asked.name, name] = value
        for name, value in states.items():
            environment["state", asked.name, name] = value

    def _overflow(self, view: str, aggregation: str, request: Mapping[str, Any], t: int) -> FeatcError:
        owner = self.project.view(view)
        users = [f.qualified for f in owner.features if AggregateRef(aggregation) in f.expr.refs]
        when = (_EPOCH + timedelta(microseconds=t)).isoformat(sep=" ")
        type_ = owner.aggregation(aggregation).type
        type_ = (collection_parts(type_) or (None, type_))[1]
        names, entity = ", ".join(users), _shown(request)
        message = f"{names} has no value it can give for {entity} at {when}: the sum is beyond {type_}"
        return FeatcError(Diagnostic("F421", message, hint="widen the type: sum(amount::DOUBLE), or a narrower window"))

    # ── what a request brings ─────────────────────────────────────────────────────────────────────────────────────

    def _given(self, number: int, request: Mapping[str, Any]) -> Environment:
        """The values of keys and request columns of one request."""
        if len(request) != len(self.keys) + len(self.request):
            self._refuse(number, request)
        environment: Environment = {}
        for kind, given in (("key", self.keys), ("request", self.request)):
            for name, type_ in given.items():
                try:
                    value = plain(request[name])
                    if kind == "key" and value != value:  # NaN
                        value = None
                    environment[kind, "", name] = _value(value, type_, self._decoders[name])
                except KeyError:
                    self._refuse(number, request)
                    raise
                except (ValueError, OverflowError) as wrong:
                    message = f"request {number}: {name} is {type_}, and '{value}' is not: {wrong}"
                    hint = f"give a {type_}, or None where it is not known"
                    raise FeatcError(Diagnostic("F631", message, hint=hint), exit_code=2) from None
        return environment

    def _refuse(self, number: int, request: Mapping[str, Any]) -> None:
        findings = Findings()
        known = [*self.keys, *self.request]
        for name in request:
            if name not in known and name not in self._declared:
                message = f"request {number}: '{name}' is neither a key nor a request column of these features"
                findings.error("F630", message, hint=did_you_mean(name, known))
        for name in known:
            if name not in request:
                what = "key" if name in self.keys else "request column"
                message = f"request {number} lacks the {what} '{name}'"
                findings.error("F630", message, hint=f"give {name}, or None where it is not known")
        if findings.errors:
            raise FeatcError(findings.errors, exit_code=2)


def _moment(t: int) -> datetime | None:
    """An instant in µs as expressions see it; None where the years 1 to 9999 do not hold it."""
    try:
        return _EPOCH + timedelta(microseconds=t)
    except OverflowError:
        return None


def staged(project: Project, outputs: Sequence[Output]) -> list[list[tuple[str, str]]]:
    """The features behind `outputs`, parents first, by stage: one that reads rows of a view whose keys are computed
    stands in the stage after those of its keys, any other in the first that has all it needs."""
    stage: dict[tuple[str, str], int] = {}
    found: list[list[tuple[str, str]]] = [[]]
    for pair in feature_closure(project, tuple((o.view, o.feature) for o in outputs)):
        view, feature = project.view(pair[0]), project.feature(*pair)
        given = [k.given for k in view.keys if k.given is not None and feature.reads_rows]
        behind = [stage[r.view, r.feature] for r in view.needs_first(feature)]
        stage[pair] = max([*behind, *(stage[r.view, r.feature] + 1 for r in given)], default=0)
        while len(found) <= stage[pair]:
            found.append([])
        found[stage[pair]].append(pair)
    return found


def _declared(project: Project, outputs: Sequence[Output]) -> frozenset[str]:
    """Keys and request columns of the views behind `outputs`: a request may bring those that no feature reads."""
    views = [project.view(v) for v, _ in feature_closure(project, tuple((o.view, o.feature) for o in outputs))]
    return frozenset(n for v in views for n in (*(k.name for k in v.keys if k.given is None), *dict(v.request)))


def _rows_of(project: Project, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, frozenset[str], bool]]:
    """(view, aggregations, whether its state) that the features read, view by view."""
    wanted: dict[str, tuple[set[str], list[bool]]] = {}
    for view, feature in pairs:
        refs = project.feature(view, feature).expr.refs
        names = {r.name for r in refs if isinstance(r, AggregateRef)}
        states = [True for r in refs if isinstance(r, StateRef)]
        if names or states:
            known = wanted.setdefault(view, (set(), []))
            known[0].update(names)
            known[1].extend(states)
    return [(view, frozenset(names), bool(states)) for view, (names, states) in wanted.items()]


def _encoder(type_: str) -> Callable[[Any], Any]:
    """A key's value as the store keeps it. What cannot be such a value is nobody's."""

    def encoded(value: Any) -> Any:
        try:
            return None if value is None else encode(value, type_)
        except (ValueError, OverflowError):
            return None

    return encoded


def _value(value: Any, type_: str, decode: Callable[[Any], Any] | None) -> Any:
    """A value of a request as expressions see it. Raises ValueError, OverflowError where it is not of the type."""
    if value is None or decode is None:  # a type without encoding goes to DuckDB as it is
        return value
    return decode(encode(value, type_))


def _shown(request: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} = {v}" for k, v in request.items()) or "the whole"
