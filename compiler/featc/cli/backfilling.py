"""`featc backfill`: offline state in the target's database, and snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from featc.cli.completing import selectors
from featc.cli.progress import Progress
from featc.cli.session import Session, command, some, table
from featc.cli.tabular import in_bytes
from featc.errors import Diagnostic, FeatcError

if TYPE_CHECKING:
    from featc.runtime.backfill import BackfillReport, SnapshotReport


@command("backfill", "Offline state, interval by interval; snapshots.")
@click.option("--start", metavar="T", help="Fill from here on; default: where the source begins.")
@click.option("--end", metavar="T", help="Fill up to here, T left out; default: where the source ends.")
@click.option("--at", metavar="T", help="Take a snapshot of all entities at T instead.")
@click.option("--every", metavar="D", help="Take snapshots from --start on, D apart, before --end.")
@click.option("--select", metavar="SEL", shell_complete=selectors, help="Only what these need: features, services.")
@click.option("--restate", is_flag=True, help="Fill the range again, whatever is there.")
@click.option("--drop-unused", is_flag=True, help="Drop what no definition reads any more instead.")
@click.option("--dry-run", is_flag=True, help="Say what would be read, filled or dropped; write nothing.")
def backfill(
    session: Session,
    start: str | None,
    end: str | None,
    at: str | None,
    every: str | None,
    select: str | None,
    restate: bool,
    drop_unused: bool,
    dry_run: bool,
) -> None:
    """Fill the tables of partial states in the target's database, a day of each source at a time.

    What is filled stays; a run fills what is open: new days, new features, and days whose rows came late or were
    corrected. It may be stopped at any moment, and goes on where it was.

    \b
    featc backfill
    featc backfill --start 2026-01-01 --end 2026-04-01 --dry-run
    featc backfill --select user_orders --start 2026-03-01 --end 2026-03-08 --restate
    featc backfill --at 2026-06-01
    featc backfill --every 1d --start 2026-05-01 --end 2026-06-01
    featc backfill --drop-unused --dry-run
    """
    from featc.runtime.backfill import SnapshotReport
    from featc.runtime.backfill.asked import asked

    if drop_unused:
        if restate or any(given is not None for given in (start, end, at, every, select)):
            message = "drop-unused is of all tiles, and takes no range, instants or selection"
            raise FeatcError(Diagnostic("F727", message, hint="featc backfill --drop-unused [--dry-run]"), exit_code=2)
        _drop_unused(session, dry_run)
        return
    with session.store() as store, Progress(session.quiet) as progress:
        report = asked(
            store, start, end, select, restate=restate, dry_run=dry_run, at=at, every=every, watch=progress.watch
        )
    if isinstance(report, SnapshotReport):
        _say_snapshots(session, report)
    else:
        _say_tiles(session, report)


def _instant(us: int) -> str:
    """An instant as ISO text; a midnight as its date."""
    from featc.cli.values import to_text
    from featc.runtime.backfill.session import moment

    text = to_text(moment(us))
    return text.removesuffix(" 00:00:00").removesuffix("T00:00:00Z")


def _say_tiles(session: Session, report: BackfillReport) -> None:
    from featc.runtime.backfill.session import moment

    if session.is_json:
        session.data(report.to_json(lambda us: moment(us).isoformat() + "Z"))
        return
    would = "would be " if report.dry_run else ""
    rows = [
        [
            v.view,
            f"{_instant(v.range[0])} … {_instant(v.range[1])}",
            f"{v.filled:,}",
            f"{v.complete:,}",
            f"{v.reopened:,}",
            f"{v.rows_read:,}",
        ]
        for v in report.views
    ]
    headers = ["view", "range", f"days {would}filled", "complete before", "changed", f"rows {would}read"]
    if report.filled == 0 and not any(v.reopened for v in report.views):
        session.say(f"nothing to do: {some(len(report.views), 'view')} complete and as their sources are")
    else:
        session.say(table(headers, rows, right=frozenset({2, 3, 4, 5})))
    for source in report.sources:
        size = f", {in_bytes(source.bytes_read)}" if source.bytes_read is not None and source.rows_read else ""
        read = f"; {some(source.rows_read, 'row')} {would}read{size}" if source.rows_read else ""
        session.say(f"{source.source}: {some(source.rows_scanned, 'row')} looked at for changes{read}")
    for view in report.views:
        if view.left_open:
            session.say(f"{view.view}: {some(view.left_open, 'day')} outside the range left open")
    session.say(f"{some(report.statements, 'statement')}, {report.seconds:.1f} s")


def _say_snapshots(session: Session, report: SnapshotReport) -> None:
    if session.is_json:
        session.data(report.to_json())
        return
    would = "would be " if report.dry_run else ""
    rows = [[v.view, f"featc_snapshots.{v.table}", f"{v.taken}", f"{v.kept}", f"{v.entities:,}"] for v in report.views]
    headers = ["view", "table", f"{would}taken", "there before", "entities written"]
    session.say(table(headers, rows, right=frozenset({2, 3, 4})))
    for view, why in report.skipped:
        session.say(f"{view}: left out, {why}")
    session.say(f"{some(report.statements, 'statement')}, {report.seconds:.1f} s")


def _drop_unused(session: Session, dry_run: bool) -> None:
    with session.store() as store:
        found = store.drop_unused_tiles(dry_run=dry_run)
    if session.is_json:
        tables = [{"table": f"featc.{name}", "tiles": tiles} for name, tiles in found.tables.items()]
        states = [{"table": f"featc.{s.table}", "columns": s.columns} for s in found.states]
        session.data({"database": found.database, "dry_run": dry_run, "tables": tables, "states": states})
        return
    done = "would be dropped" if dry_run else "dropped"
    for name, tiles in found.tables.items():
        session.say(f"featc.{name}: {some(tiles, 'tile')} {done}")
    for state in found.states:
        session.say(f"featc.{state.table}: {', '.join(state.columns)} {done}")
    if not (found.tables or found.states):
        session.say("nothing is unused: every table and state is read by a definition")


COMMANDS = (backfill,)
