"""Resolved projects by hand: text with `{kind:name}` references instead of YAML, so that only the store is tested."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from featc.algebra import AGGREGATES
from featc.resolve.model import (
    AggregateRef,
    Aggregation,
    AsOfRef,
    Closed,
    Column,
    ColumnRef,
    Expr,
    Feature,
    FeatureRef,
    Key,
    KeyRef,
    Location,
    Output,
    Project,
    Ref,
    RequestRef,
    Service,
    Slot,
    Source,
    SourceKind,
    StateRef,
    View,
    Window,
)

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

_KINDS: dict[str, Callable[[str], Ref]] = {
    "": ColumnRef,
    "state": StateRef,
    "agg": AggregateRef,
    "request": RequestRef,
    "key": KeyRef,
    "feature": lambda name: FeatureRef(*name.split(".")),
    "as_of": lambda name: AsOfRef(),
}


def expr(text: str, type_: str) -> Expr:
    """`expr("{amount} * 2", "BIGINT")`: braces hold a column, or `kind:name`."""
    parts: list[str | Ref] = []
    for n, piece in enumerate(re.split(r"\{([^}]*)\}", text)):
        if n % 2 == 0:
            if piece:
                parts.append(piece)
        else:
            kind, _, name = piece.rpartition(":")
            parts.append(_KINDS[kind](name))
    return Expr(tuple(parts), type_)


def source(
    name: str,
    columns: Mapping[str, str],
    *,
    time: str = "ts",
    kind: SourceKind = "event",
    available_at: str | None = None,
    delay: int = 0,
    id: Sequence[str] = (),
    deleted: str | None = None,
    tie_break: Sequence[str] = (),
    key: Sequence[str] = (),
    valid_to: str | None = None,
    physical: Mapping[str, str] | None = None,
    timezone: str | None = None,
) -> Source:
    given = tuple(Column(c, (physical or {}).get(c, t), t) for c, t in columns.items())
    return Source(
        name,
        kind,
        Location("path", f"{name}.parquet"),
        given,
        expr(f"{{{time}}}", columns[time]),
        expr(f"{{{available_at}}}", columns[available_at]) if available_at else None,
        delay,
        timezone,
        tuple(id),
        expr(deleted, "BOOLEAN") if deleted else None,
        tuple(tie_break),
        tuple(key),
        expr(f"{{{valid_to}}}", columns[valid_to]) if valid_to else None,
    )


Agg = tuple[str, Sequence[str], Window]
"""(aggregate, slots, window)"""


def view(
    name: str,
    source_: Source,
    keys: Mapping[str, tuple[str, str]],
    slots: Mapping[str, tuple[str, str] | tuple[str, str, str]],
    aggregations: Mapping[str, Agg],
    *,
    where: str | None = None,
    closed: Closed = "left",
    ttl: int | None = None,
    state_columns: Sequence[str] = (),
    derived: Mapping[str, tuple[str, str, str | None]] | None = None,
    request: Mapping[str, str] | None = None,
) -> View:
    """A view whose features are its aggregations, its state columns, and `derived` (text, type, default)."""
    made_slots = tuple(
        Slot(n, expr(s[0], s[1]), expr(s[2], "BOOLEAN") if len(s) > 2 else None, s[1]) for n, s in slots.items()
    )
    types = {s.name: s.type for s in made_slots}
    made = tuple(
        Aggregation(
            n, a, tuple(used), w, AGGREGATES[a].returns(tuple(types[s] for s in used)),
            params=tuple((p.name, 0.5) for p in AGGREGATES[a].params),
        )
        for n, (a, used, w) in aggregations.items()
    )  # fmt: skip
    features = [Feature(name, a.name, expr(f"{{agg:{a.name}}}", a.type), a.type) for a in made]
    features += [
        Feature(name, c, expr(f"{{state:{c}}}", source_.column(c).type), source_.column(c).type)
        for c in state_columns
    ]
    features += [Feature(name, n, expr(t, type_), type_, d) for n, (t, type_, d) in (derived or {}).items()]
    return View(
        name,
        tuple(Key(k, t, expr(e, t)) for k, (e, t) in keys.items()),
        (),
        source_.name,
        expr(where, "BOOLEAN") if where else None,
        closed,
        ttl,
        tuple((request or {}).items()),
        made_slots,
        made,
        tuple(state_columns),
        tuple(features),
    )


def project(sources: Sequence[Source], views: Sequence[View]) -> Project:
    """One service per view, of the view's name, and `all`."""
    outputs = {v.name: tuple(Output(f.name, v.name, f.name, f.type) for f in v.features) for v in views}
    outputs["all"] = tuple(Output(f"{v.name}_{f.name}", v.name, f.name, f.type) for v in views for f in v.features)
    services = {n: Service(n, found, (), ()) for n, found in outputs.items()}
    return Project(
        "test",
        {s.name: s for s in sources},
        {v.name: v for v in views},
        services,
        tuple((v.name, f.name) for v in views for f in v.features),
    )


def last(
    length: int, *, offset: int = 0, rows: int | None = None, hop: int | None = None, align: bool = False
) -> Window:
    name = f"w{length}_{offset}_{rows}_{hop}_{align}"
    return Window(name, length, offset, rows, hop, align)


LIFETIME = Window("lifetime")
