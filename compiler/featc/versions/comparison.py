"""Two projects compared, definition by definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from featc.fingerprint import Canonical, Layers
from featc.names import is_kept, written
from featc.resolve.model import Feature, FeatureRef, Project, Service, View, label_view
from featc.versions.categories import Category
from featc.versions.changes import Change, Compared, Difference, Kind, What, prints, used_by
from featc.versions.past import Side
from featc.versions.pieces import Pieces, feature_pieces, service_pieces, source_pieces, view_pieces
from featc.versions.plain import definition
from featc.versions.wording import differs, said_of_service, written_otherwise


def compare(old: Side | None, new: Side) -> Compared:
    """What there is to say of `new` after `old`; None: nothing was ever applied."""
    found = list(_Comparison(old, new).changes()) if old is not None else list(_all_new(new))
    environment = () if old is None else tuple(_environment(old.made_by, new.made_by))
    return Compared(tuple(found), environment, {(c.kind, c.name): c for c in found})


Users = Mapping[tuple[str, str], tuple[str, ...]]


def _users(old: Users, new: Users) -> Users:
    """The services that give each feature, as they were or will be; not those that pin an earlier version of it now."""
    pinning: dict[tuple[str, str], set[str]] = {}
    for (kind, name), services in new.items():
        view, _, feature = name.partition(".")
        if is_kept(view):
            pinning.setdefault((kind, f"{written(view)}.{feature}"), set()).update(services)
    gone = {k: tuple(s for s in services if s not in pinning.get(k, ())) for k, services in old.items() if k not in new}
    return {**gone, **new}


def _environment(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    for name in ("engine", "ir", "featc"):
        if old.get(name) != new.get(name):
            yield Difference(name, old.get(name, ""), new.get(name, ""))


def _all_new(new: Side) -> Iterator[Change]:
    users = used_by(new.project)
    for kind, name in _listed(new):
        tiles = kind == "feature" and new.project.views[name.partition(".")[0]].source is not None
        yield Change("added", kind, name, Category.ADDITIVE, new_tiles=tiles, used_by=users.get((kind, name), ()))


def _listed(side: Side) -> Iterator[tuple[Kind, str]]:
    """Every definition, by kind and name."""
    definitions, project = side.definitions, side.project
    yield from (("entity", n) for n in sorted(definitions.entities))
    yield from (("window", n) for n in sorted(definitions.windows))
    yield from (("source", n) for n in sorted(definitions.sources))
    yield from (("attributed", n) for n in sorted(definitions.attributed))
    yield from (("view", n) for n in sorted(definitions.views))
    for view in project.own_views.values():
        yield from (("feature", f.qualified) for f in view.features)
    for labels in project.own_labels.values():
        yield from (("label", f"{labels.origin}.{f.name}") for f in labels.features if f.written)
    yield from (("service", n) for n in sorted(definitions.services))


class _Comparison:
    """Two projects side by side."""

    def __init__(self, old: Side, new: Side) -> None:
        self.old, self.new = old, new
        self.forms = Canonical(old.project), Canonical(new.project)
        self.layers = Layers(old.project), Layers(new.project)
        self.was, self.now = prints(old.project), prints(new.project)
        self.users = _users(used_by(old.project), used_by(new.project))
        self.known_tiles = frozenset[str]().union(*(p.tiles for p in self.was.values()))
        self.moved = {key: self._category(key) for key in self.was if key in self.now}

    def _category(self, key: tuple[str, str]) -> Category | None:
        """What became of the values of a feature that was there before; None: nothing."""
        was, now = self.was[key], self.now[key]
        if was.contract != now.contract:
            return Category.CONTRACT
        if was.tiles != now.tiles:
            return Category.SEMANTIC
        return Category.TILE_COMPATIBLE if was.feature != now.feature else None

    def changes(self) -> Iterator[Change]:
        before, after = dict.fromkeys(_listed(self.old)), dict.fromkeys(_listed(self.new))
        for kind, name in dict.fromkeys((*after, *before)):
            key = (kind, name)
            if key not in before:
                yield self._added(kind, name)
            elif key not in after:
                users = self.users.get(key, ())
                grave = kind in ("feature", "label", "service") or (kind in ("view", "source") and bool(users))
                yield Change("removed", kind, name, Category.CONTRACT if grave else Category.ADDITIVE, used_by=users)
            else:
                found = self._both(kind, name)
                if found is not None:
                    yield found

    def _added(self, kind: Kind, name: str) -> Change:
        made = self.now.get((kind, name))
        fresh = kind == "feature" and made is not None and not made.tiles <= self.known_tiles
        users = self.users.get((kind, name), ())
        return Change("added", kind, name, Category.ADDITIVE, new_tiles=fresh, used_by=users)

    # ── definitions that were there before ───────────────────────────────────────────────────────────────────────

    def _both(self, kind: Kind, name: str) -> Change | None:
        match kind:
            case "feature" | "label":
                return self._feature(kind, name)
            case "service":
                return self._service(name)
            case "view":
                return self._view(name)
            case _:
                return self._other(kind, name)

    def _feature(self, kind: Kind, name: str) -> Change | None:
        view_name, _, own = name.partition(".")
        old, new = (self._written(s, kind, view_name, own) for s in (self.old, self.new))
        text, meta = differs(old, new, self._inherited(view_name))
        moved = self.moved[kind, name]
        if moved is None and not text and not meta:
            return None
        category = moved or (Category.EQUIVALENT if text else Category.METADATA)
        what: What = "changed" if text else "affected" if moved else "metadata"
        a, b = (_view(s.project, kind, view_name) for s in (self.old, self.new))
        before, after = self.forms
        reasons = _differences(feature_pieces(before, a, a.feature(own)), feature_pieces(after, b, b.feature(own)))
        if category <= Category.EQUIVALENT:
            reasons = tuple(written_otherwise(old, new, meta=category is Category.METADATA))
        explained = text and any(d.old != d.new for d in reasons)
        because = self._causes(b, b.feature(own)) if moved and not explained else ()
        now, was = self.now[kind, name], self.was[kind, name]
        fresh = not now.tiles <= self.known_tiles and now.tiles != was.tiles
        return Change(what, kind, name, category, reasons, because, fresh, self.users.get((kind, name), ()))

    def _written(self, side: Side, kind: str, view: str, output: str) -> dict[str, Any]:
        made = _view(side.project, kind, view).feature(output).written
        listed = side.definitions.views[view]
        features = listed.features if kind == "feature" else listed.labels
        return dict(definition(next(f for f in features if f.name == made)))

    def _inherited(self, view: str) -> dict[str, tuple[Any, Any]]:
        """What changed of what a view's features are told by their view."""
        a, b = (definition(s.definitions.views[view]).get("meta", {}) for s in (self.old, self.new))
        return {k: (a.get(k), b.get(k)) for k in {*a, *b} if a.get(k) != b.get(k)}

    def _causes(self, view: View, feature: Feature) -> tuple[str, ...]:
        """The definitions that a moved feature comes from and that changed themselves: its view, its sources, the
        features it is made of, named windows."""
        found: dict[str, None] = {}
        for kind, name in self._behind(view, feature):
            key = (kind, name)
            if kind in ("feature", "label"):
                if self.moved.get(key) is not None:
                    found[name] = None
            elif self._differs_itself(kind, name):
                found[name] = None
        return tuple(found)

    def _behind(self, view: View, feature: Feature) -> Iterator[tuple[Kind, str]]:
        if feature.reads_rows:
            yield "view", view.origin
            for source in view.sources:
                yield "source", source
                yield from (("source", m.source.name) for m in self.new.project.sources[source].members)
            if view.attributed is not None:
                yield "attributed", view.attributed
        for window in dict.fromkeys(a.window.name for a in view.aggregations):
            if window in self.new.definitions.windows:
                yield "window", window
        yield from (("entity", e) for e in view.entity)
        parents = [(r.view, r.feature) for r in feature.expr.refs if isinstance(r, FeatureRef)]
        for parent, name in (*parents, *(pair for join in view.view_joins for pair in join.pairs)):
            owner = self.new.project.view(parent)
            yield "label" if owner.ahead else "feature", f"{owner.origin}.{name}"

    def _differs_itself(self, kind: str, name: str) -> bool:
        pair = self._pieces(kind, name)
        return pair is not None and bool(_differences(*pair))

    def _pieces(self, kind: str, name: str) -> tuple[Pieces, Pieces] | None:
        """The pieces of a definition before and after; None where it was not there."""
        a, b = self.old, self.new
        if kind == "source" and name in a.project.sources and name in b.project.sources:
            before, after = (source_pieces(f, f.project.sources[name]) for f in self.forms)
            return before, after
        if kind == "view" and name in a.project.views and name in b.project.views:
            before, after = (view_pieces(f, f.project.views[name]) for f in self.forms)
            return before, after
        return None

    def _view(self, name: str) -> Change | None:
        """A view: as it is written, or because of what became of its features."""
        own = self._other("view", name)
        mine = {k[1]: c for k, c in self.moved.items() if c is not None and k[1].partition(".")[0] == name}
        gone = [k for k in self.was if k not in self.now and k[1].partition(".")[0] == name]
        if (not mine and not gone) or (own is not None and own.moves):
            return own
        category = max([*mine.values(), *([Category.CONTRACT] if gone else [])])
        differences = own.differences if own is not None else ()
        return Change("affected", "view", name, category, differences, (*mine, *(k[1] for k in gone)))

    def _other(self, kind: Kind, name: str) -> Change | None:
        old, new = (dict(definition(_defined(s, kind, name))) for s in (self.old, self.new))
        text, meta = differs(old, new, {})
        pair = self._pieces(kind, name)
        said = _differences(*pair) if pair is not None else ()
        reached = [c for key, c in self.moved.items() if c is not None and self._reaches(kind, name, key)]
        if not text and not meta and not said:
            return None
        if said or (pair is None and text):
            reached = reached or [Category.EQUIVALENT]
            return Change("changed", kind, name, max(reached), said or tuple(written_otherwise(old, new, meta=False)))
        places = {"location"} if kind == "source" else set()
        only_told = not text or {d.piece.partition(".")[0] for d in written_otherwise(old, new, meta=False)} <= places
        category = Category.METADATA if only_told else Category.EQUIVALENT
        what: What = "metadata" if only_told else "changed"
        return Change(what, kind, name, category, tuple(written_otherwise(old, new, meta=not text)))

    def _reaches(self, kind: str, name: str, key: tuple[str, str]) -> bool:
        """Whether a feature comes from a definition."""
        view = _view(self.new.project, key[0], key[1].partition(".")[0])
        feature = view.feature(key[1].partition(".")[2])
        seen: set[tuple[str, str]] = set()
        stack: list[tuple[str, str]] = list(self._behind(view, feature))
        while stack:
            pair = stack.pop()
            if pair == (kind, name):
                return True
            if pair in seen or pair[0] not in ("feature", "label"):
                continue
            seen.add(pair)
            owner = _view(self.new.project, pair[0], pair[1].partition(".")[0])
            stack += self._behind(owner, owner.feature(pair[1].partition(".")[2]))
        return False

    def _service(self, name: str) -> Change | None:
        old, new = (dict(definition(s.definitions.services[name])) for s in (self.old, self.new))
        text, meta = differs(old, new, {})
        a, b = self.old.project.services[name], self.new.project.services[name]
        before, after = self.forms
        said = _contract_pieces(service_pieces(before, a), service_pieces(after, b))
        reached = self._outputs_moved(a, b)
        if not (text or meta or said or reached):
            return None
        category = max([*reached, _contract(a, b, said)]) if said or reached else Category.METADATA
        if not said and not reached and text:
            category = Category.EQUIVALENT
        if text and (said or not reached):
            what: What = "changed"
        else:
            what = "affected" if reached or said else "metadata"
        because = tuple(k[1] for k, c in self.moved.items() if c is not None and name in self.users.get(k, ()))
        told = said or tuple(said_of_service(old, new, meta=not text))
        return Change(what, "service", name, category, told, because)

    def _outputs_moved(self, old: Service, new: Service) -> list[Category]:
        """What became of the values of columns of the same names; of roles, derived ones and labels, too."""
        was = {o.name: o for o in old.training}
        found = []
        for output in new.training:
            before = was.get(output.name)
            if before is None:
                continue
            pairs = (before.view, before.feature), (output.view, output.feature)
            one, two = (layers.tiles(*pair) for layers, pair in zip(self.layers, pairs, strict=True))
            if one != two:
                found.append(Category.SEMANTIC)
            elif len({layers.feature(*pair) for layers, pair in zip(self.layers, pairs, strict=True)}) > 1:
                found.append(Category.TILE_COMPATIBLE)
        return found


def _contract_pieces(old: Pieces, new: Pieces) -> tuple[Difference, ...]:
    """What differs of a service; where columns stand is told only if that is all."""
    found = _differences(old, new)
    told = tuple(d for d in found if not d.piece.startswith("place of "))
    return told or found


def _contract(old: Service, new: Service, said: Iterable[Difference]) -> Category:
    """The category of what a service gives and asks for. Columns may be added at the end, and nothing else."""
    before, after = ([(o.name, o.type) for o in s.training] for s in (old, new))
    listed = list(said)
    if not listed:
        return Category.METADATA
    if after[: len(before)] != before or (old.keys, old.request) != (new.keys, new.request):
        return Category.CONTRACT
    others = [d for d in listed if d.piece.startswith("output ") and d.old and d.new]
    return Category.SEMANTIC if others else Category.ADDITIVE


def _view(project: Project, kind: str, name: str) -> View:
    return project.views[name] if kind == "feature" else project.labels[label_view(name)]


def _defined(side: Side, kind: str, name: str) -> object:
    d = side.definitions
    match kind:
        case "entity":
            return d.entities[name]
        case "window":
            return d.windows[name]
        case "source":
            return d.sources[name]
        case "attributed":
            return d.attributed[name]
        case _:
            return replace(d.views[name], features=(), labels=())


def _differences(old: Pieces, new: Pieces) -> tuple[Difference, ...]:
    """The pieces that are not what they were: those that read differently, or else those whose inputs do."""
    found = [
        Difference(name, old[name].words if name in old else "", new[name].words if name in new else "")
        for name in dict.fromkeys((*new, *old))
        if name not in old or name not in new or old[name].value != new[name].value
    ]
    told = [d for d in found if d.old != d.new]
    return tuple(told or found)
