"""What a value carries: tags go by value lineage, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.projects import PEOPLE, compiled
from featc.lineage import Node, select
from featc.lineage.graph import project_graph
from featc.lineage.marks import Mark, project_marks
from featc.lineage.tags import Tags, project_tags, spoken_way

DEFINITIONS = (
    PEOPLE
    + """
  mail:
    kind: state
    sql: "select 1::bigint as user_id, 'x@y.z' as box, timestamp '2024-01-01' as at from range(2)"
    time: at
    tags: [own_rows]
    columns: {box: {tags: [pii]}}
feature_views:
  people:
    entity: user
    source: people
    where: ill or visits > 1
    tags: [core]
    features:
      plain: count(*) over last_7d
      filtered: count(*) filter (where email <> 'x') over last_7d
      argument: count(distinct email) over last_7d
      by_let: max(address) over last_7d
      conditional: sum(case when ill then visits else 0 end) over last_7d
      ordered: "arg_max(visits, email) over last_7d"
      marked: {sql: sum(visits) over last_7d, tags: [secret]}
      family: {sql: max(domain), windows: [1d, 2d]}
      series: {sql: max(domain), over: {range: 1d, offsets: [0d, 1d]}}
    labels:
      moves: {sql: count(distinct email) over next_7d > 1, tags: [target]}
  mail: {entity: user, source: mail, features: {box: box, rows: count(*) over lifetime}}
  derived:
    request: {phone: {type: text, tags: [phone]}, amount: bigint}
    features:
      second: people.by_let || 'x'
      third: length(second) + request.amount
      of_marked: people.marked + people.plain
      asked: length(request.phone)
  keyed: {features: {mine: key.user_id + people.plain}}
  by_mail: {entity: box, source: people, keys: {email: domain}, features: {n: count(*) over last_7d}}
  reading: {entity: box, features: {read: "key.email || 'x'"}}
feature_services:
  all:
    features: [people, derived, renamed: mail.box]
    labels: [people.moves]
    derived:
      first: {sql: derived.third * 2, tags: [ours]}
      again: first + 1
      clean: people.plain + 1
  roles:
    request: {other: {type: text, tags: [typed]}}
    features:
      - people.plain
      - people.argument
      - at: {view: reading, keys: {email: request.other}}
      - counted: {view: by_mail, keys: {email: request.other}}
"""
).replace("entities: {user: user_id}", "entities: {user: user_id, box: {keys: email, tags: [boxed]}}")


@pytest.fixture(scope="module")
def tags(tmp_path_factory: pytest.TempPathFactory) -> Tags:
    return project_tags(compiled(tmp_path_factory.mktemp("tags"), DEFINITIONS).project)


@pytest.mark.parametrize(
    ("name", "carried"),
    [
        ("people.plain", ["core"]),
        ("people.filtered", ["core"]),
        ("people.argument", ["core", "pii"]),
        ("people.by_let", ["core", "pii"]),
        ("people.conditional", ["core", "health"]),
        ("people.ordered", ["core", "pii"]),
        ("people.marked", ["core", "secret"]),
        ("people.family_2d", ["core", "pii"]),
        ("people.series", ["core", "pii"]),
        ("mail.box", ["own_rows", "pii"]),
        ("mail.rows", ["own_rows"]),
        ("derived.second", ["core", "pii"]),
        ("derived.third", ["core", "pii"]),
        ("derived.of_marked", ["core", "secret"]),
        ("derived.asked", ["phone"]),
        ("keyed.mine", ["core"]),
        ("by_mail.n", []),
        ("reading.read", ["boxed", "pii"]),
    ],
)
def test_features_carry(tags: Tags, name: str, carried: list[str]) -> None:
    assert list(tags.carried[Node("feature", name)]) == carried


@pytest.mark.parametrize(
    ("name", "carried"),
    [
        ("all.plain", ["core"]),
        ("all.renamed", ["own_rows", "pii"]),
        ("all.moves", ["core", "pii", "target"]),
        ("all.first", ["core", "ours", "pii"]),
        ("all.again", ["core", "ours", "pii"]),
        ("all.clean", ["core"]),
        ("roles.argument", ["core", "pii"]),
        ("roles.at_read", ["boxed", "pii", "typed"]),
        ("roles.counted_n", []),
    ],
)
def test_outputs_of_services_carry(tags: Tags, name: str, carried: list[str]) -> None:
    assert list(tags.carried[Node("output", name)]) == carried


def test_a_label_carries_its_own_and_what_it_is_made_of(tags: Tags) -> None:
    assert tags.carried[Node("label", "people.moves")] == ("core", "pii", "target")


def test_a_way_is_a_shortest_one_and_ends_where_it_is_told_to(tags: Tags) -> None:
    third = Node("output", "all.third")
    found = tags.way(third, lambda tag: tag == "pii")
    assert found is not None and found[0] == "pii"
    assert spoken_way(found[1]) == "people.email → people.by_let → derived.second → derived.third → all.third"
    assert tags.way(third, lambda tag: tag == "pii", ends={Node("feature", "derived.second")}) is None
    filtered = Node("output", "all.filtered")
    assert tags.way(filtered, lambda tag: tag == "pii") is None
    way = tags.way(filtered, lambda tag: tag == "pii", {"value", "filter"})
    assert way is not None and spoken_way(way[1]) == "people.email → (filter) people.filtered → all.filtered"


def test_a_key_that_a_service_computes_is_read_by_value(tmp_path: Path) -> None:
    definitions = DEFINITIONS.partition("feature_services:")[0] + (
        "feature_services:\n"
        "  one: {features: [reading], keys: {email: mail.box}}\n"
        "  two: {features: [by_mail], keys: {email: mail.box}}\n"
    )
    tags = project_tags(compiled(tmp_path, definitions).project)
    assert "own_rows" in tags.carried[Node("output", "one.read")]
    assert "own_rows" not in tags.carried[Node("output", "two.n")]
    assert tags.way(Node("output", "two.n"), lambda tag: tag == "own_rows", {"value", "key"}) is not None


def test_a_selector_by_tag_means_what_has_the_tag_itself(tmp_path: Path) -> None:
    project = compiled(tmp_path, DEFINITIONS).project
    assert {n.name for n in select(project, "tag:secret")} == {"people.marked"}


def test_pictures_mark_what_nodes_carry(tmp_path: Path) -> None:
    project = compiled(tmp_path, DEFINITIONS).project
    graph = project_graph(project)
    marks = project_marks(project, graph)
    assert marks[Node("output", "all.again")] == Mark(("core", "ours", "pii"))
    assert Node("feature", "by_mail.n") not in marks
    folded = project_marks(project, graph.folded())
    assert folded[Node("view", "mail")] == Mark(("own_rows", "pii"))
    assert folded[Node("source", "people")] == Mark(("health", "pii"))
