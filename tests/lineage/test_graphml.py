"""Lineage as GraphML: what networkx reads back is the graph."""

from __future__ import annotations

import io
from pathlib import Path

import networkx
import pytest
from click.testing import CliRunner

from featc.cli.app import cli
from featc.lineage import Graph, project_graph
from featc.lineage.graphml import graphml
from featc.resolve.model import Project
from featc.runtime.store import compile_project
from tiny_project import write_project


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_project(tmp_path_factory.mktemp("graphml") / "tiny")
    odd = 'feature_views: {odd: {description: "bell \\a <&> ü", request: {x: bigint}, features: {n: request.x}}}'
    (root / "features" / "odd.yaml").write_text(odd)
    return root


@pytest.fixture(scope="module")
def project(folder: Path) -> Project:
    return compile_project(folder).project


def again(text: str) -> networkx.DiGraph[str]:
    read: networkx.DiGraph[str] = networkx.read_graphml(io.BytesIO(text.encode()))
    return read


@pytest.mark.parametrize("folded", [True, False])
def test_networkx_reads_the_same_nodes_kinds_and_edges(project: Project, folded: bool) -> None:
    graph = project_graph(project).folded() if folded else project_graph(project)
    read = again(graphml(project, graph))
    assert read.is_directed()
    assert {(d["kind"], d["name"]) for _, d in read.nodes(data=True)} == {(n.kind, n.name) for n in graph.nodes}
    ends = {n: (d["kind"], d["name"]) for n, d in read.nodes(data=True)}
    assert {(ends[a], ends[b], k) for a, b, d in read.edges(data=True) for k in d["kinds"].split(",")} == {
        ((e.parent.kind, e.parent.name), (e.child.kind, e.child.name), e.kind) for e in graph.edges
    }
    assert all(d["direct"] == ("value" in d["kinds"].split(",")) for _, _, d in read.edges(data=True))


def test_nodes_say_what_is_known_of_them(project: Project) -> None:
    told = again(graphml(project, project_graph(project))).nodes["feature:user_orders.spend_7d"]
    assert (told["type"], told["sql"]) == ("DECIMAL(38,2)", "sum(amount)")
    assert (told["owner"], told["tags"]) == ("growth", "money")
    assert (told["version"], len(told["fingerprint"])) == ("v1", 32)


def test_characters_that_xml_lacks_are_replaced(project: Project) -> None:
    read = again(graphml(project, project_graph(project).folded()))
    assert read.nodes["view:odd"]["description"] == "bell � <&> ü"


def test_an_empty_graph_is_a_graph(project: Project) -> None:
    assert not again(graphml(project, Graph((), ()))).nodes


def test_the_command_writes_it(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "some" / "lineage.graphml"
    arguments = ["lineage", "-p", str(folder), "+small", "--columns", "--to", "graphml", "--out", str(out)]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "output:small.recent" in networkx.read_graphml(out)
