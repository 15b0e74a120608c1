"""A program that applies, or rolls back, and kills itself on the way: `dying FOLDER COMMAND PHASE`."""

from __future__ import annotations

import sys

import featc
from featc.runtime.generations import building, swapping
from featc.runtime.generations import pointer as pointers
from featc.runtime.planning import apply as applying
from materialize.dying import Functions, arm

BEFORE: Functions = {
    "copied": (building, "_copy"),
    "forgotten": (building.needs, "forget"),
    "a source read": (building, "bring_in"),
    "built": (swapping, "build"),
    "taken over": (swapping, "follow"),
}
AFTER: Functions = {"pointer replaced": (pointers, "write"), "lock written": (applying, "write_lock")}
PHASES = (*BEFORE, *AFTER)


def main(folder: str, command: str, phase: str) -> None:
    store = featc.FeatureStore(folder)
    if phase:
        arm({**BEFORE, **AFTER}, phase, 1)
    if command == "apply":
        store.apply(verify=False)
    else:
        store.rollback()
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "")
