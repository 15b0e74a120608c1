"""A build's files on their way to disk: each whole or not at all, and nothing of former builds left over."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from featc.errors import Diagnostic, FeatcError

MANIFEST = "manifest.json"


def write_files(out: Path, files: Mapping[str, str]) -> None:
    """Writes `files` (text by path below `out`) and removes those that only the former manifest lists.

    A reader sees each file old or new, never half; the manifest comes last. Files that no manifest lists are
    left alone. Raises FeatcError F910 when the folder cannot be written.
    """
    stale = _listed(out) - set(files)
    try:
        for path, text in sorted(files.items(), key=lambda item: item[0] == MANIFEST):
            _write(out / path, text)
        for path in sorted(stale):
            _remove(out, path)
    except OSError as error:
        raise _unwritable(out, error) from None


def _unwritable(out: Path, error: OSError) -> FeatcError:
    reason = error.strerror or str(error)
    hint = "check the folder's rights and free space, or use --out"
    finding = Diagnostic("F910", f"cannot write to {out}: {reason}", hint=hint)
    return FeatcError(finding, exit_code=4)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(text.encode())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _listed(out: Path) -> set[str]:
    """The files a former build wrote here, by its manifest; none when there is no readable one."""
    try:
        former = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        paths = [str(path) for path in former["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {p for p in paths if _is_inside(p)}


def _is_inside(path: str) -> bool:
    """A manifest edited by hand must not make a build remove files elsewhere."""
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and pure.parts[:1] == ("sql",)


def _remove(out: Path, path: str) -> None:
    (out / path).unlink(missing_ok=True)
    for folder in (out / path).parents:
        if folder == out:
            return
        with suppress(OSError):  # not empty: somebody else's files are there
            folder.rmdir()
