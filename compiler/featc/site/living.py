"""What a catalogue may say beside the definitions: of the data, of the online store, of the last proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Shown = tuple[tuple[str, str], ...]
"""(what, its value as text) pairs, in order."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What the last proof says of a feature: `state` is proven, thin, different, moved or never. `compared` values,
    `telling` of them neither NULL nor default nor zero, `own` of these over the project's own rows."""

    state: str
    compared: int = 0
    telling: int = 0
    own: int = 0
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Sketch:
    """What the values of a feature are like: numbers as text, and the most frequent values with their shares."""

    numbers: Shown
    top: Shown = ()


@dataclass(frozen=True, slots=True)
class Fresh:
    """How far the online store knows a source, as text in UTC; None where nothing was pushed."""

    known_to: str | None
    pushed_at: str | None = None
    accepted: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Served:
    """Of a service: the oldest knowledge of its sources, and the worst that is proven of its features."""

    known_to: str | None
    proof: str


@dataclass(frozen=True, slots=True)
class Living:
    """All of it; empty for a catalogue of the definitions alone. `verified_at` is text in UTC, `sample` says over what
    the statistics are."""

    proofs: Mapping[str, Proven] = field(default_factory=dict)
    verified_at: str | None = None
    sketches: Mapping[str, Sketch] = field(default_factory=dict)
    sample: str | None = None
    sources: Mapping[str, Fresh] = field(default_factory=dict)
    services: Mapping[str, Served] = field(default_factory=dict)
