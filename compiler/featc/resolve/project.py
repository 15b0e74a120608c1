"""Resolve: definitions → the resolved project. Every error of a run is found, not only the first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from featc.algebra import AGGREGATES
from featc.catalog import Catalog
from featc.errors import Diagnostic, Findings
from featc.load.model import Definitions
from featc.resolve.collisions import check_collisions, check_internal
from featc.resolve.families import Families
from featc.resolve.features import Drafts, Typing, finished_feature
from featc.resolve.joins import finished_joins, join_view
from featc.resolve.kept import Kept
from featc.resolve.keys import inherit_keys
from featc.resolve.labels import check_names, finished_labels, open_labels
from featc.resolve.layers import layered
from featc.resolve.lifted import Lifted, lift
from featc.resolve.matches import finished_matches, open_attributed, settle_attributed
from featc.resolve.meaning import Meanings
from featc.resolve.model import COMPLETE, Attributed, ColumnRef, Expr, Join, Project, Source, StateRef, View, ViewJoin
from featc.resolve.openservice import open_service
from featc.resolve.openview import OpenView
from featc.resolve.over_views import open_views
from featc.resolve.pieces import joined
from featc.resolve.services import Picker
from featc.resolve.sources import OpenSource, broken_lets, check_known, finished_source, meta_of, open_source
from featc.resolve.unions import finished_union, open_union
from featc.resolve.view_joins import Upstream
from featc.resolve.view_rows import ViewRows, ask_view, checked_keys, checked_where
from featc.resolve.windows import WindowBook


def resolve_project(
    definitions: Definitions, catalog: Catalog, kept: Kept | None = None
) -> tuple[Project, tuple[Diagnostic, ...]]:
    """The resolved project, and all errors and warnings found on the way, with the versions of views that are `kept`.

    With errors among the diagnostics the project is what could be resolved without them, for showing only.
    """
    return _Run(definitions, catalog, kept or Kept()).resolve()


@dataclass(slots=True)
class _Run:
    definitions: Definitions
    catalog: Catalog
    earlier: Kept
    findings: Findings = field(default_factory=Findings)
    opened: dict[str, OpenSource | None] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    wheres: dict[str, Expr | None] = field(default_factory=dict)

    def resolve(self) -> tuple[Project, tuple[Diagnostic, ...]]:
        definitions, findings = self.definitions, self.findings
        book = WindowBook(definitions.windows, definitions.broken, findings)
        self._open_sources()
        views = open_views(self.opened, definitions, book, findings)
        ahead = [labels for v in views.values() for labels in open_labels(v, findings)]
        keys = [k.value for e in definitions.entities.values() for k in e.keys]
        services = {
            n: open_service(d, views, keys, definitions.broken, findings)
            for n, d in sorted(definitions.services.items())
        }
        everything = views | {v.name: v for v in ahead} | {s.own.name: s.own for s in services.values()}
        families = Families(everything, Meanings(views, book, definitions.broken, findings), book, findings)
        families.settle()
        check_collisions(everything, findings)
        for view in ahead:
            check_names(view, findings)
        rows, lifted, drafts = self._settle(everything, families)
        resolved = {n: self._view(v, rows.get(n), lifted.get(n), drafts) for n, v in sorted(views.items())}
        kept = {n: v for n, v in resolved.items() if v is not None and (v.features or not views[n].definition.labels)}
        looked = [self._labels(v, rows.get(v.name), lifted.get(v.name), drafts, ahead) for v in ahead]
        future = {v.name: v for v in looked if v is not None}
        order = _order(drafts, kept, future)
        known, ahead_of = {**kept, **self.earlier.views}, {**future, **self.earlier.labels}
        picker = Picker(known, views, drafts, definitions.broken, findings, ahead_of, self.earlier)
        made = {n: picker.service(s) for n, s in services.items()}
        check_internal(definitions, findings)
        project = Project(
            definitions.project,
            dict(sorted(self.sources.items())),
            kept,
            made,
            (*order, *self.earlier.order, *picker.order),
            {n: tuple(k.value for k in e.keys) for n, e in sorted(definitions.entities.items())},
            picker.asked,
            dict(sorted(future.items())),
            _tags(definitions),
            self._attributed(),
        )
        return self.earlier.beside(project), _in_order(findings)

    def _open_sources(self) -> None:
        definitions, findings = self.definitions, self.findings
        for name, definition in definitions.sources.items():
            if not definition.union:
                self.opened[name] = open_source(definition, definitions.target, self.catalog, findings)
        unions = {n: d for n, d in definitions.sources.items() if d.union}
        united = [open_union(d, self.opened, definitions, self.catalog, findings) for d in unions.values()]
        self.opened |= dict(zip(unions, united, strict=True))
        for name, attributed in definitions.attributed.items():  # of those before
            self.opened[name] = open_attributed(attributed, self.opened, definitions, findings)

    def _settle(
        self, everything: Mapping[str, OpenView], families: Families
    ) -> tuple[dict[str, ViewRows], dict[str, Lifted], Drafts]:
        """The types of all row expressions and features. Views beside whose rows features of others lie come in layers,
        each after those of which it joins features."""
        rows: dict[str, ViewRows] = {}
        lifted: dict[str, Lifted] = {}
        drafts = Drafts(everything, families, lifted, self.findings)
        typing = Typing(drafts, everything, {}, self.catalog, self.findings)
        layers = layered(everything, self.findings)
        plain = [v for v in everything.values() if not v.joins_views]
        self._read(plain, families, rows)
        self._settle_sources()
        self._lift(plain, rows, lifted)
        for layer in layers:
            joining = [v for v in layer if v.joins_views and v.base is None]
            upstream = Upstream(everything, drafts, self.definitions)
            for view in joining:
                join_view(view, self.opened, self.definitions, self.findings, upstream)
            beside = [v for view in joining for v in (view, view.labels) if v is not None]
            self._read(beside, families, rows)
            self._lift(beside, rows, lifted)
            mine = {v.name: v for v in layer}
            inherit_keys(mine, everything, families, self.findings)
            drafts.write(mine)
            typing.key_types |= {n: {k.name: k.type for k in v.keys} for n, v in mine.items()}
            typing.settle()
        return rows, lifted, drafts

    def _settle_sources(self) -> None:
        for name, opened in self.opened.items():
            if opened is None:
                continue
            opened.batch.settle(self.catalog, Findings())
            if opened.attributed is not None:  # they come after those that they are made of
                settle_attributed(opened, self._opened(opened), self.sources.get(opened.source.name))
                opened.batch.settle(self.catalog, self.findings)
                continue
            opened.batch.broken_lets = broken_lets(opened)
            # the second pass asks again what failed, and tells it: now errors that are only a let's are known
            opened.batch.settle(self.catalog, self.findings)
            if opened.definition.union:  # they come after those whose rows they have
                source = finished_union(opened, self.sources, self.catalog, self.findings)
            else:
                source = finished_source(opened, self.findings)
            if source is not None:
                self.sources[name] = source
                opened.source = source

    def _settle_joins(self, views: Iterable[OpenView]) -> None:
        """The same for views with joins, whose expressions also read columns of other sources, and for those over the
        rows of another view."""
        for view in views:
            opened = view.opened
            if opened is None or opened.source.name not in self.sources:
                continue
            opened.batch.broken_lets = self._opened(opened).batch.broken_lets
            opened.batch.settle(self.catalog, self.findings)
            own = self._opened(opened).scope.columns
            columns = tuple(c for folded, c in opened.scope.columns.items() if folded not in own)
            source = self.sources[opened.source.name]
            opened.source = replace(source, columns=(*source.columns, *columns))

    def _attributed(self) -> dict[str, Attributed]:
        """The sources made of others that have no errors."""
        found = {}
        for name, opened in sorted(self.opened.items()):
            if opened is not None and opened.attributed is not None:
                definition = self.definitions.attributed[name]
                matched = tuple(dict.fromkeys(m.join.opened.source.name for m in opened.matches))
                meta = meta_of(definition.meta)
                found[name] = Attributed(name, opened.source.name, matched, meta, definition.span)
        return found

    def _opened(self, opened: OpenSource) -> OpenSource:
        found = self.opened[opened.source.name]
        assert found is not None
        return found

    def _read(self, views: Iterable[OpenView], families: Families, rows: dict[str, ViewRows]) -> None:
        """Asks for the types of the views' row expressions."""
        for view in views:
            if view.opened is not None and not view.blind:
                rows[view.name] = ask_view(view, view.opened, families, self.findings)

    def _lift(self, views: Sequence[OpenView], rows: Mapping[str, ViewRows], lifted: dict[str, Lifted]) -> None:
        """The slots and aggregations of views whose rows were read, once their sources are settled."""
        self._settle_joins(v for v in views if (v.joins or v.definition.of_view) and v.base is None)
        for view in views:
            opened = view.opened
            if view.name not in rows or opened is None:
                continue
            if view.base is None:
                view.keys = checked_keys(rows[view.name], opened, self.findings)
                self.wheres[view.name] = checked_where(rows[view.name], opened, self.findings)
            else:
                view.keys, self.wheres[view.name] = view.base.keys, self.wheres.get(view.base.name)
                rows[view.name].broken = rows[view.base.name].broken
            lifted[view.name] = lift(rows[view.name], opened, self.findings)

    def _view(self, view: OpenView, rows: ViewRows | None, lifted: Lifted | None, drafts: Drafts) -> View | None:
        """The resolved view with its features that have no errors; None when the view itself has some."""
        definition = view.definition
        if view.blind or (rows is not None and rows.broken):
            return None
        features = []
        for template in view.templates:
            for name, _ in () if template.broken else template.members:
                draft = drafts.found.get((view.name, name))
                if draft is not None and not draft.broken:
                    features.append(finished_feature(draft, self.findings))
        states = tuple(dict.fromkeys(r.column for f in features for r in f.expr.refs if isinstance(r, StateRef)))
        self._check_state(view, drafts, states)
        self._check_empty(view)
        found = View(
            view.name,
            view.keys,
            view.entity,
            view.opened.source.name if view.opened else None,
            self.wheres.get(view.name),
            definition.closed,
            definition.ttl.us if definition.ttl else None,
            tuple(view.request.values()),
            tuple(lifted.slots.values()) if lifted else (),
            tuple(lifted.aggregations.values()) if lifted else (),
            states,
            tuple(features),
            meta_of(definition.meta),
            definition.span,
        )
        joins = self._joins(view, found, drafts)
        if joins is None:
            return None
        found = replace(found, joins=joins, attributed=view.opened.attributed if view.opened is not None else None)
        self._warn_ties(found, view)
        return found

    def _joins(self, view: OpenView, found: View, drafts: Drafts) -> tuple[Join | ViewJoin, ...] | None:
        """The joins of a view, or the matches of its source; None where one has errors."""
        opened = view.opened
        if opened is None:
            return ()
        read = [k.expr for k in found.keys] + [found.where]
        read += [e for s in found.slots for e in (s.value, s.filter)]
        if opened.source.name not in self.sources:
            return ()  # which was reported
        if opened.attributed is not None:
            return finished_matches(found.name, opened, read, self.sources, self.findings)
        if not view.joins:
            return ()
        # labels need not use what the features join, nor a view what the one joins whose rows it reads
        quiet = {j.definition.name for j in view.joins} if view.base is not None else view.inherited
        return finished_joins(found.name, view.joins, read, self.sources, opened, drafts, self.findings, quiet)

    def _labels(
        self,
        view: OpenView,
        rows: ViewRows | None,
        lifted: Lifted | None,
        drafts: Drafts,
        ahead: Collection[OpenView],
    ) -> View | None:
        """The view of a view's labels, with the columns that say which are complete."""
        found = self._view(view, rows, lifted, drafts)
        if found is None or found.source is None or found.source not in self.sources:
            return None
        source = self.sources[found.source]
        columns = finished_labels(found, drafts.found, {v.name for v in ahead}, source, self.findings)
        return replace(found, features=columns, of=view.spoken, ahead=True)

    def _check_state(self, view: OpenView, drafts: Drafts, states: tuple[str, ...]) -> None:
        """State lookups need the source's own keys, and columns known when the row arrives."""
        if not states or view.opened is None:
            return
        source = view.opened.source
        bare = {
            k.expr.parts[0].column
            for k in view.keys
            if k.expr and k.expr.is_bare and isinstance(k.expr.parts[0], ColumnRef)
        }
        whole = len(bare) == len(view.keys)
        if source.key and not (whole and bare == set(source.key)):
            self.findings.error(
                "F327",
                f"{source.name} keeps one row per {', '.join(source.key)}, and {view.name} has other keys",
                view.definition.span,
                "use an entity of those keys, or aggregate the rows that hold, as in last(x) over current",
            )
        for template in view.templates:
            for name, _ in () if template.broken else template.members:
                draft = drafts.found.get((view.name, name))
                if draft is not None and not draft.broken:
                    columns = joined(ColumnRef(p.column) if isinstance(p, StateRef) else p for p in draft.parts)
                    check_known(
                        Expr(columns, draft.type or "", template.text.span),
                        source,
                        template.text,
                        name,
                        self.findings,
                    )

    def _check_empty(self, view: OpenView) -> None:
        """A view that reads nothing at all."""
        if view.definition.source is not None or any(t.broken for t in view.templates):
            return
        if not any(True for t in view.templates for _ in t.outer_names):
            self.findings.error(
                "F321",
                f"{view.name} has no source, and its features read nothing",
                view.definition.span,
                "give it a source, or let its features use view.feature or request.<name>",
            )

    def _warn_ties(self, view: View, opened: OpenView) -> None:
        """Says what decides where equal instants leave the order open (semantics.md, "Order and ties")."""
        source = opened.opened.source if opened.opened else None
        if source is None or source.kind != "event" or source.tie_break or source.id:
            return
        ordered = [a for a in view.aggregations if AGGREGATES[a.aggregate].ordered or a.window.in_order]
        if ordered:
            decides = "arrival, then the values themselves" if source.available_at else "the values themselves"
            decides = "their source and the values themselves" if source.members else decides
            self.findings.warn(
                "F350",
                f"rows of {source.name} can share an instant; {decides} then decide {ordered[0].name}",
                ordered[0].span,
                f"give {source.name} a tie_break: or an id:",
            )


def _tags(definitions: Definitions) -> dict[str, tuple[str, ...]]:
    """The tags of request columns, wherever they are declared, and of keys, which have those of their entities."""
    found: dict[str, tuple[str, ...]] = {}
    listed = [(f"request.{n}", c.meta) for v in definitions.views.values() for n, c in v.request.items()]
    listed += [(f"request.{n}", c.meta) for s in definitions.services.values() for n, c in s.request.items()]
    listed += [(f"key.{k.value}", e.meta) for e in definitions.entities.values() for k in e.keys]
    for name, meta in listed:
        found[name] = tuple(dict.fromkeys((*found.get(name, ()), *meta.tags)))
    return {name: tags for name, tags in sorted(found.items()) if tags}


def _order(
    drafts: Drafts, views: Mapping[str, View], labels: Mapping[str, View]
) -> tuple[tuple[str, str], ...]:
    """All features, parents first, and then all labels, each behind what says whether it is complete."""
    sound = [pair for pair, d in drafts.found.items() if not d.broken and not d.template.broken]
    made = {(v.name, f.name) for v in labels.values() for f in v.features}
    ahead = [pair for pair in sound if pair in made]
    return (
        *(pair for pair in sound if pair[0] in views),
        *(p for view, name in ahead for p in ((view, f"{name}{COMPLETE}"), (view, name))),
    )


def _in_order(findings: Findings) -> tuple[Diagnostic, ...]:
    """Diagnostics as a reader goes through the files; equal ones once."""

    def place(d: Diagnostic) -> tuple[str, int, int, str]:
        return (d.span.file, d.span.line, d.span.column, d.code) if d.span else ("", 0, 0, d.code)

    return tuple(sorted(dict.fromkeys(findings.items), key=place))
