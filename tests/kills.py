"""What the SIGKILLs of a test run hit: by command and phase, told and checked when the run ends (`conftest.py`).

A test that kills processes records each kill that hit, with the phase in which it did. A run of all slow tests that
killed too few, or none in one of the phases below, fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from featc.runtime.backfill.session import STEPS
from materialize.dying import PHASES as MATERIALIZE
from processes.dying import PHASES as PUSH

FLOOR = 60
"""Kills of backfill, materialize and push together."""

BETWEEN, INSIDE, COMMIT, COMPACTION, ANYWHERE = (
    "between transactions", "in a transaction", "at commit", "in compaction", "at a random moment",
)  # fmt: skip
WHERE = (BETWEEN, INSIDE, COMMIT, COMPACTION, ANYWHERE)
Kills = Mapping[tuple[str, str], int]
"""How many hit, by command and phase."""

_BETWEEN = {
    "versions", "look", "reopen", "rows", "begin", "committed", "cover", "source counted", "rows set aside",
    "batch cut", "batch loaded", "batch lifted", "source done", "BEGIN",
}  # fmt: skip
_COMMIT = {"commit", "at commit", "COMMIT"}
EVICT = {
    "BEGIN": BETWEEN,
    "INSERT OR REPLACE INTO featc_horizons": INSIDE,
    "_superseded <=": INSIDE,
    "DELETE FROM user_orders__": INSIDE,
    "UPDATE orders__": INSIDE,
    "DELETE FROM orders__": INSIDE,
    "_seq NOT IN": INSIDE,
    "AND _start > (SELECT min(o._start)": COMPACTION,
    "min(_start), max(_settled_at)": COMPACTION,
    "INSERT OR REPLACE INTO user_orders__": COMPACTION,
    "__tiles WHERE _start >": COMPACTION,
    "INSERT OR REPLACE INTO featc_compacted": COMPACTION,
    "COMMIT": COMMIT,
}
"""Phases of an eviction: a part of the statement in which it dies."""


def _where(phase: str) -> str:
    return BETWEEN if phase in _BETWEEN else COMMIT if phase in _COMMIT else INSIDE


PHASES: dict[str, dict[str, str]] = {
    "backfill": {step: _where(step) for step in STEPS},
    "materialize": {phase: _where(phase) for phase in MATERIALIZE},
    "push": {phase: _where(phase) for phase in PUSH},
    "evict": EVICT,
}
"""By command: each phase in which it must have been killed, and where that is."""


def place(command: str, phase: str) -> str:
    """Where a phase is; those that have no name are anywhere."""
    return PHASES[command].get(phase, ANYWHERE)


def missing(kills: Kills) -> list[str]:
    """What a whole run has not shown, in words."""
    found = [
        f"no {command} was killed at '{phase}'"
        for command, phases in PHASES.items()
        for phase in phases
        if not kills.get((command, phase))
    ]
    total = sum(n for (command, _), n in kills.items() if command != "evict")
    if total < FLOOR:
        found.append(f"backfill, materialize and push were killed {total} times, less than {FLOOR}")
    return found


def table(kills: Kills) -> list[str]:
    """The kills by command and place, one line each."""
    lines = [f"{'SIGKILLs':12}" + "".join(f"{where:>22}" for where in WHERE) + f"{'all':>6}{'phases':>8}"]
    for command in PHASES:
        own = {phase: n for (name, phase), n in kills.items() if name == command}
        by_place: Counter[str] = Counter()
        for phase, n in own.items():
            by_place[place(command, phase)] += n
        counts = "".join(f"{by_place[where] or '':>22}" for where in WHERE)
        lines.append(f"{command:12}{counts}{sum(own.values()):6}{len(own):8}")
    return lines


def counted(recorded: Iterable[tuple[str, str]]) -> Kills:
    return Counter(recorded)
