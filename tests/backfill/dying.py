"""A program that backfills and kills itself: `dying FOLDER STEP NTH MICROSECONDS [AT]`.

It dies when the run comes to a step of that name for the NTH time, or so many µs later while the step is carried out.
With AT it takes a snapshot of that instant. With the step `never` it lives.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import featc
from featc.runtime.backfill import fill
from featc.runtime.backfill.asked import asked

from .bank import ROWS_AT_ONCE


def main(folder: str, step: str, nth: int, delay: int, at: str | None) -> None:
    fill.LEAST, fill.PASSES = ROWS_AT_ONCE, 10**9
    left = nth

    def watch(name: str, done: int, whole: int) -> None:
        nonlocal left
        left -= name == step
        if name == step and left == 0:
            die_in(delay)

    asked(featc.FeatureStore(folder), at=at, watch=watch)


def die_in(delay: int) -> None:
    if delay == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=die_after, args=(delay,), daemon=True).start()


def die_after(delay: int) -> None:
    time.sleep(delay / 1e6)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] if len(sys.argv) > 5 else None)
