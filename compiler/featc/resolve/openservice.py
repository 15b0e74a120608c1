"""A service under work: its own expressions as a view without source, so that they are read and typed as features are
(interfaces.md, "Roles and expression keys")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from featc.errors import Findings, did_you_mean
from featc.load.model import FeatureDef, Meta, RoleDef, ServiceDef, ViewDef
from featc.load.text import Text
from featc.resolve.model import own_view
from featc.resolve.openview import OpenView, Template, read_templates


@dataclass(frozen=True, slots=True)
class OpenService:
    """`own` holds a template for each expression: keys of the service (`key.<key>`) and of roles (`<role>.<key>`),
    then the derived features."""

    definition: ServiceDef
    own: OpenView

    @property
    def roles(self) -> tuple[RoleDef, ...]:
        return tuple(p for p in self.definition.picks if isinstance(p, RoleDef))

    @property
    def derived(self) -> list[Template]:
        return self.own.templates[len(self.own.templates) - len(self.definition.derived) :]


def key_name(key: str, role: str | None = None) -> str:
    """What the expression of a key is called among the service's own."""
    return f"{role or 'key'}.{key}"


def open_service(
    definition: ServiceDef,
    views: Mapping[str, OpenView],
    key_names: Iterable[str],
    broken: frozenset[str],
    findings: Findings,
) -> OpenService:
    """A service with its roles looked up and its expressions read. `key_names` are all keys of the project."""
    keys = [(key_name(name), text) for name, text in definition.keys.items()]
    roles: dict[str, tuple[str, str]] = {}
    for role in definition.picks:
        if isinstance(role, RoleDef):
            sound = _is_sound(role, roles, views, broken, findings)
            # what names a role that has errors is not reported once more
            roles.setdefault(role.name.casefold(), (role.name, role.view.value if sound else ""))
            keys += [(key_name(key, role.name), text) for key, text in role.keys.items()]
    expressions = [FeatureDef(name, text.span, text, None, None, Meta()) for name, text in keys]
    own = OpenView(_as_view(definition, (*expressions, *definition.derived)), None, False, is_service=True, roles=roles)
    own.key_names = tuple(dict.fromkeys(key_names))
    read_templates(own, findings)
    return OpenService(definition, own)


def _as_view(definition: ServiceDef, features: tuple[FeatureDef, ...]) -> ViewDef:
    nothing: Mapping[str, Text] = {}
    return ViewDef(
        own_view(definition.name), definition.span, (), None, nothing, None, (), "left", None, definition.request,
        features, definition.meta,
    )  # fmt: skip


def _is_sound(
    role: RoleDef,
    roles: Mapping[str, tuple[str, str]],
    views: Mapping[str, OpenView],
    broken: frozenset[str],
    findings: Findings,
) -> bool:
    """Whether a role has a name of its own and a view that there is."""
    folded = role.name.casefold()
    if folded in roles:
        findings.error("F330", f"two roles are called '{role.name}'", role.span, "rename one of them")
        return False
    if folded in {name.casefold() for name in views}:
        message = f"the role '{role.name}' has the name of a view"
        findings.error("F330", message, role.span, "rename the role: its name goes before its features' names")
        return False
    if role.view.value in views:
        return True
    if role.view.value not in broken:
        hint = did_you_mean(role.view.value, views) or "declare it under feature_views:"
        findings.error("F323", f"there is no view '{role.view.value}'", role.view.span, hint)
    return False
