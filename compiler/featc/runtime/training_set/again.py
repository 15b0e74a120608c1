"""A set made again from its card, and what has moved since."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featc.errors import Diagnostic, FeatcError, did_you_mean
from featc.lower.training import Knowledge
from featc.resolve.model import Output, Project
from featc.runtime.online.store import instant
from featc.runtime.training_set.card import Card
from featc.runtime.training_set.nearness import is_near
from featc.runtime.training_set.origin import Origin
from featc.runtime.training_set.output import computed

if TYPE_CHECKING:
    from featc.runtime.dataset import Dataset
    from featc.runtime.store import FeatureStore


@dataclass(frozen=True, slots=True)
class Moved:
    """One thing that is not what the card says: `kind` (feature, spine, source, version), its `name`, and what about
    it, before and now."""

    kind: str
    name: str
    what: str
    before: Any
    now: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """A set against its card: what moved; the columns whose values differ, those of `near` only within the bound that
    equality of DOUBLE has; whether the rows are identical, and whether they are equal."""

    moved: tuple[Moved, ...]
    differing: tuple[str, ...]
    near: tuple[str, ...]
    identical: bool

    @property
    def equal(self) -> bool:
        return self.identical or (bool(self.near) and not self.differing)


def dataset_again(store: FeatureStore, card: Card, spine: Any = None) -> Dataset:
    """The set of a card as it is computed now; over `spine`, or the one the card names.

    Raises FeatcError F527 (exit code 3) when features are gone, F528 when the spine cannot be had again.
    """
    given = spine if spine is not None else Origin(**card["spine"]["from"]).again(store.root)
    if given is None:
        came = "standard input" if card["spine"]["from"]["kind"] == "stream" else "a table in memory"
        hint = "give the same rows again with --spine FILE"
        raise FeatcError(Diagnostic("F528", f"the spine of this set came from {came}", hint=hint), exit_code=2)
    asked = store.asked(card["service"], tuple(card["features"]))
    knowledge = Knowledge(_micros(card.get("known_at")), _micros(card.get("data_until")))
    return store.dataset(_outputs(store.project, card), asked, given, card["spine"]["time"], knowledge=knowledge)


def _micros(text: str | None) -> int | None:
    return None if text is None else instant(text)


def _outputs(project: Project, card: Card) -> tuple[Output, ...]:
    """The card's columns; those its service still has as the service has them."""
    service = project.services.get(card["service"] or "")
    kept = {o.name: o for o in service.training} if service is not None else {}
    found: list[Output] = []
    gone: list[Diagnostic] = []
    for listed in card["outputs"]:
        view, _, name = listed["feature"].rpartition(".")  # a service asks `service.role`
        same = kept.get(listed["name"])
        owner = project.views.get(view) or project.asked.get(view) or project.labels.get(view)
        feature = next((f for f in owner.features if f.name == name), None) if owner is not None else None
        if same is not None and (same.view, same.feature) == (view, name):
            found.append(same)
        elif feature is not None:
            found.append(Output(listed["name"], view, name, feature.type))
        else:
            hint = did_you_mean(listed["feature"], [f"{v}.{f}" for v, f in project.order])
            gone.append(Diagnostic("F527", f"the card's feature {listed['feature']} is no longer there", hint=hint))
    if gone:
        raise FeatcError(gone, exit_code=3)
    return tuple(found)


def card_of(dataset: Dataset) -> Card:
    """The card the set would have now; its rows are computed, and kept nowhere."""
    with tempfile.TemporaryDirectory(prefix="featc-") as folder:
        whole, _, _ = computed(dataset, Path(folder), lambda *_: 0)
    return whole


def compare(card: Card, now: Card) -> Comparison:
    """What differs between two cards of one set, apart from when they were made."""
    before, after = card["result"], now["result"]
    names = dict.fromkeys([*before["columns"], *after["columns"]])
    other = [n for n in names if before["columns"].get(n) != after["columns"].get(n)]
    near = tuple(
        n for n in other if n in before["near"] and n in after["near"] and is_near(before["near"][n], after["near"][n])
    )
    differing = tuple(n for n in other if n not in near)
    return Comparison(tuple(_moved(card, now)), differing, near, before["hash"] == after["hash"])


def _moved(card: Card, now: Card) -> Iterator[Moved]:
    old, new = ({o["name"]: o for o in c["outputs"]} for c in (card, now))
    for name in old:
        for what in ("fingerprint", "type"):
            if old[name][what] != new[name][what]:
                yield Moved("feature", name, what, old[name][what], new[name][what])
    for what in ("rows", "hash", "time"):
        if card["spine"][what] != now["spine"][what]:
            yield Moved("spine", "", what, card["spine"][what], now["spine"][what])
    for name in sorted({*card["sources"], *now["sources"]}):
        yield from _of("source", name, card["sources"].get(name, {}), now["sources"].get(name, {}))
    for name in now["versions"]:
        yield from _of("version", name, {"version": card["versions"].get(name)}, {"version": now["versions"][name]})


def _of(kind: str, name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Moved]:
    for what in dict.fromkeys([*before, *now]):
        if before.get(what) != now.get(what):
            yield Moved(kind, name, what, before.get(what), now.get(what))
