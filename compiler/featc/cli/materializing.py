"""`featc materialize`: the online store brought to an instant from the project's sources."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from featc.cli.completing import selectors
from featc.cli.failures import finding_data, report
from featc.cli.progress import progress_line
from featc.cli.session import Session, command, some

if TYPE_CHECKING:
    from featc.runtime.materialize import SourceReport

_EPOCH = datetime(1970, 1, 1)
_BETWEEN = 0.2
"""Seconds between two lines of progress."""


@command("materialize", "Bring the online store to an instant, from the sources.")
@click.option("--until", metavar="T", help="Rows that arrive later wait. Default: all rows there are.")
@click.option("--select", metavar="SEL", shell_complete=selectors, help="Only the sources that these need.")
def materialize(session: Session, until: str | None, select: str | None) -> None:
    """Bring the online store to an instant from the project's sources, in order of arrival, from where it is.

    \b
    featc materialize
    featc materialize --until 2026-06-01T00:00:00Z
    featc materialize --select user_orders

    Rows that have appeared behind the watermark are found and taken in; a second run changes nothing. After a kill
    the next run goes on where it was.
    """
    shown = not session.quiet and sys.stderr.isatty()
    with session.store() as store:
        done = store.materialize(until, select=select, progress=_progress() if shown else None)
    if shown:
        click.echo("\r\x1b[K", nl=False, err=True)
    if session.is_json:
        warnings = [finding_data(w) for w in done.warnings]
        session.data({"sources": [_source_data(s) for s in done.sources], "warnings": warnings})
        return
    for source in done.sources:
        session.say(_source_text(source))
        for reason, number in source.rejected.items():
            session.note(f"  kept apart in featc_rejected: {number} × {reason}")
    if not done.sources:
        session.say("no view reads a source")
    if done.warnings and not session.quiet:
        report(done.warnings)


def _source_data(source: SourceReport) -> dict[str, object]:
    names = ("source", "rows", "accepted", "duplicates", "rejected", "late", "waiting", "gone", "intervals")
    found = {name: getattr(source, name) for name in names}
    return {
        **found,
        "watermark_before": _moment(source.watermark_before),
        "watermark": _moment(source.watermark),
    }


def _source_text(source: SourceReport) -> str:
    where = f"up to {_shown(source.watermark)}" if source.watermark is not None else "no row has arrived"
    parts = [f"{source.accepted} of {some(source.rows, 'row')} accepted"] if source.rows else ["nothing new"]
    if source.duplicates:
        parts.append(f"{source.duplicates} known already")
    if source.rows - source.accepted - source.duplicates:
        parts.append(f"{source.rows - source.accepted - source.duplicates} rejected")
    if source.late:
        parts.append(f"{source.late} found behind {_shown(source.watermark_before)}")
    if source.waiting:
        parts.append(f"{source.waiting} to arrive later")
    return f"{source.source}: {', '.join(parts)}; {where}"


def _moment(micros: int | None) -> datetime | int | None:
    """A watermark as an instant; in µs where it is beyond the calendar."""
    try:
        return None if micros is None else _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return micros


def _shown(micros: int | None) -> str:
    found = _moment(micros)
    return found.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z") if isinstance(found, datetime) else str(found)


def _progress() -> Callable[[str, int, int], None]:
    """Draws on a terminal how far a source is, how fast it goes, and how long that will take."""
    began: dict[str, float] = {}
    drawn = 0.0

    def draw(source: str, done: int, total: int) -> None:
        nonlocal drawn
        now = time.monotonic()
        began.setdefault(source, now)
        if done < total and now - drawn < _BETWEEN:
            return
        drawn = now
        click.echo(f"\r\x1b[K{progress_line(source, done, total, now - began[source])}", nl=False, err=True)

    return draw


COMMANDS = (materialize,)
