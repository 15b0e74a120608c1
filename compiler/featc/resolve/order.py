"""Orders things so that what is needed comes first, and finds what needs itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import TypeVar

T = TypeVar("T")


def circle(needs: Mapping[T, Iterable[T]]) -> tuple[list[T], list[tuple[T, ...]]]:
    """(nodes with what they need before them, circles).

    Among nodes that may stand next, the one first in `needs` does. Nodes of a circle, and those that need
    them, are left out; each circle is given once, from its first node on, in the direction of need.
    """
    nodes = list(needs)
    rank = {node: i for i, node in enumerate(nodes)}
    missing = {node: {n for n in needs[node] if n in rank} for node in nodes}
    users: dict[T, list[T]] = {node: [] for node in nodes}
    for node, parents in missing.items():
        for parent in parents:
            users[parent].append(node)
    ready = [rank[n] for n in nodes if not missing[n]]
    heapify(ready)
    ordered: list[T] = []
    while ready:
        node = nodes[heappop(ready)]
        ordered.append(node)
        for user in users[node]:
            missing[user].discard(node)
            if not missing[user]:
                heappush(ready, rank[user])
    done = set(ordered)
    return ordered, _circles([n for n in nodes if n not in done], missing, rank)


def _circles(stuck: list[T], missing: Mapping[T, set[T]], rank: Mapping[T, int]) -> list[tuple[T, ...]]:
    """One circle for each group of stuck nodes, found by following the first need of each."""
    found: list[tuple[T, ...]] = []
    seen: set[T] = set()
    for start in stuck:
        path: list[T] = []
        at: dict[T, int] = {}
        node = start
        while node not in seen and node not in at:
            at[node] = len(path)
            path.append(node)
            node = min(missing[node], key=lambda n: rank[n])
        if node in at:
            loop = path[at[node] :]
            first = min(range(len(loop)), key=lambda i: rank[loop[i]])
            found.append((*loop[first:], *loop[:first]))
        seen |= set(path)
    return found
