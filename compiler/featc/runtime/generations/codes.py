"""The codes of generations. For `featc help CODE`."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    "F890": "featc apply fills new tables of the online store from batches as they were pushed, and one of them does "
    "not fit its source as it is defined now: a value is none of its column's new type, or its times were read in "
    "another zone. Keep the column, and compute the new one of it with let:, or fill a new online store.",
    "F891": "Another process is building, swapping or collecting generations of the online store, or materializing "
    "into it. Run the command again when that has ended; the lock of a process that died is gone with it.",
    "F892": "featc rollback: nothing was applied before what answers now, or featc gc --previous dropped it. Take the "
    "YAML of before from git, and apply it.",
    "F893": "featc apply reads a source again, and rows that were pushed are neither in its data nor in the journal: "
    "they came when featc kept none, or featc evict let them go. They would be lost; add them to the source's data.",
    "F894": "The generation before cannot take in what was pushed or materialized since the apply, or its file is "
    "gone, so that it cannot answer in the place of the one that does. The message says what is wrong.",
    "F895": "A source of which rows were materialized and pushed has lost its id:. Only by an id is a row that came "
    "both ways known again, so featc apply cannot read the source anew. Keep the id:, or fill a new online store.",
}
