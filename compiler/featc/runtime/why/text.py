"""The report for people: at most 100 characters wide, no colours, all instants in UTC."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from featc.runtime.texts import to_text
from featc.runtime.why.model import Counted, Explained, LookedUp, OnlineRows, Plan, WhyReport
from featc.runtime.why.rows_text import rows_of, rows_of_lookup
from featc.runtime.why.timeline import timeline
from featc.runtime.why.words import instant_words, span_words

ROOM = 100


def as_text(report: WhyReport) -> str:
    """The whole report."""
    lines = [*_head(report), ""]
    known: dict[tuple[object, ...], str] = {}
    for explained in report.features:
        lines += [*_feature(explained, report.at, known), ""]
    return "\n".join(line.rstrip() for line in lines).rstrip()


def wrapped(text: str, indent: int = 0, hanging: int | None = None) -> list[str]:
    """A text in lines that fit."""
    after = " " * (indent + 4 if hanging is None else hanging)
    made = textwrap.wrap(
        text, ROOM, initial_indent=" " * indent, subsequent_indent=after, break_on_hyphens=False,
        break_long_words=True,
    )  # fmt: skip
    return made or [""]


# ── the head ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _head(report: WhyReport) -> Iterator[str]:
    value = to_text(report.training.value) if report.training.there else "no value"
    yield from wrapped(f"{report.service}.{report.output} = {value}")
    given = ", ".join(f"{k} = {to_text(v)}" for k, v in {**report.keys, **report.request}.items()) or "the whole"
    yield from wrapped(f"{given}, at {instant_words(report.at)} UTC")
    yield from wrapped(_plans(report.training, report.online, report.differs))
    if report.differs:
        for reason in _differences(report):
            yield from wrapped(reason, 2)
    for note in report.notes:
        yield from wrapped(f"note: {note}")


def _plans(training: Plan, online: Plan, differs: bool) -> str:
    first = f"training {to_text(training.value)}" if training.there else f"training has none: {training.missing}"
    if not online.there:
        return f"{first}; online: {online.missing}"
    second = f"online {to_text(online.value)}"
    if not training.there:
        return f"{first}; {second}"
    return f"{first}, {second}: they DIFFER" if differs else f"{first}, {second}: equal"


def _differences(report: WhyReport) -> Iterator[str]:
    """What makes the plans differ, as far as rows tell."""
    found: list[str] = []
    for explained in report.features:
        for counted in explained.aggregates:
            found += _apart(counted, counted.online) if counted.online is not None else []
        state = explained.state
        own = None if state is None else next((r.time for r in state.rows if r.standing in ("holds", "fails")), None)
        if state is not None and state.online is not None and state.online.time != own:
            theirs = "no row" if state.online.time is None else f"the row of {instant_words(state.online.time)}"
            ours = "none" if own is None else f"that of {instant_words(own)}"
            found.append(f"a lookup of {state.source} in the store comes upon {theirs}, and in the source upon {ours}")
    yield from found
    if found:
        yield "featc push, or featc materialize, brings what is lacking into the store"
    elif beside := [f"{c.view}.{name}" for f in report.features for c in f.aggregates for name in c.beside]:
        yield f"the store has the same rows; what lies beside them may be lacking: {', '.join(dict.fromkeys(beside))}"
    else:
        yield "the store has the same rows: featc verify tells whether this is a mistake of featc's"


def _apart(counted: Counted, online: OnlineRows) -> Iterator[str]:
    for rows, words in (
        (online.lacking, f"the store lacks of {counted.source}, in {counted.window}"),
        (online.surplus, f"only the store has of {counted.source}, in {counted.window}"),
    ):
        if rows:
            few = "; ".join(f"{instant_words(t)}, known from {instant_words(e)}" for t, e in rows[:3])
            more = f", and {len(rows) - 3} more" if len(rows) > 3 else ""
            yield f"{words}: {'the row' if len(rows) == 1 else f'{len(rows)} rows, those'} of {few}{more}"


# ── a feature ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _feature(explained: Explained, at: int, known: dict[tuple[object, ...], str]) -> Iterator[str]:
    """One feature; `known` are the windows shown before, whose rows need not be shown again."""
    where = f"   {explained.place}" if explained.place else ""
    value = "no value" if explained.failed else to_text(explained.value)
    yield from wrapped(f"{explained.name} = {value}   {explained.type}{where}")
    yield from wrapped(f"= {' '.join(explained.text.split())}", 2)
    if explained.defaulted:
        yield from wrapped(f"its default stands in for NULL: {explained.because}", 2)
    elif explained.because is not None:
        yield from wrapped(f"{'' if explained.failed else 'NULL: '}{explained.because}", 2)
    simple = len(explained.inputs) == 1 and explained.inputs[0].kind in ("aggregate", "state")
    for given in () if simple else explained.inputs:
        yield from wrapped(f"{given.name} = {to_text(given.value)}", 4)
    for counted in explained.aggregates:
        yield ""
        yield from _counted(counted, at, known)
    if explained.state is not None:
        yield ""
        yield from _looked_up(explained.state, at)


def _counted(counted: Counted, at: int, known: dict[tuple[object, ...], str]) -> Iterator[str]:
    text = " ".join(counted.text.split())
    yield from wrapped(f"{text} = {'no value' if counted.failed else to_text(counted.value)}", 2)
    same = known.get(_mark(counted))
    if same is not None:
        yield from wrapped(f"of the same rows as {same}, above", 4)
        return
    known[_mark(counted)] = text
    entity = ", ".join(f"{k} = {to_text(v)}" for k, v in counted.entity.items())
    yield from wrapped(f"rows of {counted.source}{f' of {entity}' if entity else ''}, {_edges(counted)}", 4)
    if counted.where:
        yield from wrapped(f"where {counted.where}", 4)
    for name, finds in counted.beside.items():
        yield from wrapped(f"{name}: {finds}", 4)
    yield from (f"  {line}" for line in timeline(counted.marks, counted.lower, counted.upper, at))
    yield from rows_of(counted, ROOM)
    if counted.online is not None:
        yield from wrapped(f"online: {_tiles(counted.online)}", 4)


def _mark(counted: Counted) -> tuple[object, ...]:
    """What two windows have alike whose rows look the same."""
    rows = tuple((r.standing, r.time, r.enter, *r.values) for r in counted.rows)
    return (counted.view, tuple(map(repr, counted.entity.items())), counted.window, counted.filter, rows)


def _edges(counted: Counted) -> str:
    """The edges as instants, and the rule they follow."""
    if counted.window == "current":
        return f"those that hold at {instant_words(counted.upper.at)}"
    closed = f"{counted.words}, closed: {counted.closed}"
    upper = instant_words(counted.upper.at)
    if counted.lower is None:
        return f"up to {upper}, {'it included' if counted.upper.included else 'it excluded'}: {closed}"
    zone = f", units of {counted.zone}" if counted.zone else ""
    brackets = "[" if counted.lower.included else "(", "]" if counted.upper.included else ")"
    return f"in {brackets[0]}{instant_words(counted.lower.at)}, {upper}{brackets[1]}: {closed}{zone}"


def _tiles(online: OnlineRows) -> str:
    rows = _rows(online.raw)
    if not online.tiles:
        return f"no tile, {rows} in reach"
    used = [t for t in online.tiles if t.used]
    rest = len(online.tiles) - len(used)
    held = sum(t.rows for t in used)
    text = f"{len(used)} tile{'' if len(used) == 1 else 's'} of {span_words(online.tiles[0].width)} with {_rows(held)}"
    if used:
        text += f" from {instant_words(used[0].start)} on"
    text += f", and {rows} one by one"
    return text + (f"; {rest} not settled at that instant, read by its rows" if rest else "")


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"


def _looked_up(state: LookedUp, at: int) -> Iterator[str]:
    from featc.runtime.why.model import Edge

    entity = ", ".join(f"{k} = {to_text(v)}" for k, v in state.entity.items())
    ttl = "" if state.ttl is None else f", not older than {span_words(state.ttl)}"
    yield from wrapped(f"the row of {state.source}{f' of {entity}' if entity else ''} that holds{ttl}", 2)
    if state.where:
        yield from wrapped(f"where {state.where}", 4)
    if state.because is not None:
        yield from wrapped(f"none: {state.because}", 4)
    upper = Edge(at, state.closed in ("right", "both"))
    yield from (f"  {line}" for line in timeline(state.marks, state.limit, upper, at))
    yield from rows_of_lookup(state, ROOM)
    if state.online is not None:
        none = "comes upon no row"
        row = none if state.online.time is None else f"comes upon the row of {instant_words(state.online.time)}"
        yield from wrapped(f"online: {row}", 4)


