"""Which row expression of a view a value makes fail, by asking the engine for each of them alone."""

from __future__ import annotations

import re
from collections.abc import Callable

from featc.lower.written import Written, lets_within, written_in
from featc.resolve.model import Source, View

Fails = Callable[[Written], str | None]
"""The engine's reason why an expression fails by itself; None when it does not."""


def culprit(source: Source, view: View, why: str, fails: Fails) -> Written | None:
    """The expression of a view, or the `let` within it, that fails for the reason `why`; None when none does."""
    for written in written_in(source, view):
        if _alike(fails(written), why):
            within = (let for let in lets_within(source, written.expr) if _alike(fails(let), why))
            return next(within, written)
    return None


def _alike(found: str | None, why: str) -> bool:
    """Whether two reasons are one but for the value: of several bad rows the engine meets any one first."""
    return found is not None and _bare(found) == _bare(why)


def _bare(text: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"|[-+]?\d+(\.\d+)?", "…", text)
