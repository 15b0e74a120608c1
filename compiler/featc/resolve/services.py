"""Services: picks → output columns, and the spine columns they need (interfaces.md, "Output names")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from featc.errors import Findings, Span, did_you_mean
from featc.load.model import PickDef, ServiceDef
from featc.resolve.keys import common_type
from featc.resolve.model import Feature, FeatureRef, KeyRef, Output, RequestRef, Service, View
from featc.resolve.openview import OpenView
from featc.resolve.sources import meta_of

_GLOB = frozenset("*?[")


@dataclass(slots=True)
class Picker:
    """Expands the picks of services. `open_views` also knows views and features that have errors."""

    views: Mapping[str, View]
    open_views: Mapping[str, OpenView]
    broken: frozenset[str]
    findings: Findings

    def service(self, definition: ServiceDef) -> Service:
        outputs: dict[str, tuple[Output, PickDef]] = {}
        for pick in definition.picks:
            features = self._expand(pick)
            if pick.output is not None and len(features) > 1:
                self.findings.error(
                    "F323",
                    f"{pick.output} would be the name of {len(features)} features",
                    pick.span,
                    "rename one feature at a time: - name: view.feature",
                )
                continue
            for feature in features:
                self._add(
                    outputs,
                    Output(pick.output or feature.name, feature.view, feature.name, feature.type),
                    pick,
                )
        needed = _closure(self.views, [(o.view, o.feature) for o, _ in outputs.values()])
        keys = self._keys(needed, definition)
        request = self._request(needed, definition)
        self._check_names(definition, outputs, keys, request)
        listed = tuple(o for o, _ in outputs.values())
        return Service(definition.name, listed, keys, request, meta_of(definition.meta), definition.span)

    def _expand(self, pick: PickDef) -> list[Feature]:
        pattern = pick.pattern.value.strip()
        view, dot, feature = pattern.partition(".")
        if not _GLOB & set(view):
            known = self.open_views.get(view)
            if known is None:
                if view not in self.broken:
                    hint = did_you_mean(view, self.open_views) or "declare it under feature_views:"
                    self._unknown(pick, f"there is no view '{view}'", hint)
                return []
            found = self._of_view(view, feature if dot else "*")
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

    def _add(self, outputs: dict[str, tuple[Output, PickDef]], output: Output, pick: PickDef) -> None:
        folded = output.name.casefold()
        if folded not in outputs:
            outputs[folded] = (output, pick)
            return
        other, _ = outputs[folded]
        if (other.view, other.feature, other.name) == (output.view, output.feature, output.name):
            return
        self.findings.error(
            "F307",
            f"{other.view}.{other.feature} and {output.view}.{output.feature} are both called {output.name}",
            pick.span,
            f"rename one: - {output.view}_{output.name}: {output.view}.{output.feature}",
        )

    def _keys(self, needed: Iterable[Feature], definition: ServiceDef) -> tuple[tuple[str, str], ...]:
        found: dict[str, tuple[str, str]] = {}
        for feature in needed:
            view = self.views[feature.view]
            used = {r.name for r in feature.expr.refs if isinstance(r, KeyRef)}
            for key in view.keys:
                if view.source is not None or key.name in used:
                    self._merge(found, key.name, key.type, view.name, "key", definition)
        return tuple(sorted((name, type_) for name, (type_, _) in found.items()))

    def _request(self, needed: Iterable[Feature], definition: ServiceDef) -> tuple[tuple[str, str], ...]:
        found: dict[str, tuple[str, str]] = {}
        for feature in needed:
            declared = dict(self.views[feature.view].request)
            for ref in feature.expr.refs:
                if isinstance(ref, RequestRef):
                    self._merge(
                        found, ref.name, declared[ref.name], feature.view, "request column", definition
                    )
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
        outputs: Mapping[str, tuple[Output, PickDef]],
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
        for folded, (output, pick) in outputs.items():
            if folded in spine:
                span: Span = pick.span
                self.findings.error(
                    "F307",
                    f"the output {output.name} has the name of {spine[folded]}",
                    span,
                    f"rename it: - {output.view}_{output.name}: {output.view}.{output.feature}",
                )


def _closure(views: Mapping[str, View], wanted: list[tuple[str, str]]) -> list[Feature]:
    """The features wanted and all they need, each once, wanted ones first."""
    known = {(v.name, f.name): f for v in views.values() for f in v.features}
    found: dict[tuple[str, str], Feature] = {}
    stack = list(reversed(wanted))
    while stack:
        pair = stack.pop()
        if pair in found:
            continue
        if pair not in known:
            continue  # its errors are reported, and so is no service made of it
        feature = found[pair] = known[pair]
        stack += [(r.view, r.feature) for r in reversed(feature.expr.refs) if isinstance(r, FeatureRef)]
    return list(found.values())
