"""What is said beside the nodes of a lineage graph: the tags they carry, and that they are deprecated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from featc.lineage.graph import Graph, Node, folded_node
from featc.lineage.tags import project_tags
from featc.resolve.model import Project


@dataclass(frozen=True, slots=True)
class Mark:
    """The tags that a node carries, in alphabetical order; those of all its columns, features or outputs if folded."""

    tags: tuple[str, ...] = ()
    deprecated: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        return (*(("deprecated",) if self.deprecated else ()), *self.tags)


Marks = Mapping[Node, Mark]
PLAIN = Mark()


def project_marks(project: Project, graph: Graph) -> dict[Node, Mark]:
    """The marks of the nodes of a graph of the project, folded or not; no entry where nothing is to be said."""
    carried: dict[Node, set[str]] = {}
    for node, tags in project_tags(project).carried.items():
        for here in (node, folded_node(node)):
            carried.setdefault(here, set()).update(tags)
    old = _deprecated(project)
    marks = {n: Mark(tuple(sorted(carried.get(n, ()))), n in old) for n in graph.nodes}
    return {node: mark for node, mark in marks.items() if mark != PLAIN}


def _deprecated(project: Project) -> set[Node]:
    found = {Node("source", s.name) for s in project.sources.values() if "deprecated" in s.meta}
    found |= {Node("service", s.name) for s in project.services.values() if "deprecated" in s.meta}
    for view in (*project.views.values(), *project.labels.values()):
        found |= {Node("view", view.origin)} if "deprecated" in view.meta else set()
        kind: Literal["label", "feature"] = "label" if view.ahead else "feature"
        found |= {Node(kind, f"{view.origin}.{f.name}") for f in view.features if "deprecated" in f.meta}
    return found
