"""A program that backfills and stops in the middle until it is told to go on: `holding FOLDER`."""

from __future__ import annotations

import sys

import featc
from featc.runtime.backfill.asked import asked


def watch(step: str, done: int, whole: int) -> None:
    if step == "tiles":
        print("holding", flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    asked(featc.FeatureStore(sys.argv[1]), watch=watch)
