"""The comment at the head of a training query: what it is, what it needs, how to run it."""

from __future__ import annotations

from collections.abc import Sequence

from featc.fingerprint import outputs_fingerprint
from featc.resolve.model import Output, Project, feature_closure

VERSION = "v1"
"""The version of every definition until the author numbers it."""


def spine_columns(project: Project, outputs: Sequence[Output]) -> tuple[tuple[tuple[str, str], ...], ...]:
    """The key columns and the request columns that `outputs` need, each (name, type), sorted by name."""
    keys: dict[str, str] = {}
    request: dict[str, str] = {}
    for name, _ in feature_closure(project, tuple((o.view, o.feature) for o in outputs)):
        view = project.views[name]
        keys.update((k.name, k.type) for k in view.keys)
        request.update(view.request)
    return tuple(sorted(keys.items())), tuple(sorted(request.items()))


def training_head(project: Project, definition: str, outputs: Sequence[Output], path: str) -> str:
    """The head of a training query. `path` is where the file lies below the build folder."""
    keys, request = spine_columns(project, outputs)
    columns = [(name, type_, "key") for name, type_ in keys]
    columns.append(("as_of", "TIMESTAMP", "the instant each row is observed at, naive UTC"))
    columns += [(name, type_, "of the request") for name, type_ in request]
    widths = [max(len(c[i]) for c in columns) for i in (0, 1)]
    listed = [f"  {name:{widths[0]}}  {type_:{widths[1]}}  {what}" for name, type_, what in columns]
    lines = [
        f"Training query of {definition}, project {project.name}.",
        f"Version {VERSION}, fingerprint {outputs_fingerprint(project, outputs, (*keys, *request))}.",
        "",
        "Needs a relation `spine`, one row per wanted answer, with the columns",
        *listed,
        "and gives its rows in their order, with the features. In DuckDB's client, in the project's folder:",
        "  SET TimeZone = 'UTC';",
        "  CREATE VIEW spine AS FROM 'spine.parquet';",
        f"  .read target/{path}",
    ]
    return "".join(f"-- {line}".rstrip() + "\n" for line in lines)
