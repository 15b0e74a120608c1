"""Features by the names that Python and the command line are given."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from featc.errors import Diagnostic, FeatcError, did_you_mean
from featc.resolve.model import Output, Project
from featc.resolve.naming import meant
from featc.resolve.needs import full_named


def matching(project: Project, pattern: str) -> list[Output]:
    """The outputs that one name stands for: a service, a view, `view.feature` or `view.spend_*`.

    Raises FeatcError F505, F506 (exit code 2)."""
    if pattern in project.services:
        return list(project.services[pattern].outputs)
    view_name, _, feature = pattern.partition(".")
    view_name = project.pins.get(view_name, view_name)
    view = project.views.get(view_name)
    if view is None and feature and view_name in project.services:
        mine = next((o for o in project.services[view_name].outputs if o.name == feature), None)
        way = f"write {view_name}" if mine is None else f"write {mine.view}.{mine.feature}"
        message = f"'{pattern}': {view_name} is a service, whose features are named by their views"
        raise FeatcError(Diagnostic("F505", message, hint=way), exit_code=2)
    if view is None:
        raise FeatcError(
            Diagnostic(
                "F505",
                f"there is no service or feature view '{view_name}'",
                hint=meant(project, view_name) or "featc ls shows what there is",
            ),
            exit_code=2,
        )
    outputs = [
        Output(f.name, view.name, f.name, f.type) for f in view.features if fnmatchcase(f.name, feature or "*")
    ]
    if not outputs:
        raise FeatcError(
            Diagnostic(
                "F506",
                f"the view '{view_name}' has no feature '{feature}'",
                hint=did_you_mean(feature, [f.name for f in view.features])
                or f"featc ls {view_name} shows what there is",
            ),
            exit_code=2,
        )
    return outputs


def named_outputs(
    project: Project, features: str | Sequence[str], *, full_names: bool = False
) -> tuple[Output, ...]:
    """The output columns of a service or of a list of features, in order; see `FeatureStore.outputs`."""
    if not isinstance(features, (str, list, tuple)):  # Feast's order; a frame would pass for its columns' names
        message = "features come first: a service's name, or a list of view.feature"
        hint = "get_historical_features('checkout', spine)"
        raise FeatcError(Diagnostic("F500", message, hint=hint), exit_code=2)
    wanted = [features] if isinstance(features, str) else list(features)
    found: dict[str, Output] = {}
    for pattern in wanted:
        if not isinstance(pattern, str):
            message = f"features are named by text, and {pattern!r} is none"
            raise FeatcError(Diagnostic("F500", message, hint="write ['user_orders.spend_7d']"), exit_code=2)
        found_here = matching(project, pattern.replace(":", ".", 1))
        for output in full_named(project, pattern, found_here) if full_names else found_here:
            if output.name.lower() in {n.lower() for n in found} and found.get(output.name) != output:
                raise FeatcError(
                    Diagnostic(
                        "F504",
                        f"two of these features are called '{output.name}'",
                        hint="make a service that renames one of them",
                    )
                )
            found[output.name] = output
    return tuple(found.values())
