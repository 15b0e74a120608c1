"""Mistakes planted in product code one at a time: the random suite must notice every one of them.

`MISTAKES` is the list the issue asks for; a mutant is one way to make one of them, in one plan or in code both plans
share. A mutant is killed when a case of a fixed range of seeds has a wrong value with it and none without it.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import plants
from .generate import make_case
from .judge import Difference, check
from .model import Case

FIRST = 0
BUDGET = 80
"""Seeds from `FIRST` on, in order: the cases within which a mutant must be killed."""

MISTAKES = (
    "future leak",
    "lower edge off by 1 µs",
    "upper edge off by 1 µs",
    "lower edge open/closed swapped",
    "upper edge open/closed swapped",
    "superseded at enter instead of α",
    "where before superseding",
    "FILTER before last-N",
    "empty sum 0",
    "tie broken by arrival",
    "TTL ignored",
    "unsettled tile used",
    "replay counted twice",
    "NULL counted",
    "NaN → NULL",
    "integer → REAL past 2^53",
    "composite keys glued",
    "default applied after derived",
    "duplicate spine rows collapsed",
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to make one of the mistakes; `way` says where and, of several, which."""

    mistake: str
    way: str
    plant: plants.Plant
    budget: int = BUDGET

    @property
    def name(self) -> str:
        return f"{self.mistake} ({self.way})"


@dataclass(frozen=True, slots=True)
class Hunt:
    """How a mutant fared: the seed and the wrong value that killed it (None: it lives), after how many cases."""

    mutant: str
    seed: int | None
    cases: int
    seconds: float
    shown: str = ""

    def __str__(self) -> str:
        fate = f"killed by seed {self.seed}" if self.seed is not None else "LIVES"
        return f"{self.mutant:<58}{fate:<22}{self.cases:>4} cases {self.seconds:>6.1f} s"


def _edges() -> tuple[Mutant, ...]:
    """Every edge, in shared code and in each plan alone."""
    found: list[Mutant] = []
    places: tuple[tuple[str, tuple[plants.Plan, ...]], ...] = (
        ("both plans", ("training", "online")),
        ("training", ("training",)),
        ("online", ("online",)),
    )
    for place, plans in places:
        for amount, word in ((1, "late"), (-1, "early")):
            way = f"{place}, {word}"
            found.append(Mutant("lower edge off by 1 µs", way, plants.lower_edge(amount, *plans)))
            found.append(Mutant("upper edge off by 1 µs", way, plants.upper_edge(amount, *plans)))
            way = f"knowledge, {place}, {word}"
            found.append(Mutant("upper edge off by 1 µs", way, plants.knowledge(amount, *plans)))
        found.append(Mutant("lower edge open/closed swapped", place, plants.lower_swapped(*plans)))
        found.append(Mutant("upper edge open/closed swapped", place, plants.upper_swapped(*plans)))
        way = f"superseded, {place}"
        found.append(Mutant("upper edge open/closed swapped", way, plants.superseded_stays(*plans)))
    return tuple(found)


MUTANTS: tuple[Mutant, ...] = (
    Mutant("future leak", "training", plants.future_leaks("training")),
    Mutant("future leak", "online", plants.future_leaks("online")),
    Mutant("future leak", "both plans, arrival forgotten", plants.arrival_forgotten),
    *_edges(),
    Mutant("superseded at enter instead of α", "training", plants.superseded_at_enter("training")),
    Mutant("superseded at enter instead of α", "online", plants.superseded_at_enter("online")),
    Mutant("where before superseding", "training", plants.where_first_in_training),
    Mutant("where before superseding", "online", plants.where_first_online),
    Mutant("FILTER before last-N", "training", plants.filter_first_in_training),
    Mutant("FILTER before last-N", "online", plants.filter_first_online),
    Mutant("empty sum 0", "training", plants.empty_sum_is_zero("training")),
    Mutant("empty sum 0", "online", plants.empty_sum_is_zero("online")),
    Mutant("tie broken by arrival", "training, by α", plants.ties_by_alpha("training")),
    Mutant("tie broken by arrival", "online, by α", plants.ties_by_alpha("online")),
    Mutant("tie broken by arrival", "online, by order of pushes", plants.ties_by_push),
    Mutant("TTL ignored", "training", plants.ttl_ignored("training")),
    Mutant("TTL ignored", "online", plants.ttl_ignored("online")),
    Mutant("unsettled tile used", "online", plants.unsettled_tiles_used),
    Mutant("unsettled tile used", "online, stale after a correction", plants.tiles_left_stale),
    Mutant("replay counted twice", "online, token ignored", plants.tokens_ignored),
    Mutant("replay counted twice", "online, version taken again", plants.versions_taken_again),
    Mutant("NULL counted", "training", plants.reslotted("training", plants.null_as_zero)),
    Mutant("NULL counted", "online", plants.reslotted("online", plants.null_as_zero)),
    Mutant("NaN → NULL", "training", plants.reslotted("training", plants.nan_as_null)),
    Mutant("NaN → NULL", "online", plants.reslotted("online", plants.nan_as_null)),
    Mutant("NaN → NULL", "online, in the store's sums", plants.nan_lost_in_store),
    Mutant("integer → REAL past 2^53", "training, sums", plants.real_sums_in_training),
    Mutant("integer → REAL past 2^53", "online, sums", plants.real_sums_online),
    Mutant("integer → REAL past 2^53", "online, values read", plants.real_values_online),
    Mutant("composite keys glued", "training", plants.keys_glued_in_training),
    Mutant("composite keys glued", "online", plants.keys_glued_online),
    Mutant("default applied after derived", "training", plants.default_last_in_training),
    Mutant("default applied after derived", "online", plants.default_last_online),
    Mutant("duplicate spine rows collapsed", "training", plants.spine_collapsed),
)


def hunt(name: str) -> Hunt:
    """Plants the mutant of this name in this process and looks for a case that kills it."""
    mutant = next(m for m in MUTANTS if m.name == name)
    started = time.monotonic()
    for number in range(mutant.budget):
        case = make_case(FIRST + number)
        with pytest.MonkeyPatch.context() as patch:
            mutant.plant(patch)
            found = wrong_values(case)
        # a case that fails by itself says nothing about the mutant
        if found and not run(case):
            return Hunt(name, FIRST + number, number + 1, time.monotonic() - started, str(found[0]))
    return Hunt(name, None, mutant.budget, time.monotonic() - started)


def wrong_values(case: Case) -> list[Difference]:
    """The differences of a case, errors apart: a plant that breaks the product would be found by any test."""
    return [d for d in run(case) if not d.kind.startswith("error")]


def run(case: Case) -> list[Difference]:
    """Checks a case in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="featc-mutant-") as folder:
        return check(case, Path(folder))
