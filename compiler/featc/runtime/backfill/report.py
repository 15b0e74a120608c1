"""What a backfill did, or would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from featc.runtime.backfill.ledger import Range


@dataclass(frozen=True, slots=True)
class ViewReport:
    """One view's tiles. `range` is in µs. Of the intervals in it, `filled` were filled in this run (in a dry run: would
    be), `complete` were before. `reopened` counts intervals, wherever they are, whose rows differ from those that their
    tiles were made of; `left_open` those among them outside the range. `rows_read` are source rows; `added` names the
    columns of states that tables had not."""

    view: str
    table: str
    range: Range
    filled: int
    complete: int
    reopened: int
    left_open: int
    rows_read: int
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One source, read once for all its views. `rows_scanned` are those of the look for changes, apart from
    `rows_read`, which go into tiles; `bytes_read` is the share of its files that these are, None where it has none."""

    source: str
    rows_scanned: int
    rows_read: int
    bytes_read: int | None


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """A whole run. `statements` counts all SQL sent to the engine."""

    database: str
    dry_run: bool
    views: tuple[ViewReport, ...]
    sources: tuple[SourceReport, ...]
    statements: int
    seconds: float

    @property
    def filled(self) -> int:
        return sum(v.filled for v in self.views)

    def to_json(self, instant: Callable[[int], str]) -> dict[str, Any]:
        """The documented shape of `--format json`; `instant` spells a µs."""
        return {
            "database": self.database,
            "dry_run": self.dry_run,
            "views": [
                {
                    "view": v.view,
                    "table": f"featc.{v.table}",
                    "start": instant(v.range[0]),
                    "end": instant(v.range[1]),
                    "intervals": {
                        "filled": v.filled,
                        "complete": v.complete,
                        "reopened": v.reopened,
                        "left_open": v.left_open,
                    },
                    "rows_read": v.rows_read,
                    "added_columns": list(v.added),
                }
                for v in self.views
            ],
            "sources": [
                {
                    "source": s.source,
                    "rows_scanned": s.rows_scanned,
                    "rows_read": s.rows_read,
                    "bytes_read": s.bytes_read,
                }
                for s in self.sources
            ],
            "statements": self.statements,
            "seconds": round(self.seconds, 3),
        }
