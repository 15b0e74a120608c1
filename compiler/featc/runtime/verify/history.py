"""Histories and probes: what both plans are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from featc.runtime.verify.rows import Rows


@dataclass(frozen=True, slots=True)
class Probe:
    """One observation: keys, the instant `at` in µs, request values (semantics.md, "Observation")."""

    keys: Mapping[str, Any]
    at: int
    request: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """A push: which rows of a source (by number), under which token."""

    source: str
    rows: tuple[int, ...]
    token: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Rows of every source, and in words where they are from. `own`: they are the project's."""

    name: str
    rows: Rows
    sampled: Mapping[str, str]
    own: bool = False

    def size(self) -> Mapping[str, int]:
        return {source: len(rows) for source, rows in self.rows.items()}


@dataclass(frozen=True, slots=True)
class Failed:
    """In place of a value: the plan refused, and why."""

    reason: str

    def __str__(self) -> str:
        return f"error: {self.reason}"


Answer = Mapping[str, Any]
"""One probe's values by output name; `Failed` where a plan refused."""
Answers = Sequence[Answer]
