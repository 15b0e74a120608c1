"""Which feature is meant, and for whom: the words of a question, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from featc.errors import Diagnostic, FeatcError, Findings, did_you_mean, nearest
from featc.resolve.model import Output, Project, feature_closure, label_view
from featc.resolve.needs import spine_columns


def output_asked(project: Project, service: str, feature: str) -> Output:
    """The output of a service, its label, or a feature behind them, by its name in the service or as `view.feature`;
    or that of a view, where `service` names one.

    Raises FeatcError F850, F851.
    """
    found, view = project.services.get(service), project.views.get(service)
    if found is not None:
        listed = (*found.outputs, *found.labels)
    elif view is not None:
        ahead = project.labels.get(label_view(view.name))
        features = (*view.features, *(ahead.features if ahead is not None else ()))
        listed = tuple(Output(f.name, f.view, f.name, f.type) for f in features)
    else:
        hint = did_you_mean(service, (*project.services, *project.views))
        raise FeatcError(Diagnostic("F850", f"there is no feature service or view '{service}'", hint=hint), exit_code=2)
    wanted = feature.replace(":", ".", 1)
    if (named := next((o for o in listed if o.name == wanted), None)) is not None:
        return named
    for name, behind in feature_closure(project, tuple((o.view, o.feature) for o in listed)):
        if wanted in (f"{name}.{behind}", f"{project.view(name).origin}.{behind}"):
            own = next((o for o in listed if (o.view, o.feature) == (name, behind)), None)
            return own or Output(wanted, name, behind, project.feature(name, behind).type)
    raise FeatcError(_no_feature(project, service, [o.name for o in listed], wanted), exit_code=2)


def _no_feature(project: Project, asked: str, listed: Sequence[str], feature: str) -> Diagnostic:
    what = "service" if asked in project.services else "view"
    message = f"the {what} '{asked}' has no feature '{feature}'"
    bare = feature.rpartition(".")[2]
    if close := nearest(feature, listed) or nearest(bare, listed):
        return Diagnostic("F851", message, hint=f"did you mean '{close}'?")
    others = [s.name for s in project.services.values() if any(o.name == bare for o in (*s.outputs, *s.labels))]
    others += [v.name for v in project.views.values() if any(f.name == bare for f in v.features)]
    if others:
        return Diagnostic("F851", message, hint=f"{' and '.join(others)} has it: featc why {others[0]} {bare}")
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
            near = did_you_mean(name, [n for n, _ in (*keys, *request)])
            wrong.error("F852", f"'{name}' is no key and no request column of {output.name}", hint=near)
    if wrong.errors:
        raise FeatcError(wrong.errors, exit_code=2)
    return {n: values[n] for n, _ in keys}, {n: values[n] for n, _ in request}
