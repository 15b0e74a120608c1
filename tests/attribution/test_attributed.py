"""Attributed sources online and in what is said of a project: late matches, versions, eviction, lineage, policies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from featc.emit import build_files
from featc.errors import FeatcError
from featc.fingerprint import feature_fingerprint
from featc.lineage import project_graph
from featc.runtime.online.matched import answers as told
from featc.runtime.store import FeatureStore

START = datetime(2026, 1, 1)
HOUR = timedelta(hours=1)
DAYS = 24 * 40
"""Hours apart that put events into different tiles."""

DEFINITIONS = """
entities: {ad: ad_id, button: button}
sources:
  views: {path: data/views.parquet, time: shown_at, available_at: known_at, id: view_id}
  clicks: {path: data/clicks.parquet, time: clicked_at, available_at: known_at, id: click_id}
  attributed:
    from: views
    match: {click: {source: clicks, keys: {view_id: view_id}, MATCH}}
    let: {was_clicked: click.click_id is not null}
    tags: [behaviour]
feature_views:
  ads:
    entity: ad
    source: attributed
    features:
      shown: count(*) over lifetime
      clicked: count(*) filter (where was_clicked) over lifetime
      last_button: last(click.button) over lifetime
  buttons:
    entity: button
    source: attributed
    keys: {button: click.button}
    features:
      pressed: count(*) over lifetime
feature_services:
  all: {features: [ads, buttons]}
"""
TYPES = {
    "views": "view_id BIGINT, ad_id BIGINT, shown_at TIMESTAMP, known_at TIMESTAMP",
    "clicks": "click_id BIGINT, view_id BIGINT, button VARCHAR, clicked_at TIMESTAMP, known_at TIMESTAMP",
}
Row = Mapping[str, Any]


def project(root: Path, match: str = "within: 2h", **rows: Sequence[Row]) -> FeatureStore:
    """A project whose sources hold `rows`, by source."""
    (root / "features").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "featc.yaml").write_text("version: 1\nproject: ads\n")
    (root / "features" / "all.yaml").write_text(DEFINITIONS.replace("MATCH", match))
    with duckdb.connect() as connection:
        for name, types in TYPES.items():
            connection.execute(f"CREATE TABLE {name} ({types})")
            for row in rows.get(name, ()):
                connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", list(row.values()))
            connection.execute(f"COPY {name} TO '{root / 'data' / name}.parquet' (FORMAT parquet)")
    return FeatureStore(root)


def view(number: int, hours: float, known: float | None = None, ad: int = 1) -> Row:
    known_at = START + (hours if known is None else known) * HOUR
    return {"view_id": number, "ad_id": ad, "shown_at": START + hours * HOUR, "known_at": known_at}


def click(number: int, of: int, button: str, hours: float, known: float | None = None) -> Row:
    known_at = START + (hours if known is None else known) * HOUR
    clicked_at = START + hours * HOUR
    return {"click_id": number, "view_id": of, "button": button, "clicked_at": clicked_at, "known_at": known_at}


def answers(store: FeatureStore, hours: float) -> tuple[Any, ...]:
    (found,) = store.get_online_features("all", [{"ad_id": 1, "button": "b"}], at=START + hours * HOUR)
    return tuple(found.values())


def test_a_match_that_is_pushed_late_reaches_its_event_and_its_tile(tmp_path: Path) -> None:
    store = project(tmp_path)
    store.push("views", [view(1, 0), view(2, DAYS), view(3, 2 * DAYS)])
    assert answers(store, 3 * DAYS) == (3, 0, None, 0)
    store.push("clicks", [click(10, 1, "b", 1), click(11, 2, "a", DAYS + 1)])
    assert answers(store, 3 * DAYS) == (3, 2, "a", 1)
    store.push("clicks", [click(12, 1, "a", 0.5, known=5)])  # the first from then on
    assert answers(store, 5) == (1, 1, "b", 1)
    assert answers(store, 6) == (1, 1, "a", 0)
    assert answers(store, 3 * DAYS) == (3, 2, "a", 0)
    store.push("clicks", [click(12, 1, "a", 100, known=6)])  # it belongs to nothing any more
    assert answers(store, 6) == (1, 1, "a", 0)
    assert answers(store, 7) == (1, 1, "b", 1)
    assert answers(store, 3 * DAYS) == (3, 2, "a", 1)


def test_a_version_of_the_event_ends_all_of_its_answers(tmp_path: Path) -> None:
    store = project(tmp_path)
    store.push("clicks", [click(10, 1, "b", 1), click(12, 1, "a", 0.5, known=5)])
    store.push("views", [view(1, 0)])
    store.push("views", [view(1, 0, known=4, ad=2)])
    assert [answers(store, at)[0] for at in (2, 3, 4, 4.5, 6)] == [0, 1, 1, 0, 0]
    store.push("views", [view(1, 0, known=5.5, ad=1)])
    assert [answers(store, at)[2] for at in (3, 5.5, 6)] == ["b", None, "a"]


def test_materialize_and_a_training_set_give_the_same(tmp_path: Path) -> None:
    rows = {"views": [view(1, 0), view(2, 1)], "clicks": [click(10, 1, "b", 1), click(11, 2, "b", 2.5, known=9)]}
    store = project(tmp_path, "within: 2h, take: last", **rows)
    store.materialize()
    instants = [1.0, 2.5, 3.5, 8.0, 10.0]
    spine = [{"ad_id": 1, "button": "b", "as_of": START + at * HOUR} for at in instants]
    trained = store.get_historical_features("all", spine).arrow().to_pylist()
    names = ("shown", "clicked", "last_button", "pressed")
    assert [tuple(list(row.values())[-4:]) for row in trained] == [answers(store, at) for at in instants], names
    assert answers(store, 10) == (2, 2, "b", 2)


def test_eviction_forgets_answers_that_no_read_sees(tmp_path: Path) -> None:
    store = project(tmp_path)
    store.push("views", [view(1, 0), view(9, 200)])
    store.push("clicks", [click(10, 1, "b", 1), click(12, 1, "a", 0.5, known=5), click(12, 1, "c", 0.5, known=8)])
    store.push("clicks", [click(99, 9, "z", 201)])
    at = [answers(store, hours) for hours in (200, 203)]
    found = {v.view: v for e in store.online.evict(0) for v in e.views}
    assert found["ads"].superseded == 2  # b, then a
    assert [answers(store, hours) for hours in (200, 203)] == at
    store.push("clicks", [click(13, 1, "d", 0.25, known=300)])
    assert answers(store, 203) == at[1]
    assert answers(store, 301)[:3] == (2, 2, "z")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("within: 2h", "within: 3h"),
        ("within: 2h", "within: 2h, take: last"),
        ("within: 2h", "within: 2h, mature: false"),
    ],
)
def test_what_a_match_says_is_part_of_the_version(tmp_path: Path, before: str, after: str) -> None:
    one, other = (project(tmp_path / str(n), match).project for n, match in enumerate((before, after)))
    assert feature_fingerprint(one, "ads", "last_button") != feature_fingerprint(other, "ads", "last_button")


def test_how_long_events_wait_is_part_of_the_version_of_what_uses_no_match(tmp_path: Path) -> None:
    first, second, third = (
        feature_fingerprint(project(tmp_path / str(n), match).project, "ads", "shown")
        for n, match in enumerate(("within: 2h", "within: 3h", "within: 2h, take: last"))
    )
    assert first != second
    assert first == third


def test_nothing_is_pushed_to_it(tmp_path: Path) -> None:
    with pytest.raises(FeatcError) as refused:
        project(tmp_path).push("attributed", [view(1, 0)])
    assert [(d.code, d.hint) for d in refused.value.diagnostics] == [("F387", "push to views and clicks")]


def test_lineage_and_the_manifest_know_what_matches(tmp_path: Path) -> None:
    compiled = project(tmp_path).compiled
    found = compiled.project
    edges = {(e.parent.name, e.child.name, e.kind) for e in project_graph(found).edges}
    assert {
        ("clicks.button", "ads.last_button", "value"),
        ("clicks.view_id", "ads.last_button", "key"),
        ("views.view_id", "ads.last_button", "key"),
        ("clicks.clicked_at", "ads.last_button", "time"),
        ("clicks.click_id", "ads.clicked", "filter"),
        ("clicks.button", "buttons.pressed", "key"),
    } <= edges
    manifest = json.loads(build_files(compiled)["manifest.json"])
    assert manifest["attributed"]["attributed"]["from"] == "views"
    assert manifest["views"]["ads"]["attributed"] == "attributed"
    (match,) = manifest["views"]["ads"]["joins"]
    assert (match["within"], match["match"]) == ("2h", {"take": "first", "mature": True})
    assert "behaviour" in manifest["features"]["ads.shown"]["carries"]


@pytest.mark.parametrize(
    ("seen", "gone", "candidates", "expected"),
    [
        (10, None, [], [(10, None, "-")]),
        (10, None, [(5, None, "a"), (0, None, "b")], [(10, None, "a")]),
        (10, None, [(15, None, "a"), (0, None, "b")], [(10, 15, "b"), (15, None, "a")]),
        (10, None, [(5, 12, "a"), (0, None, "b")], [(10, 12, "a"), (12, None, "b")]),
        (10, None, [(12, 15, "a"), (15, None, "b")], [(10, 12, "-"), (12, 15, "a"), (15, None, "b")]),
        (10, 14, [(12, None, "a")], [(10, 12, "-"), (12, 14, "a")]),
        (10, 12, [(12, None, "a")], [(10, 12, "-")]),
        (10, None, [(3, 10, "a")], [(10, None, "-")]),
        (10, None, [(20, None, "b"), (12, 20, "b")], [(10, 12, "-"), (12, 20, "b"), (20, None, "b")]),
    ],
)
def test_answers_lie_side_by_side(
    seen: int,
    gone: int | None,
    candidates: Sequence[tuple[int, int | None, str]],
    expected: Sequence[tuple[int, int | None, str]],
) -> None:
    given = [(begins, ends, (what,)) for begins, ends, what in candidates]
    found = [(begins, ends, what) for begins, ends, (what,) in told(seen, gone, given, ("-",))]
    assert found == list(expected)


def test_a_misspelt_time_of_the_events_is_told_at_its_place(tmp_path: Path) -> None:
    store = project(tmp_path)
    file = next(f for f in (store.root / "features").iterdir() if "shown_at" in f.read_text())
    file.write_text(file.read_text().replace("time: shown_at", "time: shown"))
    with pytest.raises(FeatcError) as error:
        FeatureStore(store.root)
    (said,) = [d for d in error.value.diagnostics if d.code == "F301"]
    assert (said.span.text[said.span.column - 1 :][:5], said.hint) == ("shown", "did you mean 'shown_at'?")  # type: ignore[union-attr]


def test_a_misspelt_match_is_told_with_the_one_that_is_meant(tmp_path: Path) -> None:
    store = project(tmp_path)
    file = next(f for f in (store.root / "features").iterdir() if "click.button" in f.read_text())
    file.write_text(file.read_text().replace("last(click.button)", "last(clck.button)"))
    with pytest.raises(FeatcError) as error:
        FeatureStore(store.root)
    assert error.value.diagnostics[0].hint == "did you mean 'click.button'?"
