"""Every artefact by its path below the build folder (interfaces.md, "Artefacts").

SQL lies under `sql/<dialect>/`, the dialect being the language of the file: training queries and the lift of
pushed rows are DuckDB's; schema, update and read are the online store's own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from featc.emit.head import backfill_head, online_head, training_head
from featc.emit.manifest import manifest_text
from featc.fingerprint import view_fingerprint
from featc.lower.backfill import backfill_sql, streams, tile_tables
from featc.lower.online import Kept, keep, online_files, read_file
from featc.lower.training import training_sql
from featc.resolve.model import Output, Project, Service, View, feature_closure
from featc.secrets import mask

STORE = "sqlite"
"""The dialect of the online store."""


class Emitted(Protocol):
    """What is emitted: anything that holds a resolved project."""

    @property
    def project(self) -> Project: ...


def build_files(compiled: Emitted, only: Collection[tuple[str, str]] | None = None) -> Mapping[str, str]:
    """The text of every file of a build by its path below the build folder, `manifest.json` last.

    With `only`, the (view, feature) pairs wanted: their views' SQL, and the services that hold nothing else.
    The manifest always describes the whole project, and lists the files that are there.
    """
    project = compiled.project
    files: dict[str, str] = {}
    queries = training_queries(project, only)
    tiles, kept = backfill_files(project), keep(project)
    for view in project.views.values():
        path = f"sql/duckdb/{view.name}/training.sql"
        if path not in queries:
            continue
        files[path] = training_file(project, f"feature view {view.name}", queries[path], f"target/{path}", view.version)
        if view.name in tiles:
            files[f"sql/duckdb/{view.name}/backfill.sql"] = tiles[view.name]
        for name, text in online_sql(kept, view.name).items():
            dialect = "duckdb" if name == "online_lift.sql" else STORE
            files[f"sql/{dialect}/{view.name}/{name}"] = text
    for view in project.labels.values() if only is None else ():
        path = f"sql/duckdb/{view.origin}/labels.sql"
        what = f"the labels of feature view {view.origin}"
        files[path] = training_file(project, what, queries[path], f"target/{path}")
    for service in project.services.values():
        path = f"sql/duckdb/services/{service.name}/training.sql"
        if path in queries:
            what = f"feature service {service.name}"
            files[path] = training_file(project, what, queries[path], f"target/{path}", service.version)
    # a target's location may hold a secret; hashes are of the files as written
    masked = {path: mask(text) for path, text in files.items()}
    return {**masked, "manifest.json": mask(manifest_text(project, masked))}


def training_queries(
    project: Project, only: Collection[tuple[str, str]] | None = None
) -> Mapping[str, Sequence[Output]]:
    """The outputs of every training query of a build by its path; `only` as in `build_files`."""
    found: dict[str, Sequence[Output]] = {}
    for view in project.views.values():
        outputs = _outputs(view, only)
        if outputs:
            found[f"sql/duckdb/{view.name}/training.sql"] = outputs
    for view in project.labels.values() if only is None else ():
        found[f"sql/duckdb/{view.origin}/labels.sql"] = _outputs(view, None)
    for service in project.services.values():
        if only is None or _reads_only(project, service, only):
            found[f"sql/duckdb/services/{service.name}/training.sql"] = service.training
    return found


def _reads_only(project: Project, service: Service, only: Collection[tuple[str, str]]) -> bool:
    """Whether a service gives nothing but these features; its own expressions are what they read."""
    listed = [(o.view, o.feature) for o in service.outputs if o.view != service.own]
    own = feature_closure(project, tuple((o.view, o.feature) for o in service.outputs if o.view == service.own))
    pairs = [(project.view(v).origin, f) for v, f in (*listed, *own) if v != service.own]
    return all(pair in only for pair in pairs)


def _outputs(view: View, only: Collection[tuple[str, str]] | None) -> list[Output]:
    wanted = [f for f in view.features if only is None or (view.name, f.name) in only]
    return [Output(f.name, view.name, f.name, f.type) for f in wanted]


def training_file(
    project: Project, definition: str, outputs: Sequence[Output], path: str, version: int = 1
) -> str:
    """The training query of `outputs` as a file that runs as it stands. `definition` says what it is of,
    `path` where the file lies, seen from the project's folder."""
    head = training_head(project, definition, outputs, path, version)
    return f"{head}\n{training_sql(project, outputs)};\n"


def backfill_files(project: Project) -> Mapping[str, str]:
    """By view, the statements that fill its tiles, as a file that runs as it stands; views without any are left out."""
    found: dict[str, str] = {}
    for stream in streams(tile_tables(project)):
        for table in stream.tables:
            name = table.view.name
            head = backfill_head(project, table, f"target/sql/duckdb/{name}/backfill.sql")
            found[name] = f"{head}\n{backfill_sql(stream, table)}"
    return found


def online_read(kept: Kept, name: str) -> str | None:
    """The online read of a view alone, as `online_sql` has it; None for a view that keeps no state."""
    text = read_file(kept, name)
    return None if text is None else _with_head(kept, name, text)


def online_sql(kept: Kept, name: str) -> Mapping[str, str]:
    """The online files of a view by name, such as `online_read.sql`; none for a view that keeps no state."""
    return {file: _with_head(kept, name, text) for file, text in online_files(kept, name).items()}


def _with_head(kept: Kept, name: str, text: str) -> str:
    project = kept.given
    head = online_head(project, project.views[name], view_fingerprint(project, name), text)
    return head + text.rstrip() + "\n"
