"""`state:changed` in a selector: what means something else than featc.lock says, or is not in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from featc.errors import Diagnostic, FeatcError
from featc.runtime.planning.plan import side_before, side_now
from featc.versions.categories import Category
from featc.versions.comparison import compare
from featc.versions.lock import read_lock

if TYPE_CHECKING:
    from featc.runtime.compiled import Compiled

_TERM = re.compile(r"(\+?)state:changed(\+?)\Z")


def with_changed(compiled: Compiled, selector: str | None) -> str | None:
    """The selector with the features, labels and services that changed in the place of `state:changed`, each with the
    `+` that stood there. Raises FeatcError F801 where nothing changed, F87x for the lock."""
    if selector is None or "state:changed" not in selector:
        return selector
    terms: list[str] = []
    for term in filter(None, re.split(r"[\s,]+", selector)):
        found = _TERM.match(term)
        terms += [f"{found[1]}{name}{found[2]}" for name in _changed(compiled, term)] if found else [term]
    return " ".join(terms)


def _changed(compiled: Compiled, term: str) -> list[str]:
    old = side_before(compiled, read_lock(compiled.root))
    changes = compare(old, side_now(compiled)).changes
    found = [
        c.name
        for c in changes
        if c.kind in ("feature", "label", "service") and c.what != "removed" and c.category >= Category.ADDITIVE
    ]
    if not found:
        message = f"the selector '{term}' names nothing: everything means what featc.lock says"
        hint = "featc plan shows what the edits since then are"
        raise FeatcError(Diagnostic("F801", message, hint=hint), exit_code=2)
    return found
