"""Decompose: from aggregations to partial states and finishers.

Aggregations of a view share partial states: `sum` and `avg` of one slot over one window need one sum. A `Cell` is
one partial state over one window, which is the unit that a training frame, a tile or an online band produces; a
`Finish` says which cells an aggregation's finisher reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from featc.algebra import AGGREGATES, LEVELS, Kind
from featc.resolve.model import Aggregation, View, Window

_PREFIX = {Kind.FSUM: "sum"}  # a slot has one type, so the two kinds of sum never meet


@dataclass(frozen=True, slots=True)
class Partial:
    """A partial state over slots of a view. `name` is a readable identifier, unique in the view (`sum_amount`)."""

    name: str
    kind: Kind
    slots: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One partial state over one window. `name` is unique in the view (`sum_amount_7d`). With `share`, of all that the
    state says only the value is asked up to which that share of the others lies."""

    name: str
    partial: Partial
    window: Window
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """How one aggregation's value comes from cells: `states` by the names the algebra's finisher uses, `types` those of
    its slots."""

    aggregation: Aggregation
    states: Mapping[str, Cell]
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """A view taken apart. Orders are those of first use, so that output is deterministic."""

    view: View
    partials: tuple[Partial, ...]
    windows: tuple[Window, ...]
    cells: tuple[Cell, ...]
    finishes: tuple[Finish, ...]

    def finish(self, aggregation: str) -> Finish:
        return next(f for f in self.finishes if f.aggregation.name == aggregation)


def window_suffix(window: Window) -> str:
    """A window's name as an identifier suffix: `last_7d` → `7d`, else the name itself."""
    return window.name.removeprefix("last_")


# what dialects add to a cell's name for its state's columns
_FIELDS = ("", "_n", "_mean", "_m2", "_odd", "_nth", "_huge", *(f"_below_{n}" for n in range(1, LEVELS + 1)))


def _free(name: str, taken: set[str]) -> str:
    """`name`, with a number where it or a column of its state would be some other cell's."""
    free, number = name, 1
    while any(f"{free}{field}".lower() in taken for field in _FIELDS):
        number += 1
        free = f"{name}_{number}"
    taken.update(f"{free}{field}".lower() for field in _FIELDS)
    return free


def decompose(view: View, wanted: frozenset[str] | None = None) -> Parts:
    """Takes the view's aggregations apart; with `wanted`, only those of these names."""
    partials: dict[tuple[Kind, tuple[str, ...]], Partial] = {}
    cells: dict[tuple[str, Window, float | None], Cell] = {}
    finishes: list[Finish] = []
    taken: set[str] = set()
    known: dict[Window, Window] = {}  # windows that are equal go by the name of the first
    for aggregation in view.aggregations:
        if wanted is not None and aggregation.name not in wanted:
            continue
        types = tuple(view.slot(s).type for s in aggregation.slots)
        states: dict[str, Cell] = {}
        for label, need in AGGREGATES[aggregation.aggregate].needs(types).items():
            slots = tuple(aggregation.slots[i] for i in need.args)
            key = (need.kind, slots)
            if key not in partials:
                name = "_".join((_PREFIX.get(need.kind, need.kind.value), *slots))
                slot_types = tuple(types[i] for i in need.args)
                partials[key] = Partial(name, need.kind, slots, slot_types)
            partial = partials[key]
            window = known.setdefault(aggregation.window, aggregation.window)
            share = dict(aggregation.params)[need.share] if need.share else None
            place = (partial.name, window, share)
            if place not in cells:
                name = _free(f"{partial.name}_{window_suffix(window)}", taken)
                cells[place] = Cell(name, partial, window, share)
            states[label] = cells[place]
        finishes.append(Finish(aggregation, states, types))
    windows = tuple(dict.fromkeys(c.window for c in cells.values()))
    return Parts(view, tuple(partials.values()), windows, tuple(cells.values()), tuple(finishes))
