"""The pages of a catalogue: (path, text) one after the other, so that not all lie in memory at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote

import jinja2

from featc.emit import online_read, training_file, training_queries
from featc.load.text import SourceFile
from featc.lower.online import keep
from featc.resolve.model import Output, Project, View
from featc.secrets import mask
from featc.site import places
from featc.site.facts import Facts, about, place
from featc.site.living import Living
from featc.site.search import entry, index_script
from featc.site.written import Written

STATIC = ("site.css", "site.js")
LINEAGE = "lineage.html"

Page = tuple[str, str]
Panel = Mapping[str, str | tuple[str, str]]
"""What the lineage may say of a node beside its own: title → text, or (text, link)."""
Lineage = Callable[[Mapping[str, Panel]], str]
"""The page of the lineage, given panels by `kind:name` of nodes."""


def site_files(
    project: Project, files: tuple[SourceFile, ...], living: Living, lineage: Lineage | None = None
) -> Iterator[Page]:
    """Every file of the site by its path. `lineage` makes the page of the lineage, where there is one; pages link to it
    then, and it to them. Secrets that are known are masked."""
    for path, text in _files(Facts.of(project, Written(files), living), lineage):
        yield path, mask(text)


def _files(facts: Facts, lineage: Lineage | None) -> Iterator[Page]:
    made = _Pages(facts, lineage is not None)
    yield from made.views()
    yield from made.services()
    yield from made.sources()
    yield from made.sql()
    yield "index.html", made.index()
    yield "search.js", index_script(made.entries)
    for name in STATIC:
        yield name, _static(name)
    if lineage is not None:
        yield LINEAGE, lineage(_panels(made.entries))


def _panels(entries: Iterable[tuple[object, ...]]) -> dict[str, Panel]:
    """What the lineage says of each node: what it means, and where the catalogue has it."""
    found: dict[str, Panel] = {}
    for kind, name, _, meaning, *_, href, _, _ in entries:
        means = {"Meaning": str(meaning)} if meaning else {}
        found[f"{kind}:{name}"] = {**means, "Catalogue": (str(name), str(href))}
    return found


def _static(name: str) -> str:
    return (resources.files("featc.site") / "static" / name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    """Templates that escape everything."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("featc.site"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    found.filters["count"] = lambda n, word: f"{n:,} {word}{'' if n == 1 else 's'}"
    found.filters["term"] = lambda value, field: quote(f'{field}:"{value}"' if " " in value else f"{field}:{value}")
    return found


class _Pages:
    def __init__(self, facts: Facts, lineage: bool) -> None:
        self.facts = facts
        self.project = facts.project
        self.lineage = lineage
        self.entries: list[tuple[object, ...]] = []
        self.counts: Counter[str] = Counter()
        self.listed: list[dict[str, Any]] = []

    def _page(self, path: str, template: str, title: str, **context: Any) -> Page:
        root = "../" * path.count("/")
        text = _environment().get_template(template).render(
            root=root,
            title=title,
            project=self.project.name,
            living=self.facts.living,
            lineage=f"{root}{LINEAGE}" if self.lineage else None,
            **context,
        )
        return path, text

    # ── views ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def views(self) -> Iterator[Page]:
        for view in self.project.views.values():
            yield from self._view(view)

    def _view(self, view: View) -> Iterator[Page]:
        pages = [(path, self._described(view, listed)) for path, listed in self.facts.places.pages[view.name]]
        features = [f for _, made in pages for f in made]
        proven = sum(1 for f in features if f["proof"] and f["proof"]["state"] == "proven")
        path = places.view_page(view.name)
        shown = self.facts.view(view)
        shown["sql"] = places.link(places.view_sql(view.name)) if view.features else None
        self.entries.append(entry("view", shown, places.link(path)))
        self.listed.append(shown | {"href": places.link(path), "features": len(view.features), "proven": proven})
        if len(pages) == 1:
            yield self._page(path, "view.html", view.name, view=shown, sections=features, index=[], pages=[], page=None)
            return
        links = [{"href": places.link(p), "first": m[0]["name"], "last": m[-1]["name"]} for p, m in pages]
        yield self._page(path, "view.html", view.name, view=shown, sections=[], index=features, pages=links, page=None)
        for n, (part, made) in enumerate(pages, 1):
            title = f"{view.name}, {n}"
            yield self._page(part, "view.html", title, view=shown, sections=made, index=[], pages=links, page=n)

    def _described(self, view: View, listed: places.Listed) -> list[dict[str, Any]]:
        """The features of one page; each is noted for the search, and counted by what is proven of it."""
        made = [self.facts.feature(view, kind, feature) for kind, feature in listed]
        for each in made:
            each["href"] = self.facts.places.feature(each["kind"], each["qualified"])
            self.entries.append(entry(each["kind"], each, each["href"]))
            self.counts[each["proof"]["state"] if each["proof"] else ""] += 1
        return made

    # ── services and sources ──────────────────────────────────────────────────────────────────────────────────────

    def services(self) -> Iterator[Page]:
        for service in self.project.services.values():
            path = places.service_page(service.name)
            shown = self.facts.service(service)
            self.entries.append(entry("service", shown, places.link(path)))
            shown["sql"] = places.link(places.service_sql(service.name))
            yield self._page(path, "service.html", service.name, service=shown)

    def sources(self) -> Iterator[Page]:
        for source in self.project.sources.values():
            path = places.source_page(source.name)
            shown = self.facts.source(source)
            self.entries.append(entry("source", shown, places.link(path)))
            yield self._page(path, "source.html", source.name, source=shown)
        for made in self.project.attributed.values():
            path = places.source_page(made.name)
            views = [v for v in self.project.views.values() if v.attributed == made.name]
            shown = {
                "name": made.name,
                "kind": "attributed",
                "members": [
                    {"name": n, "href": places.link(places.source_page(n))} for n in (made.base, *made.matched)
                ],
                "views": [{"name": v.name, "href": places.link(places.view_page(v.name))} for v in views],
                "place": place(made.span),
                "yaml": self.facts.written.at(made.span),
                **about(made.meta),
            }
            self.entries.append(entry("source", shown, places.link(path)))
            yield self._page(path, "attributed.html", made.name, source=shown)

    # ── SQL ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def sql(self) -> Iterator[Page]:
        """Both plans of each view, and the training query of each service."""
        queries, kept = training_queries(self.project), keep(self.project)
        for view in self.project.views.values():
            path = f"sql/duckdb/{view.name}/training.sql"
            if path not in queries:
                continue
            plans = [self._training(f"feature view {view.name}", path, queries)]
            read = online_read(kept, view.name)
            if read is not None:
                plans.append(_plan("online", "the online read, in the store's SQLite", read))
            back = {"href": places.link(places.view_page(view.name)), "name": view.name}
            yield self._page(places.view_sql(view.name), "sql.html", f"SQL of {view.name}", plans=plans, back=back)
        for name in self.project.services:
            path = f"sql/duckdb/services/{name}/training.sql"
            plans = [self._training(f"feature service {name}", path, queries)]
            back = {"href": places.link(places.service_page(name)), "name": name}
            yield self._page(places.service_sql(name), "sql.html", f"SQL of {name}", plans=plans, back=back)

    def _training(self, what: str, path: str, queries: Mapping[str, Sequence[Output]]) -> dict[str, str]:
        text = training_file(self.project, what, queries[path], f"target/{path}")
        return _plan("training", "the training query, in DuckDB", text)

    # ── the front ─────────────────────────────────────────────────────────────────────────────────────────────────

    def index(self) -> str:
        """The front page: what there is, and all features behind the search."""
        facts, project = self.facts, self.project
        services = [
            {
                "name": s.name,
                "href": places.link(places.service_page(s.name)),
                "outputs": len(s.outputs),
                "served": facts.living.services.get(s.name),
                **about(s.meta),
            }
            for s in project.services.values()
        ]
        sources = [
            {"name": s.name, "href": places.link(places.source_page(s.name)), "kind": "union" if s.members else s.kind,
             "columns": len(s.columns), "fresh": facts.living.sources.get(s.name), **about(s.meta)}
            for s in project.sources.values()
        ]  # fmt: skip
        sources += [
            {"name": m.name, "href": places.link(places.source_page(m.name)), "kind": "attributed", "columns": None,
             "fresh": None, **about(m.meta)}
            for m in project.attributed.values()
        ]  # fmt: skip
        features = [e for e in self.entries if e[0] in ("feature", "label")]
        tags = Counter(str(t) for e in features for t in e[5])  # type: ignore[attr-defined]
        owners = Counter(str(e[6]) for e in features if e[6])
        return self._page(
            "index.html", "index.html", project.name, services=services, sources=sources, views=self.listed,
            features=sum(e[0] == "feature" for e in features), labels=sum(e[0] == "label" for e in features),
            tags=tags.most_common(24), owners=owners.most_common(24), counts=self.counts,
        )[1]  # fmt: skip


def _plan(name: str, title: str, text: str) -> dict[str, str]:
    return {"name": name, "title": title, "text": text}
