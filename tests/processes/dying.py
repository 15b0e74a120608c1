"""A program that pushes the bank's first batches and kills itself in the last one: `dying FOLDER SIZE BATCHES PHASE`.

Without a phase it lives. Every batch has a token of its own, so that those pushed before change nothing.
"""

from __future__ import annotations

import sys

import featc
from featc.runtime.online import push
from materialize.dying import TAKING, TRANSACTION, Functions, arm

from .bank import batch

_AFTER: Functions = {"batch loaded": (push, "load_batch"), "batch lifted": (push, "lifted_batch"), **TAKING}
PHASES = (*_AFTER, *TRANSACTION)


def main(folder: str, size: int, batches: int, phase: str) -> None:
    store = featc.FeatureStore(folder)
    for number in range(batches):
        if phase and number == batches - 1:
            arm(_AFTER, phase, 1)
        store.push("moves", batch(number, size), token=f"batch {number}")
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
