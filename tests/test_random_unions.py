"""The unions of random projects: what is drawn is legal, stands apart from all else, and can be shrunk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from oracle import Oracle
from random_projects import Case, check, draw_case, generate, make_case, render, shrink
from random_projects.choices import SeededDraw
from random_projects.standin import stand_in
from random_projects.union_knockouts import FirstMembersArrival, IdsAreOfAll, SecondMemberIsForgotten


def cases(count: int) -> Iterator[Case]:
    return (case for case in map(make_case, range(count)) if case.unions)


def test_a_union_is_of_event_sources_that_are_final_together() -> None:
    for case in cases(60):
        (union,) = case.unions
        members = [case.source(name).meaning for name in union.meaning.union]
        assert len(members) >= 2 and {m.kind for m in members} == {"event"}
        assert len({m.final_after for m in members}) == 1
        assert all(set(m.key_columns) == set(union.key_columns) for m in map(case.source, union.meaning.union))


def test_the_project_says_of_a_union_what_it_is_made_of_and_nothing_about_time() -> None:
    for case in cases(60):
        (union,) = case.unions
        text = render.texts(case)["features/data.yaml"]
        written = yaml.safe_load(text)["sources"]
        assert written[union.name]["union"] == list(union.meaning.union)
        assert set(written[union.name]) <= {"union", "let", "description", "owner"}
        assert set(union.meaning.union) <= set(written)


def test_what_is_drawn_before_a_union_is_the_same_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with_them = {case.label: case for case in cases(40)}
    monkeypatch.setattr(generate, "with_unions", lambda draw, case, *rest: case)
    for plain in map(make_case, range(40)):
        if plain.label in with_them:
            case = with_them[plain.label]
            count = len(plain.views), len(plain.probes), len(plain.sources)
            assert [v.name for v in case.views[: count[0]]] == [v.name for v in plain.views]
            assert texts_agree(case, plain)
            assert case.probes[: count[1]] == plain.probes
            assert [s.yaml for s in case.sources[: count[2]]] == [s.yaml for s in plain.sources]
            assert repr({name: case.rows[name] for name in plain.rows}) == repr(dict(plain.rows))
            assert [s for s in case.steps if s in plain.steps] == list(plain.steps)


def texts_agree(case: Case, plain: Case) -> bool:
    """Whether the views that both have are written alike."""
    both = (yaml.safe_load(render.texts(c)["features/views.yaml"])["feature_views"] for c in (case, plain))
    ours, theirs = both
    return {name: ours[name] for name in theirs} == theirs


def test_every_kind_of_column_is_united() -> None:
    found: set[str] = set()
    for case in cases(150):
        (union,) = case.unions
        members = [case.source(name) for name in union.meaning.union]
        columns = [{c.lower() for c in m.types} for m in members]
        lets = [set(m.meaning.let) for m in members]
        found |= {"of one only"} if any(set.intersection(*columns) < c for c in columns) else set()
        found |= {"of two numeric types"} if union.meaning.doubles else set()
        found |= {"let for a column"} if any(let & c for let in lets for c in columns) else set()
        found |= {"in capitals"} if any(c != c.lower() for m in members for c in m.types) else set()
        found |= {"times by two names"} if len({m.meaning.time for m in members}) > 1 else set()
        found |= {"three members"} if len(members) > 2 else set()
        found |= {"labels"} if any(v.labels for v in case.views if v.source == union.name) else set()
    assert len(found) == 7, found


def smallest(case: Case, mistake: type[Oracle], folder: Path, tries: int) -> Case:
    """What shrinking leaves of a case that is answered with this mistake; its union is whole."""

    def fails(candidate: Case) -> bool:
        return bool(check(candidate, folder, stand_in(candidate, online=mistake)))

    small = shrink.shrink(case, fails, tries)
    (union,) = small.unions
    assert union == case.unions[0] and set(union.meaning.union) <= {s.name for s in small.sources}
    return small


def test_a_union_that_fails_keeps_its_members_while_it_shrinks(tmp_path: Path) -> None:
    drawn = (draw_case(SeededDraw(seed), 8) for seed in range(60))
    small = smallest(next(case for case in drawn if case.unions), SecondMemberIsForgotten, tmp_path, 6)
    assert small.unions[0].name in {v.source for v in small.views}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [SecondMemberIsForgotten, FirstMembersArrival, IdsAreOfAll])
def test_a_failing_union_is_shrunk_to_a_few_rows(mistake: type[Oracle], tmp_path: Path) -> None:
    case = next(case for case in cases(60) if check(case, tmp_path, stand_in(case, online=mistake)))
    small = smallest(case, mistake, tmp_path, 400)
    assert [v.source for v in small.views] == [small.unions[0].name]
    assert len(list(shrink.entries(small))) == 1
    assert sum(map(len, small.rows.values())) <= 3


def test_a_union_that_has_no_part_in_a_failure_is_dropped_with_the_members_of_its_own() -> None:
    case = next(case for case in cases(60) if "app" in case.unions[0].meaning.union and len(case.views) > 1)
    small = shrink.without(case, {(v.name, s.name) for v, s in shrink.entries(case) if v.source == case.unions[0].name})
    assert small.unions == () and "app" not in {s.name for s in small.sources}
    assert not [s for s in small.steps if getattr(s, "source", "") == "app"]
    assert "union" not in render.texts(small)["features/data.yaml"]
