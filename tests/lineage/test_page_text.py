"""The lineage page as text: one whole file, safe whatever authors write, and the same every time."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from featc.cli.app import cli
from featc.lineage import project_graph, select
from featc.lineage.page import VENDORED, page_html, queries
from featc.lineage.page.queries import page_queries
from featc.resolve.model import Project
from featc.runtime.store import compile_project
from featc.secrets import remember_secret
from tiny_project import write_project

HOSTILE = "</script><script>alert(1)</script><!-- <script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_project(tmp_path_factory.mktemp("page") / "tiny")
    view = {"description": HOSTILE, "request": {"x": "bigint"}, "features": {"n": "request.x"}}
    (root / "features" / "hostile.yaml").write_text(json.dumps({"feature_views": {"hostile": view}}))
    return root


@pytest.fixture(scope="module")
def project(folder: Path) -> Project:
    return compile_project(folder).project


@pytest.fixture(scope="module")
def page(project: Project) -> str:
    return page_html(project)


def data(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def facts(page: str, name: str) -> Any:
    return next(about for _, known, about in data(page)["nodes"] if known == name)


def test_it_asks_for_nothing(page: str) -> None:
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "default-src 'none'" in own
    assert not re.search(r"\ssrc=|@import|url\(", own)
    assert re.findall(r'<link[^>]*href="([^"]*)"', own) == ["data:,"]
    assert "sourceMappingURL" not in page


def test_its_parts_are_all_there(page: str) -> None:
    assert not re.search(r"<!-- (title|style|vendored|data|script) -->", page)
    assert page.count("<script") == len(VENDORED) + 2
    assert "The Cytoscape Consortium" in page


def test_no_word_of_an_author_ends_a_script(page: str) -> None:
    assert facts(page, "hostile")["description"] == HOSTILE
    assert "alert(1)</script>" not in page


def test_it_holds_all_nodes_and_edges(project: Project, page: str) -> None:
    found, graph = data(page), project_graph(project)
    names = [(found["kinds"][kind], name) for kind, name, _ in found["nodes"]]
    assert set(names) == {(n.kind, n.name) for n in (*graph.nodes, *graph.folded().nodes)}
    edges = found["edges"]
    kinds = {
        (names[parent], names[child], kind)
        for parent, child, bits in zip(edges[::3], edges[1::3], edges[2::3], strict=True)
        for place, kind in enumerate(found["edge_kinds"]) if bits >> place & 1
    }  # fmt: skip
    assert kinds == {((e.parent.kind, e.parent.name), (e.child.kind, e.child.name), e.kind) for e in graph.edges}


def test_it_is_the_same_every_time(project: Project, page: str) -> None:
    assert page == page_html(project)


def test_others_add_rows_by_name_or_by_kind_and_name(project: Project) -> None:
    added = {"user_orders": {"Reviewed": "yes"}, "view:basket": {"Page": ("basket", "basket.html")}, "basket": {}}
    page = page_html(project, facts=added)
    assert facts(page, "user_orders")["more"] == [["Reviewed", "yes"]]
    assert facts(page, "basket")["more"] == [["Page", "basket", "basket.html"]]
    assert "more" not in facts(page, "checkout")


def test_links_never_run_anything(project: Project) -> None:
    with pytest.raises(ValueError, match="no address of a page"):
        page_html(project, facts={"basket": {"Page": ("basket", "javascript:alert(1)")}})


def test_a_part_of_the_graph_is_a_page_of_that_part(project: Project) -> None:
    graph = project_graph(project)
    part = data(page_html(project, graph.only(select(project, "+small", graph))))
    names = {name for _, name, _ in part["nodes"]}
    assert {"small", "small.recent", "user_orders.spend_7d", "orders.amount"} <= names
    assert "basket.share" not in names


def test_secrets_are_masked(project: Project) -> None:
    remember_secret("hunter2-password")
    assert "hunter2" not in page_html(project, facts={"orders": {"Lies at": "pg://me:hunter2-password@host"}})


def test_queries_are_those_of_views_and_services(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    found = page_queries(project)
    assert set(found) == {"user_orders", "basket", "hostile", "checkout", "small"}
    assert "spine" in found["small"]
    monkeypatch.setattr(queries, "MOST", 3)
    assert page_queries(project) == {}


def test_what_is_vendored_is_what_its_list_says() -> None:
    vendor = files("featc.lineage.page").joinpath("vendor")
    said = dict(re.findall(r"`([\w.-]+\.js)` \|.*`([0-9a-f]{64})`", vendor.joinpath("README.md").read_text()))
    assert set(said) == set(VENDORED)
    for name, wanted in said.items():
        assert hashlib.sha256(vendor.joinpath(name).read_bytes()).hexdigest() == wanted
    for licence in ("cytoscape", "cytoscape-dagre", "dagre", "graphlib"):
        assert "Permission is hereby granted" in vendor.joinpath(f"LICENSE.{licence}").read_text()


def test_the_command_writes_a_page(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "lineage.html"
    done = CliRunner().invoke(cli, ["lineage", "-p", str(folder), "--to", "html", "--out", str(out), "--columns"])
    assert done.exit_code == 0, done.output
    found = data(out.read_text())
    assert found["columns"] is True
    assert "spine" in found["queries"]["small"]


def test_a_page_is_not_poured_into_a_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("featc.cli.picturing.is_terminal", lambda: True)
    done = CliRunner().invoke(cli, ["lineage", "-p", str(folder), "--to", "html"])
    assert done.exit_code == 2
    assert "F840" in done.stderr and "--out lineage.html" in done.stderr
