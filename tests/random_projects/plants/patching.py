"""What the plants are written with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

Plan = Literal["training", "online"]
PLANS: tuple[Plan, ...] = ("training", "online")
Change = Callable[[Callable[..., Any]], Callable[..., Any]]


class Patch(Protocol):
    """What is used of `pytest.MonkeyPatch`."""

    def setattr(self, owner: Any, name: str, value: Any, /) -> None: ...

    def setitem(self, table: Any, key: Any, value: Any, /) -> None: ...


Plant = Callable[[Patch], None]


def around(patch: Patch, owner: Any, name: str, change: Change) -> None:
    """Replaces a function by what `change` makes of it."""
    patch.setattr(owner, name, change(getattr(owner, name)))
