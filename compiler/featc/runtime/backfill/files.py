"""What a source's files are at a moment: enough to know, without reading them, that nothing has changed since."""

from __future__ import annotations

import glob
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from featc.resolve.model import Source

_TICK = 20_000_000
"""ns within which a file can change twice and show one time of change; kernels count in ticks of up to 10 ms."""


@dataclass(frozen=True, slots=True)
class File:
    path: str
    bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a source, or None where it is no place of files. `seen_at` is when, in ns of the wall clock."""

    files: tuple[File, ...] | None
    seen_at: int

    @classmethod
    def of(cls, rows: Iterable[tuple[str, int, int]], seen_at: int) -> Listing:
        return cls(tuple(File(*row) for row in rows) or None, seen_at)

    @property
    def bytes(self) -> int | None:
        return None if self.files is None else sum(f.bytes for f in self.files)

    @property
    def is_settled(self) -> bool:
        """Whether a later change must show: not when a file was changed in the very tick it was looked at."""
        return self.files is not None and all(f.modified_ns < self.seen_at - _TICK for f in self.files)

    def is_still(self, now: Listing) -> bool:
        """Whether nothing can have changed between this listing and `now`."""
        return self.is_settled and self.files == now.files


def listing(source: Source, root: Path) -> Listing:
    """The files of a source as they are now, by name; of a union those of all its members. Raises nothing for one that
    vanishes meanwhile."""
    seen_at = time.time_ns()
    found: dict[str, File] = {}
    for location in source.places:
        if location.kind != "path" or "://" in location.value:
            return Listing(None, seen_at)
        for name in glob.glob(str(root / location.value), recursive=True):
            try:
                facts = Path(name).stat()
            except OSError:
                continue
            shown = Path(name).relative_to(root).as_posix() if Path(name).is_relative_to(root) else name
            found[name] = File(shown, facts.st_size, facts.st_mtime_ns)
    return Listing(tuple(found[name] for name in sorted(found)), seen_at)


def has_files(source: Source) -> bool:
    """Whether all rows of a source lie in files."""
    return all(location.kind == "path" for location in source.places)
