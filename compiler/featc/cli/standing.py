"""`featc status`: how things stand, and whether somebody should look; `featc doctor`: whether featc can work here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from featc.cli.session import Session, command, some, table
from featc.cli.tabular import in_bytes
from featc.errors import Diagnostic, FeatcError

if TYPE_CHECKING:
    from featc.runtime.backfill.standing import TilesStatus
    from featc.runtime.status import ServiceStatus, SourceStatus, Status

_SECOND = 1_000_000
_STEPS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_HISTORY = {
    "complete": "complete",
    "empty": "empty",
    "absent": "not in the store yet",
    "on demand": "computed when asked",
}
_PROOF = {
    "proven": "proven",
    "thin": "too few telling values",
    "different": "DIFFERENT",
    "moved": "changed since",
    "never": "never",
}


@command("status", "How things stand: watermarks, views, proofs.")
@click.option("--check", is_flag=True, help="Exit 3 if something is stale.")
@click.option("--max-lag", metavar="D", help="With --check: a source that is further behind is stale.")
@click.option(
    "--rejected-within", metavar="D", default="1d", show_default=True, help="With --check: how old news is."
)
@click.pass_context
def status(ctx: click.Context, session: Session, check: bool, max_lag: str | None, rejected_within: str) -> None:
    """How things stand: what the online store holds of each source and view, which days are backfilled, and when it
    was last verified.

    \b
    featc status
    featc status --check --max-lag 1h -q          for cron: says what is stale, exit 3
    featc status --format json

    Stale are: a source without a push or behind by more than --max-lag, rows rejected within --rejected-within, a view
    whose history in the store is not whole or with open backfill days, and a service that is not proven as it is
    defined now. Days whose rows have changed are found by featc backfill --dry-run.
    """
    limit = _length(max_lag, "--max-lag") if max_lag is not None else None
    with session.store() as store:
        found = store.status(recent=_length(rejected_within, "--rejected-within"))
    stale = tuple(_stale(found, limit)) if check else ()
    if session.is_json:
        session.data(_data(session, found, stale if check else None))
    elif not (check and session.quiet):
        _say(session, found)
    if check and not session.is_json:
        _say_stale(session, stale)
    troubles = [t for t in (found.store.trouble, found.database.trouble) if t is not None]
    if troubles:
        raise FeatcError(troubles, exit_code=4 if all(t.code == "F901" for t in troubles) else 1)
    ctx.exit(3 if stale else 0)


def _length(text: str, option: str) -> int:
    from featc.durations import BadDuration, parse_duration

    try:
        return parse_duration(text, allow_zero=True)
    except BadDuration as bad:
        raise FeatcError(Diagnostic("F119", f"{option}: {bad}", hint=bad.hint), exit_code=2) from None


# ── what is stale ───────────────────────────────────────────────────────────────────────────────────────────


def _stale(found: Status, limit: int | None) -> Iterator[tuple[str, str, str]]:
    """(kind, name, why) of everything that somebody should look at."""
    served = {source for service in found.services for source in service.sources}
    for source in found.sources if found.store.trouble is None else ():
        yield from (("source", source.name, why) for why in _stale_source(found, source, limit, served))
    for view in found.views if found.store.trouble is None else ():
        if view.unanswered is not None:
            rows = some(view.unanswered, "row")
            why = f"{rows} came in before it was defined as it is now"
            yield "view", view.name, f"{why}: featc apply fills what it lacks"
        elif view.history == "absent" and found.store.size is not None:
            yield "view", view.name, "the store does not know it yet: push its source, or featc materialize"
    for name, tiles in found.database.tiles.items():
        if tiles.open:
            are = "is" if tiles.open == 1 else "are"
            yield "view", name, f"{some(tiles.open, 'day')} of its tiles {are} open: featc backfill"
        if tiles.stopped:
            yield "view", name, "the last backfill of its tiles was stopped: run featc backfill again"
    for service in found.services:
        if service.proof != "proven":
            yield "service", service.name, _unproven(service)


def _stale_source(found: Status, source: SourceStatus, limit: int | None, served: set[str]) -> Iterator[str]:
    if source.watermark is None:
        if source.name in served:
            yield "nothing of it was pushed"
    elif limit is not None and found.now - source.watermark > limit:
        yield f"it is {_ago(found.now - source.watermark)} behind, and {_ago(limit)} are allowed"
    for reason, number in source.recent.items():
        yield f"{some(number, 'row')} rejected: {reason}"


def _unproven(service: ServiceStatus) -> str:
    some = ", ".join(service.features[:3]) + (" …" if len(service.features) > 3 else "")
    match service.proof:
        case "different":
            return f"training and online differ in {some}: featc verify"
        case "moved":
            return f"not verified since {some} or an engine changed: featc verify"
        case "never":
            return f"never verified: {some}: featc verify"
        case _:
            return f"too few telling values to prove {some}: featc verify --allow-thin accepts that"


# ── for people ──────────────────────────────────────────────────────────────────────────────────────────────


def _say(session: Session, found: Status) -> None:
    store = found.store
    size = in_bytes(store.size) if store.size is not None else "nothing was pushed yet"
    session.say(f"{found.project}, target {found.target}, at {_moment(found.now)} UTC")
    session.say(f"online store {session.shown(store.path)}: {size}")
    if store.generation is not None:
        back = "" if store.before is None else f"; featc rollback goes back to {store.before}"
        session.say(f"  generation {store.generation} answers, applied {_moment(store.applied_at)}{back}")
    if store.differs:
        session.say("  the YAML, of which the views below are, says something else: featc plan")
    if found.sources and store.trouble is None:
        headers = ("source", "known to", "behind", "known from", "last push", "accepted", "known already", "rejected")
        rows = [_source_row(found, s) for s in found.sources]
        session.say("\n" + table(headers, rows, right=frozenset((2, 5, 6, 7))))
        for s in found.sources:
            for reason, number in s.rejected.items():
                session.say(f"  rejected from {s.name}: {number} × {reason}")
    if found.views and store.trouble is None:
        lacks = {v.name: f"lacks {some(v.missed, 'row')}" for v in found.views}
        views = [[v.name, v.fingerprint[:12], _HISTORY.get(v.history, lacks[v.name])] for v in found.views]
        session.say("\n" + table(("view", "fingerprint", "history"), views))
        for v in found.views:
            if v.unanswered is not None:
                session.say(f"  {unanswered_text(v.name, v.unanswered)}")
    if found.database.tiles:
        tiles = [_tiles_row(name, t) for name, t in found.database.tiles.items()]
        session.say("\n" + table(("view", "backfilled", "open days", "source's files"), tiles, right=frozenset((2,))))
    if found.services:
        services = [
            [s.name, _moment(s.known_to), _PROOF[s.proof], _moment(s.verified_at)] for s in found.services
        ]
        session.say("\n" + table(("service", "known to", "verified", "at"), services))


def unanswered_text(view: str, rows: int) -> str:
    """What becomes of a view whose definition has changed since the store took in rows of its source."""
    came = "row of its source was" if rows == 1 else "rows of its source were"
    return f"{view} needs a fill in the online store: {rows} {came} lifted without this change (featc apply)"


def _source_row(found: Status, s: SourceStatus) -> list[str]:
    behind = _ago(found.now - s.watermark) if s.watermark is not None else "–"
    counts = (s.accepted, s.duplicates, sum(s.rejected.values()))
    known_from = _moment(s.horizon) if s.horizon is not None else "the start"
    return [s.name, _moment(s.watermark), behind, known_from, _moment(s.pushed_at), *(str(n) for n in counts)]


def _tiles_row(name: str, tiles: TilesStatus) -> list[str]:
    if tiles.range is None:
        return [name, "nothing", "–", "–"]
    first, past = (_moment(t).removesuffix(" 00:00:00") for t in tiles.range)
    files = {True: "as then", False: "may have changed", None: "none to tell by"}[tiles.unchanged]
    if not tiles.as_defined:
        files = "its states as defined now are not backfilled"
    open_days = f"{tiles.open} and more: a run was stopped" if tiles.stopped else str(tiles.open)
    return [name, f"{first} … {past}", open_days, files]


def _say_stale(session: Session, stale: tuple[tuple[str, str, str], ...]) -> None:
    if not session.quiet:
        session.say("\nstale:" if stale else "\nnothing is stale")
    for kind, name, why in stale:
        session.say(f"{'' if session.quiet else '  '}{kind} {name}: {why}")


def _moment(us: int | None) -> str:
    """An instant to the second; `–` for none."""
    found = _iso(us)
    if found is None:
        return "–"
    return str(found.replace(microsecond=0, tzinfo=None)) if isinstance(found, datetime) else f"{us} µs"


def _ago(us: int) -> str:
    """A length of time in its two largest units, such as `2d 3h`; one ahead of the clock is `ahead`."""
    if us < 0:
        return "ahead"
    left, parts = us // _SECOND, list[str]()
    for unit, size in _STEPS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count}{unit}")
    return " ".join(p for p in parts[:2] if not p.startswith("0")) or "0s"


# ── for programs ────────────────────────────────────────────────────────────────────────────────────────────


def _data(session: Session, found: Status, stale: tuple[tuple[str, str, str], ...] | None) -> dict[str, Any]:
    store = found.store
    made: dict[str, Any] = {
        "project": found.project,
        "target": found.target,
        "now": _iso(found.now),
        "store": {
            "path": str(store.path),
            "bytes": store.size,
            "readable": store.trouble is None,
            "generation": store.generation,
            "applied_at": _iso(store.applied_at),
            "before": store.before,
            "as_in_yaml": not store.differs,
        },
        "sources": {s.name: _source_data(found, s) for s in found.sources},
        "views": {
            v.name: {
                "fingerprint": v.fingerprint,
                "history": v.history,
                "missed": v.missed,
                "unanswered": v.unanswered,
                "tables": v.tables,
            }
            for v in found.views
        },
        "database": {
            "path": None if found.database.path is None else str(found.database.path),
            "readable": found.database.trouble is None,
            "tiles": {name: _tiles_data(t) for name, t in found.database.tiles.items()},
        },
        "services": {
            s.name: {
                "sources": s.sources,
                "watermark": _iso(s.known_to),
                "verified": s.proof,
                "features": s.features,
                "verified_at": _iso(s.verified_at),
            }
            for s in found.services
        },
    }
    listed = [{"kind": kind, "name": name, "reason": why} for kind, name, why in stale or ()]
    return made if stale is None else made | {"stale": listed}


def _source_data(found: Status, s: SourceStatus) -> Mapping[str, Any]:
    return {
        "watermark": _iso(s.watermark),
        "lag_seconds": (found.now - s.watermark) / _SECOND if s.watermark is not None else None,
        "horizon": _iso(s.horizon),
        "pushed_at": _iso(s.pushed_at),
        "batches": s.batches,
        "accepted": s.accepted,
        "duplicates": s.duplicates,
        "rejected": s.rejected,
    }


def _tiles_data(t: TilesStatus) -> Mapping[str, Any]:
    start, end = t.range or (None, None)
    return {
        "table": t.table,
        "start": _iso(start),
        "end": _iso(end),
        "open_days": t.open,
        "stopped": t.stopped,
        "unchanged": t.unchanged,
        "as_defined": t.as_defined,
    }


def _iso(us: int | None) -> datetime | int | None:
    """An instant; in µs where it is beyond the calendar."""
    try:
        return None if us is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    except OverflowError:
        return us


# ── doctor ──────────────────────────────────────────────────────────────────────────────────────────────────


@command("doctor", "Whether featc can work here.")
@click.pass_context
def doctor(ctx: click.Context, session: Session) -> None:
    """Whether featc can work here: versions, time zones, the project's files, locks and rights, the disk.

    \b
    featc doctor
    featc doctor -p shop --target prod --format json

    Nothing is changed. Exits with 4 if anything fails; a warning is no failure.
    """
    from featc.runtime.doctor import examine

    checks = examine(session.path, session.target)
    failed = [c for c in checks if c.verdict == "fail"]
    if session.is_json:
        shown = [{"name": c.name, "verdict": c.verdict, "found": c.found, "hint": c.hint} for c in checks]
        session.data({"ok": not failed, "checks": shown})
    else:
        width = max(len(c.name) for c in checks)
        for c in checks:
            session.say(f"{c.verdict:4}  {c.name:{width}}  {c.found}")
            if c.hint:
                session.say(f"{'':{width + 8}}= {c.hint}")
    ctx.exit(4 if failed else 0)


COMMANDS = (status, doctor)
