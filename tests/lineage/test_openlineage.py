"""Lineage as OpenLineage events: what they say, and that the project's own client takes them."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import types
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from featc.cli.app import cli
from featc.lineage import project_graph
from featc.lineage.openlineage import openlineage_events, openlineage_text
from featc.resolve.model import Project
from featc.runtime.store import compile_project
from tiny_project import write_project

MORE = """\
sources:
  plans:
    kind: state
    key: user_id
    path: data/plans.csv
    time: changed_at
    columns: {user_id: bigint, plan: text, changed_at: timestamp}
feature_views:
  user_plan:
    entity: user
    source: plans
    tags: [billing]
    deprecated: {since: 2026-01-01}
    features: {plan: plan, is_pro: plan = 'pro'}
"""

Ways = set[tuple[str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_project(tmp_path_factory.mktemp("openlineage") / "tiny")
    (root / "features" / "plans.yaml").write_text(MORE)
    (root / "data" / "plans.csv").write_text("user_id,plan,changed_at\n7,pro,2026-01-01 00:00:00\n")
    return root


@pytest.fixture(scope="module")
def project(folder: Path) -> Project:
    return compile_project(folder).project


@pytest.fixture(scope="module")
def jobs(project: Project) -> dict[str, Any]:
    return {e["job"]["name"]: e for e in openlineage_events(project) if "job" in e}


def ways(jobs: dict[str, Any], job: str, field: str, dataset: str, column: str) -> Ways:
    """(type, subtype) of all transformations by which a field of a job's output comes from a column."""
    fields = jobs[job]["outputs"][0]["facets"]["columnLineage"]["fields"][field]["inputFields"]
    found = [i["transformations"] for i in fields if (i["name"], i["field"]) == (dataset, column)]
    return {(t["type"], t["subtype"]) for listed in found for t in listed}


def test_there_is_a_dataset_per_source_and_a_job_per_view_and_service(project: Project, jobs: dict[str, Any]) -> None:
    events = openlineage_events(project)
    assert [e["dataset"]["name"] for e in events if "dataset" in e] == ["sources/orders", "sources/plans"]
    assert set(jobs) == {"views/user_orders", "views/user_plan", "views/basket", "services/checkout", "services/small"}
    assert {e["job"]["namespace"] for e in jobs.values()} == {"featc://tiny"}
    assert [d["name"] for d in jobs["views/basket"]["inputs"]] == ["request", "views/user_orders"]
    assert [d["name"] for d in jobs["services/small"]["outputs"]] == ["services/small"]


def test_schemas_have_names_and_types(jobs: dict[str, Any]) -> None:
    fields = jobs["services/small"]["outputs"][0]["facets"]["schema"]["fields"]
    assert fields == [{"name": "recent", "type": "DECIMAL(38,2)"}]
    inputs = jobs["views/user_orders"]["inputs"][0]["facets"]["schema"]["fields"]
    assert {"name": "amount", "type": "DECIMAL(12,2)"} in inputs


@pytest.mark.parametrize(
    ("job", "field", "dataset", "column", "expected"),
    [
        ("views/user_orders", "spend_7d", "sources/orders", "amount", {("DIRECT", "AGGREGATION")}),
        ("views/user_orders", "spend_7d", "sources/orders", "status", {("INDIRECT", "FILTER")}),
        ("views/user_orders", "spend_7d", "sources/orders", "user_id", {("INDIRECT", "GROUP_BY")}),
        ("views/user_orders", "spend_7d", "sources/orders", "ordered_at", {("INDIRECT", "WINDOW")}),
        ("views/user_orders", "spend_7d", "sources/orders", "order_id", {("INDIRECT", "SORT")}),
        ("views/user_orders", "last_status", "sources/orders", "status",
         {("DIRECT", "AGGREGATION"), ("INDIRECT", "FILTER")}),
        ("views/user_plan", "plan", "sources/plans", "plan", {("DIRECT", "IDENTITY")}),
        ("views/user_plan", "is_pro", "sources/plans", "plan", {("DIRECT", "TRANSFORMATION")}),
        ("views/user_plan", "plan", "sources/plans", "user_id", {("INDIRECT", "JOIN"), ("INDIRECT", "SORT")}),
        ("views/basket", "share", "views/user_orders", "spend_7d", {("DIRECT", "TRANSFORMATION")}),
        ("views/basket", "share", "request", "amount", {("DIRECT", "TRANSFORMATION")}),
        ("services/small", "recent", "views/user_orders", "spend_7d", {("DIRECT", "IDENTITY")}),
    ],
)  # fmt: skip
def test_columns_say_how_they_come_from_others(
    jobs: dict[str, Any], job: str, field: str, dataset: str, column: str, expected: Ways
) -> None:
    assert ways(jobs, job, field, dataset, column) == expected


def test_every_edge_of_the_graph_is_one_transformation(project: Project, jobs: dict[str, Any]) -> None:
    said = [
        t
        for event in jobs.values() for output in event["outputs"]
        for field in output["facets"]["columnLineage"]["fields"].values()
        for column in field["inputFields"] for t in column["transformations"]
    ]  # fmt: skip
    edges = project_graph(project).edges
    assert len(said) == len(edges)
    assert sum(t["type"] == "DIRECT" for t in said) == sum(e.kind == "value" for e in edges)


def test_owners_tags_words_and_places_are_told(project: Project, jobs: dict[str, Any]) -> None:
    facets = jobs["views/user_orders"]["job"]["facets"]
    assert facets["ownership"]["owners"] == [{"name": "growth"}]
    assert facets["documentation"]["description"] == "What a user buys."
    tags = jobs["views/user_orders"]["outputs"][0]["facets"]["tags"]["tags"]
    assert {"key": "money", "value": "true", "source": "FEATC", "field": "spend_7d"} in tags
    old = jobs["views/user_plan"]["job"]["facets"]["tags"]["tags"]
    assert [t["key"] for t in old] == ["billing", "deprecated"]
    source = openlineage_events(project)[0]["dataset"]["facets"]["symlinks"]["identifiers"]
    assert source == [{"namespace": "file", "name": "data/orders.csv", "type": "LOCATION"}]


def test_times_are_given_and_never_the_clocks(project: Project) -> None:
    assert openlineage_text(project) == openlineage_text(project)
    assert {e["eventTime"] for e in openlineage_events(project)} == {"1970-01-01T00:00:00Z"}
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert {e["eventTime"] for e in openlineage_events(project, at=at)} == {"2026-01-31T12:00:00Z"}


def test_runs_are_complete_and_the_same_every_time(project: Project) -> None:
    runs = openlineage_events(project, runs=True)
    assert {e["eventType"] for e in runs} == {"COMPLETE"}
    assert [e["run"]["runId"] for e in runs] == [e["run"]["runId"] for e in openlineage_events(project, runs=True)]
    assert len({e["run"]["runId"] for e in runs}) == len(runs) == 5


def ran(folder: Path, *arguments: str) -> Any:
    return CliRunner().invoke(cli, ["lineage", "-p", str(folder), *arguments])


def test_the_command_prints_an_event_a_line(folder: Path) -> None:
    done = ran(folder, "+small", "--to", "openlineage", "--at", "2026-01-31T12:00:00+01:00")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e.get("job", e.get("dataset"))["name"] for e in events] == [
        "sources/orders", "views/user_orders", "services/small",
    ]  # fmt: skip
    assert {e["eventTime"] for e in events} == {"2026-01-31T11:00:00Z"}
    now = json.loads(ran(folder, "small", "--to", "openlineage", "--at", "now").stdout)
    assert datetime.fromisoformat(now["eventTime"]).year >= 2024


def test_an_instant_that_is_none_and_options_of_other_forms_are_refused(folder: Path) -> None:
    done = ran(folder, "--to", "openlineage", "--at", "yesterday")
    assert done.exit_code == 2
    assert "F841" in done.stderr and "--at now" in done.stderr
    assert ran(folder, "--to", "dot", "--runs").exit_code == 2
    assert ran(folder, "--at", "now").exit_code == 2


# ── the official client ───────────────────────────────────────────────────────────────────────────────────────────


def built(kind: Any, value: Any) -> Any:
    """An object of the client's classes from plain data, each part by the type that the client declares for it."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is list:
        return [built(arguments[0], v) for v in value]
    if typing.get_origin(kind) is dict:
        return {k: built(_facet_class(v) or arguments[1], v) for k, v in value.items()}
    if not hasattr(kind, "__attrs_attrs__"):
        return kind(value)
    declared = {a.name: a for a in kind.__attrs_attrs__}
    assert set(value) <= set(declared), f"{kind.__name__} has no {set(value) - set(declared)}"
    hints = typing.get_type_hints(kind, vars(importlib.import_module(kind.__module__)) | _bases())
    given = {declared[k].alias: built(hints[k], v) for k, v in value.items() if declared[k].init}
    return kind(**given)


def _bases() -> dict[str, Any]:
    return vars(importlib.import_module("openlineage.client.generated.base"))


def _facet_class(value: Any) -> Any:
    """The client's class of a facet, which names its schema; None for what is no facet."""
    url = value.get("_schemaURL") if isinstance(value, dict) else None
    if url is None:
        return None
    generated = importlib.import_module("openlineage.client.generated")
    names = [f"{generated.__name__}.{m.name}" for m in pkgutil.iter_modules(generated.__path__)]
    modules, name = map(importlib.import_module, names), url.rpartition("/")[2]
    return next(getattr(m, name) for m in modules if hasattr(m, name))


@pytest.mark.slow
@pytest.mark.parametrize("runs", [False, True])
def test_the_official_client_takes_every_event_and_writes_it_back(project: Project, runs: bool) -> None:
    pytest.importorskip("openlineage.client")
    from openlineage.client import event_v2
    from openlineage.client.serde import Serde

    for event in openlineage_events(project, runs=runs):
        kind = getattr(event_v2, event["schemaURL"].rpartition("/")[2])
        found = json.loads(Serde.to_json(built(kind, event)))
        assert _full(found) == _full(event)
        newest = dict(_versions(found))
        assert all(version <= newest[schema] for schema, version in _versions(event))


def _full(value: Any) -> Any:
    """Without what the client writes though it is empty, and without the versions of schemas: it writes its own."""
    if isinstance(value, dict):
        return {k: _full(v) for k, v in value.items() if v not in ({}, [], None)}
    if isinstance(value, str) and value.startswith("https://openlineage.io/spec/"):
        return value.rpartition("/")[2]
    return [_full(v) for v in value] if isinstance(value, list) else value


def _versions(value: Any) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(schema, version) of everything in an event."""
    if isinstance(value, str) and value.startswith("https://openlineage.io/spec/"):
        version = next(part for part in value.split("/") if re.fullmatch(r"\d+-\d+-\d+", part))
        yield value.rpartition("/")[2], tuple(map(int, version.split("-")))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        yield from _versions(part)
