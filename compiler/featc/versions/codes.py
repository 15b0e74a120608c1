"""The codes of versions. For `featc help CODE`."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    "F870": "featc.lock cannot be read: a line is no line of a lock, or the file's rights are wrong. Take it from git.",
    "F871": "A merge left its marks in featc.lock. The message says which definitions both sides changed. Settle the "
    "YAML, keep one line of each definition, delete the marks, and run featc plan.",
    "F872": "featc.lock has two lines for one definition: two people changed it, and git kept both. Delete one; featc "
    "plan compares the YAML with the other.",
    "F873": "featc.lock was written by a later featc, in a form that this one does not know. Update featc. Nothing was "
    "changed.",
    "F874": "featc.lock cannot be written. The one that was there is as it was.",
    "F875": "featc build --locked: a definition means something else than featc.lock says, is not in it, or is in it "
    "alone. featc plan shows what the edit means; featc apply writes the lock, which is committed with the edit.",
    "F876": "A name, key or type that others build on would change or go under the version they know. Write version: "
    "with the next number at the definition, when those who use it are ready.",
    "F877": "The version: that the author wrote is one that stood for another meaning. Write the next number, or leave "
    "version: out, and featc numbers by itself.",
    "F878": "featc diff: one of the sides is no build, git revision or folder of a project.",
    "F879": "This featc refuses a definition that featc.lock holds, so that the edit cannot be compared with what was "
    "there. Compare with the featc that wrote it, or delete the lock.",
    "F880": "A version of a view is pinned, and there is no featc.lock, which says what versions mean. Name the view "
    "without a version, run featc apply, and pin what it has written.",
    "F881": "featc.lock does not keep the version of a view that is pinned. It keeps what a view was each time that "
    "apply gives it another number, until featc gc drops what no service pins. Pin a version that is there, or take "
    "the lock that kept it from git.",
    "F882": "A version of a view is pinned that is later than any there is. Pin the last one, or name the view "
    "without a version for what it means now.",
    "F883": "What stands there is no version of a view. Write view@v2, and its features as view@v2.feature or "
    "view@v2.spend_*.",
    "F884": "This featc cannot compile an earlier version of a view that is pinned. Move who uses it to a later "
    "version, or go on with the featc that made it.",
    "F885": "The data is not what an earlier version of a view was made for: a column is gone, is of another type by "
    "now, or there is no data where it was. Move who uses the version to a later one, or put the data right.",
    "F886": "A role asks a view as it is now, and cannot pin a version. List the version's features among those of "
    "the service.",
    "F887": "An earlier version of a view means something else to this featc than featc.lock says it did: somebody "
    "edited the lock, or another engine types it otherwise. Take the lock from git, or pin another version.",
    "F888": "A warning: a service pins a version of a view that was deprecated when it was kept.",
    "F889": "A warning: a service pins a version of a view, and gives features of another view that are computed from "
    "the pinned one as it is now, where what they read has changed since. Pin that other view, too, at the version "
    "that read the pinned one: it brings what it reads along. Or name the view both ways, where that is meant.",
}
