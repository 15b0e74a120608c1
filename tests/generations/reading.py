"""A program that reads the shop until a file says stop: `reading FOLDER STOP`. Its last line is what it saw."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import featc

from .tally import LATER, told

CHECKOUT = {"user_id": 3, "sku": "C-0001", "basket_value": 20}


def main(folder: str, stop: str) -> None:
    store = featc.FeatureStore(folder)
    seen: dict[str, Any] = {"reads": 0, "mixed": [], "steps_back": [], "swaps": 0}
    last: tuple[int, int] | None = None
    while not Path(stop).exists():
        (vector,) = store.get_online_features("tally", [{}], at=LATER)
        store.get_online_features("checkout", [CHECKOUT], at=LATER)
        now = told(vector)
        seen["reads"] += 1
        if now is None:
            seen["mixed"].append(vector)
        elif last is not None:
            seen["swaps"] += now[0] != last[0]
            if now[1] < last[1]:
                seen["steps_back"].append([last, now])
        last = now or last
        time.sleep(0.02)
        if seen["reads"] == 1:
            print("reading", flush=True)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
