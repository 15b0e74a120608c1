"""The codes of the proof against leakage and what each means, for `featc help CODE`.

None of them is the project's fault: the SQL is featc's own. They say which proof a query does not bear.
"""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    "F570": "The check against leakage cannot follow the training SQL at this line, and takes nothing for granted. "
    "Either the file was changed, or featc writes a form that its own check does not know: then report it.",
    "F571": "In the training SQL a row could reach a feature although it happened at or after the instant of "
    "observation: no condition on its way implies τ ⊲ t. Report it: the SQL is featc's own.",
    "F572": "In the training SQL a row could reach a feature before serving could know it: no condition on its way "
    "implies that max(τ, α) ⊲ t, or of labels, that α ⊲ k. Report it: the SQL is featc's own.",
    "F573": "In the training SQL a version could reach a feature although a newer one was known by then. Report "
    "it: the SQL is featc's own.",
    "F574": "In the training SQL a row of another entity could reach a feature: a key is not compared on its way. "
    "Report it: the SQL is featc's own.",
    "F575": "In the training SQL a row could reach a feature although it lies outside the feature's window. "
    "Report it: the SQL is featc's own.",
    "F576": "In the training SQL a label could hold a row of the past that features see, or a feature could read a "
    "label. Report it: the SQL is featc's own.",
    "F577": "The training SQL does not take a source's times, arrivals or versions from the columns that its "
    "definition names. Report it: the SQL is featc's own.",
}
