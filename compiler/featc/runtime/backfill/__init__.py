"""Backfill: tables of partial states in the target's database, filled interval by interval, and snapshots."""

from featc.runtime.backfill.complete import Complete, complete
from featc.runtime.backfill.report import BackfillReport, SourceReport, ViewReport
from featc.runtime.backfill.run import backfill
from featc.runtime.backfill.snapshots import SnapshotReport, ViewSnapshots, snapshot

__all__ = [
    "BackfillReport",
    "Complete",
    "SnapshotReport",
    "SourceReport",
    "ViewReport",
    "ViewSnapshots",
    "backfill",
    "complete",
    "snapshot",
]
