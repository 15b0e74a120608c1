"""Who may build, swap and drop generations: one process at a time, and none while a materialize is running.

The system releases the lock of a process that dies.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from featc.errors import Diagnostic, FeatcError

try:
    import fcntl
except ImportError:  # Windows has no such locks: there, whoever runs two at once is on their own
    fcntl = None  # type: ignore[assignment]


@contextmanager
def alone(home: Path, what: str) -> Iterator[None]:
    """While the store at `home` is changed as a whole. Raises FeatcError F891 where somebody else is at it, F902."""
    with _held(home, shared=False, what=what):
        yield


@contextmanager
def together(home: Path, what: str) -> Iterator[None]:
    """While rows go in that no journal keeps, or history goes. Raises FeatcError F891 where the store is changed as a
    whole, F902."""
    with _held(home, shared=True, what=what):
        yield


@contextmanager
def _held(home: Path, *, shared: bool, what: str) -> Iterator[None]:
    if fcntl is None or not home.parent.is_dir():  # without a folder there is no store
        yield
        return
    path = home.with_name(f"{home.name}.lock")
    try:
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as trouble:
        raise _no_lock(path, trouble) from trouble
    try:
        try:
            fcntl.flock(opened, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as trouble:
            other = "featc apply, rollback or gc" if shared else "featc apply, rollback, gc, materialize or evict"
            message = f"featc {what} has to wait: another {other} is at work on {home.name}"
            hint = "run it again when that has ended; nothing was changed"
            raise FeatcError(Diagnostic("F891", message, hint=hint), exit_code=4) from trouble
        except OSError as trouble:  # a file system without such locks
            raise _no_lock(path, trouble) from trouble
        yield
    finally:
        os.close(opened)


def _no_lock(path: Path, trouble: OSError) -> FeatcError:
    message = f"cannot lock {path.name} beside the online store: {trouble.strerror or trouble}"
    hint = "check the rights of the folder and the free space; nothing was changed"
    return FeatcError(Diagnostic("F902", message, hint=hint), exit_code=4)
