"""Mistakes planted in product code one at a time: the random suite must notice every one of them.

Each mutant patches the product through pytest's `MonkeyPatch` and is killed when a bounded run of random
cases finds a difference. `patch` is None until the product code it belongs to exists.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from .generate import make_case
from .judge import check

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A named mistake; `budget` is the number of cases within which it must be found."""

    name: str
    patch: Patch | None = None
    budget: int = 300


MUTANTS: tuple[Mutant, ...] = (
    Mutant("future leak"),
    Mutant("lower edge 1 µs late"),
    Mutant("lower edge 1 µs early"),
    Mutant("upper edge 1 µs late"),
    Mutant("upper edge 1 µs early"),
    Mutant("lower edge open for closed"),
    Mutant("upper edge open for closed"),
    Mutant("superseded at enter instead of alpha"),
    Mutant("where before superseding"),
    Mutant("FILTER before last N"),
    Mutant("empty sum 0"),
    Mutant("tie broken by arrival"),
    Mutant("TTL ignored online"),
    Mutant("unsettled tile used"),
    Mutant("replay counted twice"),
    Mutant("NULL counted"),
    Mutant("NaN to NULL"),
    Mutant("integer to REAL past 2^53"),
    Mutant("composite keys glued"),
    Mutant("default applied after derived"),
    Mutant("duplicate spine rows collapsed"),
)


def killed_by(mutant: Mutant, monkeypatch: pytest.MonkeyPatch, first: int = 0) -> int | None:
    """The seed of the first case that notices the mutant, or None when it survives its budget."""
    assert mutant.patch is not None
    mutant.patch(monkeypatch)
    for seed in range(first, first + mutant.budget):
        with tempfile.TemporaryDirectory(prefix="featc-mutant-") as folder:
            if check(make_case(seed), Path(folder)):
                return seed
    return None
