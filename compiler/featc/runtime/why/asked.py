"""Which feature is meant, and for whom: the words of a question, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featc.errors import Diagnostic, FeatcError, Findings, did_you_mean, nearest
from featc.resolve.model import Output, Project, Service, feature_closure
from featc.resolve.needs import spine_columns


def output_asked(project: Project, service: str, feature: str) -> Output:
    """The output of a service, its label, or a feature behind them, by its name in the service or as `view.feature`.

    Raises FeatcError F850, F851.
    """
    found = project.services.get(service)
    if found is None:
        view = service.partition(".")[0]
        hint = did_you_mean(service, project.services)
        if view in project.views:
            hint = f"{view} is a view, and a value is asked of a service; {hint}"
        raise FeatcError(Diagnostic("F850", f"there is no feature service '{service}'", hint=hint), exit_code=2)
    listed = (*found.outputs, *found.labels)
    wanted = feature.replace(":", ".", 1)
    if (named := next((o for o in listed if o.name == wanted), None)) is not None:
        return named
    behind = feature_closure(project, tuple((o.view, o.feature) for o in listed))
    for view, name in behind:
        if wanted in (f"{view}.{name}", f"{project.view(view).origin}.{name}"):
            own = next((o for o in listed if (o.view, o.feature) == (view, name)), None)
            return own or Output(wanted, view, name, project.feature(view, name).type)
    raise FeatcError(_no_feature(project, found, wanted), exit_code=2)


def _no_feature(project: Project, service: Service, feature: str) -> Diagnostic:
    listed = [o.name for o in (*service.outputs, *service.labels)]
    message = f"the service '{service.name}' has no feature '{feature}'"
    bare = feature.rpartition(".")[2]
    if close := nearest(feature, listed) or nearest(bare, listed):
        return Diagnostic("F851", message, hint=f"did you mean '{close}'?")
    others = [s.name for s in project.services.values() if any(o.name == bare for o in (*s.outputs, *s.labels))]
    if others:
        return Diagnostic("F851", message, hint=f"{' and '.join(others)} has it: featc why {others[0]} {bare}")
    views = [v.name for v in project.views.values() if any(f.name == bare for f in v.features)]
    if views:
        hint = f"{views[0]}.{bare} is a feature that this service does not list; add it to the service to ask for it"
        return Diagnostic("F851", message, hint=hint)
    return Diagnostic("F851", message, hint=did_you_mean(feature, listed))


def given(project: Project, output: Output, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keys and the request columns that an output needs, of the values given; others of its service may be there,
    too. Raises FeatcError F852 for those that are missing."""
    keys, request = spine_columns(project, [output])
    wrong = Findings()
    for what, columns in (("key", keys), ("request column", request)):
        for name, type_ in columns:
            if name not in values:
                hint = f"give keys={{'{name}': …}}, or None where it is not known"
                wrong.error("F852", f"{output.name} needs the {what} '{name}' ({type_}), which is not given", hint=hint)
    views = (*project.views.values(), *project.asked.values(), *project.labels.values())
    known = {name.casefold() for v in views for name in (*(k.name for k in v.keys), *dict(v.request))}
    for name in values:
        if name.casefold() not in known:
            hint = did_you_mean(name, [n for n, _ in (*keys, *request)])
            wrong.error("F852", f"'{name}' is no key and no request column of {output.name}", hint=hint)
    if wrong.errors:
        raise FeatcError(wrong.errors, exit_code=2)
    return {n: values[n] for n, _ in keys}, {n: values[n] for n, _ in request}
