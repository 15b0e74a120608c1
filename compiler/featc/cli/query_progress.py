"""How far a long query is: a line on stderr that comes after a second and goes when the query is done."""

from __future__ import annotations

import sys
import threading
import time
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
    since, widest, wait = time.monotonic(), 0, _WAIT
    while not done.wait(wait):
        wait = _EVERY
        now = share()
        line = f"{what}: {time.monotonic() - since:.0f} s" + (f", {now:.0f} %" if now else "")  # often 0 to the end
        widest = max(widest, len(line))
        print(f"\r{line:{widest}}", end="", file=sys.stderr, flush=True)
    if widest:
        print(f"\r{' ' * widest}\r", end="", file=sys.stderr, flush=True)
