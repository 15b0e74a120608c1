"""What somebody most likely meant who named no view or service that there is."""

from __future__ import annotations

from featc.errors import did_you_mean, nearest
from featc.resolve.model import Project


def meant(project: Project, name: str) -> str | None:
    """A hint for a `name` that should be a service, a view or a feature with its view before it; None without names.

    A source is no such thing, and a feature's own name is not enough: views may have features of the same name.
    """
    source = project.sources.get(name)
    if source is not None:
        views = [v.name for v in project.views.values() if v.source == name]
        return f"{name} is a source; " + (f"views over it: {', '.join(views)}" if views else "no view reads it")
    features: dict[str, str] = {}
    for feature in (f for view in project.views.values() for f in view.features):
        features.setdefault(feature.name, feature.qualified)
    known = [*project.views, *project.services]
    if name in features:
        return f"did you mean '{features[name]}'? A feature's view stands before it"
    close = nearest(name, known) is None and nearest(name, features)
    return f"did you mean '{features[close]}'?" if close else did_you_mean(name, known)
