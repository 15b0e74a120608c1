"""For readers of tiles: which intervals of a view's table are complete, and whether its source is as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from featc.decompose import Partial
from featc.lower.backfill import TileTable
from featc.resolve.model import Source
from featc.runtime.backfill import ledger
from featc.runtime.backfill.files import listing
from featc.runtime.backfill.ledger import Range
from featc.runtime.backfill.look import united, without
from featc.runtime.backfill.session import Session


@dataclass(frozen=True, slots=True)
class Complete:
    """Stretches of τ in µs, half-open, disjoint and in order, in which tiles hold all asked-for states.

    `unchanged`: the source's files are those the tiles were last compared with. Where it is False, or the source has no
    files, only a look at its rows (`featc.runtime.backfill.look`) can tell. `as_defined`: all states of the table as
    it is defined now have been compared with the source at some time.
    """

    ranges: tuple[Range, ...]
    unchanged: bool
    as_defined: bool


def complete(
    session: Session, table: TileTable, partials: Sequence[Partial], source: Source, root: Path
) -> Complete:
    """What of a table may be read for some of its partial states. `source` has its paths relative to `root`.

    An interval counts when it is covered and no state is open in it. Raises FeatcError F722 for another format.
    """
    if not ledger.is_there(session):
        return Complete((), False, False)
    held = ledger.read(session, table)
    filled = held.of(table.fingerprint)
    wanted = [held.of(table.part(p).fingerprint) for p in partials]
    still_open = [start for start in filled if any(start not in of for of in wanted)]
    ranges = united([*held.covered, *((s, s + table.width) for s in filled)])
    before = ledger.compared_with(session, table)
    same = before is not None and before[1] and before[0].is_still(listing(source, root))
    known = ledger.states(session, table.name)
    as_defined = all(f in known for f in (table.fingerprint, *(s.fingerprint for s in table.states)))
    return Complete(without(ranges, still_open, table.width), same, as_defined)
