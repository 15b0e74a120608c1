"""Earlier versions of views that somebody names who is no service: compiled when they are asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from featc.errors import FeatcError
from featc.names import AT, PIN
from featc.runtime.catalog import DuckDBCatalog
from featc.runtime.compiled import Compiled, database_of
from featc.runtime.engine import limits_of
from featc.versions.lock import read_lock
from featc.versions.pins import Pinning, named_pins

if TYPE_CHECKING:
    from featc.resolve.kept import Kept


def with_versions_in(compiled: Compiled, text: str) -> tuple[Compiled, str]:
    """The project with the versions of views that a text names, such as `user_orders@v2.spend_7d`, and the text with
    the names that they have in it. Raises FeatcError F880 to F887 (exit code 2), F87x for the lock."""
    if AT not in text:
        return compiled, text
    called: dict[str, str] = {}
    for pin in dict.fromkeys(named_pins(text)):
        if pin in compiled.project.views:
            continue
        found = _kept(compiled, pin)
        called |= found.named
        compiled = replace(compiled, project=found.beside(compiled.project))
    return compiled, PIN.sub(lambda m: called.get(m[0], m[0]), text)


def _kept(compiled: Compiled, pin: str) -> Kept:
    definitions, root = compiled.definitions, compiled.root
    with DuckDBCatalog(root, database_of(definitions), limits_of(definitions.target, root)) as catalog:
        pinning = Pinning(compiled.project, definitions, read_lock(root), catalog)
        found = pinning.pin(pin)
    if pinning.findings.errors:
        raise FeatcError(pinning.findings.errors, exit_code=2)
    return found
