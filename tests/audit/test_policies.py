"""Policies refuse what services would give, and change nothing else. The words of errors are in tests/errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit.projects import PEOPLE, caret, compiled, told, write
from featc.emit.manifest import manifest
from featc.errors import FeatcError

DEFINITIONS = (
    PEOPLE
    + """
feature_views:
  people:
    entity: user
    source: people
    features:
      domains: count(distinct domain) over last_7d
      visits: sum(visits) over last_7d
      ills: count(*) filter (where ill) over last_7d
    labels: {moves: count(distinct email) over next_7d > 1}
  twice: {features: {more: people.domains * 2}}
feature_services:
  ads: {features: [people.visits, twice]}
  ads_labels: {features: [people.visits], labels: [people.moves]}
  ads_ill: {features: [people.ills]}
  mail: {features: [people]}
"""
)


def refused(folder: Path, policies: str) -> list[tuple[str, str]]:
    """(code, the words under the caret) of the errors."""
    with pytest.raises(FeatcError) as error:
        compiled(folder, DEFINITIONS, policies)
    assert error.value.exit_code == 1
    return [(d.code, caret(d)) for d in error.value.diagnostics]


def test_a_service_by_name_or_glob_must_not_give_what_carries_the_tag(tmp_path: Path) -> None:
    assert refused(tmp_path, "- {service: ads, forbid: [pii]}") == [("F360", "twice")]
    assert refused(tmp_path, '- {service: "ads*", forbid: [pii]}') == [("F360", "twice"), ("F360", "people.moves")]
    assert refused(tmp_path, '- {service: ["a?s", mail], forbid: "p?i"}') == [("F360", "twice"), ("F360", "people")]


def test_others_may(tmp_path: Path) -> None:
    found = compiled(tmp_path, DEFINITIONS, '- {service: "ads_i*", forbid: [pii]}')
    assert told(found, "F360", "F361", "F362") == []


def test_conditions_are_asked_about_until_the_policy_answers(tmp_path: Path) -> None:
    silent = compiled(tmp_path, DEFINITIONS, "- {service: ads_ill, forbid: [health]}")
    assert [(d.code, caret(d)) for d in told(silent, "F361")] == [("F361", "people.ills")]
    taken = compiled(tmp_path, DEFINITIONS, "- {service: ads_ill, forbid: [health], through: value}")
    assert told(taken, "F361") == []
    found = refused(tmp_path, "- {service: ads_ill, forbid: [health], through: [value, filter]}")
    assert found == [("F360", "people.ills")]
    assert refused(tmp_path, "- {service: ads_ill, forbid: [health], through: filter}") == found


def test_tags_end_at_what_the_policy_allows(tmp_path: Path) -> None:
    assert not told(compiled(tmp_path, DEFINITIONS, "- {service: ads, forbid: pii, allow: people.domains}"), "F362")
    assert not told(compiled(tmp_path, DEFINITIONS, '- {service: ads, forbid: pii, allow: "twice.*"}'), "F362")
    assert refused(tmp_path, "- {service: ads, forbid: pii, allow: people.visits}") == [("F360", "twice")]


def test_each_policy_stands_for_itself(tmp_path: Path) -> None:
    found = refused(tmp_path, "- {service: ads, forbid: pii, allow: twice.more}\n- {service: ads, forbid: pii}")
    assert found == [("F360", "twice")]


def test_no_fingerprint_knows_of_policies_and_tags(tmp_path: Path) -> None:
    before = manifest(compiled(tmp_path, DEFINITIONS).project, {})
    tagged = DEFINITIONS.replace("tags: [pii]", "tags: [other]")
    tagged = tagged.replace("time: at\n", "time: at\n    tags: [rows]\n", 1)
    after = manifest(compiled(tmp_path, tagged, "- {service: mail, forbid: [pii]}").project, {})
    for kind in ("features", "views", "services", "labels"):
        prints = [{n: d["fingerprint"] for n, d in m[kind].items()} for m in (before, after)]
        assert prints[0] == prints[1] and prints[0]
    assert before["features"]["twice.more"]["carries"] == ["pii"]
    assert after["features"]["twice.more"]["carries"] == ["other", "rows"]
    assert after["services"]["ads_labels"]["labels"][0]["carries"] == ["other", "rows"]


def test_a_policy_may_use_vars(tmp_path: Path) -> None:
    write(tmp_path, DEFINITIONS)
    (tmp_path / "featc.yaml").write_text(
        "version: 1\nproject: p\nvars: {hot: pii}\npolicies:\n  - {service: ads, forbid: [\"{{ var('hot') }}\"]}\n"
    )
    from featc.runtime.store import compile_project

    with pytest.raises(FeatcError) as error:
        compile_project(tmp_path)
    assert error.value.code == "F360"


def test_what_is_carried_is_shown(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from featc.cli import cli

    write(tmp_path, DEFINITIONS)

    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, [words[0], "-p", str(tmp_path), *words[1:]])
        assert done.exit_code == 0, done.output
        return done.output

    listed = run("ls", "twice people.visits")
    assert "carries" in listed and [line.split()[2] for line in listed.splitlines() if "twice.more" in line] == ["pii"]
    assert "carries" not in run("ls", "people.visits")
    assert "more carries pii" in run("show", "ads")
    assert "twice.more\n    from people.domains\n    carries pii" in run("lineage", "+twice.more", "--columns")
    data = json.loads(run("lineage", "twice.more", "--columns", "--to", "json"))
    assert data["nodes"] == [{"kind": "feature", "name": "twice.more", "carries": ["pii"], "deprecated": False}]
    assert '"more (pii)"' in run("lineage", "twice.more", "--columns", "--to", "dot")
