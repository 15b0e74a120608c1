"""Random snapshot sources: whole dumps, late, of one time, replaced, each much like an earlier one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from oracle import Row, Value

from .choices import Draw
from .expressions import column, compare, literal
from .histories import VALUE_TYPES, History, Key, RowMaker, Traits, declare, draw_let
from .model import Case, Push, Read, SourceSpec
from .timeline import Timeline

Dump = list[dict[str, Value]]


def draw_dumps(draw: Draw, name: str, line: Timeline, keys: Mapping[str, str], domain: list[Key]) -> History:
    """A snapshot source over the keys (name -> SQL type), of a row for each or for each part of one."""
    finer = draw.chance(60)
    prefix = "c_" if draw.chance(25) else ""
    key_columns = {k: prefix + k for k in keys}
    types = {prefix + k: t for k, t in keys.items()} | {"ts": "timestamp"} | ({"part": "integer"} if finer else {})
    traits = draw_traits(draw, line, types)
    values = ["i", "x", *draw.some([v for v in VALUE_TYPES if v not in "ix"], 0, 3)]
    types |= {v: VALUE_TYPES[v] for v in values}
    types = {c: types[c] for c in draw.shuffled(list(types))}
    maker = DumpMaker(draw, line, traits, types, types, key_columns, domain)
    rows = tuple(maker.history(draw.between(1, 6)))
    let, names = draw_let(draw, types)
    spec = declare(draw, name, "snapshot", traits, types, types, key_columns, let, rows)
    key = (*key_columns.values(), *(("part",) if finer else ()))
    by_view = not finer and draw.chance(40)  # its key is then that of the view
    yaml = {c: y for c, y in spec.yaml.items() if c != "key"} | ({} if by_view else {"key": list(key)})
    meaning = replace(spec.meaning, key=() if by_view else key)
    return History(replace(spec, meaning=meaning, yaml=yaml), names, rows)


def draw_traits(draw: Draw, line: Timeline, types: dict[str, str]) -> Traits:
    """The declarations that a snapshot can have, and their columns added to `types`."""
    arrival = draw.weighted(((25, "none"), (20, "delay"), (55, "column")))
    if arrival == "column":
        types["arr"] = "timestamp"
    deleted = None
    if draw.chance(20):
        types["op"], deleted = "varchar", compare("=", column("op", "text"), literal("D", "text"))
    tie_break = ("seq",) if draw.chance(30) else ()
    types |= dict.fromkeys(tie_break, "integer")
    if valid_to := "vt" if draw.chance(15) else None:
        types["vt"] = "timestamp"
    delay = line.length(draw, 1, 3) if arrival == "delay" else 0
    return Traits(
        available_at="arr" if arrival == "column" else None,
        delay=delay,
        lag=draw.between(0, 3) * line.unit,
        id=None,
        deleted=deleted,
        tie_break=tie_break,
        valid_to=valid_to,
        final_after=delay + draw.between(0, 8) * line.unit if draw.chance(15) else None,
    )


class DumpMaker(RowMaker):
    """Draws dumps one after the other, most of them as an earlier one with a few rows changed."""

    def history(self, count: int) -> Dump:
        """The rows of some dumps, in an order that means nothing, and a few that belong to none."""
        dumps: list[Dump] = []
        for _ in range(count):
            dumps.append(self.dump(dumps))
            self.made += dumps[-1]
        found = [row for dump in dumps for row in dump]
        for row in found:
            if self.draw.chance(2):
                row[self.draw.one(["ts", *(["arr"] if "arr" in self.types else [])])] = None
        return self.draw.shuffled(found)

    def dump(self, earlier: list[Dump]) -> Dump:
        """One dump: its time and arrival, some rows of an earlier one, perhaps changed, and some of its own."""
        old = self.draw.one(earlier) if earlier and self.draw.chance(80) else []
        rows = [dict(row) for row in old if self.draw.chance(70)]
        for row in rows:
            if self.draw.chance(30):
                self.refill(row, 50)
            if self.draw.chance(12):
                self.place(row)
        rows += [self.fresh() for _ in range(self.draw.between(1, 4))]
        head = rows[-1]
        if head["ts"] is None:
            head["ts"] = self.line.instant(self.draw)
        if "arr" in self.types and head["arr"] is None:
            head["arr"] = head["ts"]
        if "arr" in self.types and self.draw.chance(35):  # after dumps of later times
            head["arr"] = head["ts"] + self.line.length(self.draw, 4, 20)
        for row in rows:
            row |= {c: head[c] for c in ("ts", "arr") if c in row}
            self.mark(row, dead=self.draw.chance(10))
            if "part" in row:
                row["part"] = None if self.draw.chance(2) else self.draw.between(1, 3)
        return rows


def wholes(source: SourceSpec, rows: Sequence[Row]) -> list[list[int]]:
    """The rows of a source that are pushed together, by their numbers: those of one dump, or one row each."""
    if source.meaning.kind != "snapshot":
        return [[n] for n in range(len(rows))]
    dumps: dict[tuple[Value, Value], list[int]] = {}
    for n, row in enumerate(rows):
        dumps.setdefault((row["ts"], row.get("arr")), []).append(n)
    return list(dumps.values())


def with_pushes(draw: Draw, case: Case, history: History) -> Case:
    """The case with the dumps pushed, each whole, before any read that has to know them; some twice."""
    steps = list(case.steps)
    source = history.spec
    waiting = draw.shuffled(wholes(source, history.rows))
    number = 0
    while waiting:
        count = draw.between(1, 2)
        taken, waiting = waiting[:count], waiting[count:]
        rows = draw.shuffled([n for dump in taken for n in dump])
        token = f"d{number}" if draw.chance(50) else None
        push = Push(source.name, tuple(rows), token, draw.one(("dicts", "arrow")))
        last = first_read(case, steps, history, rows)
        place = draw.between(0, last)
        steps.insert(place, push)
        if draw.chance(25):
            steps.insert(draw.between(place + 1, len(steps)), replace(push, token=draw.one((None, token)), replay=True))
        number += 1
    return case.with_(steps=tuple(steps))


def first_read(case: Case, steps: list[Push | Read], history: History, rows: list[int]) -> int:
    """The place of the first read at an instant by which one of the rows has arrived."""
    meaning = history.spec.meaning
    alphas = [history.rows[n][meaning.available_at or meaning.time] for n in rows]
    least = min((a + meaning.delay for a in alphas if a is not None), default=0)
    for place, step in enumerate(steps):
        if isinstance(step, Read) and any(case.probes[n].t >= least for n in step.probes):
            return place
    return len(steps)
