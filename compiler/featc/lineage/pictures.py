"""The lineage graph as text: graphviz dot, mermaid, JSON, and a plain listing for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from featc.lineage.graph import EDGE_KINDS, Graph, Node
from featc.lineage.marks import PLAIN, Marks

FORMATS = ("dot", "mermaid", "json")

_RANKS = ("source", "request", "key", "column", "view", "feature", "label", "service", "output")
_DOT_SHAPES = {
    "source": 'shape=cylinder, fillcolor="#e8f0fe"',
    "column": 'shape=box, fillcolor="#e8f0fe"',
    "request": 'shape=box, style="filled,dashed", fillcolor="#fff7e0"',
    "key": 'shape=box, style="filled,dashed", fillcolor="#fff7e0"',
    "view": 'shape=box, style="filled,rounded", fillcolor="#e6f4ea"',
    "feature": 'shape=box, style="filled,rounded", fillcolor="#e6f4ea"',
    "label": 'shape=box, style="filled,rounded", fillcolor="#f3e8fd"',
    "service": 'shape=component, fillcolor="#fce8e6"',
    "output": 'shape=box, fillcolor="#fce8e6"',
}
_MERMAID_SHAPES = {
    "source": ("[(", ")]"), "column": ("[", "]"), "request": ("[/", "/]"), "key": ("[/", "/]"), "view": ("(", ")"),
    "feature": ("(", ")"), "label": ("([", "])"), "service": ("[[", "]]"), "output": ("[", "]"),
}  # fmt: skip


_NO_MARKS: Marks = {}


def draw(graph: Graph, to: str, marks: Marks = _NO_MARKS) -> str:
    """The graph in one of FORMATS, as deterministic text that ends with a line feed. `marks` stand beside names."""
    writers: Mapping[str, Callable[[Graph, Marks], str]] = {"dot": dot, "mermaid": mermaid, "json": json_text}
    return writers[to](graph, marks)


def _kinds(graph: Graph) -> dict[tuple[Node, Node], list[str]]:
    """How each child depends on each parent, in the graph's order."""
    found: dict[tuple[Node, Node], list[str]] = {}
    for edge in graph.edges:
        found.setdefault((edge.parent, edge.child), []).append(edge.kind)
    return found


def _groups(graph: Graph) -> dict[tuple[str, str], list[Node]]:
    """Columns, features and outputs by what they belong to; folded nodes stand alone and are left out."""
    found: dict[tuple[str, str], list[Node]] = {}
    for node in graph.nodes:
        if "." in node.name:
            found.setdefault((node.kind, node.group), []).append(node)
    return found


def _label(node: Node, marks: Marks) -> str:
    words = ", ".join(marks.get(node, PLAIN).words)
    return (node.name.partition(".")[2] or node.name) + (f" ({words})" if words else "")


def _style(kinds: list[str]) -> tuple[bool, str]:
    """Whether an edge is direct, and its label: value needs none."""
    indirect = [kind for kind in EDGE_KINDS if kind in kinds and kind != "value"]
    return "value" in kinds, "" if "value" in kinds else ", ".join(indirect)


# ── graphviz ───────────────────────────────────────────────────────────────────────────────────────────


def _dot_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def dot(graph: Graph, marks: Marks = _NO_MARKS) -> str:
    """For graphviz: `dot -Tsvg lineage.dot -o lineage.svg`. Dashed edges are indirect."""
    lines = [
        "digraph lineage {",
        "  rankdir=LR;",
        '  node [style=filled, fontname="sans-serif", fontsize=11];',
        '  edge [color="#5f6368", fontname="sans-serif", fontsize=9];',
    ]
    for number, ((kind, group), nodes) in enumerate(_groups(graph).items()):
        lines.append(f"  subgraph cluster_{number} {{")
        lines.append(f'    label={_dot_text(group)}; color="#dadce0";')
        lines += [f"    {_dot_line(node, marks)}" for node in nodes]
        lines.append(f"  }}  // {kind}s")
    lines += [f"  {_dot_line(node, marks)}" for node in graph.nodes if "." not in node.name]
    for (parent, child), kinds in _kinds(graph).items():
        direct, label = _style(kinds)
        style = "" if direct else f" [style=dashed, label={_dot_text(label)}]"
        lines.append(f"  {_dot_text(_id(parent))} -> {_dot_text(_id(child))}{style};")
    return "\n".join([*lines, "}", ""])


def _id(node: Node) -> str:
    return f"{node.kind}:{node.name}"


def _dot_line(node: Node, marks: Marks) -> str:
    return f"{_dot_text(_id(node))} [label={_dot_text(_label(node, marks))}, {_DOT_SHAPES[node.kind]}];"


# ── mermaid ────────────────────────────────────────────────────────────────────────────────────────────


def _mermaid_text(text: str) -> str:
    """Text inside quotes: mermaid takes entity codes, and only quotes and # would end or start something."""
    return '"' + text.replace("#", "#35;").replace('"', "#quot;") + '"'


def mermaid(graph: Graph, marks: Marks = _NO_MARKS) -> str:
    """For mermaid, which code hosts and editors draw. Dotted edges are indirect."""
    ids = {node: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for number, ((_, group), nodes) in enumerate(_groups(graph).items()):
        lines.append(f"  subgraph g{number}[{_mermaid_text(group)}]")
        lines += [f"    {_mermaid_line(ids[node], node, marks)}" for node in nodes]
        lines.append("  end")
    lines += [f"  {_mermaid_line(ids[node], node, marks)}" for node in graph.nodes if "." not in node.name]
    for (parent, child), kinds in _kinds(graph).items():
        direct, label = _style(kinds)
        arrow = "-->" if direct else f"-. {_mermaid_text(label)} .->"
        lines.append(f"  {ids[parent]} {arrow} {ids[child]}")
    return "\n".join([*lines, ""])


def _mermaid_line(name: str, node: Node, marks: Marks) -> str:
    opening, closing = _MERMAID_SHAPES[node.kind]
    return f"{name}{opening}{_mermaid_text(_label(node, marks))}{closing}"


# ── data and listing ───────────────────────────────────────────────────────────────────────────────────


def as_data(graph: Graph, marks: Marks = _NO_MARKS) -> dict[str, Any]:
    """The graph as plain data: nodes with kind, name and marks, edges by name with the kinds of dependence."""
    return {
        "nodes": [
            {"kind": node.kind, "name": node.name, "carries": list(mark.tags), "deprecated": mark.deprecated}
            for node in graph.nodes
            for mark in (marks.get(node, PLAIN),)
        ],
        "edges": [
            {
                "from": parent.name,
                "from_kind": parent.kind,
                "to": child.name,
                "to_kind": child.kind,
                "kinds": kinds,
            }
            for (parent, child), kinds in _kinds(graph).items()
        ],
    }


def json_text(graph: Graph, marks: Marks = _NO_MARKS) -> str:
    return json.dumps(as_data(graph, marks), indent=2, ensure_ascii=False) + "\n"


def listing(graph: Graph, marks: Marks = _NO_MARKS) -> str:
    """For people, in a terminal: every node, grouped by kind, with what it comes from and the tags it carries."""
    lines: list[str] = []
    for kind in _RANKS:
        nodes = [node for node in graph.nodes if node.kind == kind]
        if not nodes:
            continue
        lines.append(f"{kind}s" if kind != "request" else "request columns")
        for node in nodes:
            mark = marks.get(node, PLAIN)
            lines.append(f"  {node.name}{' (deprecated)' if mark.deprecated else ''}")
            lines += _listed_parents(graph, node)
            lines += [f"    carries {', '.join(mark.tags)}"] if mark.tags else []
    return "\n".join([*lines, ""])


def _listed_parents(graph: Graph, node: Node) -> list[str]:
    kinds = _kinds(graph)
    by_kind: dict[str, list[str]] = {}
    for parent in graph.parents[node]:
        how = "from" if "value" in kinds[parent, node] else " and ".join(kinds[parent, node]) + " by"
        by_kind.setdefault(how, []).append(parent.name)
    return [f"    {how} {', '.join(names)}" for how, names in by_kind.items()]
