"""A program that pushes the bank's batches one after another: `pushing FOLDER SIZE LAST SECONDS [BRANCH]`.

Says `pushing n` before and `pushed n` after each; stops after batch LAST, or when SECONDS are over.
"""

from __future__ import annotations

import sys
import time

import featc
from featc.errors import FeatcError

from .bank import batch

PATIENCE = 20


def main(folder: str, size: int, last: int, seconds: float, branch: int = 0) -> None:
    """Every batch has a token of its own, so that starting again from the first changes nothing."""
    store = featc.FeatureStore(folder)
    until = time.monotonic() + seconds
    for number in range(last + 1):
        rows = batch(number, size, branch)
        print(f"pushing {number}")
        push(store, rows, f"batch {number}" if branch == 0 else f"batch {number} of branch {branch}")
        print(f"pushed {number}")
        if time.monotonic() > until:
            break
    store.close()


def push(store: featc.FeatureStore, rows: object, token: str) -> None:
    """A push that tries again when told that the store is locked."""
    for _ in range(PATIENCE):
        try:
            store.push("moves", rows, token=token)
            return
        except FeatcError as error:
            if error.exit_code != 4:
                raise
            print(f"waiting: {error}")
    raise SystemExit("the store stays locked")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(*sys.argv[5:]))
