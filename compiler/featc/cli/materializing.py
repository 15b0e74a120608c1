"""`featc materialize`: the online store brought to an instant from the project's sources."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from featc.cli.completing import selectors
from featc.cli.failures import finding_data, report
from featc.cli.progress import source_progress
from featc.cli.session import Session, command, some
from featc.errors import FeatcError

if TYPE_CHECKING:
    from featc.runtime.materialize import Foreseen, MaterializeReport, SourceReport, Stretch

_EPOCH = datetime(1970, 1, 1)


@command("materialize", "Bring the online store to an instant, from the sources.")
@click.option("--until", metavar="T", help="Rows that arrive later wait. Default: all rows there are.")
@click.option("--select", metavar="SEL", shell_complete=selectors, help="Only the sources that these need.")
@click.option("--dry-run", is_flag=True, help="Say what would be read; write nothing.")
def materialize(session: Session, until: str | None, select: str | None, dry_run: bool) -> None:
    """Bring the online store to an instant from the project's sources, in order of arrival, from where it is.

    \b
    featc materialize
    featc materialize --until 2026-06-01T00:00:00Z
    featc materialize --select user_orders
    featc materialize --dry-run

    Rows that have appeared behind the watermark are found and taken in; a second run changes nothing. After a kill
    the next run goes on where it was. Exits with 1 when all of it came in and a view cannot be answered all the same,
    since it was added or changed after rows had come in: featc help F603.
    """
    if dry_run:
        _foresee(session, until, select)
        return
    shown = not session.quiet and sys.stderr.isatty()
    with session.store(or_applied=True) as store:
        done = store.materialize(until, select=select, progress=source_progress() if shown else None)
    if shown:
        click.echo("\r\x1b[K", nl=False, err=True)
    if session.is_json:
        warnings = [finding_data(w) for w in done.warnings]
        unanswered = [finding_data(d) for d in done.unanswered]
        session.data(
            {"sources": [_source_data(s) for s in done.sources], "warnings": warnings, "unanswered": unanswered}
        )
    else:
        _say_done(session, done)
    if done.unanswered:  # a scheduler has to see it: the rows came in, and whoever asks for the view gets none
        raise FeatcError(done.unanswered)


def _say_done(session: Session, done: MaterializeReport) -> None:
    for source in done.sources:
        session.say(_source_text(source))
        for reason, number in source.rejected.items():
            session.note(f"  kept apart in featc_rejected: {number} × {reason}")
    if not done.sources:
        session.say("no view reads a source")
    if done.warnings and not session.quiet:
        report(done.warnings)


def _foresee(session: Session, until: str | None, select: str | None) -> None:
    with session.store(or_applied=True) as store:
        found = store.foresee(until, select=select)
    if session.is_json:
        session.data({"dry_run": True, "sources": [_foreseen_data(f) for f in found]})
        return
    for source in found:
        session.say(_foreseen_text(source))
    if not found:
        session.say("no view reads a source")


def _foreseen_data(found: Foreseen) -> dict[str, object]:
    return {
        "source": found.source,
        "watermark": _moment(found.watermark),
        "beyond": _stretch_data(found.beyond),
        "behind": [_stretch_data(each) for each in found.behind],
        "without_arrival": found.without_arrival,
        "waiting": found.waiting,
    }


def _stretch_data(found: Stretch) -> dict[str, object]:
    return {"rows": found.rows, "first": _moment(found.first), "last": _moment(found.last)}


def _foreseen_text(found: Foreseen) -> str:
    parts = []
    if found.beyond.rows:
        span = f"{_shown(found.beyond.first)} … {_shown(found.beyond.last)}"
        parts.append(f"would read {some(found.beyond.rows, 'row')} that arrived {span}")
    for each in found.behind:
        span = f"{_shown(each.first)} … {_shown(each.last)}" if each.rows else "of which none is left"
        rows = some(each.rows, "row")
        parts.append(f"{rows} behind the watermark, {span}, would be gone through again: they changed")
    if found.without_arrival:
        parts.append(f"{some(found.without_arrival, 'row')} without a time of arrival")
    if not parts:
        parts.append("nothing new")
    if found.waiting:
        parts.append(f"{found.waiting} to arrive later")
    where = f"; known to {_shown(found.watermark)}" if found.watermark is not None else ""
    return f"{found.source}: {'; '.join(parts)}{where}"


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


COMMANDS = (materialize,)
