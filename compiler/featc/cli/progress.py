"""Progress of long work: one line on stderr that overwrites itself, on terminals only."""

from __future__ import annotations

import sys
import time
from types import TracebackType

_OFTEN = 0.1
"""s between two writes of the line."""

_WORDS = {"versions": "ordering versions", "look": "looking for changes", "reopen": "opening what changed"}


class Progress:
    """Shows how far a run is, how fast, and how long it will take. Silent with `quiet`, and where no one looks."""

    def __init__(self, quiet: bool) -> None:
        self._shows = not quiet and sys.stderr.isatty()
        self._begun: float | None = None
        self._last = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shows:
            self._write("")

    def watch(self, step: str, done: int, whole: int) -> None:
        """A run's step, with the parts done and those there are."""
        if not self._shows:
            return
        now = time.monotonic()
        if step in _WORDS:
            self._write(f"{_WORDS[step]} …")
            return
        if self._begun is None:
            self._begun = now
        if whole and now - self._last >= _OFTEN:
            self._last = now
            self._write(line(done, whole, now - self._begun))

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def line(done: int, whole: int, seconds: float) -> str:
    """The line of a run that has done `done` of `whole` rows (or snapshots) in so many seconds.

    >>> line(500_000, 2_000_000, 2.0)
    ' 25%  500,000 of 2,000,000  250,000/s  0:06 left'
    """
    text = f"{100 * done // whole:3}%  {done:,} of {whole:,}"
    if not done or seconds <= 0:
        return text
    rate = done / seconds
    left = round((whole - done) / rate)
    return f"{text}  {rate:,.0f}/s  {left // 60}:{left % 60:02} left"
