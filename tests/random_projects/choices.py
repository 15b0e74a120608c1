"""Where the generator's choices come from: a seeded `random.Random`, or Hypothesis, which can shrink them.

Everything is built on `below(n)`, and simpler outcomes have smaller numbers, so that shrinking simplifies.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Draw(ABC):
    """A stream of choices."""

    @abstractmethod
    def below(self, n: int) -> int:
        """An integer in 0 … n-1."""

    def own(self, name: str) -> Draw:
        """A stream of its own, so that what is drawn from it moves nothing that is drawn later; this one where that
        cannot be."""
        return self

    def between(self, low: int, high: int) -> int:
        """An integer in low … high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True in about `percent` of a hundred; False is the simpler outcome."""
        return self.below(100) >= 100 - percent

    def one(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def weighted(self, options: Sequence[tuple[int, T]]) -> T:
        """One of (weight, option)."""
        place = self.below(sum(weight for weight, _ in options))
        for weight, option in options:
            place -= weight
            if place < 0:
                return option
        raise AssertionError("weights are positive")

    def some(self, options: Sequence[T], low: int, high: int) -> list[T]:
        """Between low and high different options, in their own order."""
        wanted = min(self.between(low, high), len(options))
        left = list(range(len(options)))
        picked = sorted(left.pop(self.below(len(left))) for _ in range(wanted))
        return [options[i] for i in picked]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """The options in any order."""
        found = list(options)
        for i in range(len(found) - 1, 0, -1):
            j = i - self.below(i + 1)
            found[i], found[j] = found[j], found[i]
        return found


class SeededDraw(Draw):
    """Choices fixed by a seed: fast, the same on every machine."""

    def __init__(self, seed: int | str):
        self._seed, self._next = seed, random.Random(seed).random

    def own(self, name: str) -> Draw:
        return SeededDraw(f"{name} of {self._seed}")

    def below(self, n: int) -> int:
        return int(self._next() * n)


class HypothesisDraw(Draw):
    """Choices made, and shrunk, by Hypothesis."""

    def __init__(self, data: Any):
        self._data = data

    def below(self, n: int) -> int:
        return int(self._data.draw(st.integers(0, n - 1))) if n > 1 else 0
