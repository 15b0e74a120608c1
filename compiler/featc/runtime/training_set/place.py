"""How a set gets to its place: whole or not at all, whatever happens on the way.

Everything is made in a hidden folder beside the place, `.NAME.PID.TOKEN.partial`, and moved at the end. The old card
goes before the new rows come, and the new card comes last: there is never a card beside rows that it is not of. What
a killed run left is removed by the next one that writes to the same place.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from featc.errors import Diagnostic, FeatcError
from featc.runtime.training_set.card import card_path

_PARTIAL, _FORMER = ".partial", ".former"


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """A folder to make things in, gone afterwards. Raises FeatcError F910 (exit code 4) where none can be made, and
    for every OSError inside."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        folder = _hidden(target, _PARTIAL)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        hint = "check that its folder is one, its rights and the free space"
        finding = Diagnostic("F910", f"cannot write {target}: {error.strerror or error}", hint=hint)
        raise FeatcError(finding, exit_code=4) from None


def put(made: Path, target: Path, card: str) -> None:
    """Moves a finished file or folder to its place, with its card."""
    written = made.with_name("card")
    written.write_text(card, encoding="utf-8")
    card_path(target).unlink(missing_ok=True)
    if made.is_dir() and target.exists():
        former = _hidden(target, _FORMER)
        target.rename(former)
        made.rename(target)
        shutil.rmtree(former, ignore_errors=True)
    else:
        made.replace(target)
    written.replace(card_path(target))


def _hidden(target: Path, ending: str) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}{ending}")


def _sweep(target: Path) -> None:
    """Removes what killed runs left here; a folder that one of them had moved aside goes back to its place."""
    for path in target.parent.iterdir():
        rest = path.name.removeprefix(f".{target.name}.")
        pid, _, token = rest.partition(".")
        if rest == path.name or not token.endswith((_PARTIAL, _FORMER)) or not pid.isdigit() or _runs(int(pid)):
            continue
        if token.endswith(_FORMER) and not target.exists():
            with suppress(OSError):
                path.rename(target)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
