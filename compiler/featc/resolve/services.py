"""Services: picks → output columns, and the spine columns they need (interfaces.md, "Output names")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from featc.errors import Findings, Span, did_you_mean
from featc.load.model import PickDef, RoleDef, ServiceDef
from featc.load.text import Text
from featc.names import AT, plain
from featc.resolve.features import Drafts
from featc.resolve.instances import Binder
from featc.resolve.kept import Kept
from featc.resolve.model import COMPLETE, Feature, KeyRef, Output, RequestRef, Role, Service, View, label_view
from featc.resolve.openservice import OpenService
from featc.resolve.openview import OpenView
from featc.resolve.sources import meta_of
from featc.types import common_type

_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Listed:
    """An output, where the author listed it, and the feature in his words."""

    output: Output
    span: Span
    spoken: str


@dataclass(slots=True)
class Picker:
    """Makes services. `open_views` also knows views and features that have errors; `kept` are earlier versions of
    views, which are among `views` and `labels` too. `asked` and `order` gather what services ask beside the project's
    own views."""

    views: Mapping[str, View]
    open_views: Mapping[str, OpenView]
    drafts: Drafts
    broken: frozenset[str]
    findings: Findings
    labels: Mapping[str, View]
    kept: Kept = field(default_factory=Kept)
    asked: dict[str, View] = field(default_factory=dict)
    order: tuple[tuple[str, str], ...] = ()

    def service(self, opened: OpenService) -> Service:
        definition = opened.definition
        binder = Binder(self.views, opened, self.drafts, self.findings, self.kept.named)
        binder.bind()
        outputs: dict[str, Listed] = {}
        roles = []
        for pick in definition.picks:
            listed = self._role(pick, binder) if isinstance(pick, RoleDef) else self._pick(pick, binder)
            for one in listed:
                self._add(outputs, one)
            if isinstance(pick, RoleDef):
                roles.append(Role(pick.name, pick.view.value, binder.of_role(pick), tuple(pick.keys)))
        for one in self._derived(opened, binder):
            self._add(outputs, one)
        binder.settle()
        self.asked |= binder.asked
        self.order += tuple(binder.order)
        needed = self._closure([(o.output.view, o.output.feature) for o in outputs.values()])
        keys = self._keys(needed, definition)
        request = self._request(needed, definition)
        self._check_names(definition, outputs, keys, request)
        self._check_unused(definition, request)
        found = tuple(o.output for o in outputs.values())
        labels = self._labels(definition, outputs, (*keys, *request))
        return Service(
            definition.name, found, keys, request, meta_of(definition.meta), definition.span, tuple(roles), labels
        )

    def _labels(
        self, definition: ServiceDef, outputs: dict[str, Listed], spine: tuple[tuple[str, str], ...]
    ) -> tuple[Output, ...]:
        """The columns of the labels of a service's training sets."""
        taken = dict(outputs)
        for pick in definition.labels:
            for feature in self._ahead(pick):
                name = pick.output or feature.name
                spoken = f"{self.labels[feature.view].origin}.{feature.name}"
                for suffix, type_ in (("", feature.type), (COMPLETE, "BOOLEAN")):
                    output = Output(f"{name}{suffix}", feature.view, f"{feature.name}{suffix}", type_, pick.span)
                    self._add(taken, Listed(output, pick.span, spoken))
        found = [listed for folded, listed in taken.items() if folded not in outputs]
        names = {"as_of"} | {name.casefold() for name, _ in spine}
        for listed in found:
            if listed.output.name.casefold() in names:
                message = f"the label {listed.output.name} has the name of a column of the spine"
                self.findings.error("F307", message, listed.span, f"rename it: {_renamed(listed)}")
        return tuple(listed.output for listed in found)

    def _ahead(self, pick: PickDef) -> list[Feature]:
        """The labels that an entry names: of one view, `*` and a family's name as in features."""
        view, _, label = pick.pattern.value.strip().partition(".")
        if AT in view:
            return self._pinned(pick, ahead=True)
        known = self.open_views.get(view)
        if known is None or known.labels is None:
            if known is None and view in self.broken:
                return []
            ahead = [n for n, v in self.open_views.items() if v.labels is not None]
            what = f"the view {view} has no labels" if known is not None else f"there is no view '{view}'"
            self._unknown(pick, what, did_you_mean(view, ahead) or "write them under labels: of a view")
            return []
        resolved = self.labels.get(known.labels.name)
        template = known.labels.by_name.get(label.casefold())
        members = {m.casefold() for m, _ in template.members} if template else {label.casefold()}
        labels = [f for f in (resolved.features if resolved else ()) if not f.name.endswith(COMPLETE)]
        found = [f for f in labels if fnmatchcase(f.name, label or "*") or f.name.casefold() in members]
        if pick.output is not None and len(found) > 1:
            message = f"{pick.output} would be the name of {len(found)} labels"
            self.findings.error("F323", message, pick.span, "rename one label at a time: - name: view.label")
            return []
        broken = resolved is None or known.blind or known.lost  # which was reported
        if not (found or broken or any(t.broken for t in known.labels.templates)):
            if self._of_view(view, label):
                hint = f"write {view}.{label} under features:"
                self.findings.error("F346", f"{label} is a feature of {view}, and no label", pick.span, hint)
            else:
                close = did_you_mean(label, [f.name for f in labels])
                self._unknown(pick, f"the view {view} has no label '{label}'", close)
        return found

    def _pick(self, pick: PickDef, binder: Binder) -> list[Listed]:
        features = self._expand(pick)
        if pick.output is not None and len(features) > 1:
            self.findings.error(
                "F323",
                f"{pick.output} would be the name of {len(features)} features",
                pick.span,
                "rename one feature at a time: - name: view.feature",
            )
            return []
        return [
            Listed(
                Output(pick.output or f.name, binder.of_view(f.view), f.name, f.type, pick.span), pick.span, f.qualified
            )
            for f in features
        ]

    def _role(self, role: RoleDef, binder: Binder) -> list[Listed]:
        view = role.view.value
        found: dict[str, Feature] = {}
        for pattern in role.features or (Text.plain("*", role.span.file),):
            pick = PickDef(None, replace(pattern, value=f"{view}.{pattern.value}"), role.span)
            found |= {f.name: f for f in (self._expand(pick) if view in self.open_views else ())}
        return [
            Listed(
                Output(f"{role.name}_{f.name}", binder.of_role(role), f.name, f.type, role.span),
                role.span,
                f"{role.name}.{f.name}",
            )
            for f in found.values()
        ]

    def _derived(self, opened: OpenService, binder: Binder) -> list[Listed]:
        own = binder.asked.get(opened.own.name)
        members = {name: t for t in opened.derived for name, _ in t.members}
        return [
            Listed(Output(f.name, f.view, f.name, f.type, place), place, f.name)
            for f in (own.features if own else ())
            if f.name in members
            for place in (members[f.name].definition.span,)
        ]

    def _expand(self, pick: PickDef) -> list[Feature]:
        pattern = pick.pattern.value.strip()
        view, dot, feature = pattern.partition(".")
        if AT in view:
            return self._pinned(pick)
        if not _GLOB & set(view):
            known = self.open_views.get(view)
            if known is None:
                if view not in self.broken:
                    hint = did_you_mean(view, self.open_views) or "declare it under feature_views:"
                    self._unknown(pick, f"there is no view '{view}'", hint)
                return []
            found = self._of_view(view, feature if dot else "*")
            if not found and self._is_label(known, feature, pick):
                return []
            declared = not dot or feature.casefold() in known.by_name
            told = known.blind or known.lost or any(t.broken for t in known.templates)
            told = told or (declared and view not in self.views)  # what is wrong with the view is told already
            if not (found or told):
                names = [f.name for f in self.views[view].features] if view in self.views else []
                missing = f"feature '{feature}'" if dot and (names or known.by_name) else "features"
                hint = did_you_mean(feature, [*names, *known.by_name]) or f"write them under {view}: features:"
                self._unknown(pick, f"the view {view} has no {missing}", hint)
            return found
        found = [
            f for v in self.views if fnmatchcase(v, view) for f in self._of_view(v, feature if dot else "*")
        ]
        if not found:
            self._unknown(
                pick, f"nothing matches '{pattern}'", did_you_mean(view.strip("*"), self.open_views)
            )
        return found

    def _pinned(self, pick: PickDef, *, ahead: bool = False) -> list[Feature]:
        """The features that an entry names of a version of a view, or its labels; what it inherits deprecation by is
        told here, since no definition of now says it."""
        pin, _, name = pick.pattern.value.strip().partition(".")
        view = self.kept.named.get(pin)
        if view is None:
            return []  # which was reported
        if view not in self.kept.views:  # the version that the view has now
            text = replace(pick.pattern, value=f"{view}{pick.pattern.value.strip().removeprefix(pin)}")
            return self._ahead(replace(pick, pattern=text)) if ahead else self._expand(replace(pick, pattern=text))
        owner = self.labels.get(label_view(view)) if ahead else self.views[view]
        listed = [f for f in owner.features if not (ahead and f.name.endswith(COMPLETE))] if owner else []
        called = [(f, {f.name.casefold(), f.written.casefold()}) for f in listed]
        found = [f for f, names in called if fnmatchcase(f.name, name or "*") or name.casefold() in names]
        if not found:
            what = f"{'label' if ahead else 'feature'} '{name}'" if name else "labels" if ahead else "features"
            self._unknown(pick, f"{pin} has no {what}", did_you_mean(name, [f.name for f in listed]))
        for feature in found:
            old = feature.meta.get("deprecated")
            if isinstance(old, Mapping):
                since = f" since {old['since']}" if "since" in old else ""
                hint = f"use {old['use']} instead" if "use" in old else "pin a later version"
                message = f"{pin}.{feature.name} was deprecated{since} when it was kept"
                self.findings.warn("F888", message, pick.pattern.span, hint)
                break
        return found

    def _is_label(self, view: OpenView, name: str, pick: PickDef) -> bool:
        """Whether an entry under features: names a label, which is reported."""
        ahead = view.labels
        names = [m for t in ahead.templates for m in (t.name, *(m for m, _ in t.members))] if ahead else []
        if name.casefold() not in {n.casefold() for n in names}:
            return False
        label = f"{view.name}.{name}"
        way = f"{view.opened.source.name if view.opened else '?'} → {label} → the features of a service"
        message = f"{label} is a label, and no feature of a service: {way}"
        self.findings.error("F345", message, pick.pattern.span, f"list it under the service's labels: [{label}]")
        return True

    def _of_view(self, view: str, pattern: str) -> list[Feature]:
        """Features of a view whose names match; the bare name of a family is all its members."""
        resolved = self.views.get(view)
        if resolved is None:
            return []
        if _GLOB & set(pattern):
            return [f for f in resolved.features if fnmatchcase(f.name, pattern)]
        template = self.open_views[view].by_name.get(pattern.casefold())
        members = {m.casefold() for m, _ in template.members} if template else {pattern.casefold()}
        return [f for f in resolved.features if f.name.casefold() in members]

    def _unknown(self, pick: PickDef, message: str, hint: str | None) -> None:
        self.findings.error("F323", message, pick.pattern.span, hint)

    def _add(self, outputs: dict[str, Listed], listed: Listed) -> None:
        output, folded = listed.output, listed.output.name.casefold()
        other = outputs.setdefault(folded, listed)
        if other.output == output:
            return
        self.findings.error(
            "F307",
            f"{other.spoken} and {listed.spoken} are both called {output.name}",
            listed.span,
            f"rename one: {_renamed(listed)}",
        )

    def _view(self, name: str) -> View:
        return self.views[name] if name in self.views else self.asked[name]

    def _keys(self, needed: Iterable[Feature], definition: ServiceDef) -> tuple[tuple[str, str], ...]:
        found: dict[str, tuple[str, str]] = {}
        for feature in needed:
            view = self._view(feature.view)
            used = {r.name for r in feature.expr.refs if isinstance(r, KeyRef)}
            for key in view.keys:
                if key.given is None and (view.source is not None or key.name in used):
                    self._merge(found, key.name, key.type, view.origin, "key", definition)
        return tuple(sorted((name, type_) for name, (type_, _) in found.items()))

    def _request(self, needed: Iterable[Feature], definition: ServiceDef) -> tuple[tuple[str, str], ...]:
        found: dict[str, tuple[str, str]] = {}
        for feature in needed:
            view = self._view(feature.view)
            declared = dict(view.request)
            for ref in feature.expr.refs:
                if isinstance(ref, RequestRef):
                    self._merge(found, ref.name, declared[ref.name], view.origin, "request column", definition)
        return tuple(sorted((name, type_) for name, (type_, _) in found.items()))

    def _merge(
        self,
        found: dict[str, tuple[str, str]],
        name: str,
        type_: str,
        view: str,
        what: str,
        definition: ServiceDef,
    ) -> None:
        if name not in found:
            found[name] = (type_, view)
            return
        before, by = found[name]
        common = common_type(before, type_)
        if common is None:
            if by != view:
                self.findings.error(
                    "F324",
                    f"the {what} {name} is {before} in {by} and {type_} in {view}",
                    definition.span,
                    "cast one of them, as in keys: {" + name + ": " + name + "::bigint}"
                    if what == "key"
                    else "declare one type",
                )
                found[name] = (before, view)
        else:
            found[name] = (common, by)

    def _check_names(
        self,
        definition: ServiceDef,
        outputs: Mapping[str, Listed],
        keys: tuple[tuple[str, str], ...],
        request: tuple[tuple[str, str], ...],
    ) -> None:
        spine = {"as_of": "the spine's as_of"} | {n.casefold(): f"the key {n}" for n, _ in keys}
        for name, _ in request:
            if name.casefold() in spine:
                self.findings.error(
                    "F307",
                    f"{definition.name}: a request column has the name of {spine[name.casefold()]}",
                    definition.span,
                    f"use key.{name}, or call the request column something else",
                )
            spine[name.casefold()] = f"the request column {name}"
        for folded, listed in outputs.items():
            if folded in spine:
                message = f"the output {listed.output.name} has the name of {spine[folded]}"
                self.findings.error("F307", message, listed.span, f"rename it: {_renamed(listed)}")

    def _check_unused(self, definition: ServiceDef, request: tuple[tuple[str, str], ...]) -> None:
        """A request column that no expression of the service reads is not asked for."""
        used = {name.casefold() for name, _ in request}
        for name, column in definition.request.items():
            if name.casefold() not in used:
                message = f"nothing in {definition.name} uses request.{name}"
                self.findings.warn("F339", message, column.span, "delete it, or use it in derived: or keys:")

    def _closure(self, wanted: list[tuple[str, str]]) -> list[Feature]:
        """The features wanted and all they need, each once, wanted ones first."""
        found: dict[tuple[str, str], Feature] = {}
        stack = list(reversed(wanted))
        while stack:
            pair = stack.pop()
            view = self.views.get(pair[0]) or self.asked.get(pair[0])
            feature = next((f for f in view.features if f.name == pair[1]), None) if view else None
            if pair in found or view is None or feature is None:
                continue  # where it has errors they are reported, and so is no service made of it
            found[pair] = feature
            stack += [(r.view, r.feature) for r in reversed(view.needs_first(feature))]
        return list(found.values())


def _renamed(listed: Listed) -> str:
    """How an output gets another name."""
    view, _, feature = listed.spoken.rpartition(".")
    if not view:
        return f"{feature}_value"
    if listed.output.name == f"{view}_{feature}" and listed.output.view.endswith(f".{view}"):
        return "a role's name goes before its features' names"
    return f"- {plain(view)}_{listed.output.name}: {listed.spoken}"
