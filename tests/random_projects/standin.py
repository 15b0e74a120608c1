"""A product made of the oracle: proves that generator, harness and shrinker work, without any product code.

Its online half knows only what was pushed, so it also proves that every read the generator asks for is one
that the page promises to be exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from oracle import Oracle, Probe, Row, Value, micros

from .judge import Product
from .knockouts import knocked_out
from .model import Case
from .render import python


class StandIn:
    """Answers as a FeatureStore would; `training` and `online` are the oracles it believes in."""

    def __init__(self, case: Case, training: type[Oracle] = Oracle, online: type[Oracle] = Oracle):
        self.case, self.believes_online = case, online
        self.offline = knocked_out(case, training)
        self.accepted: dict[str, list[Row]] = {s.name: [] for s in case.sources}
        self.tokens: set[str] = set()
        self.store: Oracle | None = None

    def get_historical_features(
        self, service: str, spine: Any, *, known_at: datetime | None = None, data_until: datetime | None = None
    ) -> Any:
        """An object with `arrow()`."""
        rows = spine.to_pylist()
        self.offline.known_at = None if known_at is None else micros(known_at)
        self.offline.data_until = None if data_until is None else micros(data_until)
        for row in rows:
            row |= {**self.answer(self.offline, row, row["as_of"]), **self.labels(row)}
        return Rows(rows)

    def labels(self, row: Row) -> dict[str, Value]:
        """All labels at one observation."""
        probe, found = self.probe(row, row["as_of"]), {}
        for output, name, label in self.case.labels():
            value, found[f"{output}__complete"] = self.offline.label(name, probe)
            found[output] = python(label.type, value)
        return found

    def push(self, source: str, rows: Any, token: str | None = None) -> None:
        """Accepts a batch once per token."""
        if token in self.tokens:
            return
        if token is not None:
            self.tokens.add(token)
        batch = rows if isinstance(rows, list) else rows.to_pylist()
        self.accepted[source] += [self.typed(source, row) for row in batch]
        self.store = None

    def get_online_features(self, service: str, rows: Any, at: datetime | None = None) -> Any:
        """The oracle's values over what has been accepted."""
        assert at is not None
        if self.store is None:
            self.store = knocked_out(self.case.with_(rows=self.accepted), self.believes_online)
        return [self.answer(self.store, row, at) for row in rows]

    def answer(self, judge: Oracle, row: Row, at: datetime) -> dict[str, Value]:
        """All outputs of the service at one observation."""
        probe, found = self.probe(row, at), {}
        for output, name, feature in self.case.outputs():
            value = judge.value(name, probe)
            found[output] = python(feature.type, value)
        return found

    def probe(self, row: Row, at: datetime) -> Probe:
        """The observation that a row asks for."""
        keys = {k: row[k] for k in self.case.spine_keys}
        return Probe(keys, micros(at), {c: row[c] for c in self.case.request})

    def typed(self, source: str, row: Mapping[str, Value]) -> Row:
        """A pushed row as the oracle holds it."""
        return {c: self.value(t, row[c]) for c, t in self.case.source(source).types.items()}

    def value(self, sql_type: str, value: Value) -> Value:
        """Datetimes become µs, integers kept as DOUBLE become integers."""
        if isinstance(value, datetime):
            return micros(value)
        if sql_type == "bigint" and isinstance(value, float):
            return int(value) if value == value else None
        return value


class Rows:
    """A dataset that is a list of dicts."""

    def __init__(self, rows: list[dict[str, Value]]):
        self.rows = rows

    def arrow(self) -> Rows:
        return self

    def to_pylist(self) -> list[dict[str, Value]]:
        return self.rows


def stand_in(case: Case, training: type[Oracle] = Oracle, online: type[Oracle] = Oracle) -> Any:
    """Opens a stand-in for this case, wherever its project lies."""

    def open_product(folder: Path) -> Product:
        return StandIn(case, training, online)

    return open_product
