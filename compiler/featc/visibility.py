"""The one window rule: when is a row seen, and which rows does a window hold (semantics.md, "Events and versions",
"Observation", "Windows").

Every lowering (training SQL, online SQL, the in-process fold) calls this module and nothing else decides an edge.

All instants are integer microseconds, so open and closed edges are one microsecond apart and every rule can be said
with inclusive bounds:

* `x ⊲ y` is `x <= y - strict`, with `strict` 1 for `closed: left|neither` and 0 for `right|both`.
* A window at `t` holds the visible events with `after(t) < τ <= upto(t)`:
  `upto = top - strict`, `after = base - lower_closed`, where `top = t - offset` (floored to the hop when aligned) and
  `base = top - length` (floored to the hop when it is a sawtooth).
* A calendar window begins with a unit: `after = begin - 1`. To date it goes up to `t - strict`; so many whole units
  before the current one go up to where that begins, whatever `closed` says. The unit that began last, at or before
  `t`, is the current one: at its first instant it is current and holds nothing yet.
* A window `next_W` of labels at `t` holds `t - strict < τ <= t + W - strict`: it begins where the past of the view
  ends, so that no event is in both (semantics.md, "Labels").
* A version is visible at `t` when `enter <= t - strict` and not `superseded <= t - strict`.

Where units begin is a question of zone tables, of which only DuckDB's are asked (`featc_dialects.duckdb_calendar`): SQL
finds the answers in columns beside the instant, and who asks for numbers brings a `Begins`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from featc.resolve.model import Calendar, Closed, Window

AS_OF = "_as_of"
"""The column of the instant that is asked for, in µs."""

Begins = Callable[[Calendar, int], tuple[int, int]]
"""(where the unit that is current at an instant begins, and where the `previous`-th before it does), in µs."""


def no_calendar(calendar: Calendar, t: int) -> tuple[int, int]:
    """The `Begins` of those who never ask for a calendar window."""
    raise AssertionError(f"nobody brought a calendar for {calendar} at {t}")


@dataclass(frozen=True, slots=True)
class Edges:
    """The two bounds of one window at one instant: holds `after < τ <= upto`; `after` None is no lower bound."""

    after: int | None
    upto: int


def strict(closed: Closed) -> int:
    """1 where `x ⊲ y` means `x < y`, 0 where it means `x <= y`."""
    return 1 if closed in ("left", "neither") else 0


def lower_closed(closed: Closed) -> int:
    """1 where a window's lower edge belongs to it."""
    return 1 if closed in ("left", "both") else 0


def horizon(t: int, closed: Closed) -> int:
    """The last instant that lies `⊲ t`: what entered by then is seen at `t`."""
    return t - strict(closed)


def edges(window: Window, t: int, closed: Closed, begins: Begins = no_calendar) -> Edges:
    """The bounds of `window` at `t`. Floors are mathematical, also before 1970.

    They never move back as `t` moves on. A `since` window has the bounds of `lifetime`: where it begins is up to the
    events in it.
    """
    if window.calendar is not None:
        current, first = begins(window.calendar, t)
        return Edges(first - 1, current - 1 if window.calendar.previous else t - strict(closed))
    top = t - window.offset
    if window.align and window.hop:
        top = top // window.hop * window.hop
    upto = top - strict(closed)
    if window.length is None:
        return Edges(None, upto)
    base = top - window.length
    if window.hop and not window.align:
        base = base // window.hop * window.hop
    return Edges(base - _below(window, closed), upto)


def _below(window: Window, closed: Closed) -> int:
    """How far below a window's lower end the last τ lies that it does not hold."""
    return strict(closed) if window.is_ahead else lower_closed(closed)


# ── the same rule as SQL text ─────────────────────────────────────────────────────────────────────────────────────
# `t` is the SQL name of an integer column of microseconds. floor-division is spelled with `%`, which both engines
# truncate toward zero, hence the correction for negative remainders. Where calendar windows are asked, `t` is made of
# the column `_as_of`, beside which stand the columns of `begin_columns`.


def begin_column(calendar: Calendar, back: int) -> str:
    """The column that says where the unit begins that lies `back` before the current one."""
    zone = re.sub(r"\W", "_", calendar.zone.replace("+", "_plus_").replace("-", "_minus_"))
    return f"_begin_{calendar.unit}{f'_{back}' if back else ''}_{zone}"


def begin_columns(windows: Iterable[Window]) -> dict[str, tuple[Calendar, int]]:
    """The columns that windows need beside the instant: which calendar's, and how many units back."""
    found: dict[str, tuple[Calendar, int]] = {}
    for calendar in (w.calendar for w in windows if w.calendar is not None):
        for back in dict.fromkeys((0, calendar.previous)):
            found[begin_column(calendar, back)] = (calendar, back)
    return found


def _beside(t: str, column: str) -> str:
    return t.replace(AS_OF, column)


def floor_to_sql(value: str, hop: int) -> str:
    """The greatest multiple of `hop` that is not above `value`, also before 1970."""
    return f"({value}) - ((({value}) % {hop}) + {hop}) % {hop}"


def _minus(value: str, amount: int) -> str:
    if amount == 0:
        return value
    return f"{value} - {amount}" if amount > 0 else f"{value} + {-amount}"


def horizon_sql(t: str, closed: Closed) -> str:
    return _minus(t, strict(closed))


def upto_sql(window: Window, t: str, closed: Closed) -> str:
    """The greatest τ the window holds."""
    if window.calendar is not None and window.calendar.previous:
        return _minus(_beside(t, begin_column(window.calendar, 0)), 1)
    if window.align and window.hop:
        return _minus(floor_to_sql(_minus(t, window.offset), window.hop), strict(closed))
    return _minus(t, window.offset + strict(closed))


def after_sql(window: Window, t: str, closed: Closed) -> str | None:
    """The greatest τ below the window, or None when it has no lower end."""
    if window.calendar is not None:
        return _minus(_beside(t, begin_column(window.calendar, window.calendar.previous)), 1)
    if window.length is None:
        return None
    below = _below(window, closed)
    if window.hop:
        from_ = window.offset if window.align else window.offset + window.length
        floored = floor_to_sql(_minus(t, from_), window.hop)
        return _minus(floored, below + (window.length if window.align else 0))
    return _minus(t, window.offset + window.length + below)


def visible_sql(enter: str, superseded: str | None, t: str, closed: Closed) -> str:
    """The predicate "visible at t" over columns `enter` and `superseded` (NULL when never superseded)."""
    known = horizon_sql(t, closed)
    if superseded is None:
        return f"{enter} <= {known}"
    return f"{enter} <= {known} AND ({superseded} IS NULL OR {superseded} > {known})"


def known_sql(arrival: str, superseded: str | None, k: int | None, closed: Closed) -> list[str]:
    """The conditions that a version counts at the knowledge instant `k` (None: ∞), whatever its τ (semantics.md,
    "Observation"): `α ⊲ k` and not `α(next) ⊲ k`."""
    if k is not None:
        return [visible_sql(arrival, superseded, str(k), closed)]
    return [] if superseded is None else [f"{superseded} IS NULL"]
