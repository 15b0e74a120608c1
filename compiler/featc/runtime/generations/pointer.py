"""Which generation of the online store answers: a small file beside the store, replaced at once.

A generation is a set of definitions and the SQLite file with what they need; two share a file where they need the same.
The pointer holds the definitions as text of a lock, so that a store answers by what was applied, whatever the YAML says
since. A project that was never applied has no pointer, and its YAML is what the store goes by.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featc.errors import Diagnostic, FeatcError

SCHEMA = 1
"""Raised when a reader of the pointer would have to change."""


@dataclass(frozen=True, slots=True)
class Generation:
    """`file` lies beside the store's configured path; `lock` is the text of a featc.lock; `applied_at` in µs."""

    number: int
    file: str
    lock: str
    applied_at: int

    def path(self, home: Path) -> Path:
        """Where its file lies."""
        return home.with_name(self.file)


@dataclass(frozen=True, slots=True)
class Pointer:
    """The generation that answers, the one before it where there is a way back, and the greatest number so far."""

    live: Generation
    before: Generation | None
    last: int

    @property
    def kept(self) -> tuple[Generation, ...]:
        return (self.live,) if self.before is None else (self.live, self.before)


def file_of(home: Path, number: int) -> str:
    """What the file of a generation is called that has one of its own. Nobody means such a name for another store: what
    is called so may be written over, and collected."""
    return f"{home.stem}.gen{number}{home.suffix}"


def files_of(home: Path) -> list[str]:
    """The files there are that are called so, or their logs without them."""
    names = {p.name for p in home.parent.iterdir()} if home.parent.is_dir() else set()
    found = (re.fullmatch(rf"{re.escape(home.stem)}\.gen(\d+){re.escape(home.suffix)}(-\w+)?", n) for n in names)
    return sorted({file_of(home, int(match[1])) for match in found if match})


Stamp = tuple[int, int, int] | None
"""What tells one pointer from another without reading it; None where there is none."""


def place(home: Path) -> Path:
    """The pointer of the store that is configured to lie at `home`."""
    return home.with_name(f"{home.name}.live")


def stamp(home: Path) -> Stamp:
    """See `Stamp`."""
    try:
        found = os.stat(place(home))
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read(home: Path) -> Pointer | None:
    """The pointer of a store; None where nothing was applied to it. Raises FeatcError F602, F903."""
    path = place(home)
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as trouble:
        raise _damaged(path, trouble) from trouble
    if isinstance(said, dict) and isinstance(said.get("schema"), int) and said["schema"] > SCHEMA:
        message = f"{path.name} was written by a later featc (schema {said['schema']}; this one knows {SCHEMA})"
        raise FeatcError(Diagnostic("F602", message, hint="update featc; nothing was changed"))
    try:
        before = said["before"]
        return Pointer(_generation(said["live"]), None if before is None else _generation(before), int(said["last"]))
    except (KeyError, TypeError, ValueError) as trouble:
        raise _damaged(path, trouble) from trouble


def _generation(said: Any) -> Generation:
    return Generation(int(said["number"]), str(said["file"]), str(said["lock"]), int(said["applied_at"]))


def _damaged(path: Path, trouble: Exception) -> FeatcError:
    message = f"{path.name}, which says which online store answers, cannot be read: {trouble}"
    hint = "put a copy of it in its place; without it the store at its configured path goes by the YAML"
    return FeatcError(Diagnostic("F903", message, hint=hint))


def write(home: Path, pointer: Pointer) -> None:
    """Puts a pointer in the place of the one that is there: readers see either, and it is on disk afterwards.

    Raises FeatcError F902.
    """
    path = place(home)
    said = {
        "schema": SCHEMA,
        "last": pointer.last,
        "live": _plain(pointer.live),
        "before": None if pointer.before is None else _plain(pointer.before),
    }
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with fresh.open("w", encoding="utf-8", newline="\n") as file:
            json.dump(said, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _on_disk(path.parent)
    except OSError as trouble:
        fresh.unlink(missing_ok=True)
        message = f"cannot write {path.name}: {trouble.strerror or trouble}"
        hint = "check the folder's rights and the disk; what answered before answers still"
        raise FeatcError(Diagnostic("F902", message, hint=hint), exit_code=4) from trouble


def _plain(found: Generation) -> dict[str, Any]:
    return {"number": found.number, "file": found.file, "applied_at": found.applied_at, "lock": found.lock}


def _on_disk(folder: Path) -> None:
    """The replacement itself survives a loss of power where folders can be synced."""
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(opened)
    except OSError:
        pass
    finally:
        os.close(opened)
