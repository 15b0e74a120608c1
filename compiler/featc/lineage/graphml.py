"""Lineage as GraphML, which networkx, Gephi, yEd and others open."""

from __future__ import annotations

import re

from featc.lineage.facts import NOTHING, Facts, project_facts
from featc.lineage.graph import Graph, Node
from featc.resolve.model import Project
from featc.secrets import mask

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def graphml(project: Project, graph: Graph) -> str:
    """A graph of the project, folded or not. A node's id is `kind:name`, since names of different kinds may be equal;
    an edge's `kinds` are separated by commas. What does not apply to a node is left out."""
    import networkx

    facts = project_facts(project)
    drawn: networkx.DiGraph[str] = networkx.DiGraph(project=project.name)
    for node in graph.nodes:
        drawn.add_node(_id(node), kind=node.kind, name=node.name, group=node.group, **_told(facts.get(node, NOTHING)))
    for parent, child, about in graph.networkx().edges(data=True):
        drawn.add_edge(_id(parent), _id(child), kinds=",".join(about["kinds"]), direct="value" in about["kinds"])
    return mask("\n".join(networkx.generate_graphml(drawn)) + "\n")


def _id(node: Node) -> str:
    return f"{node.kind}:{node.name}"


def _told(told: Facts) -> dict[str, str]:
    found = {
        "type": told.type,
        "sql": told.sql,
        "version": told.version,
        "fingerprint": told.fingerprint,
        "owner": told.owner,
        "tags": ",".join(told.tags),
        "carries": ",".join(told.carries),
        "description": told.description,
        "deprecated": told.deprecated,
    }
    return {name: _NOT_XML.sub("�", text) for name, text in found.items() if text}
