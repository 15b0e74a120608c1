"""A program that evicts a store and kills itself on the way: `evicting FOLDER STATEMENT STEPS`.

It dies before the eviction's STATEMENT-th statement begins, or STEPS hundred steps of SQLite's machine into it. With
STATEMENT −1 it lives, and prints what each statement is about.
"""

from __future__ import annotations

import os
import signal
import sys

import featc


def main(folder: str, statement: int, steps: int) -> None:
    """The statements are counted from the moment the store is open."""
    store = featc.FeatureStore(folder)
    connection = store.online._database.connection
    seen: list[str] = []
    left = [steps]

    def begun(text: str) -> None:
        seen.append(text)
        if len(seen) - 1 == statement and steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def stepped() -> int:
        if len(seen) - 1 == statement:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return 0

    connection.set_trace_callback(begun)
    connection.set_progress_handler(stepped, 100)
    store.evict()
    connection.set_trace_callback(None)
    store.close()
    for text in seen:
        print(" ".join(text.split()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
