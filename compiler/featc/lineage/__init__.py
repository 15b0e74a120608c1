"""Lineage: what every feature comes from, as a graph, a selection of it, and pictures."""

from featc.lineage.graph import Edge, Graph, Node, lineage_graph, project_graph
from featc.lineage.pictures import draw
from featc.lineage.select import chosen_features, needed_features, select, selected_features, selected_outputs

__all__ = [
    "Edge",
    "Graph",
    "Node",
    "chosen_features",
    "draw",
    "lineage_graph",
    "needed_features",
    "project_graph",
    "select",
    "selected_features",
    "selected_outputs",
]
