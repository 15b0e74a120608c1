"""Versions of views that are no longer what their views are: the lines `kept user_orders@v2` of a lock.

A kept line is a small lock of its own. It holds the lines of the view with its features and labels, and of all that
they need to mean what they did: sources with their columns, entities, windows, and other views. So a version stands,
whatever becomes of the lines around it, and one version is one line for git to merge.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from featc.names import PIN, is_kept, pinned
from featc.resolve.model import Project
from featc.resolve.upstream import behind
from featc.versions.lock import Entry, Lock, Versioned

Key = tuple[str, str]
_WORD = re.compile(r"[^\W\d]\w*")


def superseded(before: Lock, after: Lock, pins: Collection[str] = ()) -> list[Entry]:
    """The kept lines for the versions of `before` that views have no more in `after`, where they are others.

    A view that is gone is kept where its version is among the `pins` of services, as `view@v2`: else it ends there.
    """
    known, now = before.versions(), after.versions()
    found = []
    for kind, name in known:
        if kind != "view":
            continue
        there = now.get((kind, name))
        moved = there is not None and there.version != known[kind, name].version
        if moved or (there is None and _pin(name, known) in pins):
            found.append(kept_entry(before, name))
    return found


def _pin(view: str, versions: Mapping[Key, Versioned]) -> str:
    return pinned(view, versions["view", view].version)


def carried(before: Lock) -> list[Entry]:
    """The kept lines of a lock, which each later one has too."""
    return [e for e in before.entries if e.kind == "kept"]


def kept_versions(lock: Lock, view: str) -> tuple[int, ...]:
    """The versions of a view that a lock keeps beside the one that the view has in it, in order."""
    found = (PIN.fullmatch(e.name) for e in carried(lock))
    return tuple(sorted(int(m[2]) for m in found if m is not None and m[1] == view))


def without_unused(lock: Lock, project: Project) -> Lock:
    """The lock without the kept versions that no service of the project pins."""
    used = used_versions(project)
    return replace(lock, entries=tuple(e for e in lock.entries if e.kind != "kept" or e.name in used))


def used_versions(project: Project) -> frozenset[str]:
    """The earlier versions of views that services give, or that what they give is made of, as `view@v2`."""
    given = [(o.view, o.feature) for s in project.services.values() for o in s.training]
    origins = {project.view(view).origin for view, _ in behind(project, given)}
    return frozenset(name for name in origins if is_kept(name) and PIN.fullmatch(name))


# ── what a version needs ──────────────────────────────────────────────────────────────────────────────────────────


def kept_entry(lock: Lock, view: str) -> Entry:
    """The line that keeps a view as a lock has it."""
    kinds: dict[str, dict[str, Any]] = {}
    for entry in _closure(lock, view):
        kinds.setdefault(entry.kind, {})[entry.name] = entry.said()
    made = {"ir": lock.made_by.get("ir", "")}
    return Entry("kept", _pin(view, lock.versions()), {"lines": kinds, "made_by": made})


def lock_in(entry: Entry, project: str) -> Lock:
    """The lock that a kept line is. Raises ValueError, KeyError, TypeError or AttributeError where it is none."""
    lines = [Entry.of(kind, name, said) for kind, listed in entry.definition["lines"].items()
             for name, said in listed.items()]  # fmt: skip
    return Lock(project, {k: str(v) for k, v in entry.definition["made_by"].items()}, tuple(lines))


def _closure(lock: Lock, view: str) -> list[Entry]:
    """The lines that the definition of a view needs, itself first."""
    by_name = lock.by_name
    members: dict[str, list[Key]] = {}
    for kind, name in by_name:
        if kind in ("feature", "label"):
            members.setdefault(name.partition(".")[0], []).append((kind, name))
    found: dict[Key, Entry] = {}
    stack: list[Key] = [("view", view)]
    while stack:
        key = stack.pop()
        if key in found or key not in by_name:
            continue
        found[key] = by_name[key]
        words = _words(by_name[key].definition)
        if key[0] == "view":
            # an upstream view's labels play no part in what is made of its features
            stack += [m for m in members.get(key[1], ()) if m[0] == "feature" or key[1] == view]
        stack += [k for k in by_name if k[0] in ("entity", "window", "source", "attributed", "view")
                  and k[1].casefold() in words]  # fmt: skip
    order = list(by_name)
    return sorted(found.values(), key=lambda e: order.index((e.kind, e.name)))


def _words(definition: Any) -> set[str]:
    """All words of what is written in a definition: whatever it may name. A word too many keeps a line too many."""
    return {word.casefold() for text in _texts(definition) for word in _WORD.findall(text)}


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            listed: Iterable[Any] = (v for k, v in value.items() if k != "meta")
            for one in (*value, *listed):
                yield from _texts(one)
        case list() | tuple():
            for one in value:
                yield from _texts(one)
