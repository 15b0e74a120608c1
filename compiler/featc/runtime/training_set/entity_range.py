"""A spine made of a range of instants: every entity that there was by then, at each of them (interfaces.md, `featc
dataset --start T --end T --every D`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from featc.durations import BadDuration, format_duration, parse_duration
from featc.errors import Diagnostic, FeatcError
from featc.lower.backfill.entities import entity_range_sql
from featc.resolve.model import Output, Project, View, feature_closure
from featc.resolve.needs import spine_columns
from featc.runtime.backfill.session import moment
from featc.runtime.online.store import Instant, instant

_MOST = 1_000_000
"""Instants of one range; more is a slip of the pen."""


@dataclass(frozen=True, slots=True)
class EntityRange:
    """The instants from `start` on, `step` apart, before `end`, in µs."""

    start: int
    end: int
    step: int

    @classmethod
    def parsed(cls, text: str) -> EntityRange:
        """The range that `str` wrote."""
        start, end, every = text.split("/")
        return cls(instant(start), instant(end), parse_duration(every))

    def __str__(self) -> str:
        first, past = (moment(t).isoformat() + "Z" for t in (self.start, self.end))
        return f"{first}/{past}/{format_duration(self.step)}"

    def sql(self, project: Project, outputs: Sequence[Output]) -> str:
        """SELECT of the spine for `outputs`: a row for each instant and each entity that was visible then or before,
        ordered by instant and key. Raises FeatcError F500 where no one set of rows says which entities there are."""
        _, request = spine_columns(project, outputs)
        if request:
            names = ", ".join(name for name, _ in request)
            raise _needs_spine(f"a range of instants has no request columns, and these features need {names}")
        return entity_range_sql(project, _entity_views(project, outputs), range(self.start, self.end, self.step))


def asked_range(start: Instant, end: Instant, every: str | timedelta | None) -> EntityRange | None:
    """The range that a user asks for; None when he asks for none. Raises FeatcError F500 (exit code 2) for an
    incomplete or empty one, F632 for what is no instant."""
    if start is None and end is None and every is None:
        return None
    if start is None or end is None or every is None:
        raise _needs_spine("a range of instants needs start, end and every")
    try:
        step = every // timedelta(microseconds=1) if isinstance(every, timedelta) else parse_duration(every)
    except BadDuration as error:
        raise _needs_spine(f"every is no duration: {error}") from None
    found = EntityRange(instant(start), instant(end), step)
    if step <= 0 or found.start >= found.end:
        raise _needs_spine("the range holds no instant: end is the first instant after it")
    if (found.end - found.start) // step > _MOST:
        raise _needs_spine(f"a range of more than {_MOST:,} instants")
    return found


def _needs_spine(message: str) -> FeatcError:
    hint = "write --start 2026-01-01 --end 2026-02-01 --every 1d; or give a spine, with a row for each answer wanted"
    return FeatcError(Diagnostic("F500", message, hint=hint), exit_code=2)


def _entity_views(project: Project, outputs: Sequence[Output]) -> list[View]:
    """The views whose rows say which entities there are: all that read rows, if they have the same keys."""
    pairs = feature_closure(project, tuple((o.view, o.feature) for o in outputs))
    views = [project.view(name) for name in dict.fromkeys(name for name, _ in pairs)]
    reading = [v for v in views if v.source is not None and any(k.given is None for k in v.keys)]
    keys = {tuple(sorted(k.name for k in v.keys)): v for v in reading}
    if len(keys) > 1 or any(k.given is not None for v in reading for k in v.keys):
        listed = "; ".join(f"{v.origin} has {', '.join(names)}" for names, v in keys.items())
        raise _needs_spine(f"these features have several different keys, and no rows bring them together: {listed}")
    needed = {name for name, _ in spine_columns(project, outputs)[0]}
    if not reading and needed:
        raise _needs_spine(f"no rows say which {', '.join(sorted(needed))} there are")
    if reading and needed != {k.name for k in reading[0].keys}:
        raise _needs_spine(f"these features have several different keys: {', '.join(sorted(needed))}")
    # labels have the entities of their view; a view is named once
    return list({v.origin: v for v in reading}.values())
