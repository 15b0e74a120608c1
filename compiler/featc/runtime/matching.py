"""Features by the names that Python and the command line are given."""

from __future__ import annotations

from fnmatch import fnmatchcase

from featc.errors import Diagnostic, FeatcError, did_you_mean
from featc.resolve.model import Output, Project
from featc.resolve.naming import meant


def matching(project: Project, pattern: str) -> list[Output]:
    """The outputs that one name stands for: a service, a view, `view.feature` or `view.spend_*`.

    Raises FeatcError F505, F506 (exit code 2)."""
    if pattern in project.services:
        return list(project.services[pattern].outputs)
    view_name, _, feature = pattern.partition(".")
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
