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
from .model import SERVICE, Case, Knowledge, Push, Read

Answer = Mapping[str, Value]


class Product(Protocol):
    """What is used of `featc.FeatureStore`."""

    def get_historical_features(
        self, service: str, spine: Any, *, known_at: datetime | None = None, data_until: datetime | None = None
    ) -> Any: ...

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
        for known in case.knowledge:
            stage = f"training, {known}"
            found += with_knowledge(store, case, known)
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


def with_knowledge(store: Product, case: Case, known: Knowledge) -> list[Difference]:
    """The differences of a training set that is asked to know so much, of the probes it may hold; and whether its
    report on features counts those that hindsight changes."""
    judge = Judge(case, known)
    numbers = [n for n, p in enumerate(case.probes) if known.known_at is None or p.t <= known.known_at]
    at, until = (None if t is None else moment(t) for t in (known.known_at, known.data_until))
    dataset = store.get_historical_features(SERVICE, render.spine(case, numbers), known_at=at, data_until=until)
    found = [d for n, row in zip(numbers, rows_of(dataset), strict=True) for d in judge.known(n, row)]
    # the report takes as long as the answers: of every second case, by a number that says nothing else
    if known is not case.knowledge[0] or len(case.probes) % 2 or not hasattr(dataset, "knowledge"):
        return found
    reported = {c.column: c.differing for c in dataset.knowledge().columns}
    for output, wanted in judge.differing(numbers).items():
        if reported[output] != wanted:
            found.append(Difference("report", output, -1, wanted, reported[output], str(known)))
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


class Hindsight(Oracle):
    """Features by all there is to know: what others silently make of late and corrected rows."""

    def entered(self, view: oracle.View, v: oracle.Version, t: int) -> bool:
        return v.tau is not None and self.before(view.closed, v.tau, t)

    def superseded(self, view: oracle.View, v: oracle.Version, t: int) -> bool:
        return v.superseded_at is not None

    def known_to(self, source: oracle.Source, d: oracle.Version, v: oracle.Version) -> bool:
        dead = d.dead and not self.is_tombstone(source, d)
        early = d.tau is not None and v.tau is not None and d.tau <= v.tau
        return early and d.alpha is not None and d.superseded_at is None and not dead

    def is_known(self, view: oracle.View, d: oracle.Version, t: int) -> bool:
        return d.enter is not None and d.superseded_at is None and not d.dead


class Judge:
    """Compares answers with the oracle's."""

    def __init__(self, case: Case, known: Knowledge | None = None):
        self.case, self.oracle = case, case.oracle()
        if known is not None:
            self.oracle.known_at, self.oracle.data_until = known.known_at, known.data_until
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
            found += self.known(n, row)
        return found

    def known(self, number: int, row: Answer) -> list[Difference]:
        """Features and labels of one row of a training set."""
        return [*self.values("training", number, row), *self.labels(number, row)]

    def labels(self, number: int, row: Answer) -> list[Difference]:
        """Every label at one probe, and whether it is complete."""
        probe, found = self.case.probes[number], []
        knows = f"known at {self.oracle.known_at}, data until {self.oracle.data_until}"
        for output, name, label in self.case.labels():
            value, complete = self.oracle.label(name, probe)
            if row.get(f"{output}__complete", "absent") is not complete:
                got = row.get(f"{output}__complete", "absent")
                found.append(Difference("training", f"{name}__complete", number, complete, got, knows))
            members = ahead_of(self.oracle, name, probe)
            if output not in row or not same(feature_kind(label), value, row[output], members):
                found.append(Difference("training", name, number, value, row.get(output, "absent"), knows))
        return found

    def differing(self, numbers: Sequence[int]) -> dict[str, int]:
        """Of each aggregate without a tolerance, at how many probes hindsight changes it."""
        other, found = self.case.oracle(Hindsight), {}
        for output, name, feature in self.outputs:
            if isinstance(feature, oracle.Aggregate | oracle.Lookup) and not oracle.is_tolerant(feature_kind(feature)):
                probes = [self.case.probes[n] for n in numbers]
                pairs = ((self.oracle.value(name, p), other.value(name, p)) for p in probes)
                found[output] = sum(oracle.rank(a) != oracle.rank(b) for a, b in pairs)
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


def ahead_of(judge: Oracle, name: str, probe: Probe) -> Any:
    """The same of a label."""
    view, label = judge.labels[name]
    if not isinstance(label, oracle.Aggregate) or not oracle.is_tolerant(feature_kind(label)):
        return []
    ahead = judge.in_order(view, label, judge.ahead(view, label.window, probe))
    if label.fn not in oracle.TOLERANT:
        return judge.series(label, ahead, probe.t)
    return oracle.only(judge.arguments(label, ahead))


def plain(value: Value) -> Value:
    """A spine value as one would compare it: instants as µs."""
    return micros(value) if isinstance(value, datetime) else value
