"""How far a long query is: a line on stderr that comes after a second and goes when the query is done."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from featc.cli.session import Session

_WAIT, _EVERY = 1.0, 0.5  # seconds


@contextmanager
def progress(session: Session, share: Callable[[], float | None], what: str) -> Iterator[None]:
    """Shows `share()` (0 to 100, None: unknown) while the body runs; on terminals only, and not with -q."""
    if session.quiet or not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(done, share, what), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(done: threading.Event, share: Callable[[], float | None], what: str) -> None:
    shown = False
    wait = _WAIT
    while not done.wait(wait):
        wait = _EVERY
        now = share()
        if now is not None:
            shown = True
            print(f"\r{what}: {now:3.0f} %", end="", file=sys.stderr, flush=True)
    if shown:
        print(f"\r{' ' * (len(what) + 8)}\r", end="", file=sys.stderr, flush=True)
