"""`featc rollback` and `featc gc`: back to what was applied before, and away with what nothing refers to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from featc.cli.progress import source_progress
from featc.cli.session import Session, command, some
from featc.cli.tabular import in_bytes

if TYPE_CHECKING:
    from featc.runtime.generations.swapping import Swapped
    from featc.runtime.generations.upkeep import Collected
    from featc.runtime.planning.apply import RolledBack


@command("rollback", "Serve again what was applied before the last apply.")
def rollback(session: Session) -> None:
    """Serve again what was applied before the last apply, with all that was pushed and materialized since.

    \b
    featc rollback
    featc rollback        once more: forward again

    Reads and pushes go on. What answers is another from one moment to the next, once the generation before has taken in
    what came since the last featc materialize, which keeps it up. featc.lock is what it was then. The YAML stays as it
    is, and training goes by it: take that from git, too.
    """
    with session.store(or_applied=True) as store:
        found = store.rollback(progress=progress_of(session))
    end_progress(session)
    if session.is_json:
        session.data(found.to_json())
        return
    for line in rolled_back_lines(found):
        session.say(line)


@command("gc", "Drop what nothing refers to.")
@click.option("--previous", is_flag=True, help="Also what featc rollback would go back to.")
@click.option("--versions", is_flag=True, help="Also versions of views in featc.lock that no service pins.")
@click.option("--dry-run", is_flag=True, help="Say what would go; nothing is written.")
def gc(session: Session, previous: bool, versions: bool, dry_run: bool) -> None:
    """Drop files of builds that were stopped, and online tables and tiles that no definition in force reads.

    What featc rollback needs stays, unless --previous gives that up. featc.lock stays as it is, unless --versions takes
    out the versions that no service pins: commit it before, git has them then. No value changes, and no read is
    disturbed.

    \b
    featc gc --dry-run
    featc gc
    featc gc --previous
    """
    with session.store() as store:
        found = store.gc(previous=previous, versions=versions, dry_run=dry_run)
    if session.is_json:
        session.data(_collected_data(found))
        return
    for line in _collected_lines(session, found):
        session.say(line)


def progress_of(session: Session) -> Callable[[str, int, int], None] | None:
    """What draws how far a source is, where somebody looks."""
    return source_progress() if _is_shown(session) else None


def end_progress(session: Session) -> None:
    """Takes the line of progress away."""
    if _is_shown(session):
        click.echo("\r\x1b[K", nl=False, err=True)


def _is_shown(session: Session) -> bool:
    return not session.quiet and sys.stderr.isatty()


def served_lines(found: Swapped) -> Iterator[str]:
    """What the online store answers by now."""
    for source in found.refilled:
        parts = [f"{some(source.rows, 'row')} of its data"] if source.rows else []
        parts += ["1 push"] if source.batches == 1 else [f"{source.batches:,} pushes"] if source.batches else []
        if parts:
            yield f"online: filled anew from {source.source}: {' and '.join(parts)}"
        else:
            yield f"online: no row of {source.source} has come in yet; featc materialize or featc push brings them"
    taken = f", with {found.followed:,} pushed meanwhile" if found.followed else ""
    back = "; featc rollback goes back" if found.reversible else ""
    yield f"online: generation {found.number} answers ({found.file}){taken}{back}"


def rolled_back_lines(found: RolledBack) -> Iterator[str]:
    """What a rollback did."""
    yield from served_lines(found.served)
    if found.written:
        yield "featc.lock is what it was then"
    if found.differs:
        yield "the YAML means something else: featc rollback goes forward again at once; else take the YAML from git"


def _collected_data(found: Collected) -> dict[str, object]:
    tiles = found.tiles
    return {
        "dry_run": found.dry_run,
        "previous": found.previous,
        "files": [str(file) for file in found.files],
        "bytes": found.bytes,
        "tables": list(found.tables),
        "versions": list(found.versions),
        "tiles": [] if tiles is None else [{"table": f"featc.{n}", "tiles": t} for n, t in tiles.tables.items()],
        "states": [] if tiles is None else [{"table": f"featc.{s.table}", "columns": s.columns} for s in tiles.states],
    }


def _collected_lines(session: Session, found: Collected) -> Iterator[str]:
    done = "would go" if found.dry_run else "gone"
    if found.previous:
        yield f"the generation before: {done}, and with it the way back"
    for file in found.files:
        yield f"{session.shown(file)}: {done}"
    if found.bytes:
        yield f"{in_bytes(found.bytes)} on disk {done}"
    for table in found.tables:
        yield f"online table {table}: {done}"
    for name, tiles in found.tiles.tables.items() if found.tiles is not None else ():
        yield f"featc.{name}: {some(tiles, 'tile')} {done}"
    for state in found.tiles.states if found.tiles is not None else ():
        yield f"featc.{state.table}: {', '.join(state.columns)} {done}"
    for version in found.versions:
        yield f"featc.lock: {version}, which no service pins: {done}"
    if found.is_nothing:
        kept = f"; {found.way_back} is the way back (--previous drops it)" if found.way_back else ""
        yield f"nothing to drop: all there is is in use{kept}"


COMMANDS = (rollback, gc)
