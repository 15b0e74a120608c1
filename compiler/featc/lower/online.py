"""Online lowering: what the store executes for each source and view, and the artefacts that show it.

One truth: `online_files` writes the texts that the runtime runs. A table's name carries a fingerprint of everything
that decides what it holds (`online_names`), so a changed definition gets tables of its own and never reads another's
rows, and one that is only written otherwise goes on with those that are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from featc.lower import online_evict as evicting
from featc.lower import online_lift as lift
from featc.lower import online_store as tables
from featc.lower.online_dumps import DumpsPlan, dumps_plan, superseded_sql
from featc.lower.online_evict import EvictPlan, looks_up
from featc.lower.online_joins import JoinsPlan, ViewHop, joins_plan
from featc.lower.online_kept import Kept as Kept
from featc.lower.online_kept import keep as keep
from featc.lower.online_layout import Layout, Stream, layout, stream_of
from featc.lower.online_names import rows_name, versions_name
from featc.lower.online_read import ReadPlan, read_plan, sections
from featc.lower.union import member_batch_sql
from featc.resolve.model import Source, View
from featc.resolve.unfold import columns_behind
from featc.resolve.upstream import depth, read_beside, read_sources


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """The texts that keep one stream of versions."""

    stream: Stream
    schema_sql: str
    accept_sql: str
    known_sql: str
    passed_sql: str
    resolve_sql: str
    supersede_sql: str
    lift_sql: str | None
    """None where the source's census lifts the versions."""
    carry_sql: str | None
    drop_sql: str


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """The texts that keep one view."""

    layout: Layout
    stream: StreamPlan | None
    lift_sql: str
    schema_sql: str
    insert_sql: str
    supersede_sql: str
    newest_sql: str
    touched_sql: str
    placed_sql: str
    seal_sql: str | None
    reopen_sql: str | None
    evict: EvictPlan
    joins: JoinsPlan | None = None
    """Set where the view has joins; `lift_sql` then lifts rows that lie as they are kept."""


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """Everything a push to one source executes. `stream` is set where all its views share one.

    `views` are lifted from a batch, the rows that joins look into among them; `joined` are the views with joins, and
    `reached` those, of any source, whose joins look into this one, be it through joins of other views. `depths` says
    of both how many joins lie one upon another.
    """

    source: Source
    required: frozenset[str]
    census_sql: str
    behind_sql: str
    stream: StreamPlan | None
    views: tuple[ViewPlan, ...] = field(default=())
    joined: tuple[ViewPlan, ...] = field(default=())
    reached: tuple[ViewPlan, ...] = field(default=())
    depths: Mapping[str, int] = field(default_factory=dict)
    dumps: DumpsPlan | None = None
    """Set where the rows come in whole dumps."""
    feeds: tuple[Feed, ...] = ()
    """The unions that its rows are part of."""

    @property
    def to_lift(self) -> tuple[ViewPlan, ...]:
        """The views with joins that a batch can change, each after those that it joins."""
        found = {v.layout.view.name: v for v in (*self.reached, *self.joined)}
        return tuple(sorted(found.values(), key=lambda v: self.depths[v.layout.view.name]))

    @property
    def identities(self) -> tuple[Stream, ...]:
        """By what rows are known again: as versions, or as rows of dumps. Without any, each row is another event."""
        own = tuple(s.stream for s in self.streams)
        return own if self.dumps is None else (*own, self.dumps.identity)

    @property
    def all_views(self) -> tuple[ViewPlan, ...]:
        """All that keep rows of this source."""
        return (*self.views, *self.joined)

    @property
    def fed(self) -> tuple[ViewPlan, ...]:
        """All that a batch can change, by unions too."""
        own = (*self.all_views, *self.reached)
        return (*own, *(view for feed in self.feeds for view in feed.plan.fed))

    @property
    def tables(self) -> Mapping[str, str]:
        """The tables that hold what a batch brings, each with the statements that make it."""
        found = {s.stream.table: s.schema_sql for s in self.streams}
        found |= {} if self.dumps is None else {self.dumps.table: self.dumps.schema_sql}
        return found | {v.layout.events: v.schema_sql for v in self.all_views}

    @property
    def streams(self) -> tuple[StreamPlan, ...]:
        own = [v.stream for v in self.all_views if v.stream is not None]
        found = {s.stream.table: s for s in ([self.stream] if self.stream else []) + own}
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Feed:
    """A union that a source is part of: `batch_sql` brings a batch of the source to one of the union, which `plan`
    takes in. `needs` are the source's columns behind each of the union's, `required` those that it has to bring."""

    plan: SourcePlan
    batch_sql: str
    needs: Mapping[str, frozenset[str]]
    required: frozenset[str]


def _stream_plan(source: Source, view: View) -> StreamPlan | None:
    bare = stream_of(source, view, "")
    if bare is None:
        return None
    by_view = bare.name != source.name or not (source.id or source.key)
    stream = stream_of(source, view, versions_name(source, view if by_view else None))
    assert stream is not None
    return StreamPlan(
        stream=stream,
        schema_sql=tables.stream_schema_sql(stream),
        accept_sql=tables.accept_version_sql(stream),
        known_sql=tables.known_version_sql(stream),
        passed_sql=tables.passed_version_sql(stream),
        resolve_sql=tables.resolve_versions_sql(stream),
        supersede_sql=tables.supersede_sql(stream.table),
        lift_sql=lift.stream_sql(source, stream) if by_view else None,
        carry_sql=evicting.carry_sql(stream),
        drop_sql=evicting.versions_sql(stream),
    )


def view_plan(kept: Kept, view: View) -> ViewPlan:
    """The texts of one view that has a source, as it is kept."""
    if view.source is None:
        raise ValueError(f"{view.name} has no source and keeps nothing")
    project = kept.project
    stream = _stream_plan(project.sources[view.source], view)
    versions = stream.stream if stream else None
    bare = layout(project, view, "", versions)
    lookups = {join.rows.name: view_plan(kept, join.rows).layout for join in view.lookups}
    hops = joins_plan(project, bare, lookups).hops if view.joins else ()
    found = layout(project, view, rows_name(kept, bare, hops), versions)
    joins = joins_plan(project, found, lookups) if view.joins else None
    return ViewPlan(
        layout=found,
        stream=stream,
        lift_sql=lift.view_sql(found),
        schema_sql=tables.schema_sql(found) + (joins.schema_sql if joins else ""),
        insert_sql=tables.insert_sql(found),
        supersede_sql=(superseded_sql if found.source.in_dumps else tables.supersede_sql)(found.events),
        newest_sql=tables.newest_sql(found),
        touched_sql=tables.touched_sql(found),
        placed_sql=tables.placed_sql(found),
        seal_sql=tables.seal_sql(found) if found.tiled else None,
        reopen_sql=tables.reopen_sql(found) if found.tiled else None,
        evict=evicting.evict_plan(found),
        joins=joins,
    )


def source_plan(kept: Kept, source: Source) -> SourcePlan:
    """Everything a push to `source` executes, for all views that read it."""
    project = kept.project
    mine = [v for v in project.views.values() if v.source == source.name]
    beside = [j.rows for v in project.views.values() for j in v.lookups if j.rows.source == source.name]
    reads = (v for v in project.views.values() if any(o.source == source.name for o in read_beside(project, v)))
    joining = list(reads)
    readers = [*(v for v in mine if not v.joins), *beside]
    views = tuple(view_plan(kept, v) for v in readers)
    joined = tuple(view_plan(kept, v) for v in mine if v.joins)
    reached = tuple(view_plan(kept, v) for v in joining)
    dumps = dumps_plan(source, versions_name(source)) if source.in_dumps else None
    shared = next((v.stream for v in (*views, *joined) if v.stream is not None and v.stream.lift_sql is None), None)
    feeds = tuple(_feeds(kept, source))
    if feeds and source.id and shared is None:  # by which its rows are known again
        shared = _stream_plan(source, next(v for v in project.views.values() if v.source is not None))
    required = frozenset(lift.required_columns(source, [*readers, *(v for v in mine if v.joins)]))
    return SourcePlan(
        source=source,
        required=required.union(*(feed.required for feed in feeds)),
        census_sql=lift.census_sql(source, shared.stream if shared else None),
        behind_sql=lift.behind_sql(source),
        stream=shared,
        views=views,
        joined=joined,
        reached=reached,
        depths={v.name: depth(project, v) for v in (*mine, *joining) if v.joins},
        dumps=dumps,
        feeds=feeds,
    )


def _feeds(kept: Kept, source: Source) -> Iterator[Feed]:
    """The unions with views that a source is part of."""
    project = kept.project
    read = {name for view in project.views.values() for name in read_sources(project, view)}
    for union in project.sources.values():
        member = next((m for m in union.members if m.source.name == source.name), None)
        if member is not None and union.name in read:
            plan, behind = source_plan(kept, union), columns_behind(union, member)
            deletes = source.id and source.deleted is not None  # then a batch may be of nothing but deletions
            asked = union if deletes else replace(union, deleted=None)
            needed = lift.required_columns(asked, [v.layout.view for v in plan.all_views])
            required = frozenset().union(*(behind[c] for c in needed))
            yield Feed(plan, member_batch_sql(union, member), behind, required)


def full_read(plan: ViewPlan) -> ReadPlan:
    """The read of all of a view's aggregations and its state row."""
    return read_plan(plan.layout, plan.layout.parts, lookup=looks_up(plan.layout))


# ── artefacts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _section(title: str, text: str) -> str:
    return f"-- {title}\n{text}"


def _file(head: str, found: list[tuple[str, str]]) -> str:
    return f"{head}\n\n" + "\n".join(_section(title, text) for title, text in found)


def online_files(kept: Kept, name: str) -> dict[str, str]:
    """File name → text of a view's online artefacts. Empty for a view without a source, which keeps nothing."""
    project, view = kept.project, kept.view(name)
    if view.source is None:
        return {}
    source = project.sources[view.source]
    plan = view_plan(kept, view)
    shared = source_plan(kept, source)
    head = f"-- {project.name}.{view.name}, tables {plan.layout.events}"
    united = [
        (f"a batch of {m.source.name}, as one of {source.name}", member_batch_sql(source, m)) for m in source.members
    ]
    lifts = [
        *united,
        ("census, once per batch: rows never seen, and versions", shared.census_sql),
        ("behind, once the store has a horizon: rows that arrived before it", shared.behind_sql),
    ]
    updates: list[tuple[str, str]] = []
    schemas: list[tuple[str, str]] = []
    if plan.stream:
        schemas.append(("versions", plan.stream.schema_sql))
        updates += [
            ("versions: take in", plan.stream.accept_sql),
            ("versions: whose successor changed", plan.stream.resolve_sql),
            ("versions: note the successor", plan.stream.supersede_sql),
        ]
        if plan.stream.lift_sql:
            lifts.append(("versions", plan.stream.lift_sql))
    lifts.append(("rows, with what their joins found" if plan.joins else "rows", plan.lift_sql))
    schemas.append(("rows and tiles" if plan.seal_sql else "rows", plan.schema_sql))
    updates.append(("rows: take in", plan.insert_sql))
    if plan.stream:
        updates.append(("rows: note the successor", plan.supersede_sql))
    if shared.dumps:
        _add_dumps(plan, shared.dumps, lifts, schemas, updates)
    if plan.joins:
        _add_joins(kept, plan.joins, lifts, schemas, updates)
    if plan.seal_sql:
        updates += [
            ("tiles: the open tile", plan.newest_sql),
            ("tiles: touched by a change", plan.touched_sql),
            ("tiles: build", plan.seal_sql),
        ]
    return {
        "online_lift.sql": _file(f"{head}\n-- DuckDB: a pushed batch → lifted rows", lifts),
        "online_schema.sql": _file(f"{head}\n-- SQLite: what the store keeps", schemas),
        "online_update.sql": _file(f"{head}\n-- SQLite: lifted rows → the store, in one transaction", updates),
        "online_evict.sql": _file(
            f"{head}\n-- SQLite: what no read at or after :horizon needs goes, a view in one transaction",
            evicting.sections(plan.layout, plan.evict, plan.seal_sql),
        ),
        "online_read.sql": _read_file(head, plan),
    }


def read_file(kept: Kept, name: str) -> str | None:
    """The online read of a view alone, as `online_files` has it; None for a view without a source."""
    view = kept.view(name)
    if view.source is None:
        return None
    plan = view_plan(kept, view)
    return _read_file(f"-- {kept.project.name}.{view.name}, tables {plan.layout.events}", plan)


def _read_file(head: str, plan: ViewPlan) -> str:
    return _file(f"{head}\n-- SQLite: the states at :t", list(sections(full_read(plan))))


Sections = list[tuple[str, str]]


def _add_dumps(plan: ViewPlan, dumps: DumpsPlan, lifts: Sections, schemas: Sections, updates: Sections) -> None:
    """The sections of a view of dumps that others have not."""
    lifts += [("dumps: whose rows they are", dumps.places_sql), ("dumps: which there are", dumps.listed_sql)]
    schemas.insert(0, ("dumps", dumps.schema_sql))
    updates[:0] = [("dumps: known", dumps.known_sql), ("dumps: take in", dumps.accept_sql)]
    updates += [
        ("dumps: that go at another instant now", dumps.resolve_sql),
        ("dumps: note it", dumps.note_sql),
        ("rows: note it", plan.supersede_sql),
    ]


def _add_joins(kept: Kept, joins: JoinsPlan, lifts: Sections, schemas: Sections, updates: Sections) -> None:
    """The sections of a view with joins that others have not."""
    found = [("rows as they came, which are kept", joins.raw_sql)]
    for hop in joins.hops:
        found.append((f"{hop.join.name}: what each row looks up", hop.keys_sql))
        if isinstance(hop, ViewHop):
            updates.append((f"{hop.join.name}: note whose features were asked", hop.note_sql))
            updates += [(f"{hop.join.name}: rows that {r.view} reaches, to lift again", r.sql) for r in hop.reached]
            continue
        rows = view_plan(kept, hop.join.rows)
        schemas.append((f"{hop.join.name}: what can be found", rows.schema_sql))
        finds = "what held at :t, by what was known at :k"
        if hop.join.match is not None:
            finds = "what may match a row of :t, and when that is known"
        updates += [
            (f"{hop.join.name}: {finds}", hop.find_sql),
            (f"{hop.join.name}: note what was looked up", hop.note_sql),
            (f"{hop.join.name}: rows to lift again", hop.reached_sql),
        ]
    lifts[-1:-1] = found
    updates.insert(0, ("rows as they came: take in", joins.insert_sql))
