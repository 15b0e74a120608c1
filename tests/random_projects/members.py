"""Random members of a union: sources beside those a case has, of the same keys, with columns of their own.

Their ids are those of others, as all ids of random sources are; their times and arrivals often are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from oracle import Row, Value

from .choices import Draw
from .expressions import Expr, named, scalar
from .histories import VALUE_TYPES, History, Key, RowMaker, abstract_type, declare, draw_let, draw_traits
from .timeline import Timeline

OTHER_TYPES = {"i": ("integer",), "x": ("bigint", "integer"), "n": ("bigint", "double")}
"""What a column may be where another member has it as `VALUE_TYPES` says; `i` is a whole number in every union."""
OTHER_NAMES = {"ts": "at", "arr": "seen", "eid": "oid"}
STANDING_IN = ("bigint", "text", "boolean")


def draw_member(
    draw: Draw, name: str, line: Timeline, like: History, rows: Sequence[Row], domain: list[Key], size: int
) -> History:
    """An event source that may be united with another, which has these rows."""
    keys = {k: like.spec.types[c] for k, c in like.spec.key_columns.items()}
    prefix = "c_" if draw.chance(20) else ""
    types = {prefix + k: t for k, t in keys.items()} | {"ts": "timestamp"}
    traits = draw_traits(draw, "event", line, types)
    final = like.spec.meaning.final_after
    delay = traits.delay if final is None else min(traits.delay, final)
    traits = replace(traits, final_after=final, delay=delay)
    for c in ("eid", "oid"):
        if "eid" in types and c in like.spec.types:
            types["eid"] = like.spec.types[c]
    values = draw_values(draw, like, types)
    types = {c: types[c] for c in draw.shuffled(list(types))}
    maker = MemberMaker(draw, line, traits, types, types, {k: prefix + k for k in keys}, domain)
    maker.beside(values, like, rows)
    made = maker.rows(draw.between(0, 2) if draw.chance(4) else draw.between(size // 3, size))
    return renamed(draw, name, maker, made)


def draw_values(draw: Draw, like: History, types: dict[str, str]) -> list[str]:
    """The value columns, added to `types`: some are no columns of the other, some of another type there, some what the
    other has a `let` for."""
    values = ["i", "x", *draw.some([v for v in VALUE_TYPES if v not in "ix"], 1, 4)]
    for c in values:
        types[c] = draw.one(OTHER_TYPES[c]) if c in OTHER_TYPES and draw.chance(45) else VALUE_TYPES[c]
    for c, sql_type in (("flagged", "boolean"), ("amount", "bigint")):
        if draw.chance(50 if c in like.spec.yaml.get("let", {}) else 10):
            types[c] = sql_type
            values.append(c)
    return values


class MemberMaker(RowMaker):
    """Draws rows that share times, arrivals and keys with those of another source."""

    def beside(self, values: list[str], like: History, rows: Sequence[Row]) -> None:
        """Takes note of them."""
        self.values, self.wild = values, {c: self.draw.chance(45) for c in values}
        keys = {self.key_columns[k]: c for k, c in like.spec.key_columns.items()}
        shared = {c: c for c in ("ts", "arr", "seq", "seq2") if c in like.spec.types and c in self.types}
        self.like = [{mine: row[its] for mine, its in (keys | shared).items()} for row in rows]

    def fresh(self) -> dict[str, Value]:
        row = super().fresh()
        return row | self.draw.one(self.like) if self.like and self.draw.chance(40) else row


def renamed(draw: Draw, name: str, maker: MemberMaker, rows: list[dict[str, Value]]) -> History:
    """The source, some of its columns by other names or in capitals."""
    traits, types = maker.traits, maker.types
    names = {old: new for old, new in OTHER_NAMES.items() if old in types and draw.chance(45)}
    if draw.chance(35):
        shown = draw.one([*maker.values, *maker.key_columns.values()])
        names[shown] = shown.upper()

    def new(old: str) -> str:
        return names.get(old, old)

    types = {new(c): t for c, t in types.items()}
    made = tuple({new(c): value for c, value in row.items()} for row in rows)
    keys = {k: new(c) for k, c in maker.key_columns.items()}
    arrival, identity = traits.available_at, traits.id
    traits = replace(traits, available_at=arrival and new(arrival), id=identity and new(identity))
    time = new("ts")
    let, mentioned = let_of(draw, types, {time, traits.available_at})
    spec = declare(draw, name, "event", traits, types, types, keys, let, made)
    return History(replace(spec, meaning=replace(spec.meaning, time=time), yaml={**spec.yaml, "time": time}),
                   mentioned, made)  # fmt: skip


def let_of(draw: Draw, types: Mapping[str, str], times: set[str | None]) -> tuple[dict[str, Expr], list[Expr]]:
    """Names as other sources have, but for those that are columns here; and perhaps one for what others have as a
    column."""
    plain = {c: t for c, t in types.items() if c not in times}
    taken = {c.lower() for c in types}
    let, names = draw_let(draw, plain)
    let = {n: e for n, e in let.items() if n not in taken}
    columns = names[: len(plain)]
    kinds = {e.type for e in columns}
    absent = [c for c, t in VALUE_TYPES.items() if c not in taken and abstract_type(t) in STANDING_IN]
    absent = [c for c in absent if abstract_type(VALUE_TYPES[c]) in kinds]
    if absent and draw.chance(55):
        c = draw.one(absent)
        let[c] = scalar(draw, columns, abstract_type(VALUE_TYPES[c]))
    return let, [*columns, *(named(n, e) for n, e in let.items())]


__all__ = ["draw_member"]
