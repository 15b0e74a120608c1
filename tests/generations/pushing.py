"""A program that pushes one order after the other until a file says stop: `pushing FOLDER STOP FIRST`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import featc
from featc.errors import FeatcError

from .tally import order


def main(folder: str, stop: str, number: int) -> None:
    store = featc.FeatureStore(folder)
    while not Path(stop).exists():
        try:
            store.push("orders", [order(number)], token=f"order {number}")
        except FeatcError as error:
            if error.exit_code != 4:
                raise
            print(f"waiting {error}", flush=True)
            continue
        print(f"pushed {number}", flush=True)
        number += 1
        time.sleep(0.05)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
