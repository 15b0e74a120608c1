"""The numbers of versions: v1, v2 … by themselves, or the author's own.

A feature, label or service has a new number once it means something else. A view has one once a feature that it had
means something else or is gone; what is added to a view leaves its number, since nothing that was asked of it changes.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import replace

from featc.digests import digest
from featc.errors import Diagnostic, Span
from featc.fingerprint import Canonical
from featc.load.model import Definitions
from featc.names import written
from featc.resolve.model import Project, Service, label_view
from featc.versions.categories import Category
from featc.versions.changes import Change, Compared, Prints, prints, used_by
from featc.versions.lock import Versioned
from featc.versions.past import Side
from featc.versions.pieces import own_pieces

Key = tuple[str, str]
"""(kind, name); of features and labels `view.name`."""


def numbered(
    known: Mapping[Key, Versioned],
    definitions: Definitions,
    project: Project,
    moved: Collection[Key],
    gone: Mapping[Key, Versioned],
) -> dict[Key, Versioned]:
    """The version of every view, feature, label and service of a project after those that are `known`; `moved` are
    those features, labels and services that mean something else than they did. What comes back after it was `gone` has
    the number it had if it means the same, else the next."""
    now = fingerprints(project)
    found: dict[Key, Versioned] = {}
    for key, (fingerprint, tile, contract) in now.items():
        before = known.get(key)
        breaks = any(_breaks(k, key[1], now, moved) for k in known) if key[0] == "view" else key in moved
        number = _back(gone.get(key), fingerprint) if before is None else before.version + breaks
        found[key] = Versioned(own_number(definitions, project, key) or number, fingerprint, tile, contract)
    return found


def _back(last: Versioned | None, fingerprint: str) -> int:
    return 1 if last is None else last.version + (last.fingerprint != fingerprint)


def _breaks(key: Key, view: str, now: Container[Key], moved: Container[Key]) -> bool:
    """Whether what became of a feature takes something from those who ask its view."""
    return key[0] in ("feature", "label") and key[1].partition(".")[0] == view and (key not in now or key in moved)


def moved_by(compared: Compared) -> frozenset[Key]:
    """The features, labels and services that changes give another meaning."""
    grave = {"service": Category.ADDITIVE}
    return frozenset(
        (c.kind, c.name)
        for c in compared.changes
        if c.kind in ("feature", "label", "service")
        and c.what not in ("added", "removed")
        and c.category >= grave.get(c.kind, Category.TILE_COMPATIBLE)
    )


def moved_since(known: Mapping[Key, Versioned], project: Project) -> frozenset[Key]:
    """The same, by fingerprints of one kind that were kept: without the definitions of before."""
    now, users = fingerprints(project), used_by(project)
    listed = (k for k in known if k[0] != "view" and k in now)
    own = {k for k in listed if now[k] != _triple(known[k])}
    given = {("service", service) for k in own for service in users.get(k, ())}
    return frozenset(own | (given & known.keys()))


def service_number(
    known: Mapping[Key, Versioned], gone: Mapping[Key, Versioned], definitions: Definitions, project: Project, name: str
) -> int:
    """The number of one service, as `numbered` has it: only what the service gives is looked at."""
    own, key = definitions.services[name].version, ("service", name)
    if own is not None:
        return own
    fingerprint = _service_print(Canonical(project), project.services[name])
    before = known.get(key)
    if before is None:
        return _back(gone.get(key), fingerprint)
    behind = {k for k, services in used_by(project, name).items() if name in services}
    now = prints(project, behind)
    same = all(_features_prints(now)[k] == _triple(known[k]) for k in behind if k in known)
    return before.version + (before.fingerprint != fingerprint or not same)


def _triple(version: Versioned) -> tuple[str, str, str]:
    return version.fingerprint, version.tile, version.contract


def with_versions(project: Project, versions: Mapping[Key, Versioned]) -> Project:
    """The project with the number of every definition in it; what belongs to earlier versions has those it had."""
    views = dict(project.views)
    for name, view in project.own_views.items():
        features = tuple(replace(f, version=versions["feature", f.qualified].version) for f in view.features)
        views[name] = replace(view, features=features, version=versions["view", name].version)
    labels = dict(project.labels)
    for name, ahead in project.own_labels.items():
        own = {f.name: versions["label", f"{ahead.origin}.{f.name}"].version for f in ahead.features if f.written}
        labels[name] = replace(ahead, features=tuple(replace(f, version=own.get(f.name, 1)) for f in ahead.features))
    services = {n: replace(s, version=versions["service", n].version) for n, s in project.services.items()}
    return replace(project, views=views, labels=labels, services=services)


def fingerprints(project: Project) -> dict[Key, tuple[str, str, str]]:
    """(fingerprint, that of tiles, that of the contract) of all that has versions; features alone have all three."""
    return _prints(project, prints(project))


def _prints(project: Project, made: Mapping[Key, Prints]) -> dict[Key, tuple[str, str, str]]:
    found = _features_prints(made)
    # those of views and services are of what is their own: two people's features may be of one of them
    for name, view in project.own_views.items():
        keys = tuple((k.name, k.type) for k in view.keys)
        found["view", name] = (digest("view contract", (keys, view.request)), "", "")
    forms = Canonical(project)
    for name, service in project.services.items():
        found["service", name] = (_service_print(forms, service), "", "")
    return found


def _features_prints(made: Mapping[Key, Prints]) -> dict[Key, tuple[str, str, str]]:
    return {key: (p.feature, digest("tiles", tuple(sorted(p.tiles))), p.contract) for key, p in made.items()}


def _service_print(forms: Canonical, service: Service) -> str:
    """What a service says itself: what it gives and asks for, and its own expressions."""
    view = forms.project.view
    listed = tuple((o.name, o.type, written(view(o.view).origin), o.feature) for o in service.training)
    own = tuple((piece, p.value) for piece, p in own_pieces(forms, service).items())
    return digest("service contract", (listed, service.keys, service.request, own))


def own_number(definitions: Definitions, project: Project, key: Key) -> int | None:
    """The author's own number of a definition."""
    kind, name = key
    if kind == "service":
        return definitions.services[name].version
    view, _, output = name.partition(".")
    if kind == "view":
        return definitions.views[view].version
    return _feature(definitions, project, kind, view, output)[0]


def _feature(
    definitions: Definitions, project: Project, kind: str, view: str, output: str
) -> tuple[int | None, Span]:
    listed = definitions.views[view].features if kind == "feature" else definitions.views[view].labels
    owner = project.views[view] if kind == "feature" else project.labels[label_view(view)]
    made = next(f for f in listed if f.name == owner.feature(output).written)
    return made.version, made.span


def place_of(definitions: Definitions, project: Project, key: Key) -> Span | None:
    """Where a definition stands."""
    kind, name = key
    view, _, output = name.partition(".")
    match kind:
        case "service":
            return definitions.services[name].span
        case "view":
            return definitions.views[name].span
        case "feature" | "label":
            return _feature(definitions, project, kind, view, output)[1]
        case "source" if name in definitions.sources:
            return definitions.sources[name].span
        case "attributed":
            return definitions.attributed[name].span
        case "window":
            return definitions.windows[name].span
        case "entity":
            return definitions.entities[name].span
    return None


def refusals(old: Side | None, new: Side, compared: Compared) -> Iterator[Diagnostic]:
    """What may not be applied: F876 a contract that changes under the number it has, F877 a number of the author's that
    stays, or goes back, where the meaning does not."""
    known = old.versions or {} if old is not None else {}
    for change in compared.changes:
        key = (change.kind, change.name)
        if change.what == "removed" or key not in known:
            continue
        before = known[key].version
        own = own_number(new.definitions, new.project, key)
        place = place_of(new.definitions, new.project, key)
        moved = change.moves or (change.kind == "service" and change.category >= Category.ADDITIVE)
        what = f"the {change.kind} {change.name}"
        way = f"write version: {before + 1} under {change.name}: once all who use it know"
        if own is not None and own < before:
            message = f"{what} has version: {own}, and was applied as v{before} already"
            yield Diagnostic("F877", message, place, f"write version: {before + bool(moved)}")
        elif own == before and moved:
            message = f"{what} means something else than v{before} ({change.category}), and still has version: {own}"
            yield Diagnostic("F877", message, place, f"write version: {before + 1}")
        elif change.category is Category.CONTRACT and own is None and _own_contract(change):
            message = f"{what} breaks its contract: {_broken(change)}"
            yield Diagnostic("F876", message, place, way)


_TOLD = 3
"""So many parts of a contract that breaks are told; `featc plan` has all."""


def _broken(change: Change) -> str:
    """What others lose or find changed; what is new only where that is all."""
    found = [d for d in change.differences if d.old] or list(change.differences)
    said = [f"{d.piece}: {d.old} → {d.new}" if d.old and d.new else f"{d.piece} {'goes' if d.old else 'is new'}"
            for d in found]  # fmt: skip
    return "; ".join(said[:_TOLD]) + (f"; and {len(said) - _TOLD} more" if len(said) > _TOLD else "")


def _own_contract(change: Change) -> bool:
    """Whether the contract that breaks is the definition's own, not only that of what it gives."""
    return change.kind in ("feature", "label", "service")


def unlocked(old: Side | None, new: Side, compared: Compared) -> Iterator[Diagnostic]:
    """F875 for all that means something else than the lock says, is new to it, or is gone."""
    if old is None:
        hint = "make one with `featc apply`, and commit it"
        yield Diagnostic("F875", "there is no featc.lock to build by", hint=hint)
        return
    hint = "`featc plan` shows what it means, `featc apply` writes the lock; commit that with the edit"
    known = old.versions or {}
    for key in known.keys() & fingerprints(new.project).keys():
        own = own_number(new.definitions, new.project, key)
        if own is not None and own != known[key].version:
            message = f"the {key[0]} {key[1]} has version: {own}, and featc.lock has it as v{known[key].version}"
            yield Diagnostic("F875", message, place_of(new.definitions, new.project, key), hint)
    for change in compared.changes:
        if change.category < Category.ADDITIVE or change.kind not in ("feature", "label", "service"):
            continue
        before = known.get((change.kind, change.name))
        number = before.version if before else 1
        said = {
            "added": "is not in featc.lock",
            "removed": f"is in featc.lock (v{number}), and in the project no more",
        }.get(change.what, f"means something else than v{number} of featc.lock")
        place = None if change.what == "removed" else place_of(new.definitions, new.project, (change.kind, change.name))
        yield Diagnostic("F875", f"the {change.kind} {change.name} {said} ({change.category})", place, hint)
