"""Views as a service asks them: the same features, for the entity that the service's key expressions give.

A view of which the service computes no key is asked as it is. Of any other a copy is made whose keys are `given`, and
with it of the views its features are made of; what is asked for the same entity is one copy, whatever roles name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from featc.errors import Findings, did_you_mean
from featc.load.model import PickDef, RoleDef
from featc.resolve.features import Drafts, asked_view, finished_feature
from featc.resolve.model import Expr, Feature, FeatureRef, Key, KeyRef, Ref, View
from featc.resolve.openservice import OpenService
from featc.resolve.openview import Template
from featc.resolve.order import circle
from featc.resolve.pieces import joined
from featc.resolve.sources import meta_of
from featc.types import INTEGERS, common_type, decimal_parts

Given = Mapping[str, FeatureRef]
"""The keys that a service computes, and the values they have."""
Pair = tuple[str, str]


@dataclass(slots=True)
class Binder:
    """Makes what one service asks: `asked`, by name, with the service's own expressions as a view among them."""

    views: Mapping[str, View]
    service: OpenService
    drafts: Drafts
    findings: Findings
    pins: Mapping[str, str] = field(default_factory=dict)
    """What the versions of views that services name are called."""
    asked: dict[str, View] = field(default_factory=dict)
    order: list[Pair] = field(default_factory=list)
    given: dict[str, FeatureRef] = field(default_factory=dict)
    roles: dict[str, Given] = field(default_factory=dict)
    known: dict[tuple[str, frozenset[tuple[str, FeatureRef]]], str] = field(default_factory=dict)

    def bind(self) -> None:
        """Types the service's expressions and brings them into an order in which each has what it needs."""
        own = self.service.own
        features = self._keys() + [f for t in self.service.derived for f in self._finished(t)]
        if not features:
            return
        bound = tuple(self._rebound(f, own.name, self.given, "") for f in features)
        self.asked[own.name] = View(
            own.name, own.keys, (), None, None, "left", None, tuple(own.request.values()), (), (), (), bound,
            meta_of(own.definition.meta), own.definition.span,
        )  # fmt: skip

    def settle(self) -> None:
        """Orders everything that is asked, parents first, and reports what needs itself."""
        needs = {
            (view.name, f.name): [(r.view, r.feature) for r in view.needs_first(f) if r.view in self.asked]
            for view in self.asked.values()
            for f in view.features
        }
        self.order, loops = circle(needs)
        for loop in loops:
            self._report(loop)

    def of_view(self, view: str) -> str:
        """The name under which a view is asked with the service's own keys."""
        return self._instance(view, self.given, asked_view(self.service.own.name, view))

    def of_role(self, role: RoleDef) -> str:
        """The name under which a role's view is asked."""
        given = {**self.given, **self.roles.get(role.name, {})}
        return self._instance(role.view.value, given, asked_view(self.service.own.name, role.name))

    # ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _keys(self) -> list[Feature]:
        """The expressions of keys, each of its key's type. Notes which keys they give."""
        templates = iter(self.service.own.templates)
        features: list[Feature] = []
        for name in self.service.definition.keys:
            what = f"the service {self.service.definition.name}"
            features += self._key(next(templates), name, what, self._asked_for(name), self.given)
        for role in self.service.roles:
            given: dict[str, FeatureRef] = {}
            views = [self.views[role.view.value]] if role.view.value in self.views else []
            for name in role.keys:
                features += self._key(next(templates), name, role.view.value, views, given)
            self.roles.setdefault(role.name, given)
        return features

    def _key(
        self, template: Template, name: str, what: str, views: list[View], given: dict[str, FeatureRef]
    ) -> list[Feature]:
        """The expression of one key of `views`, as a feature; none where it has errors."""
        keys = {v.name: k for v in views for k in v.keys if k.name.casefold() == name.casefold()}
        if not keys:
            if views:
                known = dict.fromkeys(k.name for v in views for k in v.keys)
                hint = did_you_mean(name, known) or f"its keys: {', '.join(known) or 'none'}"
                self.findings.error("F331", f"{what} has no key '{name}'", template.text.span, hint)
            return []
        given[next(iter(keys.values())).name] = FeatureRef(self.service.own.name, template.name)
        if template.family:
            hint = "name one of its members, with its window"
            self.findings.error("F331", f"the key {name} is one value, and this is a family", template.text.span, hint)
            return []
        type_ = self._common(keys, template)
        if type_ is None:
            return []
        return [f for found in self._finished(template) for f in self._as_key(found, name, type_, what, template)]

    def _as_key(self, feature: Feature, name: str, type_: str, what: str, template: Template) -> list[Feature]:
        """The expression in its key's type: what no value of that type equals is NULL, which is nobody."""
        if feature.type == type_:
            return [feature]
        if not _comparable(feature.type, type_):
            message = f"the key {name} of {what} is {type_}, and this is {feature.type}"
            self.findings.error("F331", message, template.text.span, f"cast it, as in (…)::{type_.lower()}")
            return []
        parts = joined(("try_cast(", *feature.expr.parts, f" AS {type_})"))
        return [replace(feature, expr=Expr(parts, type_, feature.expr.span), type=type_)]

    def _common(self, keys: Mapping[str, Key], template: Template) -> str | None:
        """A type that holds a key as all its views have it; None where there is none, which is reported."""
        (first, key), *others = keys.items()
        type_ = key.type
        for view, other in others:
            common = common_type(type_, other.type)
            if common is None:
                message = f"the key {key.name} is {key.type} in {first} and {other.type} in {view}"
                hint = f"give one of them a role with an expression of its own: keys: {{{key.name}: …}}"
                self.findings.error("F324", message, template.text.span, hint)
                return None
            type_ = common
        return type_

    def _finished(self, template: Template) -> list[Feature]:
        own = self.service.own.name
        drafts = [self.drafts.found.get((own, name)) for name, _ in (() if template.broken else template.members)]
        return [finished_feature(d, self.findings) for d in drafts if d is not None and not d.broken]

    def _asked_for(self, key: str) -> list[View]:
        """The views that the service asks, those behind their features included, save in roles with a key of their
        own."""
        own = self.service.own.name
        drafts = [d for (view, _), d in self.drafts.found.items() if view == own]
        stack = [
            p.view.value if isinstance(p, RoleDef) else self._picked(p)
            for p in self.service.definition.picks
            if not (isinstance(p, RoleDef) and key.casefold() in {k.casefold() for k in p.keys})
        ]
        stack += [view for d in drafts for view, _ in d.parents]
        found: dict[str, View] = {}
        while stack:
            name = stack.pop()
            if name in self.views and name not in found:
                found[name] = self.views[name]
                stack += [r.view for f in found[name].features for r in f.expr.refs if isinstance(r, FeatureRef)]
        return [found[name] for name in sorted(found)]

    def _picked(self, pick: PickDef) -> str:
        view = pick.pattern.value.partition(".")[0].strip()
        return self.pins.get(view, view)

    # ── copies ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _instance(self, name: str, given: Given, wanted: str, root: str = "") -> str:
        """The name under which a view is asked with these keys; `wanted` if it is asked so for the first time."""
        view = self.views.get(name)
        mine = {k.name: given[k.name] for k in view.keys if k.name in given} if view else {}
        if view is None or not mine:
            return name
        ident = (name, frozenset(mine.items()))
        if ident not in self.known:
            self.known[ident] = wanted
            keys = tuple(replace(k, given=mine.get(k.name)) for k in view.keys)
            copy = replace(view, name=wanted, of=name, keys=keys, features=())
            self.asked[wanted] = copy  # views may need each other's features
            features = tuple(self._rebound(f, wanted, mine, root or wanted) for f in view.features)
            self.asked[wanted] = replace(copy, features=features)
        return self.known[ident]

    def _rebound(self, feature: Feature, view: str, given: Given, root: str) -> Feature:
        """A feature whose references mean what they do with these keys. `root` names the copy that needs it."""
        parts = tuple(p if isinstance(p, str) else self._ref(p, given, root) for p in feature.expr.parts)
        return replace(feature, view=view, expr=replace(feature.expr, parts=parts))

    def _ref(self, ref: Ref, given: Given, root: str) -> Ref:
        match ref:
            case FeatureRef(view, feature) if view == self.service.own.name:
                return ref
            case FeatureRef(view, feature):
                return FeatureRef(self._named(view, given, root), feature)
            case KeyRef(name):
                return given.get(name, ref)
            case _:
                return ref

    def _named(self, view: str, given: Given, root: str) -> str:
        if root:
            return self._instance(view, given, f"{root}.{view}", root)
        role = next((r for r in self.service.roles if asked_view(self.service.own.name, r.name) == view), None)
        return self.of_view(view) if role is None else self.of_role(role)

    # ── circles ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _report(self, loop: tuple[Pair, ...]) -> None:
        own = self.service.own
        first = next(n for n, (view, _) in enumerate(loop) if view == own.name)
        turned = [*loop[first:], *loop[:first]]
        way = " → ".join(map(self._spoken, (*turned, turned[0])))
        template = next(t for t in own.templates if turned[0][1] in {name for name, _ in t.members})
        message = f"{self._spoken(turned[0])} of the service {self.service.definition.name} needs itself: {way}"
        hint = "a key comes from the request, from the spine, or from features of views with other keys"
        self.findings.error("F306", message, template.text.span, hint)

    def _spoken(self, pair: Pair) -> str:
        view, feature = pair
        if view != self.service.own.name:
            return f"{view.partition('.')[2]}.{feature}"
        role, dot, key = feature.partition(".")
        if not dot:
            return feature
        return f"the key {key}" if role == "key" else f"the key {key} of {role}"


def _comparable(value: str, key: str) -> bool:
    """Whether a value of one type is that of the other wherever it can be cast, so that nobody is taken for another."""
    one, other = decimal_parts(value), decimal_parts(key)
    if other:
        return value in INTEGERS or (one is not None and one[1] <= other[1])
    return value in INTEGERS and key in INTEGERS
