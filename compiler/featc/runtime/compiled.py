"""A project, compiled for one target: what definitions mean over the columns that the data has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from featc.errors import Diagnostic, FeatcError
from featc.load import Definitions, read_project
from featc.resolve.model import Project
from featc.runtime.engine import limits_of, unbuilt


@dataclass(frozen=True, slots=True)
class Compiled:
    """A project as compiled for one target: what was written, what it means, and what is doubtful about it."""

    definitions: Definitions
    project: Project
    warnings: tuple[Diagnostic, ...]

    @property
    def root(self) -> Path:
        return self.definitions.root


def compile_project(root: Path, target: str | None = None, *, or_applied: bool = False) -> Compiled:
    """Loads and resolves the project at `root`. Raises FeatcError with every error found; with `or_applied`, where the
    online store goes by what was applied, that is the project then, with a warning."""
    from featc.audit import audit
    from featc.runtime.catalog import DuckDBCatalog
    from featc.versions.lock import read_lock
    from featc.versions.pins import pins_of, resolve_pinned

    definitions, written = read_project(root, target)
    written = (*written, *(unbuilt(definitions.target) if definitions is not None else ()))
    if definitions is None:
        raise FeatcError(sorted((d for d in written if d.severity == "error"), key=_place))
    pins = any(map(pins_of, definitions.services.values()))
    lock = read_lock(root) if pins else None
    with DuckDBCatalog(root, database_of(definitions), limits_of(definitions.target, root)) as catalog:
        project, found = resolve_pinned(definitions, lock, catalog)
    diagnostics = (*written, *found)
    errors = [d for d in diagnostics if d.severity == "error"]
    if not errors:
        diagnostics = (*diagnostics, *audit(definitions, project))
        errors = [d for d in diagnostics if d.severity == "error"]
    if errors:
        retry = all(d.code.startswith("F90") for d in errors)
        failure = FeatcError(sorted(errors, key=_place), exit_code=4 if retry else 1)
        applied = _applied(definitions, failure) if or_applied else None
        if applied is None:
            raise failure
        return applied
    return Compiled(definitions, project, tuple(d for d in diagnostics if d.severity == "warning"))


def _applied(definitions: Definitions, failure: FeatcError) -> Compiled | None:
    """What the target's online store goes by, if anything was applied to it."""
    from featc.runtime.catalog import DuckDBCatalog
    from featc.runtime.generations.pointer import read
    from featc.versions.lock import parse_lock
    from featc.versions.past import side_of

    pointer = read(online_home(definitions))
    if pointer is None:
        return None
    with DuckDBCatalog(definitions.root) as engine:
        side = side_of(parse_lock(pointer.live.lock), definitions, engine, placed=True)
    first = failure.diagnostics[0]
    message = f"the YAML does not build ({first.code}: {first.message}); this goes by what was applied"
    warning = Diagnostic(first.code, message, first.span, "featc build says more", severity="warning")
    return Compiled(side.definitions, side.project, (warning,))


def online_home(definitions: Definitions) -> Path:
    """Where the target's online store is configured to be."""
    setting = definitions.target.online.path
    return definitions.root / (setting.value if setting is not None else ".featc/online.db")


def _place(finding: Diagnostic) -> tuple[str, int, int]:
    span = finding.span
    return (span.file, span.line, span.column) if span else ("", 0, 0)


def database_of(definitions: Definitions) -> Path | None:
    """The target's DuckDB file, whether or not it exists."""
    setting = definitions.target.database
    return definitions.root / setting.value if setting is not None else None
