"""What `featc explain` says of a view: where its rows come from, what its windows hold, how each plan computes it and
why, and what the online store may forget. Plain data, read off the same plans that run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from featc.algebra import LAWS, Kind
from featc.decompose import Cell, Parts, decompose
from featc.durations import format_duration
from featc.lower.online import ViewPlan, keep, view_plan
from featc.lower.online_evict import looks_up
from featc.lower.online_layout import is_banded
from featc.lower.online_read import ReadPlan, read_plan
from featc.lower.source import identity, render
from featc.lower.tile_table import WIDTH
from featc.lower.training.cells import shape_of
from featc.lower.training.rows import is_irregular
from featc.lower.training.tiles import why_rows
from featc.resolve.model import Calendar, Closed, Join, Match, Project, Source, View, ViewJoin, Window
from featc.resolve.upstream import reach, read_sources, readers
from featc.visibility import lower_closed, strict
from featc_dialects import duckdb as engine
from featc_dialects import sqlite

_SHAPES = {
    "running": "differences of running totals: it is counted or summed exactly, so what lies before a window can be"
    " taken off again",
    "frame": "window frames over rows and spine on one time line: it cannot be taken off again",
    "latest": "one ASOF join to the last row that has a value",
    "rows": "rows are numbered in event order, and the last ones taken",
    "since": "the last row that begins the window is looked for, and the rows from it on joined by key",
    "current": "each row with the stretch of time for which it holds, joined by key: the next row of the source's key"
    " ends it, whichever entity that one is about",
    "dump": "one ASOF join to the dump in force, whose rows are joined by key",
    "join": "rows joined by key: some are late or superseded, and their state cannot be united with the others'",
}


def explain_view(project: Project, view: View, wanted: frozenset[str] | None = None) -> dict[str, Any]:
    """A view, or of its aggregations the `wanted`. Everything but what needs data: its cost, and what is backfilled.

    In `training`, `reads` is what a training set reads at best; for rows, `reads_because` says why.
    """
    found: dict[str, Any] = {"view": view.name, "entity": list(view.entity), "closed": view.closed}
    found["attributed"] = view.attributed
    given = {k.name: k.given for k in view.keys if k.given is not None}
    found["given"] = {name: project.feature(ref.view, ref.feature).text for name, ref in given.items()}
    if view.source is None:
        return {**found, "source": None, "joins": [], "windows": [], "training": [], "online": None, "retention": None}
    source = project.sources[view.source]
    if view.ahead:
        return {**found, **_explain_labels(project, view, source, decompose(view, wanted))}
    kept = keep(project)
    plan = view_plan(kept, kept.view(view.origin))
    read = read_plan(plan.layout, decompose(plan.layout.view, wanted), lookup=looks_up(plan.layout))
    return {
        **found,
        "source": _source(source, view),
        "joins": [join_explained(project, join, source) for join in view.joins],
        "windows": [{"window": w.name, "holds": edges_in_words(w, view.closed)} for w in read.parts.windows],
        "training": _training(decompose(view, wanted), source, view.attributed is not None or is_irregular(source)),
        "online": _online(plan, read),
        "retention": _retention(plan, source),
    }


def _source(source: Source, view: View) -> dict[str, Any]:
    final = source.final_after
    return {
        "source": source.name,
        "kind": source.kind,
        "arrival": _arrival(source),
        "versions": _versions(source, view),
        "final_after": None if final is None else format_duration(final),
        "visible": f"from max(τ, α{_matures(view)}) on, {_known(view.closed)}",
    }


def _matures(view: View) -> str:
    return "" if view.maturity is None else f", τ + {format_duration(view.maturity)}"


def join_explained(project: Project, join: Join | ViewJoin, source: Source) -> dict[str, Any]:
    """What a join looks up, when and by what knowledge, and what it costs when that changes."""
    if isinstance(join, ViewJoin):
        return _view_join(project, join, source)
    other = join.source
    keys = [f"{k.name} = {render(e)}" for k, e in zip(join.rows.keys, join.keys, strict=True)]
    if join.match is not None:
        return _match(join, join.match, keys, source)
    within = "" if join.rows.ttl is None else f", at most {format_duration(join.rows.ttl)} before it"
    return {
        "join": join.name,
        "source": other.name,
        "keys": keys,
        "columns": list(join.rows.state_columns),
        "finds": f"the last row with its time at or before τ{within}, known when the row of {source.name} entered",
        "online": f"a row of {other.name} that is pushed late has the rows of {source.name} of its key from its time"
        " on looked up and lifted again",
    }


def _view_join(project: Project, join: ViewJoin, source: Source) -> dict[str, Any]:
    """The same of a join with another view."""
    read = readers(project, join.pairs)
    rows = {s: None for v in read for s in read_sources(project, v)}
    listed, before = " or ".join(rows), " or ".join(dict.fromkeys(_before(v.closed) for v in read))
    spans = [reach(project, join.pairs, v) for v in read]
    known = [span - 1 for span in spans if span is not None]
    until = "from its time on"
    if known and len(known) == len(spans):
        until = f"within {format_duration(max(known))} after it"
    return {
        "join": join.name,
        "view": join.view,
        "keys": [f"{k.name} = {render(e)}" for k, e in zip(join.keys_of, join.keys, strict=True)],
        "columns": [f.feature for f in join.features],
        "finds": f"its features at τ, by what was known {before} the row of {source.name} entered",
        "online": f"a row of {listed} that is pushed late has the rows of {source.name} of its key {until}, as far as"
        " they could know it, looked up and lifted again",
    }


def _before(closed: Closed) -> str:
    return "before" if strict(closed) else "when"


def _match(join: Join, match: Match, keys: list[str], source: Source) -> dict[str, Any]:
    """What a match finds, from when on the event counts, and what it costs when the match changes."""
    other, within = join.source, format_duration(match.within)
    late = f" + {format_duration(other.delay)}" if other.delay else ""
    counts = f"the row counts from τ + {within}{late} on" if match.mature else "the row counts at once"
    return {
        "join": join.name,
        "source": other.name,
        "keys": keys,
        "columns": list(join.rows.state_columns),
        "finds": f"the {match.take} row from τ up to {within} after it, by what is known; {counts}",
        "online": f"a row of {other.name} has the rows of {source.name} of its key, up to {within} before it, lifted"
        " again, one for each answer they have had",
    }


def _known(closed: Closed) -> str:
    return "when that is before t" if strict(closed) else "when that is not after t"


def _arrival(source: Source) -> str:
    if source.members and source.available_at is not None:
        return f"α of each of {', '.join(m.source.name for m in source.members)}"
    if source.available_at is not None:
        return f"α = {render(source.available_at)}"
    return f"α = τ + {format_duration(source.delay)}" if source.delay else "α = τ: a row is known as soon as it happens"


def _versions(source: Source, view: View) -> str:
    if source.in_dumps:
        return "rows of one time and arrival are one dump, in force until a later one is; it ends what it does not hold"
    if identity(source, view) is None:
        return "every row is an event of its own"
    if source.members and source.id:
        return "rows of one source and id are versions of one event; the next to arrive supersedes"
    if source.id:
        return f"rows of one {', '.join(source.id)} are versions of one event; the next to arrive supersedes"
    return "rows of one key and time are versions; the next to arrive supersedes"


def edges_in_words(window: Window, closed: Closed) -> str:
    """Which visible events a window holds, as a condition on τ (semantics.md, "Windows")."""
    if window.calendar is not None:
        return _calendar_in_words(window.calendar, closed)
    if window.current:
        return "the rows that hold at t, one for each key of the source"
    if window.since is not None:
        return f"from the last of the events with {window.since} on, in event order, it included"
    if window.is_ahead:
        end = f"t + {format_duration(window.length or 0)}"
        return f"t ≤ τ < {end}" if strict(closed) else f"t < τ ≤ {end}"
    offset = f" − {format_duration(window.offset)}" if window.offset else ""
    upper = f"t{offset}"
    if window.align and window.hop:
        upper = f"u = floor((t{offset}) / {format_duration(window.hop)})"
    less = "<" if strict(closed) else "≤"
    lower = ""
    if window.length is not None:
        back = format_duration(window.length + (0 if window.align else window.offset))
        base = f"{'u' if window.align else 't'} − {back}"
        if window.hop and not window.align:
            base = f"floor(({base}) / {format_duration(window.hop)})"
        lower = f"{base} {'≤' if lower_closed(closed) else '<'} "
    text = f"{lower}τ {less} {upper}"
    if window.rows is None:
        return text
    return f"the last {window.rows} of the rows with {text}"


def _calendar_in_words(calendar: Calendar, closed: Closed) -> str:
    now = f"the {calendar.unit} of t in {calendar.zone}"
    if not calendar.previous:
        return f"begin of {now} ≤ τ {'<' if strict(closed) else '≤'} t"
    before = "one" if calendar.previous == 1 else f"{calendar.previous}"
    return f"begin of the {calendar.unit} {before} before {now} ≤ τ < begin of {now}"


def _explain_labels(project: Project, view: View, source: Source, parts: Parts) -> dict[str, Any]:
    """A view of labels: rows of one knowledge, so that none is late or superseded."""
    final = source.settles
    late = f" + {format_duration(final)}" if final else ""
    known = {**_source(source, view), "visible": "by all that is known, or with --known-at T what was known at T"}
    return {
        "source": known,
        "joins": [join_explained(project, join, source) for join in view.joins],
        "windows": [{"window": w.name, "holds": edges_in_words(w, view.closed)} for w in parts.windows],
        "training": _training(parts, source, irregular=False),
        "online": None,
        "retention": None,
        "labels": {
            "complete": f"when t + the longest window{late} ≤ the instant to which {source.name} reaches; else NULL",
            "online": "labels are in training sets only",
        },
    }


def _training(parts: Parts, source: Source, irregular: bool) -> list[dict[str, Any]]:
    found = []
    for finish in parts.finishes:
        for cell in finish.states.values():
            shape = shape_of(cell, irregular)
            why = _SHAPES["rows" if cell.window.since is None else "since"] if shape == "rows" else _SHAPES[shape]
            if shape == "current" and source.in_dumps:
                why = _SHAPES["dump"]
            if irregular and shape not in ("join", "rows", "current") and engine.merges(cell.partial.kind):
                why += "; late and superseded rows are joined by key and united with it"
            rows = why_rows(cell, WIDTH)
            found.append(
                {
                    "aggregation": finish.aggregation.name,
                    "aggregate": finish.aggregation.aggregate,
                    "window": cell.window.name,
                    "state": cell.partial.name,
                    "shape": shape,
                    "because": why,
                    "reads": "tiles" if rows is None else "rows",
                    "reads_because": rows,
                }
            )
    return found


def _online(plan: ViewPlan, read: ReadPlan) -> dict[str, Any]:
    layout = plan.layout
    width = layout.width if read.tiled else None
    return {
        "tile_width": None if width is None else format_duration(width),
        "bands": read.bands if read.bands_sql else 0,
        "statements": len(statements(read)),
        "states": [{"state": c.name, **_how_read(c, read)} for c in read.parts.cells],
        "lookup": read.lookup_sql is not None,
    }


def statements(read: ReadPlan) -> tuple[str, ...]:
    """The statements of a read."""
    found = (read.bands_sql, *read.picks_sql, *(s.sql for s in read.sets), *(m.sql for m in read.members))
    return tuple(sql for sql in (*found, read.lookup_sql) if sql is not None)


def _how_read(cell: Cell, read: ReadPlan) -> dict[str, str]:
    """From what a state comes online, and why."""
    if cell in read.cells:
        if cell.partial in read.layout.tiled and read.tiled:
            return {"from": "tiles", "because": "tiles inside its bands, rows at their edges"}
        return {"from": "rows", "because": "its windows are too short to be worth tiles"}
    if any(cell == pick.cell for pick in read.picks):
        return {"from": "one row", "because": "the first in its order answers"}
    if cell.partial.kind is Kind.SERIES:
        return {"from": "rows", "because": "its state is the rows, so a read takes all that its window holds"}
    if any(cell in s.cells for s in read.sets):
        return {"from": "rows", "because": "a set of values has no bounded state"}
    if cell.window.current:
        of_dump = "the entity's rows of the dump in force"
        others = "of the entity's rows those are taken whose key has no newer one"
        return {"from": "rows", "because": of_dump if read.layout.source.in_dumps else others}
    if cell.window.since is not None:
        until = "rows are read newest first up to the one that begins the window, all of them where none does"
        return {"from": "rows", "because": until}
    if cell.window.rows is not None:
        return {"from": "rows", "because": f"the last {cell.window.rows} are folded in process"}
    why = sqlite.unsupported(cell.partial.kind, cell.partial.types)
    return {"from": "rows", "because": why or f"{cell.partial.kind.value} is folded in process"}


def _retention(plan: ViewPlan, source: Source) -> dict[str, Any]:
    superseded = "no row is superseded"
    if plan.layout.superseded:
        superseded = "rows go once a later version arrived before the horizon"
    if source.in_dumps:
        superseded = "rows of a dump go once a later one was in force before the horizon"
    if plan.evict.kept is not None:
        return {"superseded": superseded, "rows": f"all stay: {plan.evict.kept}", "tiles": "all stay"}
    final = format_duration(source.final_after or 0)
    kept = _kept(plan.layout.parts.cells, plan)
    rows = f"go when they are {final} older than the horizon and no window of a read can begin in them{kept}"
    tiles = "become one per entity" if plan.evict.merge_sql else "go with their rows"
    return {"superseded": superseded, "rows": rows, "tiles": tiles if plan.layout.tiled else "there are none"}


def _kept(cells: Sequence[Cell], plan: ViewPlan) -> str:
    """Which of the old rows stay for all others."""
    lifetime = [c for c in cells if not c.window.bounded and not (is_banded(c) and c.partial in plan.layout.tiled)]
    kept = [f"the last {c.window.rows}" for c in lifetime if c.window.rows is not None]
    lifetime = [c for c in lifetime if c.window.rows is None]
    kept += [f"the one behind {c.name}" for c in lifetime if LAWS[c.partial.kind].ordered]
    kept += [f"one per {c.partial.slots[0]}" for c in lifetime if c.partial.slots and not LAWS[c.partial.kind].ordered]
    kept += ["the row that holds"] if looks_up(plan.layout) and plan.layout.view.ttl is None else []
    return f"; of each entity stay {', '.join(dict.fromkeys(kept))}" if kept else ""
