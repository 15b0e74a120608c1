"""Random sources: declarations, and histories full of ties, late rows, corrections, moves and deaths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import oracle
from oracle import Row, Value

from .choices import Draw
from .expressions import Expr, column, compare, literal, named, predicate, scalar
from .model import SourceSpec
from .timeline import Timeline, duration

Key = Mapping[str, Value]

TEXTS = ("a", "b", "", "é", "Z", "it's", "日本", "～", "😀", "a b", "no", "1e3")
BIG = (2**53 + 1, -(2**53) - 1, 2**53 + 3, -(2**53) - 3)
WILD = (
    *(math.nan, math.nan, math.nan, math.nan, math.inf, -math.inf, -0.0, 1e16, -1e16, 1e-9, 0.1, 3e-200),
    *(1.2e308, -1.2e308, 1.7e308),
)
VALUE_TYPES = {
    "n": "integer",
    "i": "bigint",
    "x": "double",
    "y": "double",
    "d": "decimal(12,2)",
    "s": "varchar",
    "b": "boolean",
    "m": "timestamp",
}
ABSTRACT = {"integer": "bigint", "varchar": "text", "decimal(12,2)": "decimal"}


def abstract_type(sql_type: str) -> str:
    """The expression language's type of a column type."""
    return ABSTRACT.get(sql_type, sql_type)


@dataclass(slots=True)
class History:
    """A source being made: its spec, the names its expressions may mention, its rows."""

    spec: SourceSpec
    names: list[Expr]
    rows: tuple[Row, ...]


def draw_history(
    draw: Draw, name: str, line: Timeline, keys: Mapping[str, str], domain: list[Key], size: int
) -> History:
    """A source over the keys (name -> SQL type) and its rows, at most `size`."""
    kind = draw.weighted(((70, "event"), (30, "state")))
    prefix = "c_" if draw.chance(25) else ""
    key_columns = {k: prefix + k for k in keys}
    types = {prefix + k: t for k, t in keys.items()} | {"ts": "timestamp"}
    traits = draw_traits(draw, kind, line, types)
    values = ["i", "x", *draw.some([v for v in VALUE_TYPES if v not in "ix"], 1, 4)]
    types |= {v: VALUE_TYPES[v] for v in values}
    types = {c: types[c] for c in draw.shuffled(list(types))}
    file_types = dict(types)
    for c in key_columns.values():
        if types[c] == "bigint" and draw.chance(6):
            file_types[c] = "double"
    maker = RowMaker(draw, line, traits, types, file_types, key_columns, domain)
    rows = tuple(maker.rows(draw.one((0, 1, 2)) if draw.chance(6) else draw.between(size // 3, size)))
    let, names = draw_let(draw, types)
    spec = declare(draw, name, kind, traits, types, file_types, key_columns, let, rows)
    return History(spec, names, rows)


@dataclass(slots=True)
class Traits:
    """Which of a source's declarations are present; lengths in µs."""

    available_at: str | None
    delay: int
    lag: int
    id: str | None
    deleted: Expr | None
    tie_break: tuple[str, ...]
    valid_to: str | None
    final_after: int | None


def draw_traits(draw: Draw, kind: str, line: Timeline, types: dict[str, str]) -> Traits:
    """The declarations, and their columns added to `types`."""
    arrival = draw.weighted(((25, "none"), (20, "delay"), (55, "column")))
    if arrival == "column":
        types["arr"] = "timestamp"
    identified = draw.chance(60)
    if identified:
        types["eid"] = draw.one(("bigint", "varchar"))
    deleted = None
    if draw.chance(65 if identified else 25):
        if draw.chance(60):
            types["op"], deleted = "varchar", compare("=", column("op", "text"), literal("D", "text"))
        else:
            types["gone"], deleted = "boolean", column("gone", "boolean")
    tie_break = ("seq", "seq2")[: draw.weighted(((40, 0), (45, 1), (15, 2)))]
    types |= dict(zip(tie_break, ("integer", "varchar"), strict=False))
    valid_to = "vt" if kind == "state" and draw.chance(15) else None
    if valid_to:
        types["vt"] = "timestamp"
    delay = line.length(draw, 1, 3) if arrival == "delay" else 0
    final = draw.chance(35 if arrival == "column" else 12)
    return Traits(
        available_at="arr" if arrival == "column" else None,
        delay=delay,
        lag=draw.between(0, 3) * line.unit,
        id="eid" if identified else None,
        deleted=deleted,
        tie_break=tie_break,
        valid_to=valid_to,
        final_after=delay + draw.between(0, 10) * line.unit + draw.below(2) if final else None,
    )


def draw_let(draw: Draw, types: Mapping[str, str]) -> tuple[dict[str, Expr], list[Expr]]:
    """Named row expressions, and everything the views' expressions may mention."""
    names = [column(c, abstract_type(t)) for c, t in types.items() if c not in ("ts", "arr", "vt")]
    let: dict[str, Expr] = {}
    if draw.chance(30):
        let["flagged"] = predicate(draw, names)
    if draw.chance(20):
        let["amount"] = scalar(draw, names, "bigint")
    return let, names + [named(name, e) for name, e in let.items()]


def declare(
    draw: Draw,
    name: str,
    kind: str,
    traits: Traits,
    types: dict[str, str],
    file_types: dict[str, str],
    key_columns: Mapping[str, str],
    let: Mapping[str, Expr],
    rows: tuple[Row, ...],
) -> SourceSpec:
    """The source's YAML beside its meaning."""
    fits_csv = len(rows) >= 3 and not any("" in r.values() for r in rows) and file_types == types
    csv = fits_csv and draw.chance(8)
    yaml: dict[str, Any] = {"path": f"data/{name}.{'csv' if csv else 'parquet'}", "time": "ts"}
    if kind != "event":
        columns = list(key_columns.values())
        yaml |= {"kind": kind, "key": columns[0] if len(columns) == 1 else columns}
    if traits.available_at:
        yaml["available_at"] = traits.available_at
    elif traits.delay:
        yaml["delay"] = duration(traits.delay)
    if traits.id:
        yaml["id"] = traits.id
    if traits.deleted:
        yaml["deleted"] = traits.deleted.sql
    if traits.tie_break:
        yaml["tie_break"] = list(traits.tie_break)
    if traits.valid_to:
        yaml["valid_to"] = traits.valid_to
    if traits.final_after is not None:
        yaml["final_after"] = duration(traits.final_after)
    if let:
        yaml["let"] = {n: e.sql for n, e in let.items()}
    if csv or file_types != types or draw.chance(50):
        yaml["columns"] = dict(types)
    meaning = oracle.Source(
        name=name,
        columns=tuple(types),
        time="ts",
        kind=kind,
        available_at=traits.available_at,
        delay=traits.delay,
        id=traits.id,
        deleted=traits.deleted,
        tie_break=traits.tie_break,
        key=tuple(key_columns.values()) if kind != "event" else (),
        valid_to=traits.valid_to,
        final_after=traits.final_after,
        let=let,
    )
    return SourceSpec(meaning, key_columns, types, yaml, file_types, "csv" if csv else "parquet")


class RowMaker:
    """Draws rows one after the other, many of them as variations of an earlier one."""

    def __init__(
        self,
        draw: Draw,
        line: Timeline,
        traits: Traits,
        types: Mapping[str, str],
        file_types: Mapping[str, str],
        key_columns: Mapping[str, str],
        domain: list[Key],
    ):
        self.draw, self.line, self.traits, self.types = draw, line, traits, types
        self.file_types, self.key_columns, self.domain = file_types, key_columns, domain
        self.values = [c for c in types if c in VALUE_TYPES]
        self.wild = {c: draw.chance(45) for c in self.values}
        self.nulls = draw.one((4, 12, 30))
        self.made: list[dict[str, Value]] = []

    def rows(self, count: int) -> list[dict[str, Value]]:
        """The whole history, in the order of the data (which means nothing)."""
        for _ in range(count):
            self.made.append(self.revision() if self.made and self.draw.chance(45) else self.fresh())
        return self.made

    def fresh(self) -> dict[str, Value]:
        """A row of its own."""
        row = dict.fromkeys(self.types)
        self.place(row)
        row["ts"] = self.moment()
        self.arrive(row)
        if self.traits.id:
            row["eid"] = self.identifier()
        if self.traits.valid_to and self.draw.chance(50):
            row["vt"] = self.line.instant(self.draw)
        self.mark(row, dead=self.draw.chance(6))
        self.refill(row, 100)
        return row

    def revision(self) -> dict[str, Value]:
        """A later, equal, moved, corrected or dead version of an earlier row, or a copy of it."""
        row = dict(self.draw.one(self.made[-8:]))
        if self.draw.chance(8):
            return row
        if self.draw.chance(18 if self.traits.id else 50):
            self.place(row)
        if self.draw.chance(30 if self.traits.id else 10):
            row["ts"] = self.moment()
        self.rearrive(row)
        self.mark(row, dead=self.draw.chance(16))
        self.refill(row, 40)
        return row

    def place(self, row: dict[str, Value]) -> None:
        """Gives the row a key: the domain's first is hot; NULL happens (NaN where the file is DOUBLE)."""
        key = self.domain[0] if self.draw.chance(62) else self.draw.one(self.domain)
        for name, c in self.key_columns.items():
            unknown = 2 if self.file_types[c] == self.types[c] else 10
            row[c] = None if self.draw.chance(unknown) else key[name]

    def moment(self) -> int | None:
        """An event time: any instant, or an earlier row's for a tie, or NULL."""
        if self.draw.chance(3):
            return None
        if self.made and self.draw.chance(25):
            earlier: int | None = self.draw.one(self.made)["ts"]
            return earlier
        return self.line.instant(self.draw)

    def arrive(self, row: dict[str, Value]) -> None:
        """An arrival: mostly the usual lag, else any (before the event, too), an earlier row's, or NULL."""
        if not self.traits.available_at:
            return
        way = self.draw.weighted(((50, "usual"), (20, "any"), (12, "early"), (15, "tie"), (3, "null")))
        if way == "tie" and self.made:
            row["arr"] = self.draw.one(self.made)["arr"]
        elif way == "usual" and row["ts"] is not None:
            row["arr"] = row["ts"] + self.traits.lag
        elif way == "early" and row["ts"] is not None:
            row["arr"] = row["ts"] - self.line.length(self.draw)
        else:
            row["arr"] = None if way == "null" else self.line.instant(self.draw)

    def rearrive(self, row: dict[str, Value]) -> None:
        """The arrival of a revision: soon after what it revises, at the same instant, or anywhere."""
        if not self.traits.available_at:
            return
        way = self.draw.weighted(((60, "after"), (18, "same"), (22, "any")))
        if way == "after" and row["arr"] is not None:
            row["arr"] += self.draw.between(1, 6) * self.line.unit + self.line.jitter(self.draw)
        elif way == "any":
            self.arrive(row)

    def identifier(self) -> Value:
        """A new id, sometimes one that exists (moving across keys), sometimes NULL."""
        if self.draw.chance(5):
            return None
        number = self.draw.below(len(self.made) + 1) if self.draw.chance(15) else len(self.made)
        return number if self.types["eid"] == "bigint" else f"e{number}"

    def mark(self, row: dict[str, Value], *, dead: bool) -> None:
        """Deletion flag and tie-breaking columns."""
        if "op" in self.types:
            row["op"] = "D" if dead else self.draw.one(("I", "U", None))
        if "gone" in self.types:
            row["gone"] = True if dead else self.draw.one((False, None))
        if "seq" in self.types:
            row["seq"] = self.draw.one((0, 1, 2, 3, None))
        if "seq2" in self.types:
            row["seq2"] = self.draw.one(("a", "é", "Z", None))

    def refill(self, row: dict[str, Value], percent: int) -> None:
        """New values for about so many of the value columns."""
        for c in self.values:
            if percent == 100 or self.draw.chance(percent):
                row[c] = None if self.draw.chance(self.nulls) else self.value(c)

    def value(self, c: str) -> Value:
        """A value of a column, NULL apart."""
        wild = self.wild[c]
        match self.types[c]:
            case "integer":
                return self.draw.between(-2, 4)
            case "bigint":
                return self.draw.one(BIG) if wild and self.draw.chance(60) else self.draw.between(-2, 3)
            case "double":
                return self.draw.one(WILD) if wild and self.draw.chance(32) else self.draw.between(-4, 6) / 2
            case "varchar":
                return self.draw.one(TEXTS if wild else TEXTS[:5])
            case "boolean":
                return self.draw.chance(50)
            case "timestamp":
                return self.line.instant(self.draw)
            case _:
                cents = self.draw.between(-10**11, 10**11) if wild else self.draw.between(-300, 500)
                return Decimal(cents) / 100


__all__ = ["BIG", "TEXTS", "VALUE_TYPES", "History", "Key", "abstract_type", "draw_history"]
