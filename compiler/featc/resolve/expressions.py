"""Expressions of the resolved project: DuckDB text cut at what it refers to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from featc.errors import Span


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A column of the view's source (after the source's normalisation: zones removed, ±infinity NULL)."""

    column: str


@dataclass(frozen=True, slots=True)
class StateRef:
    """A column of the state row that holds at `as_of` (only in views over a state source, outside aggregates)."""

    column: str


@dataclass(frozen=True, slots=True)
class AggregateRef:
    """The finished value of one of the view's `aggregations`, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class FeatureRef:
    """Another feature's final value (its `default` applied)."""

    view: str
    feature: str


@dataclass(frozen=True, slots=True)
class RequestRef:
    name: str


@dataclass(frozen=True, slots=True)
class KeyRef:
    name: str


@dataclass(frozen=True, slots=True)
class AsOfRef:
    """The observation instant as a naive UTC TIMESTAMP."""


@dataclass(frozen=True, slots=True)
class CompleteRef:
    """Whether the data of the view's source reaches `reach` µs beyond the observation instant: a BOOLEAN, only in the
    `__complete` of labels (semantics.md, "Labels")."""

    reach: int


Ref = ColumnRef | StateRef | AggregateRef | FeatureRef | RequestRef | KeyRef | AsOfRef | CompleteRef


@dataclass(frozen=True, slots=True)
class Expr:
    """A scalar expression in DuckDB's SQL: text pieces and references in turn, and the type DuckDB gives it.

    `let` names and built-in scalars (`seconds_since` …) are already written out. Spans are left out of equality, so
    that two places that mean the same are equal.
    """

    parts: tuple[str | Ref, ...]
    type: str
    span: Span | None = field(default=None, compare=False)

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The distinct references, in order of first use."""
        return tuple(dict.fromkeys(p for p in self.parts if not isinstance(p, str)))

    def render(self, name: Callable[[Ref], str]) -> str:
        """The SQL text, with `name` deciding how each reference is spelled (already quoted)."""
        return "".join(p if isinstance(p, str) else name(p) for p in self.parts)

    @property
    def is_bare(self) -> bool:
        """True when the expression is one reference and nothing else."""
        return len(self.parts) == 1 and not isinstance(self.parts[0], str)
