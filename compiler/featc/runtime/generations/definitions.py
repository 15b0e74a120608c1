"""The projects of generations: the definitions that a pointer holds, resolved for the target at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featc.resolve.model import Project
from featc.runtime.generations.pointer import Generation
from featc.versions.lock import Lock, parse_lock
from featc.versions.past import entries, side_of

if TYPE_CHECKING:
    from featc.runtime.compiled import Compiled


def project_of(generation: Generation, compiled: Compiled) -> Project:
    """The project of a generation; its data lies where the target of `compiled` says. Raises FeatcError F879."""
    return project_of_lock(parse_lock(generation.lock), compiled)


def project_of_lock(lock: Lock, compiled: Compiled) -> Project:
    """The project of a lock. Where the YAML says the same, it is that of the YAML."""
    from featc.runtime.catalog import DuckDBCatalog

    if _definitions(lock) == _defined(compiled, lock):
        return compiled.project
    with DuckDBCatalog(compiled.root) as engine:
        return side_of(lock, compiled.definitions, engine, placed=True).project


Defined = dict[tuple[str, str], tuple[object, object, object]]


def _definitions(lock: Lock) -> Defined:
    defined = (e for e in lock.entries if e.kind not in ("gone", "kept"))
    return {(e.kind, e.name): (e.definition, e.after, e.columns) for e in defined}


def _defined(compiled: Compiled, lock: Lock) -> Defined:
    versions = lock.versions()
    try:
        found = entries(compiled.definitions, compiled.project, versions)
    except KeyError:  # something that the lock has no version of
        return {}
    return {(e.kind, e.name): (e.definition, e.after, e.columns) for e in found}
