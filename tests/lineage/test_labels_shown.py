"""Labels where a project is shown: lineage, ls, show, explain, the manifest, what is built; and where they are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from featc.cli.app import cli
from featc.lineage import Node, project_graph
from featc.runtime.store import FeatureStore

DEFINITIONS = """
entities: {user: user_id}
sources:
  orders: {path: orders.csv, time: ordered_at, columns: {user_id: bigint, amount: bigint, ordered_at: timestamp}}
feature_views:
  user_orders:
    entity: user
    source: orders
    features: {spend: sum(amount) over last_7d}
    labels:
      bought: {sql: count(*) over next_7d > 0, description: Whether he comes back., tags: [target]}
      more: bought and spend > 1
feature_services:
  churn: {features: [user_orders], labels: [user_orders.bought, grows: user_orders.more]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("labels")
    (root / "features").mkdir()
    (root / "featc.yaml").write_text("version: 1\nproject: labels\n")
    (root / "features" / "all.yaml").write_text(DEFINITIONS)
    rows = "".join(f"{n % 5},{n},2026-01-{n % 28 + 1:02} 10:00:00\n" for n in range(60))
    (root / "orders.csv").write_text(f"user_id,amount,ordered_at\n{rows}")
    return root


def run(folder: Path, command: str, *arguments: str) -> str:
    done = CliRunner().invoke(cli, [command, "-p", str(folder), *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def data(folder: Path, command: str, *arguments: str) -> Any:
    return json.loads(run(folder, command, *arguments, "--format", "json"))


def test_a_label_comes_from_columns_features_and_labels_and_goes_to_services(folder: Path) -> None:
    graph = project_graph(FeatureStore(folder).project)
    bought, more = Node("label", "user_orders.bought"), Node("label", "user_orders.more")
    assert set(graph.parents[more]) == {bought, Node("feature", "user_orders.spend")}
    assert Node("column", "orders.ordered_at") in graph.parents[bought]
    assert graph.children[more] == (Node("output", "churn.grows"),)
    assert not [n for n in graph.nodes if "__complete" in n.name]
    assert "user_orders.bought" in run(folder, "lineage", "--columns")


def test_ls_and_the_manifest_list_labels_apart(folder: Path) -> None:
    listed = data(folder, "ls")
    assert set(listed["features"]) == {"user_orders.spend"}
    label = listed["labels"]["user_orders.bought"]
    assert (label["sql"], label["windows"], label["tags"]) == ("count(*) over next_7d > 0", ["next_7d"], ["target"])
    outputs = [o["name"] for o in listed["services"]["churn"]["labels"]]
    assert outputs == ["bought", "bought__complete", "grows", "grows__complete"]
    assert set(data(folder, "ls", "user_orders.more")["labels"]) == {"user_orders.more"}


def test_a_label_has_a_training_query_and_no_online_file(folder: Path) -> None:
    files = FeatureStore(folder).build(folder / "out")
    assert "bought__complete" in files["sql/duckdb/user_orders/labels.sql"]
    assert not [name for name, text in files.items() if "online" in name and "bought" in text]
    assert "grows" in run(folder, "sql", "churn")
    assert "user_orders labels" not in run(folder, "sql", "churn", "--plan", "read")


def test_show_and_explain_know_labels(folder: Path) -> None:
    assert "bought__complete" in run(folder, "show", "user_orders.bought", "--limit", "2")
    view = data(folder, "explain", "user_orders.bought")["views"][0]
    assert (view["windows"][0]["holds"], view["online"], view["tiles"]) == ("t ≤ τ < t + 7d", None, None)
    text = run(folder, "explain", "user_orders.bought")
    assert "online    nothing: labels are in training sets only" in text


def test_verify_says_that_it_leaves_labels_out(folder: Path) -> None:
    report = data(folder, "verify", "--allow-thin")
    assert report["labels_left_out"] == ["user_orders.bought", "user_orders.more"]
    assert [f["feature"] for f in report["features"]] == ["user_orders.spend"]
