"""The property on one case: training value = oracle's value = online value, at every probe.

`Product` is all that is used of featc; another object of that shape may stand in for it, as this suite's own
tests do. Nothing else here knows the product.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import oracle
from oracle import Derived, Feature, Oracle, Probe, Value, feature_kind, micros, moment, same

from . import render
from .model import SERVICE, Case, Push, Read

Answer = Mapping[str, Value]


class Product(Protocol):
    """What is used of `featc.FeatureStore`."""

    def get_historical_features(self, service: str, spine: Any) -> Any: ...

    def push(self, source: str, rows: Any, token: str | None = None) -> Any: ...

    def get_online_features(self, service: str, rows: Any, at: datetime | None = None) -> Any: ...


OpenProduct = Callable[[Path], Product]


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a plan was wrong: `kind` (training, online, rows, error …), where, the two values."""

    kind: str
    feature: str
    probe: int
    expected: Value
    got: Value
    detail: str = ""

    def __str__(self) -> str:
        where = f"{self.kind}: {self.feature} at probe {self.probe}"
        return f"{where}: expected {self.expected!r}, got {self.got!r} {self.detail}".rstrip()

    @property
    def signature(self) -> tuple[str, str]:
        """What must stay the same while a case shrinks: the plan, and the class of an error."""
        return self.kind, self.feature if self.kind.startswith("error") else ""


def open_featc(folder: Path) -> Product:
    """The real product on a project folder."""
    import featc

    store: Product = featc.FeatureStore(str(folder))
    return store


def check(case: Case, folder: Path, open_product: OpenProduct = open_featc) -> list[Difference]:
    """Writes the project, runs both plans, gives every difference from the oracle (empty: all is well)."""
    render.write(case, folder)
    judge = Judge(case)
    try:
        stage = "opening"
        store = open_product(folder)
        stage = "training"
        found = judge.training(rows_of(store.get_historical_features(SERVICE, render.spine(case))))
        for number, step in enumerate(case.steps):
            stage = f"step {number}"
            match step:
                case Push(source, rows, token, form):
                    store.push(source, render.batch(case, source, rows, form), token=token)
                case Read(probes):
                    found += judge.online(probes, read(store, case, probes), number)
    except Exception as error:
        detail = f"{stage}: {error}\n{''.join(traceback.format_exception(error)[-6:])}"
        where = "error in training" if stage in ("opening", "training") else "error online"
        return [Difference(where, type(error).__name__, -1, None, None, detail)]
    return found


def rows_of(dataset: Any) -> list[Answer]:
    """A dataset's rows as dicts."""
    table = dataset.arrow()
    table = table.read_all() if hasattr(table, "read_all") else table
    rows: list[Answer] = table.to_pylist()
    return rows


def read(store: Product, case: Case, probes: Sequence[int]) -> list[Answer]:
    """Online answers in the order of the probes; one call per instant, `at` with or without its zone."""
    instants: dict[int, list[int]] = {}
    for n in probes:
        instants.setdefault(case.probes[n].t, []).append(n)
    answers: dict[int, Answer] = {}
    for t, numbers in instants.items():
        at = moment(t).replace(tzinfo=UTC) if t % 2 else moment(t)
        got = store.get_online_features(SERVICE, render.requests(case, numbers), at=at)
        answers |= dict(zip(numbers, got, strict=True))
    return [answers[n] for n in probes]


class Judge:
    """Compares answers with the oracle's."""

    def __init__(self, case: Case):
        self.case, self.oracle = case, case.oracle()
        self.outputs = list(case.outputs())
        self.output_of = {name: output for output, name, _ in self.outputs}

    def training(self, rows: Sequence[Answer]) -> list[Difference]:
        """One row per spine row, in order, all spine columns kept; then the values."""
        if len(rows) != len(self.case.probes):
            return [Difference("rows", "training", -1, len(self.case.probes), len(rows))]
        found = []
        spine = render.spine(self.case).to_pylist()
        for n, (row, kept) in enumerate(zip(rows, spine, strict=True)):
            for c, value in kept.items():
                if c not in row or plain(row[c]) != plain(value):
                    found.append(Difference("rows", f"spine column {c}", n, value, row.get(c, "absent")))
            found += self.values("training", n, row)
        return found

    def online(self, probes: Sequence[int], rows: Sequence[Answer], step: int) -> list[Difference]:
        """The values of one read."""
        answers = zip(probes, rows, strict=True)
        return [d for n, row in answers for d in self.values("online", n, row, f"step {step}")]

    def values(self, kind: str, number: int, row: Answer, detail: str = "") -> list[Difference]:
        """Every output at one probe."""
        probe, found = self.case.probes[number], []
        for output, name, feature in self.outputs:
            if output not in row:
                found.append(Difference(kind, name, number, "a column", "absent", detail))
                continue
            expected, members = self.expected(name, feature, probe, row)
            if not same(feature_kind(feature), expected, row[output], members):
                found.append(Difference(kind, name, number, expected, row[output], detail))
        return found

    def expected(self, name: str, feature: Feature, probe: Probe, row: Answer) -> tuple[Value, Any]:
        """The oracle's value and the members its tolerance is measured by.

        A derived feature is judged on the inputs this very answer gives: identical on identical inputs.
        """
        if isinstance(feature, Derived):
            inputs = {i: self.given(i, probe, row) for i in feature.inputs}
            found = self.oracle.derive(feature, inputs)
            return (feature.default if found is None else found), []
        return self.oracle.value(name, probe), members_of(self.oracle, name, probe)

    def given(self, name: str, probe: Probe, row: Answer) -> Value:
        """An input as the answer shows it, or the oracle's where it is not output."""
        output = self.output_of.get(name)
        if output is None or output not in row:
            return self.oracle.input(name, probe)
        value = row[output]
        return micros(value) if isinstance(value, datetime) else value


def members_of(judge: Oracle, name: str, probe: Probe) -> Any:
    """The arguments that count in an aggregate with a tolerance, or its Series."""
    view, feature = judge.features[name]
    if not isinstance(feature, oracle.Aggregate) or not oracle.is_tolerant(feature_kind(feature)):
        return []
    if feature.fn not in oracle.TOLERANT:
        return judge.series(feature, judge.members(view, feature, probe), probe.t)
    return oracle.only(judge.arguments(feature, judge.members(view, feature, probe)))


def plain(value: Value) -> Value:
    """A spine value as one would compare it: instants as µs."""
    return micros(value) if isinstance(value, datetime) else value
