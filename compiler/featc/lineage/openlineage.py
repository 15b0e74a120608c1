"""Lineage as OpenLineage events, which catalogues take in: datasets, jobs, and which column comes from which.

| featc | OpenLineage |
|---|---|
| a source | dataset `sources/<name>` |
| request columns, keys | datasets `request`, `key`, that whoever asks gives |
| a view | job `views/<name>`, that makes dataset `views/<name>`: its features and labels |
| a service | job `services/<name>`, that makes dataset `services/<name>` |
| `value` | DIRECT: IDENTITY, AGGREGATION over rows, TRANSFORMATION else |
| `filter` | INDIRECT, FILTER |
| `key` | INDIRECT: GROUP_BY of aggregated rows, JOIN where a row is looked up |
| `time` | INDIRECT, WINDOW |
| `order` | INDIRECT, SORT |

A definition is no run. So the events are those of a design, DatasetEvent and JobEvent; `runs` makes RunEvents of the
jobs for consumers that know no others. Each event needs a time. It is `at`, and without one the epoch, never the wall
clock: equal definitions give equal bytes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from featc import __version__
from featc.lineage.facts import NOTHING, Facts, project_facts
from featc.lineage.graph import Edge, Graph, Node, folded_node, project_graph
from featc.resolve.model import AggregateRef, Feature, FeatureRef, Project
from featc.secrets import mask

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PRODUCER = f"urn:featc:{__version__}"
_SPEC = "https://openlineage.io/spec"
_VERSIONS = {
    "ColumnLineageDatasetFacet": "1-2-0",
    "DatasetVersionDatasetFacet": "1-0-1",
    "DocumentationDatasetFacet": "1-1-0",
    "DocumentationJobFacet": "1-1-0",
    "JobTypeJobFacet": "2-0-4",
    "OwnershipDatasetFacet": "1-0-1",
    "OwnershipJobFacet": "1-0-1",
    "ProcessingEngineRunFacet": "1-1-1",
    "SchemaDatasetFacet": "1-2-0",
    "SymlinksDatasetFacet": "1-0-1",
    "TagsDatasetFacet": "1-0-0",
    "TagsJobFacet": "1-0-0",
}
"""The version of each facet's schema."""

_PLACES = {"source": "sources/", "view": "views/", "service": "services/"}
_INDIRECT = {"filter": "FILTER", "time": "WINDOW", "order": "SORT"}

Event = dict[str, Any]


def openlineage_text(
    project: Project, graph: Graph | None = None, *, at: datetime | None = None, runs: bool = False
) -> str:
    """The events of a project, or of a part of its graph, as JSON, one per line: sources first, then views and
    services, parents before children. `at` is the time of the events; naive is UTC, None the epoch."""
    events = openlineage_events(project, graph, at=at, runs=runs)
    return mask("".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events))


def openlineage_events(
    project: Project, graph: Graph | None = None, *, at: datetime | None = None, runs: bool = False
) -> list[Event]:
    """The same as plain data."""
    writer = _Writer(project, graph if graph is not None else project_graph(project), _instant(at))
    places = [node for node in writer.graph.folded().nodes if node.kind in _PLACES]
    made = sorted(places, key=lambda node: node.kind != "source")
    if runs:
        return [writer.run_event(node) for node in made if node.kind != "source"]
    return [writer.dataset_event(n) if n.kind == "source" else writer.job_event(n) for n in made]


def _instant(at: datetime | None) -> str:
    moment = EPOCH if at is None else at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _facet(kind: str, /, **content: Any) -> dict[str, Any]:
    url = f"{_SPEC}/facets/{_VERSIONS[kind]}/{kind}.json#/$defs/{kind}"
    return {"_producer": PRODUCER, "_schemaURL": url, **content}


@dataclass(frozen=True)
class _Writer:
    project: Project
    graph: Graph
    at: str

    @property
    def namespace(self) -> str:
        return f"featc://{self.project.name}"

    @cached_property
    def facts(self) -> Mapping[Node, Facts]:
        return project_facts(self.project)

    @cached_property
    def members(self) -> Mapping[Node, list[Node]]:
        """The columns, features, labels or outputs of each dataset that the graph holds."""
        found: dict[Node, list[Node]] = {}
        for node in self.graph.nodes:
            found.setdefault(folded_node(node), []).append(node)
        return found

    @cached_property
    def incoming(self) -> Mapping[Node, list[Edge]]:
        found: dict[Node, list[Edge]] = {}
        for edge in self.graph.edges:
            found.setdefault(edge.child, []).append(edge)
        return found

    # ── events ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _event(self, kind: str, content: Event) -> Event:
        url = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/{kind}"
        return {"eventTime": self.at, "producer": PRODUCER, "schemaURL": url, **content}

    def dataset_event(self, source: Node) -> Event:
        edges = [e for member in self.members[source] for e in self.incoming.get(member, ())]
        return self._event("DatasetEvent", {"dataset": self._dataset(source, edges)})

    def job_event(self, node: Node) -> Event:
        return self._event("JobEvent", self._job(node))

    def run_event(self, node: Node) -> Event:
        """The job as a run that is complete. Its id follows from project, job, fingerprint and time."""
        told = self.facts.get(node, NOTHING)
        name = "\n".join((self.project.name, _place(node), told.fingerprint, self.at))
        engine = _facet("ProcessingEngineRunFacet", version=__version__, name="featc")
        run = {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, name)), "facets": {"processing_engine": engine}}
        return self._event("RunEvent", {"eventType": "COMPLETE", "run": run, **self._job(node)})

    def _job(self, node: Node) -> Event:
        told = self.facts.get(node, NOTHING)
        kind = "FEATURE_VIEW" if node.kind == "view" else "FEATURE_SERVICE"
        facets = {"jobType": _facet("JobTypeJobFacet", processingType="BATCH", integration="FEATC", jobType=kind)}
        facets |= _documented(told, "Job")
        edges = [e for member in self.members[node] for e in self.incoming.get(member, ())]
        inputs = dict.fromkeys(folded_node(e.parent) for e in edges)
        return {
            "job": {"namespace": self.namespace, "name": _place(node), "facets": facets},
            "inputs": [self._dataset(parent, ()) for parent in inputs if parent != node],
            "outputs": [self._dataset(node, edges)],
        }

    # ── datasets ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _dataset(self, node: Node, edges: Iterable[Edge]) -> Event:
        """A dataset with its schema, and with column lineage where `edges` lead into it."""
        told, members = self.facts.get(node, NOTHING), self.members[node]
        fields = [_field(member, self.facts.get(member, NOTHING), told) for member in members]
        facets: dict[str, Any] = {"schema": _facet("SchemaDatasetFacet", fields=fields)}
        facets |= _documented(told, "Dataset")
        tags = [*_tags(told), *(t for m in members for t in _tags(self.facts.get(m, NOTHING), _column(m)))]
        facets |= {"tags": _facet("TagsDatasetFacet", tags=tags)} if tags else {}
        facets |= self._located(node)
        if told.fingerprint:
            facets["version"] = _facet("DatasetVersionDatasetFacet", datasetVersion=told.fingerprint)
        lineage = self._column_lineage(edges)
        facets |= {"columnLineage": _facet("ColumnLineageDatasetFacet", fields=lineage)} if lineage else {}
        return {"namespace": self.namespace, "name": _place(node), "facets": facets}

    def _located(self, node: Node) -> dict[str, Any]:
        """Where a source's rows lie, as the project says it: a table's name, or files below its folder."""
        source = self.project.sources.get(node.name) if node.kind == "source" else None
        if source is None or source.location.kind not in ("path", "table"):
            return {}
        is_table = source.location.kind == "table"
        other = {
            "namespace": "table" if is_table else "file",
            "name": source.location.value,
            "type": "TABLE" if is_table else "LOCATION",
        }
        return {"symlinks": _facet("SymlinksDatasetFacet", identifiers=[other])}

    def _column_lineage(self, edges: Iterable[Edge]) -> dict[str, Any]:
        """By column, the columns that it comes from, each with all the ways in which it does."""
        found: dict[str, dict[Node, list[dict[str, Any]]]] = {}
        for edge in edges:
            found.setdefault(_column(edge.child), {}).setdefault(edge.parent, []).append(self._transformation(edge))
        return {
            column: {
                "inputFields": [
                    {
                        "namespace": self.namespace,
                        "name": _place(folded_node(parent)),
                        "field": _column(parent),
                        "transformations": ways,
                    }
                    for parent, ways in parents.items()
                ]
            }
            for column, parents in found.items()
        }

    def _transformation(self, edge: Edge) -> dict[str, Any]:
        if edge.kind != "value":
            subtype = self._of_key(edge) if edge.kind == "key" else _INDIRECT[edge.kind]
            return {"type": "INDIRECT", "subtype": subtype, "masking": False}
        sql = self.facts.get(edge.child, NOTHING).sql
        described = {"description": sql} if sql else {}
        return {"type": "DIRECT", "subtype": self._of_value(edge), **described, "masking": False}

    def _of_value(self, edge: Edge) -> str:
        if edge.child.kind in ("column", "output"):
            own = edge.child.kind == "output" and self.facts.get(edge.child, NOTHING).sql
            return "TRANSFORMATION" if own else "IDENTITY"
        feature = self._feature(edge.child)
        refs = feature.expr.refs
        from_rows = edge.parent.kind == "column" or not any(_is_of(r, edge.parent) for r in refs)
        if any(isinstance(r, AggregateRef) for r in refs) and from_rows:
            return "AGGREGATION"
        is_plain = len(refs) == 1 and not "".join(p for p in feature.expr.parts if isinstance(p, str)).strip()
        return "IDENTITY" if is_plain and feature.default is None else "TRANSFORMATION"

    def _of_key(self, edge: Edge) -> str:
        if edge.child.kind == "output":
            return "JOIN"
        read = self.facts.get(edge.child, NOTHING).reads
        base = self.project.attributed[read].base if read in self.project.attributed else read
        looked_up = edge.parent.group != base or self.project.sources[base].holds
        return "JOIN" if looked_up else "GROUP_BY"

    def _feature(self, node: Node) -> Feature:
        name = _column(node)
        views = self.project.labels.values() if node.kind == "label" else self.project.views.values()
        return next(v for v in views if v.origin == node.group).feature(name)


def _is_of(ref: object, node: Node) -> bool:
    return isinstance(ref, FeatureRef) and node.name == f"{ref.view.removesuffix(' labels')}.{ref.feature}"


def _place(node: Node) -> str:
    return f"{_PLACES.get(node.kind, '')}{node.name}"


def _column(node: Node) -> str:
    return node.name.partition(".")[2]


def _field(node: Node, told: Facts, whole: Facts) -> dict[str, Any]:
    """A column of a schema. What it inherits from the whole is said there."""
    about = {"type": told.type, "description": told.description if told.description != whole.description else ""}
    return {"name": _column(node), **{name: text for name, text in about.items() if text}}


def _tags(told: Facts, field: str | None = None) -> Iterator[dict[str, str]]:
    tags = dict.fromkeys((*told.tags, *(("deprecated",) if told.deprecated else ())))
    for tag in tags:
        yield {"key": tag, "value": "true", "source": "FEATC", **({"field": field} if field else {})}


def _documented(told: Facts, of: str) -> dict[str, Any]:
    """What people are told of a dataset or a job."""
    found: dict[str, Any] = {}
    if told.description:
        found["documentation"] = _facet(f"Documentation{of}Facet", description=told.description)
    if told.owner:
        found["ownership"] = _facet(f"Ownership{of}Facet", owners=[{"name": told.owner}])
    if of == "Job" and (told.tags or told.deprecated):
        found["tags"] = _facet("TagsJobFacet", tags=list(_tags(told)))
    return found
