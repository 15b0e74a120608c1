"""What a spine or a request has to bring for a list of outputs."""

from __future__ import annotations

from collections.abc import Sequence

from featc.resolve.model import KeyRef, Output, Project, RequestRef, feature_closure


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
