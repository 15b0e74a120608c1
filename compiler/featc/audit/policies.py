"""Policies of featc.yaml: services that must not give what carries some tags (`featc.lineage.tags`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from featc.errors import Findings, Span, did_you_mean
from featc.lineage.graph import EdgeKind, Node
from featc.lineage.tags import VALUE, Step, Tags, project_tags, spoken_way
from featc.load.model import PolicyDef
from featc.load.text import Text
from featc.resolve.model import COMPLETE, Output, Project, Service

_WITH_CONDITIONS: frozenset[EdgeKind] = frozenset({"value", "filter"})
_GIVEN = ("feature", "label", "output")


@dataclass(slots=True)
class _Found:
    """What is wrong at one place of a service: the first way on which a tag comes there, and what else it lists."""

    service: Service
    output: Output
    tag: str
    steps: tuple[Step, ...]
    more: list[str] = field(default_factory=list)

    @property
    def spoken(self) -> str:
        also = f" and {len(self.more)} more" if self.more else ""
        return f"{self.service.name}.{self.output.name}{also}"


def check_policies(policies: Sequence[PolicyDef], project: Project, findings: Findings) -> None:
    """Reports what policies forbid (F360), conditions they are silent about (F361), and words that match nothing
    (F362)."""
    tags = project_tags(project) if policies else None
    for policy in policies if tags is not None else ():
        assert tags is not None
        _check_words(policy, project, tags, findings)
        services = [s for s in project.services.values() if _matches(s.name, policy.service)]
        ends = {n for n in tags.nodes if n.kind in _GIVEN and _matches(n.name, policy.allow)}
        kinds = VALUE if policy.through is None else frozenset(policy.through)
        for tag in policy.forbid:
            refused = _ways(tags, services, tag, kinds, ends)
            for found in refused.values():
                _refuse(policy, found, findings)
            if policy.through is None:
                beyond = _ways(tags, services, tag, _WITH_CONDITIONS, ends)
                for place in beyond.keys() - refused.keys():
                    _warn(policy, beyond[place], findings)


def _matches(name: str, globs: Iterable[Text]) -> bool:
    return any(fnmatchcase(name, glob.value) for glob in globs)


Place = tuple[str, Span | None]


def _ways(
    tags: Tags, services: Iterable[Service], forbidden: Text, kinds: frozenset[EdgeKind], ends: set[Node]
) -> dict[Place, _Found]:
    """By service and place in it, the outputs that a forbidden tag comes to."""
    found: dict[Place, _Found] = {}
    for service in services:
        for output in (o for o in service.training if not o.feature.endswith(COMPLETE)):
            way = tags.way(Node("output", f"{service.name}.{output.name}"), _is_like(forbidden), kinds, ends)
            if way is None:
                continue
            first = found.setdefault((service.name, output.span), _Found(service, output, *way))
            if first.output is not output:
                first.more.append(output.name)
    return found


def _is_like(forbidden: Text) -> Callable[[str], bool]:
    return lambda tag: fnmatchcase(tag, forbidden.value)


def _called(policy: PolicyDef) -> str:
    place = f"{policy.span.file}:{policy.span.line}"
    return f"the policy '{policy.name}' ({place})" if policy.name else f"a policy ({place})"


def _refuse(policy: PolicyDef, found: _Found, findings: Findings) -> None:
    way = spoken_way(found.steps)
    message = f"{found.spoken} would carry {found.tag}, which {_called(policy)} forbids in {found.service.name}: {way}"
    findings.error("F360", message, found.output.span or found.service.span, _way_out(found))


def _way_out(found: _Found) -> str:
    start = found.steps[0].node
    last = next((s.node for s in reversed(found.steps) if s.node.kind in ("feature", "label")), None)
    made = f", make {last.name} without {start.name}" if last is not None and last != start else ""
    judged = last.name if last is not None else found.steps[-1].node.name
    return (
        f"leave it out of {found.service.name}{made}, or, if somebody has judged it harmless,"
        f" add allow: [{judged}] to the policy"
    )


def _warn(policy: PolicyDef, found: _Found, findings: Findings) -> None:
    way = spoken_way(found.steps)
    message = (
        f"{found.spoken}: a condition on what carries {found.tag} decides which rows count,"
        f" and {_called(policy)} does not say whether that is forbidden: {way}"
    )
    hint = "add through: [value, filter] to the policy to forbid it, or through: value to take it"
    findings.warn("F361", message, found.output.span or found.service.span, hint)


def _check_words(policy: PolicyDef, project: Project, tags: Tags, findings: Findings) -> None:
    """Warns of globs that match nothing, most likely misspelt."""
    given = {n.name for n in tags.nodes if n.kind in _GIVEN}
    for globs, known, what in (
        (policy.service, set(project.services), "no service is called"),
        (policy.forbid, tags.known, "nothing carries the tag"),
        (policy.allow, given, "no feature is called"),
    ):
        for glob in globs:
            if not any(fnmatchcase(name, glob.value) for name in known):
                message = f"{what} '{glob.value}', so {_called(policy)} does nothing by it"
                findings.warn("F362", message, glob.span, _nearest(glob.value, known))


def _nearest(glob: str, known: Iterable[str]) -> str:
    plain = glob.strip("*?")
    names = sorted(known)
    starting = [n for n in names if plain and n.casefold().startswith(plain.casefold()[:3])]
    return did_you_mean(plain, starting or names) or "there is none yet"
