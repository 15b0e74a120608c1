"""What an edit means: two projects compared, definition by definition.

A definition is *changed* where what is written of it differs, and *affected* where it means something else because of
what it comes from. Its category follows from the fingerprints of what it reaches, never from the text.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Literal

from featc.digests import IR_VERSION, digest
from featc.fingerprint import Layers, contract_fingerprint
from featc.resolve.model import Project
from featc.versions.categories import Category

What = Literal["added", "removed", "changed", "affected", "metadata"]
Kind = Literal["entity", "window", "source", "attributed", "view", "feature", "label", "service", "environment"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One piece of a definition before and after; empty where there was none, or is none now."""

    piece: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one definition. `because` names the changed definitions that it comes from; `new_tiles` says
    whether partial states of it are not there yet; `used_by` are the services that give it, as they were or will be.
    """

    what: What
    kind: Kind
    name: str
    category: Category
    differences: tuple[Difference, ...] = ()
    because: tuple[str, ...] = ()
    new_tiles: bool = False
    used_by: tuple[str, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether values that exist change or go."""
        return self.category > Category.ADDITIVE


@dataclass(frozen=True, slots=True)
class Prints:
    """The fingerprints of one feature or label."""

    tiles: frozenset[str]
    feature: str
    contract: str


@dataclass(frozen=True, slots=True)
class Compared:
    """All changes, in the order of kinds and names."""

    changes: tuple[Change, ...]
    environment: tuple[Difference, ...] = ()
    by_name: Mapping[tuple[str, str], Change] = field(default_factory=dict)


def prints(project: Project, only: Container[tuple[str, str]] | None = None) -> dict[tuple[str, str], Prints]:
    """The fingerprints of every feature and label, or of those wanted, by kind and `view.name`."""
    found: dict[tuple[str, str], Prints] = {}
    layers = Layers(project)
    for view in project.own_views.values():
        for feature in view.features:
            if only is not None and ("feature", feature.qualified) not in only:
                continue
            pair = view.name, feature.name
            kept = contract_fingerprint(project, *pair)
            found["feature", feature.qualified] = Prints(frozenset(layers.tiles(*pair)), layers.feature(*pair), kept)
    for labels in project.own_labels.values():
        for label in labels.features:
            name = f"{labels.origin}.{label.name}"
            if not label.written or (only is not None and ("label", name) not in only):
                continue
            pair = labels.name, label.name
            kept = digest("label contract", (label.name, label.type, tuple((k.name, k.type) for k in labels.keys)))
            found["label", name] = Prints(frozenset(layers.tiles(*pair)), layers.feature(*pair), kept)
    return found


def used_by(project: Project, only: str | None = None) -> dict[tuple[str, str], tuple[str, ...]]:
    """The services, or the one wanted, that give each feature and label, itself or as what another is made of."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for service in project.services.values() if only is None else [project.services[only]]:
        stack = [(o.view, o.feature) for o in service.training]
        seen: set[tuple[str, str]] = set()
        while stack:
            view_name, name = stack.pop()
            if (view_name, name) in seen:
                continue
            seen.add((view_name, name))
            view = project.view(view_name)
            kind = "label" if view.ahead else "feature"
            found.setdefault((kind, f"{view.origin}.{name}"), {})[service.name] = None
            stack += [(r.view, r.feature) for r in view.needs_first(view.feature(name))]
            stack += [pair for join in view.view_joins for pair in join.pairs]
    return {key: tuple(names) for key, names in found.items()}


def made_by() -> dict[str, str]:
    """With what fingerprints are made now."""
    import duckdb

    from featc import __version__

    return {"engine": duckdb.__version__, "featc": __version__, "ir": str(IR_VERSION)}
