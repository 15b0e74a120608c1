"""The read of a list of outputs: which views it asks, what a request has to bring, how its answer is put together."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from featc.decompose import decompose
from featc.encoding import decoder, encode, has_way_back
from featc.errors import Diagnostic, FeatcError, Findings, did_you_mean
from featc.lower.online import ViewPlan
from featc.lower.online_read import read_plan
from featc.resolve.model import (
    AggregateRef,
    Output,
    Project,
    StateRef,
    feature_closure,
)
from featc.runtime.online.derived import DerivedStage, Environment
from featc.runtime.online.engine import Engine
from featc.runtime.online.read import Overflow, ViewReader
from featc.runtime.online.values import plain

_EPOCH = datetime(1970, 1, 1)


class ServiceReader:
    """Answers requests for a fixed list of outputs. `checked`: the views' histories were found to be complete."""

    def __init__(
        self, project: Project, engine: Engine, plans: Mapping[str, ViewPlan], outputs: tuple[Output, ...],
        *, banded: bool = True,
    ) -> None:
        self.project = project
        self.outputs = outputs
        self.checked = False
        pairs = feature_closure(project, tuple((o.view, o.feature) for o in outputs))
        names = dict.fromkeys(view for view, _ in pairs)
        self.keys: dict[str, str] = {}
        self.request: dict[str, str] = {}
        self.views: list[ViewPlan] = []
        self._asked: list[tuple[str, tuple[str, ...], ViewReader]] = []
        for name in names:
            view = project.views[name]
            self.keys |= {k.name: k.type for k in view.keys}
            refs = [r for v, f in pairs if v == name for r in project.feature(v, f).expr.refs]
            self.request |= dict(view.request)
            wanted = frozenset(r.name for r in refs if isinstance(r, AggregateRef))
            lookup = any(isinstance(r, StateRef) for r in refs)
            if view.source is not None and (wanted or lookup):
                plan = plans[name]
                self.views.append(plan)
                read = read_plan(plan.layout, decompose(view, wanted), lookup=lookup, banded=banded)
                self._asked.append((name, tuple(k.name for k in view.keys), ViewReader(read)))
        self._stage = DerivedStage(project, engine, pairs)
        self._decoders = {
            name: decoder(type_) if has_way_back(type_) else None
            for name, type_ in {**self.keys, **self.request}.items()
        }
        self._outputs = [(o.name, self._stage.place(("feature", o.view, o.feature))) for o in outputs]

    @property
    def in_duckdb(self) -> Mapping[str, str]:
        """The features that need DuckDB at each read, and why."""
        return self._stage.in_duckdb

    def read(self, store: sqlite3.Connection, requests: Sequence[Mapping[str, Any]], t: int) -> list[dict[str, Any]]:
        """The outputs of each request at `t` (µs). Raises FeatcError F421, F621, F63x."""
        moment = _EPOCH + timedelta(microseconds=t)
        environments: list[Environment] = []
        for number, request in enumerate(requests, 1):
            encoded, environment = self._given(number, request)
            environment["as_of", "", ""] = moment
            for name, keys, reader in self._asked:
                key = [encoded[k] for k in keys]
                self._ask(store, name, reader, key, request, t, environment)
            environments.append(environment)
        self._stage.run(environments)
        return [{name: e[value] for name, value in self._outputs} for e in environments]

    def _ask(
        self, store: sqlite3.Connection, view: str, reader: ViewReader, key: list[Any], request: Mapping[str, Any],
        t: int, environment: Environment,
    ) -> None:
        try:
            # an entity whose key is NULL (or NaN) is not known (semantics.md, "Events and versions")
            found = reader.unknown() if None in key else reader.read(store, key, t)
        except Overflow as overflow:
            raise self._overflow(view, str(overflow), request, t) from None
        except OverflowError:
            message = f"{view} holds an instant outside the years 1 to 9999 for {_shown(request)}"
            raise FeatcError(Diagnostic("F422", message)) from None
        aggregations, states = found
        for name, value in aggregations.items():
            environment["aggregation", view, name] = value
        for name, value in states.items():
            environment["state", view, name] = value

    def _overflow(self, view: str, aggregation: str, request: Mapping[str, Any], t: int) -> FeatcError:
        owner = self.project.views[view]
        users = [f.qualified for f in owner.features if AggregateRef(aggregation) in f.expr.refs]
        when = (_EPOCH + timedelta(microseconds=t)).isoformat(sep=" ")
        type_ = owner.aggregation(aggregation).type
        names, entity = ", ".join(users), _shown(request)
        message = f"{names} has no value it can give for {entity} at {when}: the sum is beyond {type_}"
        return FeatcError(Diagnostic("F421", message, hint="widen the type: sum(amount::DOUBLE), or a narrower window"))

    # ── what a request brings ─────────────────────────────────────────────────────────────────────────────────────

    def _given(self, number: int, request: Mapping[str, Any]) -> tuple[dict[str, Any], Environment]:
        """(encoded keys, values of keys and request columns) of one request."""
        if len(request) != len(self.keys) + len(self.request):
            self._refuse(number, request)
        encoded: dict[str, Any] = {}
        environment: Environment = {}
        for kind, given in (("key", self.keys), ("request", self.request)):
            for name, type_ in given.items():
                try:
                    value = plain(request[name])
                    if kind == "key" and value != value:  # NaN
                        value = None
                    code, seen = _value(value, type_, self._decoders[name])
                except KeyError:
                    self._refuse(number, request)
                    raise
                except (ValueError, OverflowError) as wrong:
                    message = f"request {number}: {name} is {type_}, and '{value}' is not: {wrong}"
                    hint = f"give a {type_}, or None where it is not known"
                    raise FeatcError(Diagnostic("F631", message, hint=hint), exit_code=2) from None
                encoded[name] = code
                environment[kind, "", name] = seen
        return encoded, environment

    def _refuse(self, number: int, request: Mapping[str, Any]) -> None:
        findings = Findings()
        known = [*self.keys, *self.request]
        for name in request:
            if name not in known:
                message = f"request {number}: '{name}' is neither a key nor a request column of these features"
                findings.error("F630", message, hint=did_you_mean(name, known))
        for name in known:
            if name not in request:
                what = "key" if name in self.keys else "request column"
                message = f"request {number} lacks the {what} '{name}'"
                findings.error("F630", message, hint=f"give {name}, or None where it is not known")
        if findings.errors:
            raise FeatcError(findings.errors, exit_code=2)


def _value(value: Any, type_: str, decode: Callable[[Any], Any] | None) -> tuple[Any, Any]:
    """(encoded, as expressions see it) of a value of a request."""
    if value is None:
        return None, None
    if decode is None:  # a type without encoding goes to DuckDB as it is
        return value, value
    code = encode(value, type_)
    return code, decode(code)


def _shown(request: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} = {v}" for k, v in request.items()) or "the whole"
