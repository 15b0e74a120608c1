"""The training queries that a page shows, as `featc sql` prints them."""

from __future__ import annotations

from collections.abc import Mapping

from featc.emit.files import training_file, training_queries
from featc.resolve.model import Project

MOST = 300
"""The most features with which a page holds queries: more would cost seconds and megabytes. `featc sql` has them."""


def page_queries(project: Project) -> Mapping[str, str]:
    """The training query of each view and service by its name; none of a project with more than MOST features."""
    if len(project.order) > MOST:
        return {}
    found: dict[str, str] = {}
    for path, outputs in training_queries(project).items():
        if path.endswith("/training.sql"):
            name = path.split("/")[-2]
            what = "service" if "/services/" in path else "view"
            found[name] = training_file(project, f"feature {what} {name}", outputs, f"target/{path}")
    return found
