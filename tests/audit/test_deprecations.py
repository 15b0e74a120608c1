"""Deprecated definitions: users are told, and a locked build fails after the last day. Words are in tests/errors."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit.projects import PEOPLE, caret, compiled, told, write
from featc.audit import overdue
from featc.cli import cli
from featc.emit.manifest import manifest
from featc.runtime.store import FeatureStore

DEFINITIONS = (
    PEOPLE
    + """
feature_views:
  people:
    entity: user
    source: people
    features:
      old: {sql: sum(visits) over last_7d, deprecated: {since: 2030-01-01, until: 2030-06-30, use: visits}}
      visits: sum(visits) over last_8d
      user: old + 1
  apart: {features: {plain: people.visits + 1}}
feature_services:
  scores: {features: [people.old, apart]}
  rest: {features: [apart]}
"""
)


def test_users_are_told_at_their_place_and_others_are_not(tmp_path: Path) -> None:
    found = told(compiled(tmp_path, DEFINITIONS), "F363")
    users = [(caret(d), d.message.partition(" uses ")[0]) for d in found]
    assert users == [("old", "people.user"), ("people.old", "scores")]
    assert {d.hint for d in found} == {"use visits instead"}
    assert all("since 2030-01-01" in d.message and "until 2030-06-30" in d.message for d in found)


def test_an_alias_in_yaml_makes_no_two_definitions_one(tmp_path: Path) -> None:
    definitions = DEFINITIONS.replace("deprecated: {since", "deprecated: &gone {since").replace(
        "visits: sum(visits) over last_8d", "visits: {sql: sum(visits) over last_8d, deprecated: *gone}"
    ).replace("use: visits", "use: apart.plain")  # fmt: skip
    found = told(compiled(tmp_path, definitions), "F363")
    assert [d.message.split()[2].rstrip(",") for d in found] == ["people.old", "people.visits", "people.old"]


@pytest.mark.parametrize(("today", "late"), [("2030-06-29", 0), ("2030-06-30", 0), ("2030-07-01", 1)])
def test_until_is_the_last_day(tmp_path: Path, today: str, late: int) -> None:
    project = compiled(tmp_path, DEFINITIONS)
    found = overdue(project.definitions, project.project, date.fromisoformat(today))
    assert [(d.code, caret(d)) for d in found] == [("F364", "2030-06-30")] * late


def test_only_a_locked_build_looks_at_the_calendar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, DEFINITIONS)

    def build(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["build", "-p", str(tmp_path), *words])
        return done.exit_code, done.output

    with closing(FeatureStore(tmp_path)) as store:
        store.apply(verify=False)
    monkeypatch.setattr("featc.cli.building.today", lambda: date(2030, 6, 30))
    assert build("--locked")[0] == 0
    monkeypatch.setattr("featc.cli.building.today", lambda: date(2030, 7, 1))
    assert build()[0] == 0
    (tmp_path / "target" / "manifest.json").unlink()
    code, said = build("--locked")
    assert code == 1 and "F364" in said and "people.user, scores still use it" in said
    assert not (tmp_path / "target" / "manifest.json").exists()


def test_use_may_be_a_family_a_member_or_a_name_of_the_same_view(tmp_path: Path) -> None:
    family = "visits: {sql: sum(visits), windows: [1d, 8d]}"
    definitions = DEFINITIONS.replace("visits: sum(visits) over last_8d", family)
    definitions = definitions.replace("people.visits + 1", "people.visits_1d + 1")
    for use in ("visits", "visits_8d", "people.visits", "people.visits_8d", "people", "apart.plain", "scores"):
        found = compiled(tmp_path, definitions.replace("use: visits", f"use: {use}"))  # F365 would be raised
        assert told(found, "F363")


def test_no_fingerprint_knows_of_it(tmp_path: Path) -> None:
    marked = manifest(compiled(tmp_path, DEFINITIONS).project, {})["features"]
    plain = DEFINITIONS.replace(", deprecated: {since: 2030-01-01, until: 2030-06-30, use: visits}", "")
    unmarked = manifest(compiled(tmp_path, plain).project, {})["features"]
    assert {n: f["fingerprint"] for n, f in marked.items()} == {n: f["fingerprint"] for n, f in unmarked.items()}
    assert marked["people.old"]["deprecated"] == {"since": "2030-01-01", "until": "2030-06-30", "use": "visits"}
    assert unmarked["people.old"]["deprecated"] is None


def test_it_is_shown(tmp_path: Path) -> None:
    write(tmp_path, DEFINITIONS)

    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, [words[0], "-p", str(tmp_path), *words[1:]])
        assert done.exit_code == 0, done.output
        return done.output

    assert "(deprecated since 2030-01-01 until 2030-06-30: use visits)" in run("ls", "people.old")
    assert "people.old is deprecated since 2030-01-01 until 2030-06-30: use visits" in run("show", "scores")
    assert "people.old (deprecated)" in run("lineage", "--columns")
    assert '"old (deprecated)"' in run("lineage", "--columns", "--to", "mermaid")


JOINED = (
    PEOPLE
    + """
  visits:
    sql: select 1::bigint as user_id, timestamp '2024-01-02' as at, 1 as shop
    time: at
    delay: 1m
  shops:
    kind: state
    key: shop
    sql: select 1 as shop, 'a' as owner, timestamp '2024-01-01' as at
    time: at
    columns: {owner: {type: text}}
    deprecated: {since: 2030-01-01}
feature_views:
  people:
    entity: user
    source: people
    features:
      old: {sql: sum(visits), windows: [7d], deprecated: {since: 2030-01-01}}
      new: count(*) over last_7d
  beside:
    entity: user
    source: visits
    join: {people: {view: people}, shops: {}}
    features: {most: max(people.old_7d) over last_7d, whose: last(shops.owner) over lifetime}
  rows: {entity: user, source: {view: people}, features: {n: count(*) over lifetime}}
"""
)


def test_what_lies_beside_rows_is_used(tmp_path: Path) -> None:
    found = told(compiled(tmp_path, JOINED), "F363")
    assert [d.message.partition(",")[0] for d in found] == [
        "the view beside uses shops",
        "beside.most uses people.old_7d",
    ]
    plain = "  people:\n    entity: user\n"
    whole = JOINED.replace(plain, plain + "    deprecated: {since: 2030-01-01}\n")
    users = {d.message.partition(" uses people,")[0] for d in told(compiled(tmp_path, whole), "F363")}
    assert {"the view beside", "the view rows"} <= users
