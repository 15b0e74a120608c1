"""The lineage graph of the tiny project, selections of it and its pictures."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import networkx
import pytest

from featc.errors import FeatcError
from featc.lineage import Graph, Node, draw, lineage_graph, project_graph, select, selected_features
from featc.lineage.pictures import FORMATS
from featc.resolve.model import Project
from featc.runtime.store import compile_project
from tiny_project import write_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return compile_project(write_project(tmp_path_factory.mktemp("lineage") / "tiny")).project


@pytest.fixture(scope="module")
def graph(project: Project) -> Graph:
    return project_graph(project)


def kinds(graph: Graph, parent: str, child: str) -> list[str]:
    return [e.kind for e in graph.edges if (e.parent.name, e.child.name) == (parent, child)]


@pytest.mark.parametrize(
    ("parent", "child", "expected"),
    [
        ("orders.amount", "user_orders.spend_7d", ["value"]),
        ("orders.status", "user_orders.spend_7d", ["filter"]),
        ("orders.status", "user_orders.last_status", ["value", "filter"]),
        ("orders.op", "user_orders.spend_7d", ["filter"]),
        ("orders.user_id", "user_orders.orders_1d", ["key"]),
        ("orders.ordered_at", "user_orders.orders_1d", ["time"]),
        ("orders.loaded_at", "user_orders.orders_1d", ["time"]),
        ("orders.order_id", "user_orders.orders_1d", ["order"]),
        ("user_orders.spend_7d", "basket.share", ["value"]),
        ("request.amount", "basket.share", ["value"]),
        ("user_orders.spend_7d", "small.recent", ["value"]),
        ("orders.amount", "user_orders.orders_1d", []),
        ("orders.amount", "basket.share", []),
    ],
)
def test_edges_say_how_a_parent_matters(graph: Graph, parent: str, child: str, expected: list[str]) -> None:
    assert kinds(graph, parent, child) == expected


def test_the_networkx_graph_is_acyclic_and_carries_kinds(project: Project) -> None:
    found = lineage_graph(project)
    assert networkx.is_directed_acyclic_graph(found)
    status, last = Node("column", "orders.status"), Node("feature", "user_orders.last_status")
    assert found.edges[status, last]["kinds"] == ("value", "filter")


def test_nodes_come_after_their_parents(graph: Graph) -> None:
    place = {node: n for n, node in enumerate(graph.nodes)}
    assert all(place[e.parent] < place[e.child] for e in graph.edges)
    folded = graph.folded()
    place = {node: n for n, node in enumerate(folded.nodes)}
    assert all(place[e.parent] < place[e.child] for e in folded.edges)


def test_folding_leaves_sources_views_and_services(graph: Graph) -> None:
    folded = graph.folded()
    assert {(n.kind, n.name) for n in folded.nodes} == {
        ("source", "orders"), ("request", "request"), ("view", "user_orders"), ("view", "basket"),
        ("service", "checkout"), ("service", "small"),
    }  # fmt: skip


SPENDS = [("user_orders", "spend_1d"), ("user_orders", "spend_7d")]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("basket", [("basket", "share")]),
        ("user_orders.spend_7d", [("user_orders", "spend_7d")]),
        ("user_orders.spend_*", SPENDS),
        ("*.spend_?d", SPENDS),
        ("tag:money", SPENDS),
        ("+basket", [("user_orders", "spend_7d"), ("basket", "share")]),
        ("user_orders.spend_7d+", [("user_orders", "spend_7d"), ("basket", "share")]),
        ("user_orders.paid_1d+", [("user_orders", "paid_1d")]),
        ("tag:money basket", [*SPENDS, ("basket", "share")]),
        ("tag:money,basket", [*SPENDS, ("basket", "share")]),
        ("+small", [("user_orders", "spend_7d")]),
    ],
)
def test_selectors_name_features(project: Project, selector: str, expected: list[tuple[str, str]]) -> None:
    assert sorted(selected_features(project, selector)) == sorted(expected)


def test_a_source_selects_what_reads_it(project: Project) -> None:
    reads = set(selected_features(project, "source:orders"))
    assert reads == {pair for pair in project.order if pair[0] == "user_orders"}
    assert set(selected_features(project, "source:orders+")) == set(project.order)


def test_no_selector_is_everything(project: Project) -> None:
    assert selected_features(project, None) == project.order


@pytest.mark.parametrize(
    ("selector", "hint"),
    [
        ("user_order", "did you mean 'user_orders'?"),
        ("user_orders.spend_9d", "did you mean 'user_orders.spend_"),
        ("tag:mony", "did you mean 'money'?"),
        ("source:order", "did you mean 'orders'?"),
        ("owner:growth", "a selector is"),
        ("+", "known here: basket"),
    ],
)
def test_a_selector_that_names_nothing_shows_a_way_out(project: Project, selector: str, hint: str) -> None:
    with pytest.raises(FeatcError) as failed:
        selected_features(project, selector)
    assert (failed.value.code, failed.value.exit_code) == ("F801", 2)
    assert hint in str(failed.value)


# ── pictures ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", FORMATS)
def test_pictures_are_the_same_every_time(project: Project, form: str) -> None:
    assert draw(project_graph(project), form) == draw(project_graph(project), form)


def test_json_holds_all_nodes_and_edges(graph: Graph) -> None:
    data = json.loads(draw(graph, "json"))
    assert len(data["nodes"]) == len(graph.nodes)
    assert {(e["from"], e["to"], k) for e in data["edges"] for k in e["kinds"]} == {
        (e.parent.name, e.child.name, e.kind) for e in graph.edges
    }


ODD = Graph((Node("column", 'a."x" #[]|end'), Node("feature", "end.graph\\n")), ())
ARROW = re.compile(r'  n\d+ (-->|-\. "[^"]*" \.->) n\d+')
NODE = re.compile(r' +n\d+(\(|\[|\[\(|\[\[|\[/)"[^"]*"(\)|\]|\)\]|\]\]|/\])')
GROUP = re.compile(r'  subgraph g\d+\["[^"]*"\]|  end')


@pytest.mark.parametrize("folded", [True, False])
def test_every_line_of_mermaid_is_of_its_grammar(graph: Graph, folded: bool) -> None:
    for shown in (graph.folded() if folded else graph, ODD):
        head, *lines = draw(shown, "mermaid").splitlines()
        assert head == "flowchart LR"
        for line in lines:
            assert ARROW.fullmatch(line) or NODE.fullmatch(line) or GROUP.fullmatch(line), line


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
@pytest.mark.parametrize("folded", [True, False])
def test_graphviz_reads_dot(graph: Graph, folded: bool, tmp_path: Path) -> None:
    for shown in (graph.folded() if folded else graph, ODD):
        done = subprocess.run(
            ["dot", "-Tsvg"], input=draw(shown, "dot"), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_selections_keep_only_edges_between_their_nodes(project: Project, graph: Graph) -> None:
    part = graph.only(select(project, "+basket", graph))
    assert {n.name for n in part.nodes if n.kind == "feature"} == {"basket.share", "user_orders.spend_7d"}
    assert all(e.parent in part.nodes and e.child in part.nodes for e in part.edges)


def test_a_key_that_an_expression_reads_is_where_it_comes_from(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    path = folder / "features" / "orders.yaml"
    share = "      share: request"
    path.write_text(path.read_text().replace(share, f"      bucket: key.user_id % 10\n{share}"))
    graph = project_graph(compile_project(folder).project)
    assert graph.parents[Node("feature", "basket.bucket")] == (Node("key", "key.user_id"),)
    assert Node("key", "key") in graph.folded().parents[Node("view", "basket")]
    assert '"key:key.user_id" [label="user_id"' in draw(graph, "dot")
    assert '[/"user_id"/]' in draw(graph, "mermaid")
