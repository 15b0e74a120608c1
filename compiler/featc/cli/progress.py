"""Progress of long work: one line on stderr that overwrites itself, on terminals only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType

import click

from featc.cli.session import some

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
            self._write(progress_line("backfill", done, whole, now - self._begun))

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def progress_line(what: str, done: int, total: int, seconds: float) -> str:
    """How far something is after `seconds`: part, rows, rows a second, time left."""
    line = f"{what}: {100 * done // max(total, 1)}%, {done} of {some(total, 'row')}"
    if not seconds or not done:
        return line
    rate = done / seconds
    return f"{line}, {rate:.0f} rows/s, {timedelta(seconds=round((total - done) / rate))} left"


def source_progress() -> Callable[[str, int, int], None]:
    """Draws on a terminal how far a source is, how fast it goes, and how long that will take."""
    began: dict[str, float] = {}
    drawn = 0.0

    def draw(source: str, done: int, total: int) -> None:
        nonlocal drawn
        now = time.monotonic()
        began.setdefault(source, now)
        if done < total and now - drawn < _OFTEN:
            return
        drawn = now
        click.echo(f"\r\x1b[K{progress_line(source, done, total, now - began[source])}", nl=False, err=True)

    return draw
