"""`featc evict`: what the online store may forget."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from featc.cli.session import Session, command, some, table
from featc.cli.tabular import in_bytes
from featc.errors import Diagnostic, FeatcError

if TYPE_CHECKING:
    from featc.runtime.online.evict import Eviction


@command("evict", "Drop what the online store need not know any more.")
@click.option("--dry-run", is_flag=True, help="Say what would go; nothing is written.")
def evict(session: Session, dry_run: bool) -> None:
    """Drop from the online store what no read within the target's replay: needs. No value changes.

    The horizon of a source is its newest arrival less `replay:` (online: {replay: 30d}), and only this command moves
    it. Reads before it are errors from then on; pushed rows that arrived before it are rejected. Superseded versions
    go; of sources with final_after: also the rows that nothing can change and no window can cut any more. The space
    is given back where it is a large part of the file; otherwise it is used again.

    \b
    featc evict --dry-run
    featc evict
    """
    from featc.runtime.status import size_of

    with session.store(or_applied=True) as store:
        if not store.online_path.exists():
            message = f"there is no online store at {session.shown(store.online_path)}"
            raise FeatcError(Diagnostic("F601", message, hint="make one with `featc push SOURCE FILE`"))
        before = size_of(store.online_path)
        found = store.evict(dry_run=dry_run)
        after = size_of(store.online_path)
        if session.is_json:
            sources = [_data(source) for source in found]
            session.data({"dry_run": dry_run, "sources": sources, "bytes_before": before, "bytes_after": after})
            return
        if not found:
            target = store.compiled.definitions.target.name
            session.say(f"replay is unlimited for target {target}, so nothing goes; to set it, in featc.yaml:")
            session.say(f"  targets: {{{target}: {{online: {{replay: 30d}}}}}}")
            return
        for source in found:
            _say(session, source, dry_run)
        if not dry_run:
            sizes = f"{in_bytes(before or 0)} before, {in_bytes(after or 0)} now"
            session.say(f"{session.shown(store.online_path)}: {sizes}")


def _data(found: Eviction) -> dict[str, object]:
    views = [
        {
            "view": v.view,
            "superseded_rows": v.superseded,
            "final_rows": v.final,
            "tiles": v.tiles,
            "rows_left": v.rows,
            "tiles_left": v.kept_tiles,
            "rows_begin": _moment(v.first),
            "kept_because": v.reason,
        }
        for v in found.views
    ]
    return {
        "source": found.source,
        "horizon": _moment(found.horizon),
        "moved": found.moved,
        "superseded_versions": found.versions,
        "views": views,
    }


def _moment(t: int | None) -> datetime | None:
    return None if t is None else datetime(1970, 1, 1) + timedelta(microseconds=t)


def _say(session: Session, found: Eviction, dry_run: bool) -> None:
    from featc.runtime.online.store import written

    if found.horizon is None:
        waits = f"nothing goes while the store has no rows of {' and '.join(found.waits_for)}"
        session.say(f"{found.source}: {waits if found.waits_for else 'the store has no rows of it'}")
        return
    word = ("would move to" if dry_run else "moved to") if found.moved else "stays at"
    session.say(f"{found.source}: the horizon {word} {written(found.horizon)}")
    if found.versions:
        session.say(f"  {some(found.versions, 'superseded version')} {'would go' if dry_run else 'gone'}")
    headers = ["view", "superseded rows", "final rows", "tiles", "rows left", "tiles left"]
    rows = [
        [v.view, *(f"{n:,}" for n in (v.superseded, v.final, v.tiles, v.rows, v.kept_tiles))] for v in found.views
    ]
    if rows:
        session.say("  " + table(headers, rows, right=frozenset(range(1, 6))).replace("\n", "\n  "))
    for view in found.views:
        if view.reason is not None:
            session.note(f"  {view.view}: rows stay whatever their age: {view.reason}")


COMMANDS = (evict,)
