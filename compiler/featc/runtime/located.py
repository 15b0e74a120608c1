"""Where a project's files really are: relative paths made absolute for this run.

Artefacts keep paths as the author wrote them, relative to the project. DuckDB looks for a relative path below the
current folder first, which may hold a file of the same name; so what runs here names files absolutely.
"""

from __future__ import annotations

import glob
import re
from dataclasses import replace
from pathlib import Path

from featc.lower.source import literal
from featc.resolve.model import Location, Project

_STRING = re.compile(r"'(?:[^']|'')*'")


def located(project: Project, root: Path) -> Project:
    """The same project with absolute paths."""
    sources = {n: replace(s, location=absolute(s.location, root)) for n, s in project.sources.items()}
    return project.with_sources(sources)


def absolute(location: Location, root: Path) -> Location:
    """Where a source's rows are, whatever the current folder."""
    match location.kind:
        case "path" if "://" not in location.value:
            return replace(location, value=str(root / location.value))
        case "sql":
            return replace(location, value=_STRING.sub(lambda m: _existing(m[0], root), location.value))
        case _:
            return location


def _existing(text: str, root: Path) -> str:
    """A string of a query, made absolute where it names files of the project."""
    value = text[1:-1].replace("''", "'")
    path = root / value
    if not value or Path(value).is_absolute() or not glob.glob(str(path), recursive=True):
        return text
    return literal(str(path))
