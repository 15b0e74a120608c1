"""The windows: the built-in names, what may stand under `windows:`, and where each begins and ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

from featc.durations import UNITS, parse_duration
from featc.resolve.model import Calendar, Closed, Window
from featc.resolve.windows import builtin_window, suffix_of
from featc.runtime.online.calendars import begins
from featc.visibility import edges, strict
from generating.markdown import MADE, code, page, prose, table

T = datetime(2026, 6, 15, 10, 20, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BUILT_IN = {
    "last_<duration>": ("last_7d", "the events of the last seven days"),
    "prev_<duration>": ("prev_7d", "the equal span before `last_7d`"),
    "last_<n>_rows": ("last_10_rows", "the last ten events that pass `where`"),
    "lifetime": ("lifetime", "all events there ever were"),
    "current": ("current", "of [rows that hold](../how-to/states.md): those that hold at `t`, one for each key"),
    "next_<duration>": ("next_7d", "of labels alone: the seven days that begin at `t`"),
}
_OWN = {
    "{range: 6h}": ("as `last_6h`, under a name of yours; `6h` alone says the same", Window("w", _H := 6 * UNITS["h"])),
    "{range: 6h, offset: 1h}": ("ends an hour before `t`", Window("w", _H, UNITS["h"])),
    "{range: 6h, hop: 1h}": (
        "the older end steps from hour to hour: six to seven hours",
        Window("w", _H, hop=UNITS["h"]),
    ),
    "{range: 6h, hop: 1h, align: true}": (
        "both ends step: always six whole hours",
        Window("w", _H, hop=UNITS["h"], align=True),
    ),
    "{rows: 5}": ("the last five events that pass `where`", Window("w", rows=5)),
    "{rows: 5, range: 6h}": ("the last five, none older than six hours", Window("w", _H, rows=5)),
    "{rows: 5, offset: 1h}": ("the last five of those that are an hour old", Window("w", None, UNITS["h"], rows=5)),
    "{lifetime: true, offset: 1h}": ("everything but the last hour", Window("w", None, UNITS["h"])),
    "{calendar: month}": ("the current month, up to `t`", Window("w", calendar=Calendar("month"))),
    "{calendar: day, timezone: Europe/Berlin}": (
        "the current day by Berlin's clocks, up to `t`",
        Window("w", calendar=Calendar("day", "Europe/Berlin")),
    ),
    "{calendar: week, previous: 2}": (
        "the two whole weeks before the current one; weeks begin on Monday",
        Window("w", calendar=Calendar("week", previous=2)),
    ),
    "{since: \"status = 'failed'\"}": (
        "from the last event on for which that is true, it included; nothing where there is none",
        Window("w", since="w"),
    ),
    "{next: 6h}": ("of labels alone: as `next_6h`, under a name of yours", Window("w", _H, -_H)),
}
_SERIES = """\
feature_views:
  user_weeks:
    entity: user
    source: orders
    features:
      spend:
        sql: sum(amount)
        over: {range: 7d, offset: "{offset}"}
        each: {offset: [0d, 7d, 14d]}
        name: "spend_before_{offset}"     # spend_before_0d, spend_before_7d, spend_before_14d
      weekly_spend:
        sql: sum(amount)
        over: {range: 7d, offsets: [0d, 7d, 14d]}     # [this week's, last week's, the week's before]
"""
_LAST_7D = Window("last_7d", parse_duration("7d"))


def windows_page() -> str:
    return page(
        "# Windows",
        prose(
            f"{MADE} [Windows, visibility and tiles](../windows-and-time.md) explains them with pictures. A "
            "window holds "
            f"rows that are visible at `t`; the bounds below are those of their time, at `t` = {_shown(T)}, "
            "under `closed: left`."
        ),
        "## Built in",
        table(("over …", "holds", "from", "before", "a family's suffix"), map(_built_in, _BUILT_IN)),
        prose(
            f"A duration is one or more numbers with the units {', '.join(code(u) for u in reversed(UNITS))}, such as "
            "`90m` or `1d12h`. Months and years are not of one length: write `30d` or `365d`. Built-in windows "
            "are used "
            "without being declared, and cannot be declared anew."
        ),
        "## Under `windows:`",
        table(("written", "holds", "from", "before"), (_own(written) for written in _OWN)),
        prose(
            "A family's suffix is the window's name. `hop` belongs to a `range` alone: neither with `rows` nor with "
            "`lifetime`. `align` needs `hop`. `calendar`, a `day`, `week`, `month`, `quarter` or `year`, goes with "
            "`timezone` (`UTC` if not given) and `previous` alone, and `since` with nothing."
        ),
        prose(
            "Units of a calendar lie side by side. A day begins at its first instant in the zone, whatever the clocks "
            "do about midnight, and lasts until the next begins; at that very instant the new day is the current one. "
            "A window of whole units begins with the first and ends before the current one, whatever `closed` says; "
            "one to date begins with its first instant."
        ),
        prose(
            "`since` takes the events that are visible at `t` and pass `where`; the condition is over the columns of "
            "the source that a view reads. Events of one instant are in [event order](../windows-and-time.md#equal-"
            "instants), and of those that nothing else tells apart one that satisfies the condition is the last."
        ),
        "## `over:` of a feature",
        prose(
            "A feature may say a window of its own, for its aggregates without `OVER`: `range`, `rows`, `lifetime`, "
            "`hop`, `align` and `offset` as above. It is no family. With `each:` the offset makes a series of "
            "features, and `offsets:` makes one feature, a list with an element for each offset, in that order."
        ),
        f"<!-- file: features/shop/features/series.yaml -->\n```yaml\n{_SERIES}```",
        "## `closed:`",
        prose("Which ends belong to a window, and whether what happens at `t` itself is seen at `t`."),
        table(
            ("closed", "`last_7d` holds", "`prev_7d` holds", "a row that enters at `t`"), map(_closed, get_args(Closed))
        ),
    )


def _built_in(form: str) -> tuple[str, ...]:
    name, holds = _BUILT_IN[form]
    window = builtin_window(name)
    assert window is not None, name
    return (code(form), holds, *_bounds(window), code(suffix_of(window)))


def _own(written: str) -> tuple[str, ...]:
    holds, window = _OWN[written]
    return (code(written), holds, *_bounds(window))


def _bounds(window: Window) -> tuple[str, str]:
    """The first instant a window holds at T, and the first after it."""
    if window.current:
        return "", ""
    if window.since is not None:
        return "that event", _shown(T)
    found = edges(window, _us(T), "left", begins)
    return ("" if found.after is None else _shown(_at(found.after + 1)), _shown(_at(found.upto + 1)))


def _closed(closed: Closed) -> tuple[str, ...]:
    left = "≤" if closed in ("left", "both") else "<"
    right = "<" if strict(closed) else "≤"
    seen = "is not seen" if strict(closed) else "is seen"
    default = " (default)" if closed == "left" else ""
    spans = (f"`t − 7d {left} τ {right} t`", f"`t − 14d {left} τ {right} t − 7d`")
    return (f"`{closed}`{default}", *spans, seen)


def _us(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _at(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


def _shown(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"
