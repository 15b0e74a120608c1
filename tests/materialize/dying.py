"""A program that materializes a project and kills itself at a named phase: `dying FOLDER PHASE NTH`.

With NTH 0 it lives. Batches are of a few rows, so that there are many of them. Pushes die by the same
means (`processes/dying.py`).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import Any

import featc
from featc.runtime.materialize import books, intake, run, staging
from featc.runtime.online import database, taking

MOST = 9
Functions = Mapping[str, tuple[Any, str]]
"""By the name of a phase, the function at whose end it is: where that lies, and its name there."""
TAKING: Functions = {
    "versions taken in": (taking._Taking, "_accept"),
    "rows taken in": (taking, "_take_view"),
    "tiles noted": (taking.Tiles, "before"),
    "tiles sealed": (taking.Tiles, "seal"),
    "batch booked": (taking, "enter_batch"),
}
TRANSACTION = ("begun", "at commit", "committed")
_AFTER: Functions = {
    "source counted": (staging.Staging, "census"),
    "rows set aside": (staging.Staging, "stage"),
    "batch cut": (staging.Staging, "batch"),
    "batch lifted": (intake, "lifted_batch"),
    **TAKING,
    "copies booked": (books, "keep_copies"),
    "interval booked": (books, "append"),
    "interval rebooked": (books, "rewrite"),
    "columns booked": (books, "keep_columns"),
    "source done": (run, "bring_in"),
}
PHASES = (*_AFTER, *TRANSACTION)


def main(folder: str, phase: str, nth: int) -> None:
    intake.MOST = MOST
    if nth:
        arm(_AFTER, phase, nth)
    store = featc.FeatureStore(folder)
    store.materialize()
    store.close()


def arm(after: Functions, phase: str, nth: int) -> None:
    """Lets the process die at the nth pass of the phase."""
    passes = 0

    def passed() -> None:
        nonlocal passes
        passes += 1
        if passes == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    if phase in after:
        owner, name = after[phase]
        setattr(owner, name, _passing(getattr(owner, name), passed))
    else:
        _arm_transactions(phase, passed)


def _passing(function: Callable[..., Any], passed: Callable[[], None]) -> Callable[..., Any]:
    def wrapped(*given: Any, **named: Any) -> Any:
        found = function(*given, **named)
        passed()
        return found

    return wrapped


def _arm_transactions(phase: str, passed: Callable[[], None]) -> None:
    """`at commit`: SQLite has begun the COMMIT; the others before the first and after the last statement."""
    write = database.Database.write

    @contextmanager
    def watched(self: database.Database) -> Any:
        with write(self) as store:
            if phase == "begun":
                passed()
            if phase == "at commit":
                store.set_trace_callback(lambda text: passed() if text == "COMMIT" else None)
            yield store
        store.set_trace_callback(None)
        if phase == "committed":
            passed()

    database.Database.write = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
