"""Mistakes in the window rule: the modules of a plan, or of both, get an altered copy of `featc.visibility`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from featc import visibility
from featc.lower import online_read
from featc.lower.training import cells, current, dumps, edges, frames, latest, lookup, newest, pairs, running, views
from featc.runtime.online import read
from featc.visibility import Edges

from .patching import Change, Patch, Plan, Plant, around

MODULES: Mapping[Plan, tuple[ModuleType, ...]] = {
    "training": (cells, current, dumps, edges, frames, latest, lookup, newest, pairs, running, views),
    "online": (online_read, read),
}
FOREVER = 2**62


def plant_rule(patch: Patch, plans: Iterable[Plan], **changes: Change) -> None:
    """Gives the modules of these plans a copy of the window rule with some functions changed, also for its own use."""
    rule: dict[str, Any] = dict(vars(visibility))
    own = [n for n, f in rule.items() if isinstance(f, FunctionType) and f.__module__ == visibility.__name__]
    for name in own:
        f = rule[name]
        rule[name] = FunctionType(f.__code__, rule, name, f.__defaults__, f.__closure__)
    for name, change in changes.items():
        rule[name] = change(rule[name])
    for plan in plans:
        for module in MODULES[plan]:
            for name in own:
                if getattr(module, name, None) is getattr(visibility, name):
                    patch.setattr(module, name, rule[name])
        if plan == "training":
            leave_room(patch)


def leave_room(patch: Patch) -> None:
    """Lets frames of the training query reach beyond the spine row's own instant, which changes no value."""

    def later(select: Callable[..., str]) -> Callable[..., str]:
        def roomy(items: Iterable[str], rest: str, **more: Any) -> str:
            at = f"{cells.AS_OF} AS {cells.INSTANT}"
            moved = f"{cells.AS_OF} + {FOREVER} AS {cells.INSTANT}"
            return select([moved if item == at else item for item in items], rest, **more)

        return roomy

    around(patch, frames, "select", later)


def plus(amount: int) -> Change:
    """Adds to the SQL a function gives, where it gives any."""

    def change(f: Callable[..., str | None]) -> Callable[..., str | None]:
        def shifted(*args: Any) -> str | None:
            sql = f(*args)
            return None if sql is None else f"{sql} + {amount}"

        return shifted

    return change


def moved_edges(*, lower: int = 0, upper: int = 0) -> Change:
    """Moves the bounds of windows, in µs."""

    def change(f: Callable[..., Edges]) -> Callable[..., Edges]:
        def moved(*args: Any) -> Edges:
            found = f(*args)
            return Edges(None if found.after is None else found.after + lower, found.upto + upper)

        return moved

    return change


def flipped(f: Callable[..., int]) -> Callable[..., int]:
    """0 for 1 and 1 for 0."""
    return lambda closed: 1 - f(closed)


def lower_edge(amount: int, *plans: Plan) -> Plant:
    """Windows begin so many µs later."""
    return lambda patch: plant_rule(patch, plans, after_sql=plus(amount), edges=moved_edges(lower=amount))


def upper_edge(amount: int, *plans: Plan) -> Plant:
    """Windows end so many µs later."""
    return lambda patch: plant_rule(patch, plans, upto_sql=plus(amount), edges=moved_edges(upper=amount))


def lower_swapped(*plans: Plan) -> Plant:
    """The lower end is open where it is closed."""
    return lambda patch: plant_rule(patch, plans, lower_closed=flipped)


def upper_swapped(*plans: Plan) -> Plant:
    """`<` for `<=` in `x ⊲ y`."""
    return lambda patch: plant_rule(patch, plans, strict=flipped)


def knowledge(amount: int, *plans: Plan) -> Plant:
    """What enters, or goes, up to so many µs after `t` has done so already."""

    def later(f: Callable[..., int]) -> Callable[..., int]:
        return lambda t, closed: f(t, closed) + amount

    return lambda patch: plant_rule(patch, plans, horizon_sql=plus(amount), horizon=later)


def superseded_stays(*plans: Plan) -> Plant:
    """A version stays one µs too long."""

    def longer(f: Callable[..., str]) -> Callable[..., str]:
        return lambda enter, gone, *rest: f(enter, gone, *rest).replace(f"{gone} > ", f"{gone} >= ")

    return lambda patch: plant_rule(patch, plans, visible_sql=longer)


def future_leaks(*plans: Plan) -> Plant:
    """Windows have no upper end, and all there ever is is known."""

    def forever(f: Callable[..., str]) -> Callable[..., str]:
        # of the spine row still, as an ASOF join needs it
        return lambda *args: f"{f(*args)} + {FOREVER // 2}"

    def endless(f: Callable[..., Edges]) -> Callable[..., Edges]:
        return lambda *args: Edges(f(*args).after, FOREVER)

    return lambda patch: plant_rule(patch, plans, upto_sql=forever, horizon_sql=forever, edges=endless)


def only_ttl(change: Change) -> Change:
    """The change, made where the window is the age of a state."""

    def narrowed(f: Callable[..., Any]) -> Callable[..., Any]:
        altered = change(f)
        return lambda window, *rest: (altered if window.name == "ttl" else f)(window, *rest)

    return narrowed


def ttl_edge(amount: int, plan: Plan) -> Plant:
    """A state is too old so many µs too early."""
    changes = {"after_sql": only_ttl(plus(amount)), "edges": only_ttl(moved_edges(lower=amount))}
    return lambda patch: plant_rule(patch, (plan,), **changes)


def ttl_ignored(plan: Plan) -> Plant:
    """A state of any age holds."""

    def ageless_sql(f: Callable[..., Any]) -> Callable[..., None]:
        return lambda *args: None

    def ageless(f: Callable[..., Edges]) -> Callable[..., Edges]:
        return lambda *args: Edges(None, f(*args).upto)

    changes = {"after_sql": only_ttl(ageless_sql), "edges": only_ttl(ageless)}
    return lambda patch: plant_rule(patch, (plan,), **changes)
