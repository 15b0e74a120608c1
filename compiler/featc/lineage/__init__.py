"""Lineage: what every feature comes from, as a graph, a selection of it, and pictures."""

from featc.lineage.graph import Edge, Graph, Node, lineage_graph, project_graph
from featc.lineage.pictures import draw
from featc.lineage.select import select, selected_features

__all__ = [
    "Edge",
    "Graph",
    "Node",
    "draw",
    "lineage_graph",
    "project_graph",
    "select",
    "selected_features",
]
