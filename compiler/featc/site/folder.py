"""A site on its way to disk: whole in a fresh folder beside the old one, then in its place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from featc.errors import Diagnostic, FeatcError

MARK = ".featc-docs"
"""The file by which a folder is known to be a site of featc's, which may be replaced."""


def write_site(out: Path, files: Iterable[tuple[str, str]]) -> int:
    """Writes `files` (text by path below `out`) and gives their number. A reader sees the old site or the new one.

    Whatever fails, `out` stays as it was. Raises FeatcError F860 for a folder that holds something else, F861 where it
    cannot be written (exit code 4).
    """
    _refuse_strangers(out)
    fresh, old = (out.with_name(f".{out.name}.{os.getpid()}.{word}") for word in ("new", "old"))
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        number = _write(fresh, files)
        if out.exists():
            out.rename(old)
        try:
            fresh.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
        return number
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "check the folder's rights and free space, or use --out"
        finding = Diagnostic("F861", f"the catalogue cannot be written to {out}: {reason}", hint=hint)
        raise FeatcError(finding, exit_code=4) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        if out.exists():
            shutil.rmtree(old, ignore_errors=True)


def _refuse_strangers(out: Path) -> None:
    """What is there must be a site of featc's, or empty: it goes as a whole."""
    if not out.exists() and not out.is_symlink():
        return
    if out.is_dir() and not out.is_symlink() and ((out / MARK).exists() or not any(out.iterdir())):
        return
    message = f"{out} is there and no catalogue that featc docs wrote, and all of it would be replaced"
    raise FeatcError(Diagnostic("F860", message, hint="name another folder with --out, or remove it"), exit_code=2)


def _write(folder: Path, files: Iterable[tuple[str, str]]) -> int:
    made: set[Path] = set()
    number = 0
    folder.mkdir(parents=True)
    (folder / MARK).write_text("a catalogue that featc docs wrote, and replaces as a whole\n", encoding="utf-8")
    for path, text in files:
        place = folder / path
        if place.parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.add(place.parent)
        place.write_bytes(text.encode())
        number += 1
    return number
