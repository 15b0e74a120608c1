"""Where everything of a catalogue lies: paths of pages, and links between them."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from featc.resolve.model import COMPLETE, Feature, Project, View

FEATURES = 100
"""Features on one page: what a browser shows at once."""

Kind = Literal["feature", "label"]
Listed = tuple[tuple[Kind, Feature], ...]


class Places:
    """The pages of a project. A view's features lie on one page, or on several of `FEATURES` each beside it."""

    def __init__(self, project: Project) -> None:
        self._features: dict[tuple[str, str], str] = {}
        self.pages: dict[str, tuple[tuple[str, Listed], ...]] = {}
        for view in project.views.values():
            features: Listed = tuple(("feature", f) for f in view.features)
            labels: Listed = tuple(("label", f) for f in labels_of(project, view))
            pages = self._pages(view.name, features + labels)
            self.pages[view.name] = pages
            for path, shown in pages:
                for kind, feature in shown:
                    self._features[kind, f"{view.name}.{feature.name}"] = f"{link(path)}#{quote(feature.name)}"

    def _pages(self, view: str, listed: Listed) -> tuple[tuple[str, Listed], ...]:
        if len(listed) <= FEATURES:
            return ((view_page(view), listed),)
        cuts = range(0, len(listed), FEATURES)
        return tuple((f"views/{view}.{n}.html", listed[at : at + FEATURES]) for n, at in enumerate(cuts, 1))

    def feature(self, kind: str, name: str) -> str | None:
        """The link of a feature or label, seen from the root."""
        return self._features.get((kind, name))


def labels_of(project: Project, view: View) -> tuple[Feature, ...]:
    """A view's labels, without the columns that say which are complete."""
    ahead = next((v for v in project.labels.values() if v.origin == view.name), None)
    return () if ahead is None else tuple(f for f in ahead.features if not f.name.endswith(COMPLETE))


def link(path: str) -> str:
    return quote(path)


def view_page(name: str) -> str:
    return f"views/{name}.html"


def source_page(name: str) -> str:
    return f"sources/{name}.html"


def service_page(name: str) -> str:
    return f"services/{name}.html"


def view_sql(name: str) -> str:
    return f"sql/{name}.html"


def service_sql(name: str) -> str:
    return f"sql/services/{name}.html"
