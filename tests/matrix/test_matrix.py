"""Both plans are the oracle, for every aggregate, window and situation; and what is not legal is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from featc.algebra.aggregates import AGGREGATES
from featc.errors import FeatcError
from featc.runtime.store import FeatureStore
from oracle import Oracle, Row, rank
from random_projects import render
from random_projects.judge import check
from random_projects.model import Case

from .calls import all_calls
from .grid import KINDS, case, features, legal
from .situations import SITUATIONS, rows

CLOSED = ("left", "right", "both", "neither")


EDGED = ("range",)
"""Kinds of windows that are run with every way of closing; the others with both ends one way, and the other way."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, closed", [(k, c) for k in KINDS for c in (CLOSED if k in EDGED else ("left", "neither"))]
)
def test_both_plans_are_the_oracle(kind: str, closed: str, tmp_path: Path) -> None:
    made = case(kind, closed, backwards=closed in ("right", "neither"))
    found = check(made, tmp_path)
    assert not found, "\n".join(map(str, found[:10]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_aggregate_is_there_or_refused(kind: str, tmp_path: Path) -> None:
    """What is not legal is F305, each at its own line."""
    made = case(kind, "left", backwards=False)
    render.write(made, tmp_path / "legal")
    project = FeatureStore(tmp_path / "legal").project
    (view,) = project.labels.values() if kind == "next" else project.views.values()
    refused = [c for c in all_calls() if not legal(c, kind)]
    there = {a.aggregate for a in view.aggregations}
    assert len(there) + len({(c.fn, bool(c.args)) for c in refused}) == len(AGGREGATES)
    if not refused:
        return
    specs = tuple(features(kind, refused))
    views = tuple(replace(v, **{"labels" if kind == "next" else "features": specs}) for v in made.views)
    render.write(made.with_(views=views), tmp_path / "illegal")
    with pytest.raises(FeatcError) as failed:
        _ = FeatureStore(tmp_path / "illegal").project
    message = str(failed.value)
    assert len(re.findall(r"error F305", message)) == len(refused)
    assert all(spec.name in message for spec in specs)


# ------------------------------------------------------------------------------------- what happened matters


def as_if(uid: int, found: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows, of one entity such as if nothing had happened: everything known at once, nothing changed."""
    first: dict[int, Row] = {}
    for r in found:
        if r["eid"] // 100 == uid:
            first.setdefault(r["eid"], {**r, "arr": r["ts"]})
    others = tuple(r for r in found if r["eid"] // 100 != uid)
    return (*others, *first.values())


def changed(made: Case, uid: int) -> set[str]:
    """The features, or labels, that what happened to an entity changes at some probe."""
    real, other = made.oracle(), Oracle(
        [s.meaning for s in made.sources], [v.meaning() for v in made.views], {"orders": as_if(uid, rows())}
    )
    probes = [p for p in made.probes if p.keys["uid"] == uid]
    found = {n for n in real.features for p in probes if rank(real.value(n, p)) != rank(other.value(n, p))}
    return found | {n for n in real.labels for p in probes if real.label(n, p) != other.label(n, p)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_happened_to_a_row_changes_most_features(kind: str) -> None:
    made = case(kind, "left", backwards=False)
    wanted = len(made.views[0].labels or made.views[0].features)
    found = {happened: len(changed(made, uid)) / wanted for uid, happened in SITUATIONS.items()}
    assert found["in order"] == 0
    if kind == "next":
        assert found["late"] < 0.05, "labels know all there is; arrival decides among equal times"
    few = {h: share for h, share in found.items() if share < 0.6 and h != "in order" and (h, kind) != ("late", "next")}
    assert not few
