"""Mistakes in unions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from featc.lower import online, union
from featc.resolve import project
from featc.resolve.model import HAPPENED, KNOWN, MEMBER

from .patching import Patch, around


def ids_of_all(patch: Patch) -> None:
    """Rows of different members that have one id are versions of one event."""

    def alone(f: Callable[..., Any]) -> Callable[..., Any]:
        def finished(*args: Any) -> Any:
            found = f(*args)
            return None if found is None else replace(found, id=tuple(c for c in found.id if c != MEMBER))

        return finished

    around(patch, project, "finished_union", alone)


def members_arrive_at_once(patch: Patch) -> None:
    """Rows of a union are known when they happen, whatever their members say."""

    def at_once(f: Callable[..., dict[str, str]]) -> Callable[..., dict[str, str]]:
        return lambda source: (found := f(source)) | {KNOWN: found[HAPPENED]}

    around(patch, union, "_instants", at_once)


def second_forgotten_in_training(patch: Patch) -> None:
    """The rows of the second member are not read."""

    def without(f: Callable[..., str]) -> Callable[..., str]:
        def relation(source: Any) -> str:
            kept = (source.members[0], *source.members[2:])
            return f(replace(source, members=kept) if source.members else source)

        return relation

    around(patch, union, "union_relation", without)


def second_forgotten_online(patch: Patch) -> None:
    """A batch of the second member is no batch of the union."""

    def without(f: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def feeds(kept: Any, source: Any) -> Iterator[Any]:
            for feed in f(kept, source):
                if feed.plan.source.members[1].source.name != source.name:
                    yield feed

        return feeds

    around(patch, online, "_feeds", without)
