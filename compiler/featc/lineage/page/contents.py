"""What the lineage page holds: nodes with what is told of them, and edges, as short plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from featc.lineage.facts import NOTHING, Facts, project_facts, version_words
from featc.lineage.graph import EDGE_KINDS, Graph, Node, project_graph
from featc.resolve.model import Project

Rows = Mapping[str, "str | tuple[str, str]"]
"""Rows of a panel: title → text, or (text, address)."""

KINDS = ("source", "view", "service", "column", "request", "key", "feature", "label", "output")


def contents(
    project: Project, graph: Graph | None, extra: Mapping[str, Rows], queries: Mapping[str, str], *, columns: bool
) -> dict[str, Any]:
    """The page's data.

    `nodes` are [kind, name, facts], first those of the graph, then the sources, views and services they belong to;
    `edges` is flat: parent, child, and the kinds of dependence as bits in the order of `edge_kinds`.
    """
    whole = graph if graph is not None else project_graph(project)
    told = project_facts(project)
    nodes = list(dict.fromkeys((*whole.nodes, *whole.folded().nodes)))
    place = {node: number for number, node in enumerate(nodes)}
    return {
        "project": project.name,
        "kinds": list(KINDS),
        "edge_kinds": list(EDGE_KINDS),
        "nodes": [_node(node, told.get(node, NOTHING), _extra(node, extra)) for node in nodes],
        "edges": _edges(whole, place),
        "queries": dict(queries),
        "columns": columns,
    }


def _node(node: Node, told: Facts, rows: Rows) -> list[Any]:
    about = {
        "type": told.type,
        "sql": told.sql,
        "default": told.default,
        "version": version_words(told),
        "owner": told.owner,
        "description": told.description,
        "deprecated": told.deprecated,
        "reads": told.reads,
        "tags": list(told.tags),
        "carries": [tag for tag in told.carries if tag not in told.tags],
        "rows": [list(row) for row in told.rows],
        "more": [_row(title, text) for title, text in rows.items()],
    }
    return [KINDS.index(node.kind), node.name, {name: value for name, value in about.items() if value}]


def _row(title: str, text: str | tuple[str, str]) -> list[str]:
    """Raises ValueError for an address that a browser would run instead of opening it."""
    if isinstance(text, str):
        return [title, text]
    words, address = text
    if urlsplit(address).scheme not in ("", "http", "https", "mailto"):
        raise ValueError(f"{title}: {address} is no address of a page")
    return [title, words, address]


def _extra(node: Node, extra: Mapping[str, Rows]) -> Rows:
    return extra.get(f"{node.kind}:{node.name}", extra.get(node.name, {}))


def _edges(graph: Graph, place: Mapping[Node, int]) -> list[int]:
    bits: dict[tuple[int, int], int] = {}
    for edge in graph.edges:
        ends = (place[edge.parent], place[edge.child])
        bits[ends] = bits.get(ends, 0) | 1 << EDGE_KINDS.index(edge.kind)
    return list(_flat((*ends, kinds) for ends, kinds in bits.items()))


def _flat(rows: Iterable[tuple[int, ...]]) -> Iterable[int]:
    for row in rows:
        yield from row
