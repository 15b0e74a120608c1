"""What a spine or a request has to bring for a list of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from featc.names import plain
from featc.resolve.model import COMPLETE, KeyRef, Output, Project, RequestRef, Service, View, feature_closure


def full_named(project: Project, service: str, outputs: Sequence[Output]) -> tuple[Output, ...]:
    """The outputs under `view__feature`, or `role__feature` where a service (if `service` names one) asks in a role;
    its own expressions, which no view has, keep their names."""
    return tuple(replace(o, name=_full_name(project, project.services.get(service), o)) for o in outputs)


def _full_name(project: Project, service: Service | None, output: Output) -> str:
    if service is not None and output.view == service.own:
        return output.name
    roles = service.roles if service is not None else ()
    named = (r.name for r in roles if r.asked == output.view and output.name.startswith(f"{r.name}_"))
    return f"{next(named, plain(project.view(output.view).origin))}__{output.feature}"


def spine_columns(
    project: Project, outputs: Sequence[Output]
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """The key and the request columns that a spine must have for `outputs`, each (name, type), sorted by name."""
    keys: dict[str, str] = {}
    request: dict[str, str] = {}
    for name, feature in feature_closure(project, tuple((o.view, o.feature) for o in outputs)):
        view = project.view(name)
        refs = project.feature(name, feature).expr.refs
        used = {r.name for r in refs if isinstance(r, KeyRef)}
        keys.update((k.name, k.type) for k in view.keys if k.given is None and (view.source or k.name in used))
        columns = dict(view.request)
        request.update((r.name, columns[r.name]) for r in refs if isinstance(r, RequestRef))
    return tuple(sorted(keys.items())), tuple(sorted(request.items()))


def label_outputs(view: View) -> dict[str, tuple[Output, ...]]:
    """The columns that each label of a view of labels brings, by `view.label`: itself, and whether it is complete."""
    made = {f.name: Output(f.name, view.name, f.name, f.type) for f in view.features}
    names = [name for name in made if not name.endswith(COMPLETE)]
    return {f"{view.origin}.{name}": (made[name], made[f"{name}{COMPLETE}"]) for name in names}


def labels_named(project: Project, features: str | Sequence[str]) -> tuple[str | Sequence[str], tuple[Output, ...]]:
    """Of names of features and labels the features, and the columns of the labels, each by its `view.label`."""
    labels = {name: listed for v in project.labels.values() for name, listed in label_outputs(v).items()}
    wanted = [features] if isinstance(features, str) else features
    ahead = [w for w in wanted if isinstance(w, str) and w.replace(":", ".", 1) in labels]
    columns = dict.fromkeys(o for w in ahead for o in labels[w.replace(":", ".", 1)])
    return ([w for w in wanted if w not in ahead] if ahead else features), tuple(columns)
