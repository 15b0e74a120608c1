"""Services of the resolved project: their outputs, roles, and the columns they need. Read by way of `model`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from featc.errors import Span


def own_view(service: str) -> str:
    """The name of the view of a service's own expressions; no author can give a view such a name."""
    return f"service {service}"


@dataclass(frozen=True, slots=True)
class Output:
    """One output column of a service. `view` names a view of the project, or one as the service asks it; `span` is the
    place where the service lists it."""

    name: str
    view: str
    feature: str
    type: str
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Role:
    """A view's features once more, for another entity. `asked` names the view as it is asked (`Project.view`), `keys`
    the keys that have expressions of the role's own."""

    name: str
    view: str
    asked: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """A named list of features with the spine columns they need: `keys` and `request` as (name, type), sorted.

    `own` names the view of the service's own expressions in `Project.asked`: `key.<key>` and `<role>.<key>` are the
    keys it computes, the others its `derived`. `labels` are in training sets only, each followed by its `__complete`.
    """

    name: str
    outputs: tuple[Output, ...]
    keys: tuple[tuple[str, str], ...]
    request: tuple[tuple[str, str], ...]
    meta: Mapping[str, object] = field(default_factory=dict)
    span: Span | None = field(default=None, compare=False)
    roles: tuple[Role, ...] = ()
    labels: tuple[Output, ...] = ()
    version: int = field(default=1, compare=False)

    @property
    def own(self) -> str:
        return own_view(self.name)

    @property
    def training(self) -> tuple[Output, ...]:
        """The columns of its training sets."""
        return (*self.outputs, *self.labels)
