"""Resolve: names, types and edges. `resolve` turns definitions into `model.Project`, read by later phases."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from featc.catalog import Catalog
    from featc.errors import Diagnostic
    from featc.load.model import Definitions
    from featc.resolve.kept import Kept
    from featc.resolve.model import Project


def resolve(
    definitions: Definitions, catalog: Catalog, kept: Kept | None = None
) -> tuple[Project, tuple[Diagnostic, ...]]:
    """The resolved project, and all errors and warnings found on the way. `kept` are the versions of views that its
    services pin (`featc.versions.pins`).

    With errors among the diagnostics the project is what could be resolved without them, for showing only.
    """
    # Later: every phase imports `resolve.model`, and only this one needs sqlglot, which is slow to import.
    from featc.resolve.project import resolve_project

    return resolve_project(definitions, catalog, kept)


__all__ = ["resolve"]
