"""Deprecated definitions: who still uses them, whether what they name instead exists, and whether their time is up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from featc.audit.uses import Use, uses
from featc.errors import Diagnostic, Findings, Span, did_you_mean
from featc.load.model import Definitions, Deprecated, Meta
from featc.resolve.model import Project

_WINDOW = re.compile(r"(last|prev|next)_\w+\Z|lifetime\Z|current\Z")
"""Built-in windows: what each of them is, the window rule says."""


@dataclass(frozen=True, slots=True)
class Old:
    """A definition that is deprecated: its kind and name, what its author says of it, and who answers for it."""

    kind: str
    name: str
    says: Deprecated
    owner: str | None

    @property
    def term(self) -> str:
        since = f" since {self.says.since.value}" if self.says.since else ""
        until = f"{' and' if since else ''} kept until {self.says.until.value}" if self.says.until else ""
        return f"deprecated{since}{until}" if since or not until else f"deprecated,{until}"

    @property
    def instead(self) -> str:
        if self.says.use is not None:
            return f"use {self.says.use.value} instead"
        return f"ask {self.owner} what to use instead" if self.owner else "leave it out: nothing is named in its place"


def report_deprecated(definitions: Definitions, project: Project, findings: Findings) -> None:
    """Warns of every use of what is deprecated (F363), and refuses a `use` that names nothing (F365)."""
    old = _all_old(definitions)
    if not old:
        return
    for one in dict.fromkeys(old.values()):
        _check_use(one, definitions, project, findings)
    grouped: dict[tuple[str, Span | None, Old], list[Use]] = {}
    for use, one in _uses_of(definitions, project, old):
        grouped.setdefault((use.user, use.span, one), []).append(use)
    for (user, span, one), found in grouped.items():
        names = list(dict.fromkeys(use.name for use in found))
        what = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more of {one.kind} {one.name}"
        place = _narrowed(span, names) if span is not None else None
        findings.warn("F363", f"{user} uses {what}, {one.term}", place, one.instead)


def overdue(definitions: Definitions, project: Project, today: date) -> tuple[Diagnostic, ...]:
    """An error (F364) for each deprecated definition that still stands although its last day was before `today`."""
    found = Findings()
    old = _all_old(definitions)
    late = {one for one in old.values() if one.says.until is not None and one.says.until.value < today.isoformat()}
    users: dict[Old, dict[str, None]] = {}
    for use, one in _uses_of(definitions, project, old) if late else ():
        users.setdefault(one, {})[use.user] = None
    for one in dict.fromkeys(o for o in old.values() if o in late):
        until = one.says.until
        assert until is not None
        names = list(users.get(one, ()))
        by = f", and {_some(names)} still {'uses' if len(names) == 1 else 'use'} it" if names else ""
        moved = f" when {'its user has' if len(names) == 1 else 'its users have'} moved" if names else ""
        instead = f" to {one.says.use.value}" if names and one.says.use else ""
        hint = f"delete it{moved}{instead}, or give it a later until:"
        message = f"the last day of {one.kind} {one.name} was {until.value}{by}"
        found.error("F364", message, until.span, hint)
    return found.errors


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


Key = tuple[str, str]
"""A definition: its kind and name, as `Use` names it."""


def _all_old(definitions: Definitions) -> dict[Key, Old]:
    """Everything that is deprecated. A feature that inherits it from its view stands for that view."""
    found: dict[Key, Old] = {}
    first: dict[int, Old] = {}
    for kind, name, meta in _described(definitions):
        if meta.deprecated is not None:
            old = Old(kind, name, meta.deprecated, meta.owner)
            found[kind, name] = first.setdefault(id(meta.deprecated), old)
    return found


def _described(definitions: Definitions) -> Iterator[tuple[str, str, Meta]]:
    for entity in definitions.entities.values():
        yield "entity", entity.name, entity.meta
    for window in definitions.windows.values():
        yield "window", window.name, window.meta
    for source in definitions.sources.values():
        yield "source", source.name, source.meta
        yield from (("column", f"{source.name}.{c.name}", c.meta) for c in source.columns.values())
    for made in definitions.attributed.values():
        yield "source", made.name, made.meta
    for view in definitions.views.values():
        yield "view", view.name, view.meta
        yield from (("request column", f"{view.name} request.{c.name}", c.meta) for c in view.request.values())
        yield from (("feature", f"{view.name}.{f.name}", f.meta) for f in view.features)
        yield from (("label", f"{view.name}.{f.name}", f.meta) for f in view.labels)
    for service in definitions.services.values():
        yield "service", service.name, service.meta
        yield from (("request column", f"{service.name} request.{c.name}", c.meta) for c in service.request.values())
        yield from (("derived feature", f"{service.name}.{f.name}", f.meta) for f in service.derived)


def _uses_of(definitions: Definitions, project: Project, old: Mapping[Key, Old]) -> Iterator[tuple[Use, Old]]:
    """The uses of what is deprecated, but for those within it: they go when it goes."""
    for use in uses(definitions, project):
        one = old.get((use.kind, use.definition))
        if one is not None and one not in (old.get(key) for key in use.within):
            yield use, one


def _narrowed(span: Span, names: Iterable[str]) -> Span:
    """The place of the first of `names` within the line's part that a span marks; the span itself where it is none."""
    part = span.text[span.column - 1 : span.column - 1 + span.length]
    for name in names:
        for word in (name, name.rpartition(".")[2]):
            found = re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.])", part)
            if found is not None:
                return replace(span, column=span.column + found.start(), length=len(word))
    return span


def _check_use(old: Old, definitions: Definitions, project: Project, findings: Findings) -> None:
    use = old.says.use
    if use is None:
        return
    known = _names_for(old, definitions, project)
    owner = old.name.rpartition(".")[0]
    if use.value in (old.name, f"{old.name.removeprefix(owner + '.')}"):
        hint = "name what takes its place, or leave use: out"
        findings.error("F365", f"{old.kind} {old.name} names itself as what to use instead", use.span, hint)
    elif use.value not in known and f"{owner}.{use.value}" not in known and not _is_window(old, use.value):
        hint = did_you_mean(use.value, known) or "name a definition, or say it in description: and leave use: out"
        findings.error("F365", f"use of deprecated {old.kind} {old.name}: there is no '{use.value}'", use.span, hint)


def _is_window(old: Old, name: str) -> bool:
    return old.kind == "window" and _WINDOW.match(name) is not None


def _names_for(old: Old, definitions: Definitions, project: Project) -> set[str]:
    """What can take the place of a definition of this kind."""
    match old.kind:
        case "entity":
            return set(definitions.entities)
        case "window":
            return set(definitions.windows)
        case "source" | "column":
            columns = {f"{s.name}.{c.name}" for s in project.sources.values() for c in s.columns}
            return set(definitions.sources) | set(definitions.attributed) | columns
        case "request column":
            owner = old.name.rpartition(" ")[0]
            declared = [(v.name, v.request) for v in definitions.views.values()]
            declared += [(s.name, s.request) for s in definitions.services.values()]
            listed = {column for name, request in declared if name == owner for column in request}
            return listed | {f"request.{c}" for c in listed}
        case _:
            names = {f"{v.name}.{f.name}" for v in definitions.views.values() for f in (*v.features, *v.labels)}
            names |= {f.qualified for v in project.views.values() for f in v.features}
            derived = {f"{s.name}.{f.name}" for s in definitions.services.values() for f in s.derived}
            return names | derived | set(definitions.views) | set(definitions.services)
