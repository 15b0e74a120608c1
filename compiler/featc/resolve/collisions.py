"""Names that cannot stand beside each other: featc's own beside the author's, and features of one view."""

from __future__ import annotations

from collections.abc import Mapping

from featc.errors import Findings
from featc.load.model import Definitions, RoleDef
from featc.names import is_internal
from featc.resolve.openview import OpenView


def check_internal(definitions: Definitions, findings: Findings) -> None:
    """Names that featc's own SQL uses beside the author's."""
    named = [(k.value, k.span, f"a key of {e.name}") for e in definitions.entities.values() for k in e.keys]
    named += [(f.name, f.span, f"a feature of {v.name}") for v in definitions.views.values() for f in v.features]
    named += [
        (r, c.span, f"a request column of {v.name}") for v in definitions.views.values() for r, c in v.request.items()
    ]
    for service in definitions.services.values():
        named += [(r, c.span, f"a request column of {service.name}") for r, c in service.request.items()]
        named += [(f.name, f.span, f"a derived feature of {service.name}") for f in service.derived]
        named += [(p.name, p.span, f"a role of {service.name}") for p in service.picks if isinstance(p, RoleDef)]
    for name, span, what in named:
        if is_internal(name):
            why = f"{name} is {what}, and a name that featc uses itself"
            findings.error("F307", why, span, f"rename it, for instance {name[1:]}")


def check_collisions(views: Mapping[str, OpenView], findings: Findings) -> None:
    """Features of one view whose names are equal but for letter case, or are those of its keys."""
    for view in views.values():
        what = "feature" if view.base is None else "label"
        keys = () if view.is_service else view.key_names  # which of its keys a service's spine has is not known yet
        seen: dict[str, str] = {k.casefold(): f"the key {k}" for k in keys}
        for template in view.templates:
            names = [template.name] if template.broken or not template.family else [*(m for m, _ in template.members)]
            for name in names:
                folded = name.casefold()
                if folded in seen:
                    findings.error(
                        "F307",
                        f"the {what} {name} of {view.spoken} has the name of {seen[folded]}",
                        template.definition.span,
                        f"rename it, for instance {name}_value" if "key" in seen[folded] else "rename one of them",
                    )
                else:
                    seen[folded] = (
                        f"the feature {name}" if name == template.name else f"{name}, a member of {template.name}"
                    )
            if template.family and not template.broken and template.name.casefold() in seen:
                findings.error(
                    "F307",
                    f"the family {template.name} has the name of {seen[template.name.casefold()]}",
                    template.definition.span,
                    "rename one of them",
                )
