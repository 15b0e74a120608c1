"""Every conformance case through every phase and both plans; see `cases`.

"Exactly" is meant: the same Python type and the same value. The cases' DOUBLEs are such that no order of adding
rounds them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from cases import case as cases
from cases.case import NAMES, Case, Table
from featc.algebra.aggregates import AGGREGATES
from featc.emit import build_files
from featc.errors import FeatcError
from featc.lineage import lineage_graph
from featc.resolve.model import Output, Window
from featc.resolve.needs import label_outputs, spine_columns
from featc.runtime.online import OnlineStore
from featc.runtime.store import FeatureStore

Answers = list[dict[str, Any]]


# ------------------------------------------------------------------------------------- ways of pushing


@dataclass(frozen=True, slots=True)
class Push:
    rows: pa.Table | Path
    token: str | None = None


def upside_down(rows: pa.Table) -> pa.Table:
    return rows.take(list(reversed(range(len(rows)))))


Parts = list[pa.Table]
"""A source's rows in parts that are pushed whole: one row each, or the rows of one dump."""


def parts_of(rows: pa.Table, declared: Mapping[str, Any]) -> Parts:
    if declared.get("kind") != "snapshot":
        return [rows.slice(n, 1) for n in range(len(rows))]
    dumps: dict[tuple[Any, ...], list[int]] = {}
    for n, row in enumerate(rows.to_pylist()):
        dumps.setdefault((row[declared["time"]], row.get(declared.get("available_at", ""))), []).append(n)
    return [rows.take(numbers) for numbers in dumps.values()]


def _row_by_row(parts: Parts, file: Path) -> list[Push]:
    return [Push(part) for part in parts]


def _backwards(parts: Parts, file: Path) -> list[Push]:
    turned = [upside_down(part) for part in reversed(parts)]
    return [Push(pa.concat_tables(turned[n : n + 2])) for n in range(0, len(turned), 2)]


def _whole_file(parts: Parts, file: Path) -> list[Push]:
    return [Push(file, "all"), Push(file, "all")]


ROUTES: Mapping[str, Callable[[Parts, Path], list[Push]]] = {
    "row by row": _row_by_row,
    "two by two, backwards": _backwards,
    "the file at once, twice under one token": _whole_file,
}
"""After each of them, sources whose rows have an id, or are dumps, get all of them again, upside down and without a
token."""

_FAST = "two by two, backwards"


# ------------------------------------------------------------------------------------- a case at work


@dataclass
class Opened:
    """A case as a compiled project. Its parts are made once, for all tests that look at it."""

    case: Case
    root: Path

    @cached_property
    def store(self) -> FeatureStore:
        self.case.write(self.root)
        return FeatureStore(self.root)

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        return self.store.outputs(list(self.store.project.views))

    @cached_property
    def labels(self) -> tuple[Output, ...]:
        """The columns of all labels, which training sets alone have."""
        return tuple(o for v in self.store.project.labels.values() for both in label_outputs(v).values() for o in both)

    @cached_property
    def spine(self) -> pa.Table:
        """The columns of expected.txt that are no features or labels."""
        features = {o.name for o in (*self.outputs, *self.labels)}
        return self.expected.select([c for c in self.expected.column_names if c not in features])

    @cached_property
    def expected(self) -> pa.Table:
        return self.case.expected.arrow()

    @cached_property
    def rows(self) -> Mapping[str, pa.Table]:
        return {name: table.arrow() for name, table in self.case.sources.items()}

    def wanted(self, outputs: Sequence[Output] | None = None) -> Answers:
        """The features, or some columns, at each spine row."""
        names = [o.name for o in (self.outputs if outputs is None else outputs)]
        missing = sorted(set(names) - set(self.expected.column_names))
        assert not missing, f"expected.txt says nothing of {missing}"
        rows: Answers = self.expected.select(names).to_pylist()
        return rows

    def training(self) -> pa.Table:
        project = self.store.project
        labels = [name for v in project.labels.values() for name in label_outputs(v)]
        asked = [*project.views, *labels]
        dataset = self.store.get_historical_features(asked, self.spine, time="as_of", **self.case.knowledge)
        return dataset.arrow()

    @contextmanager
    def pushed(self, route: str) -> Iterator[OnlineStore]:
        """A fresh online store that took in the rows by this route."""
        project = self.store.project
        with OnlineStore(self.root / f"{list(ROUTES).index(route)}.db", project, self.root) as online:
            for source, rows in self.rows.items():
                parts = parts_of(rows, self.case.declared[source])
                for push in ROUTES[route](parts, self.case.file(self.root, source)):
                    online.push(source, push.rows, token=push.token)
                if source in self.case.identified:
                    online.push(source, upside_down(rows))
            yield online

    def read(self, online: OnlineStore) -> Answers:
        """The features at each spine row; rows of one instant are asked for together."""
        keys, request = spine_columns(self.store.project, self.outputs)
        asked = [name for name, _ in (*keys, *request)]
        instants: dict[Any, list[int]] = {}
        spine = self.spine.to_pylist()
        for number, row in enumerate(spine):
            instants.setdefault(row["as_of"], []).append(number)
        found: dict[int, dict[str, Any]] = {}
        for at, numbers in instants.items():
            requests = [{name: spine[n][name] for name in asked} for n in numbers]
            found |= dict(zip(numbers, online.read(self.outputs, requests, at), strict=True))
        return [found[n] for n in range(len(spine))]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Opened]:
    root = tmp_path_factory.mktemp("cases")
    kept = {name: Opened(cases.read(name), root / name) for name in NAMES}
    return kept.__getitem__


# ------------------------------------------------------------------------------------- the property


def same(got: Any, wanted: Any) -> bool:
    """Whether both are one value of one type, item by item; NaN equals NaN, and −0.0 is 0.0. A map is its pairs."""
    if isinstance(got, dict):
        got = list(got.items())
    if isinstance(wanted, list | tuple):
        return type(got) is type(wanted) and len(got) == len(wanted) and all(map(same, got, wanted))
    if type(got) is not type(wanted):
        return False
    if isinstance(wanted, float) and math.isnan(wanted):
        return math.isnan(got)
    return bool(got == wanted)


def differences(found: Sequence[Mapping[str, Any]], wanted: Answers) -> list[str]:
    """What differs, in words; rows of the spine count from 1."""
    assert len(found) == len(wanted), "one row per spine row"
    return [
        f"row {n}, {name}: expected {value!r}, got {row.get(name, 'nothing')!r}"
        for n, row, expected in zip(count(1), found, wanted, strict=False)
        for name, value in expected.items()
        if name not in row or not same(row[name], value)
    ]


def refusal(case: Case, ask: Callable[[], object]) -> None:
    """Asserts that `ask` is refused in the words the case expects."""
    with pytest.raises(FeatcError) as refused:
        ask()
    message = str(refused.value)
    assert not [piece for piece in case.error if piece not in message], message


@pytest.mark.parametrize("name", NAMES)
def test_training_gives_what_the_case_says(name: str, opened: Callable[[str], Opened]) -> None:
    it = opened(name)
    if it.case.error:
        refusal(it.case, it.training)
        return
    found = it.training()
    columns = (*it.outputs, *it.labels)
    assert found.column_names == [*it.spine.column_names, *(o.name for o in columns)]
    assert [str(found.schema.field(o.name).type) for o in columns] == [
        str(it.expected.schema.field(o.name).type) for o in columns
    ]
    rows = found.to_pylist()
    assert not differences(rows, it.spine.to_pylist()), "the spine's own columns, in its order"
    assert not differences(rows, it.wanted(columns))


@pytest.mark.parametrize("route", [_FAST, *(pytest.param(r, marks=pytest.mark.slow) for r in ROUTES if r != _FAST)])
@pytest.mark.parametrize("name", NAMES)
def test_online_gives_what_the_case_says(name: str, route: str, opened: Callable[[str], Opened]) -> None:
    it = opened(name)
    with it.pushed(route) as online:
        if it.case.error:
            refusal(it.case, lambda: it.read(online))
        else:
            assert not differences(it.read(online), it.wanted())


@pytest.mark.parametrize("name", NAMES)
def test_every_phase_knows_every_feature_of_the_case(name: str, opened: Callable[[str], Opened]) -> None:
    it = opened(name)
    qualified = {f"{o.view}.{o.feature}" for o in it.outputs}
    manifest = json.loads(build_files(it.store.compiled)["manifest.json"])
    assert set(manifest["features"]) == qualified
    labels = {name for v in it.store.project.labels.values() for name in label_outputs(v)}
    assert set(manifest["labels"]) == labels
    assert qualified | labels <= {node.name for node in lineage_graph(it.store.project)}


# ------------------------------------------------------------------------------------- the cases themselves


def aggregations(opened: Callable[[str], Opened]) -> Iterator[tuple[str, str, Window]]:
    """(aggregate, closed, window) of everything the cases aggregate."""
    for name in NAMES:
        for view in opened(name).store.project.views.values():
            yield from ((a.aggregate, view.closed, a.window) for a in view.aggregations)


def test_every_aggregate_has_a_case(opened: Callable[[str], Opened]) -> None:
    assert {name for name, _, _ in aggregations(opened)} == set(AGGREGATES)
    folders = {name.removeprefix("aggregate_") for name in NAMES if name.startswith("aggregate_")}
    assert folders == set(AGGREGATES), "one folder aggregate_<name> per row of the algebra"


def test_windows_of_labels_have_a_case_for_each_closed(opened: Callable[[str], Opened]) -> None:
    views = [v for name in NAMES for v in opened(name).store.project.labels.values()]
    ahead = {v.closed for v in views if any(a.window.is_ahead for a in v.aggregations)}
    assert ahead == {"left", "right", "both", "neither"}


def kind_of(window: Window) -> str:
    """The row of semantics.md's table of windows that a window belongs to."""
    if window.rows is not None:
        return "rows in range" if window.length is not None else "rows"
    if window.length is None:
        return "lifetime"
    return "range" if window.hop is None else "aligned" if window.align else "hop"


def test_every_kind_of_window_has_a_case_for_each_closed(opened: Callable[[str], Opened]) -> None:
    kinds = ("range", "rows", "rows in range", "lifetime", "hop", "aligned")
    wanted = {(kind, closed) for kind in kinds for closed in ("left", "right", "both", "neither")}
    assert wanted <= {(kind_of(window), closed) for _, closed, window in aggregations(opened)}
    assert {kind_of(w) for _, _, w in aggregations(opened) if w.offset} >= {"range", "rows", "lifetime", "hop"}


def test_a_wrong_value_of_either_plan_fails(opened: Callable[[str], Opened]) -> None:
    wanted = opened("aggregate_sum").wanted()
    found = [dict(row) for row in wanted]
    assert not differences(found, wanted)
    found[0]["int_sum"] = float(found[0]["int_sum"])
    told = f"row 1, int_sum: expected {wanted[0]['int_sum']!r}, got {found[0]['int_sum']!r}"
    assert differences(found, wanted) == [told]


def test_cells_are_typed_by_the_head() -> None:
    table = Table((("a", "BIGINT"), ("b", "VARCHAR")), (("1", None), (None, "")))
    assert table.arrow().to_pylist() == [{"a": 1, "b": None}, {"a": None, "b": ""}]
    with pytest.raises(duckdb.Error):
        Table((("a", "BIGINT"),), (("x",),)).arrow()
