"""What was asked for, and where its spine came from: so much of a call that it can be repeated."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from featc.lower.source import literal
from featc.runtime.spine_files import is_select
from featc.runtime.training_set.entity_range import EntityRange

_STRING = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class Asked:
    """A service with its version, or a list of features as they were written; the project's folder and its target."""

    service: str | None = None
    features: tuple[str, ...] = ()
    root: Path | None = None
    target: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a spine came from. `value` is a path or a SELECT, files in them relative to the project when below it, or
    a range of instants; empty for what cannot be had again: a stream, a table in memory."""

    kind: Literal["file", "sql", "range", "stream", "memory"]
    value: str = ""

    def again(self, root: Path) -> str | EntityRange | None:
        """What to give as the spine to read it once more, from any folder; None when it is gone."""
        match self.kind:
            case "file":
                return str(root / self.value)
            case "sql":
                return _STRING.sub(lambda m: _renamed(m[0], lambda v: _absolute(v, root)), self.value)
            case "range":
                return EntityRange.parsed(self.value)
            case _:
                return None


def origin_of(given: Any, root: Path | None) -> Origin:
    """Where a spine comes from, told in a way that holds from any folder."""
    if isinstance(given, str) and is_select(given):
        return Origin("sql", _STRING.sub(lambda m: _renamed(m[0], lambda v: _relative(v, root)), given))
    if isinstance(given, EntityRange):
        return Origin("range", str(given))
    if isinstance(given, (str, Path)):
        return Origin("file", _relative(str(given).strip(), root) or str(Path(given).resolve()))
    return Origin("stream" if hasattr(given, "read") else "memory")


def _renamed(text: str, name: Any) -> str:
    """A string of a query, renamed where it names a file."""
    found = name(text[1:-1].replace("''", "'"))
    return text if found is None else literal(found)


def _relative(value: str, root: Path | None) -> str | None:
    """A file of the current folder by its way from the project; None when there is none of this name."""
    path = Path(value).resolve() if value else None
    if path is None or not _exists(path):
        return None
    home = root.resolve() if root is not None else None
    return path.relative_to(home).as_posix() if home is not None and path.is_relative_to(home) else str(path)


def _absolute(value: str, root: Path) -> str | None:
    path = root / value if value else None
    return str(path) if path is not None and _exists(path) else None


def _exists(path: Path) -> bool:
    """Whether a path, or a pattern, names files."""
    try:
        return path.is_file() or ("*" in path.name and bool(glob.glob(str(path))))
    except (OSError, ValueError):  # no name a file could have
        return False
