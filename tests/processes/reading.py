"""A program that reads the bank without pause: `reading FOLDER SIZE SECONDS BRANCHES`.

Its last line is what it saw, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import featc
from featc.errors import FeatcError

from .bank import LATER, batches_of, requests


def main(folder: str, size: int, seconds: float, branches: int) -> None:
    """Counts reads, the different states seen, answers that no whole number of batches gives, and steps back."""
    seen: dict[str, Any] = {"reads": 0, "states": 0, "last": [], "locked": 0, "halves": [], "steps_back": []}
    asked = requests(branches)
    until = time.monotonic() + seconds
    store = None
    while time.monotonic() < until:
        try:
            store = store or featc.FeatureStore(folder)
            answer = store.get_online_features("audit", asked, at=LATER)
        except FeatcError as error:
            if error.exit_code != 4:
                raise
            seen["locked"] += 1
            continue
        seen["reads"] += 1
        note(seen, answer, batches_of(answer, size))
    print(json.dumps(seen))


def note(seen: dict[str, Any], answer: list[dict[str, Any]], batches: list[int] | None) -> None:
    """Keeps what an answer says."""
    if batches is None:
        seen["halves"].append(answer)
        return
    if any(now < before for now, before in zip(batches, seen["last"], strict=False)):
        seen["steps_back"].append([seen["last"], batches])
    seen["states"] += batches != seen["last"]
    seen["last"] = batches


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
