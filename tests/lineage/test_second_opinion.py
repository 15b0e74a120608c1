"""A second opinion on lineage by value: what sqlglot's own lineage finds in the training SQL that featc writes.

sqlglot follows projections. So that it follows values only, windows and FILTERs are taken off the query first: then a
feature's columns by value have to be among those that it finds, and all else that it finds has to be known as deciding
when, for whom, in what order or whether a row counts.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage

from docs.documents import REPO
from featc.emit.files import training_queries
from featc.lineage import Graph, Node, project_graph
from featc.lower.training import training_sql
from featc.resolve.model import Location, Output, Project
from featc.runtime.store import compile_project
from tiny_project import write_project

GOLDEN = sorted(p.parent.name for p in (REPO / "tests" / "golden").glob("*/featc.yaml"))


def by_place(union: exp.Union) -> None:
    """UNION ALL BY NAME as one by place, which is all that sqlglot follows."""
    if not union.args.get("by_name"):
        return
    names, own = union.left.named_selects, {e.alias_or_name: e for e in union.right.selects}
    union.right.set("expressions", [own.get(name) or exp.alias_(exp.null(), name) for name in names])
    union.set("by_name", False)


def spread(selected: exp.Expression) -> Iterator[exp.Expression]:
    """What `unnest([{…}, …], recursive := true)` brings as columns: each is one of the values it may have."""
    is_unnest = selected.sql("duckdb").lower().startswith("unnest([{")
    values: dict[str, list[exp.Expression]] = {}
    for pair in (pair for struct in selected.find_all(exp.Struct) for pair in struct.expressions) if is_unnest else ():
        values.setdefault(pair.this.name, []).append(pair.expression.copy())
    yield from (exp.alias_(exp.func("coalesce", *found), name) for name, found in values.items())
    if not is_unnest:
        yield selected


def values_only(sql: str) -> str:
    """A query with the same values but for which rows they are made of, in words that sqlglot's lineage can follow."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    for union in list(tree.find_all(exp.Union)):
        by_place(union)
    for select in list(tree.find_all(exp.Select)):
        select.set("expressions", [part for selected in select.expressions for part in spread(selected)])
        select.set("windows", None)
    for around in list(tree.find_all(exp.Window, exp.Filter)):
        around.replace(around.this)
    return tree.sql("duckdb")


def found_columns(project: Project, outputs: Sequence[Output]) -> dict[str, set[str]]:
    """The source columns that sqlglot finds behind each output, as `source.column`."""
    tables = {n: replace(s, location=Location("table", n)) for n, s in project.stored.items()}
    schema: dict[str, dict[str, str]] = {n: {c.name: c.physical for c in s.columns} for n, s in tables.items()}
    asked = [(k.name, k.type) for view in project.views.values() for k in view.keys]
    asked += [column for view in project.views.values() for column in view.request]
    schema["spine"] = {"as_of": "TIMESTAMP", **dict(asked)}
    sql = values_only(training_sql(project.with_sources(tables), outputs))
    found: Any = lineage(None, sql, schema, dialect="duckdb")
    return {o.name: set(_leaves(found[o.name])) for o in outputs}


def _leaves(node: Any) -> Iterator[str]:
    for inner in node.walk():
        if not inner.downstream and isinstance(inner.source, exp.Table) and inner.source.name != "spine":
            yield f"{inner.source.name}.{exp.to_column(inner.name, dialect='duckdb').name}"


def columns(project: Project, graph: Graph, node: Node, kinds: Iterable[str]) -> set[str]:
    """The columns of stored sources that a node comes from along edges of some kinds."""
    kept = set(kinds)
    part = Graph(graph.nodes, tuple(e for e in graph.edges if e.kind in kept))
    return {n.name for n in part.upstream([node]) if n.kind == "column" and n.group in project.stored}


def compared(root: Path) -> int:
    """How many features of a project were compared with what sqlglot says."""
    project = compile_project(root).project
    graph = project_graph(project)
    # which of a state's versions of one instant is taken, all its columns decide in the end; lineage lists its key only
    beside = {f"{s.name}.{c.name}" for s in project.stored.values() if s.holds for c in s.columns}
    number = 0
    for path, outputs in training_queries(project).items():
        if "/services/" in path or path.endswith("labels.sql"):
            continue
        found = found_columns(project, outputs)
        for output in outputs:
            node = Node("feature", f"{output.view}.{output.feature}")
            by_value = columns(project, graph, node, ["value"])
            by_any = columns(project, graph, node, ["value", "filter", "key", "time", "order"])
            assert by_value <= found[output.name], node.name
            assert found[output.name] <= by_any | beside, node.name
            number += 1
    return number


@pytest.mark.slow
@pytest.mark.parametrize("name", GOLDEN)
def test_sqlglot_finds_the_same_columns_in_golden_queries(name: str) -> None:
    assert compared(REPO / "tests" / "golden" / name) > 0


@pytest.mark.slow
def test_sqlglot_finds_the_same_columns_in_the_tiny_project(tmp_path: Path) -> None:
    assert compared(write_project(tmp_path / "tiny")) == 8


@pytest.mark.slow
@pytest.mark.parametrize("example", ["shop", "fraud"])
def test_sqlglot_finds_the_same_columns_in_examples(example: str, tmp_path: Path) -> None:
    root = tmp_path / example
    left_out = shutil.ignore_patterns("data", "target", ".featc", "__pycache__")
    shutil.copytree(REPO / "features" / example, root, ignore=left_out)
    subprocess.run([sys.executable, "generate.py", "--scale", "0.02"], cwd=root, check=True, capture_output=True)
    assert compared(root) > 40
