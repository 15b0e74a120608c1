"""Derived features of a request: bare values, proven closures, and DuckDB for the rest (semantics.md, "Derived")."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import duckdb

from featc.closures import FallBack, compile_closure, unproven, why_not
from featc.encoding import is_wide, micros_of
from featc.errors import Diagnostic, FeatcError
from featc.lower.online_derived import Derived, derived_plan, ref_type
from featc.resolve.model import AggregateRef, Feature, FeatureRef, KeyRef, Project, Ref, RequestRef, StateRef
from featc.runtime.online.engine import Engine
from featc.runtime.reasons import reason
from featc.runtime.texts import exact_text, exact_texts
from featc.types import collection_parts, decimal_parts, family

Value = tuple[str, str, str]
"""Where a value lies in an environment: (kind of reference, its view or '', its name). Texts, since they hash fast."""
Environment = dict[Value, Any]
Step = tuple[Value, tuple[Value, ...], Callable[..., Any]]

_EPOCH_DAY = date(1970, 1, 1)


def value_of(view: str, ref: Ref) -> Value:
    """Where the value of a reference in an expression of `view` lies."""
    match ref:
        case AggregateRef(name):
            return ("aggregation", view, name)
        case StateRef(column):
            return ("state", view, column)
        case FeatureRef(other, feature):
            return ("feature", other, feature)
        case RequestRef(name):
            return ("request", "", name)
        case KeyRef(name):
            return ("key", "", name)
        case _:
            return ("as_of", "", "")


class DerivedStage:
    """Computes features, parents first, into the environments of a batch of requests.

    `same` holds features that are another value by a new name: those of stages before, and this one's own.
    """

    def __init__(
        self, project: Project, engine: Engine, pairs: Sequence[tuple[str, str]], same: dict[Value, Value]
    ) -> None:
        self.engine = engine
        self.project = project
        self._unproven = unproven(duckdb.__version__)
        self._steps: list[Step] = []
        self._same = same
        rest: list[Feature] = []
        self.in_duckdb: dict[str, str] = {}  # the features that need DuckDB at each read, and why
        self._features = [project.feature(*pair) for pair in pairs]
        for feature in self._features:
            parents = (f"{r.view}.{r.feature}" for r in feature.expr.refs if isinstance(r, FeatureRef))
            behind = next((p for p in parents if p in self.in_duckdb), None)
            if behind is None and self._is_another_value(feature):
                continue
            step = self._step(feature) if behind is None else f"it needs {behind}, which DuckDB evaluates"
            if isinstance(step, str):
                rest.append(feature)
                self.in_duckdb[feature.qualified] = step
            else:
                self._steps.append(step)
        self._derived = derived_plan(project, rest)
        self._everything: Derived | None = None

    def place(self, value: Value) -> Value:
        """Where a value lies in an environment: a feature that is another value by a new name lies where that does."""
        return self._same.get(value, value)

    def run(self, environments: Sequence[Environment]) -> None:
        """Adds every feature's value to each environment. Raises FeatcError F621 where an expression fails."""
        fallen: list[Environment] = []
        for environment in environments:
            try:
                for target, sources, evaluate in self._steps:
                    environment[target] = evaluate(*[environment[s] for s in sources])
            except FallBack:
                fallen.append(environment)
        if fallen:
            if self._everything is None:
                self._everything = derived_plan(self.project, self._features)
            self._ask(self._everything, fallen)
        gone = {id(e) for e in fallen}
        self._ask(self._derived, [e for e in environments if id(e) not in gone] if fallen else environments)

    def _is_another_value(self, feature: Feature) -> bool:
        """Notes a feature that is a bare reference without default, so that reads have nothing to do for it."""
        if not feature.expr.is_bare or feature.default is not None:
            return False
        view, ref = self.project.view(feature.view), feature.expr.refs[0]
        if ref_type(self.project, view, ref) != feature.type:
            return False
        self._same["feature", feature.view, feature.name] = self.place(value_of(view.name, ref))
        return True

    def _step(self, feature: Feature) -> Step | str:
        """How the feature is computed here, or why it is left to DuckDB."""
        view = self.project.view(feature.view)
        types = {r: ref_type(self.project, view, r) for r in feature.expr.refs}
        sources = tuple(self.place(value_of(view.name, r)) for r in feature.expr.refs)
        target: Value = ("feature", feature.view, feature.name)
        expr = feature.expr
        if expr.is_bare and types[expr.refs[0]] == feature.type:
            return target, sources, self._with_default(feature, lambda value: value)
        if self._unproven:
            return self._unproven
        # a default of the expression's own type is a constant that needs no closure
        apart = feature.default is not None and expr.type == feature.type
        asked = (expr, types, None if apart else feature.default, feature.type)
        closure = compile_closure(*asked)
        if closure is None:
            return str(why_not(*asked))
        evaluate = self._with_default(feature, closure.evaluate) if apart else closure.evaluate
        return target, tuple(self.place(value_of(view.name, r)) for r in closure.refs), evaluate

    def _with_default(self, feature: Feature, evaluate: Callable[..., Any]) -> Callable[..., Any]:
        """`evaluate`, and the feature's default where that is NULL."""
        default = self.engine.rows(f"SELECT ({feature.default})::{feature.type}")[0][0]

        def defaulted(*values: Any) -> Any:
            found = evaluate(*values)
            return default if found is None else found

        return defaulted

    def _ask(self, derived: Derived | None, environments: Sequence[Environment]) -> None:
        if derived is None or not environments:
            return
        try:
            self._evaluate(derived, environments)
        except duckdb.Error as trouble:
            self._blame(derived, environments)
            raise _failed(derived.features[0], {}, trouble) from trouble

    def _evaluate(self, derived: Derived, environments: Sequence[Environment]) -> None:
        """Adds the statement's features to each environment. Raises duckdb.Error."""
        lists: list[list[Any]] = [list(range(len(environments)))]
        lists += [
            [_wire(e[place], given.type) for e in environments]
            for given in derived.inputs
            for place in [self.place(value_of(given.view or "", given.ref))]
        ]
        with self.engine.lock:
            rows = self.engine.connection.execute(derived.sql, lists).fetchall()
        for number, *values in rows:
            environment = environments[number]
            for feature, value in zip(derived.features, values, strict=True):
                environment["feature", feature.view, feature.name] = value

    def _blame(self, derived: Derived, environments: Sequence[Environment]) -> None:
        """Evaluates one feature of one request after another, to name the one that fails."""
        for environment in environments:
            for feature in derived.features:
                alone = derived_plan(self.project, [feature])
                assert alone is not None
                try:
                    self._evaluate(alone, [environment])
                except duckdb.Error as trouble:
                    raise _failed(feature, environment, trouble) from trouble


def _failed(feature: Feature, environment: Environment, trouble: duckdb.Error) -> FeatcError:
    given = [f"{name} = {value}" for (kind, _, name), value in environment.items() if kind == "key"]
    entity = f" for {', '.join(given) or 'the whole'} at {environment['as_of', '', '']}" if environment else ""
    message = f"{feature.qualified} has no value it can give{entity}: {reason(trouble)}"
    hint = "a division by zero of integers, or a cast that fails; guard it (nullif, try_cast)"
    return FeatcError(Diagnostic("F621", message, hint=hint))


def _wire(value: Any, type_: str) -> Any:
    """A value in the form the statement's parameter wants: nothing is lost and nothing guessed."""
    if value is None:
        return None
    if decimal_parts(type_) or is_wide(type_) or family(type_) == "uuid":
        return exact_text(value)
    if collection_parts(type_):
        return exact_texts(value)
    match family(type_):
        case "timestamp":
            return micros_of(value)
        case "date":
            return (value - _EPOCH_DAY).days if not isinstance(value, datetime) else (value.date() - _EPOCH_DAY).days
        case "float":
            return float(value)
        case _:
            return value


