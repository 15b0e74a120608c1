"""What a user asks of a backfill: a range to fill, one instant, or a series of instants to take snapshots at."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from featc.durations import BadDuration, parse_duration
from featc.errors import Diagnostic, FeatcError
from featc.runtime.backfill.report import BackfillReport
from featc.runtime.backfill.run import backfill
from featc.runtime.backfill.session import Watch, nobody
from featc.runtime.backfill.snapshots import SnapshotReport, snapshot
from featc.runtime.online.store import Instant, instant

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

_MOST = 100_000
"""Instants of one series; more is a slip of the pen."""


def asked(
    store: FeatureStore,
    start: Instant = None,
    end: Instant = None,
    select: str | None = None,
    *,
    restate: bool = False,
    dry_run: bool = False,
    at: Instant = None,
    every: str | timedelta | None = None,
    watch: Watch = nobody,
) -> BackfillReport | SnapshotReport:
    """Tiles for a range; or, with `at` or `every`, snapshots. Raises FeatcError F721 or F727 (exit code 2) for
    arguments that contradict each other, F632 for what is no instant, and what the two raise."""
    select = store.selector(select)
    first, past = (None if each is None else instant(each) for each in (start, end))
    if first is not None and past is not None and first >= past:
        hint = "the end is the first instant after the range: --start 2026-01-01 --end 2026-02-01"
        raise FeatcError(Diagnostic("F721", "the range ends before it begins", hint=hint), exit_code=2)
    if at is not None:
        if every is not None or first is not None or past is not None:
            raise _contradiction("at is one instant, and takes no every, start or end")
        return snapshot(store, [instant(at)], select, restate=restate, dry_run=dry_run, watch=watch)
    if every is None:
        return backfill(store, first, past, select, restate=restate, dry_run=dry_run, watch=watch)
    if first is None or past is None:
        raise _contradiction("every makes a series of snapshots, and needs both start and end")
    step = _step(every)
    if (past - first) // step > _MOST:
        raise _contradiction(f"a series of more than {_MOST} snapshots")
    return snapshot(store, range(first, past, step), select, restate=restate, dry_run=dry_run, watch=watch)


def _step(every: str | timedelta) -> int:
    try:
        step = every // timedelta(microseconds=1) if isinstance(every, timedelta) else parse_duration(every)
    except BadDuration as error:
        raise _contradiction(str(error)) from None
    if step <= 0:
        raise _contradiction("every must be longer than nothing")
    return step


def _contradiction(message: str) -> FeatcError:
    hint = "--start T --end T fills tiles; --at T takes a snapshot; --every 1d --start T --end T takes a series"
    return FeatcError(Diagnostic("F727", message, hint=hint), exit_code=2)
