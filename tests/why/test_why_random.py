"""On random projects a report lists the oracle's rows, and its value is both plans'."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

import featc
import oracle
from featc.runtime.why import WhyReport
from random_projects import make_case, render
from random_projects.model import SERVICE, Case, Push
from why.by_the_oracle import differences, label_differences

ALL = 1_000_000


def wrong(case: Case, folder: Path, probes: int, share: int) -> Iterator[str]:
    """What is wrong about the reports of a case: of so many probes, every `share`-th output of each."""
    render.write(case, folder)
    store, judge = featc.FeatureStore(str(folder)), case.oracle()
    for step in case.steps:
        if isinstance(step, Push):
            store.push(step.source, render.batch(case, step.source, step.rows, step.form), token=step.token)
    keys = render.requests(case, range(len(case.probes)))
    rows = store.get_historical_features(SERVICE, render.spine(case)).rows()
    asked = 0
    for n, probe in enumerate(case.probes[:probes]):
        for output, name, _ in case.outputs():
            asked += 1
            if asked % share:
                continue
            report = store.why(SERVICE, output, keys[n], oracle.moment(probe.t), limit=ALL)
            where = f"{name} at probe {n}"
            if not same(report.value, rows[n][output]):
                yield f"{where}: {report.value}, and training gives {rows[n][output]}"
            if report.differs or not report.online.there:
                yield f"{where}: training {report.training}, online {report.online}"
            yield from (f"{where}: {said}" for said in differences(judge, name, probe, report))
            yield from (f"{where}: {said}" for said in apart(report))
        for output, name, _ in case.labels():
            report = store.why(SERVICE, output, keys[n], oracle.moment(probe.t), limit=ALL)
            if not same(report.value, rows[n][output]):
                yield f"{name} at probe {n}: {report.value}, and training gives {rows[n][output]}"
            yield from (f"{name} at probe {n}: {said}" for said in label_differences(judge, name, probe, report))
    store.close()


def apart(report: WhyReport) -> Iterator[str]:
    """Rows in which a store that holds all there is differs from the sources."""
    for explained in report.features:
        for told in explained.aggregates:
            if told.online is not None and (told.online.lacking or told.online.surplus):
                yield f"{told.text}: the store lacks {told.online.lacking}, and only it has {told.online.surplus}"
        state = explained.state
        if state is not None and state.online is not None:
            own = next((r.time for r in state.rows if r.standing in ("holds", "fails")), None)
            if state.online.time != own:
                yield f"{explained.name}: the store takes the row of {state.online.time}, the source that of {own}"


def same(a: object, b: object) -> bool:
    """Whether two answers of one plan are equal. A sum of DOUBLEs over one row of a spine may add up in another order
    than over many (semantics.md, "What 'equal' means")."""
    if isinstance(a, float) and isinstance(b, float) and math.isfinite(a) and math.isfinite(b):
        return math.isclose(a, b, rel_tol=1e-12)
    return oracle.rank(comparable(a)) == oracle.rank(comparable(b))


def comparable(value: object) -> object:
    return repr(value) if isinstance(value, (list, dict)) else str(value)


@pytest.mark.parametrize("seed", [2, 8])
def test_reports_list_the_rows_that_the_oracle_knows(seed: int, tmp_path: Path) -> None:
    assert not list(wrong(make_case(seed), tmp_path, probes=1, share=12))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(300, 310, 5))
def test_reports_list_the_rows_that_the_oracle_knows_on_many_projects(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + 5):
        found = list(wrong(make_case(seed), tmp_path / str(seed), probes=3, share=3))
        assert not found, (seed, found[:3])
