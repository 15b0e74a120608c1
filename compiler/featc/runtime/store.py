"""`FeatureStore`: a project, compiled, with its training sets and its online store. What Python users hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featc.errors import Diagnostic, FeatcError
from featc.load import find_project
from featc.names import AT
from featc.resolve.model import Output, Project
from featc.resolve.needs import full_named, labels_named, spine_columns
from featc.runtime.compiled import Compiled as Compiled
from featc.runtime.compiled import compile_project as compile_project
from featc.runtime.compiled import database_of, online_home
from featc.runtime.engine import connect, limits_of
from featc.runtime.located import located
from featc.runtime.matching import named_outputs

if TYPE_CHECKING:
    import duckdb

    from featc.lower.training import Knowledge
    from featc.runtime.backfill import BackfillReport, SnapshotReport
    from featc.runtime.backfill.unused import Unused
    from featc.runtime.dataset import Dataset
    from featc.runtime.generations.serving import Served, Serving
    from featc.runtime.generations.upkeep import Collected
    from featc.runtime.materialize import Foreseen, MaterializeReport, Progress
    from featc.runtime.online import OnlineStore, PushReport
    from featc.runtime.online.answers import OnlineRows
    from featc.runtime.online.evict import Eviction
    from featc.runtime.online.store import Instant
    from featc.runtime.planning import Plan
    from featc.runtime.planning.apply import Applied, RolledBack
    from featc.runtime.status import Status
    from featc.runtime.training_set.origin import Asked
    from featc.runtime.training_set.reading import Read
    from featc.runtime.why import WhyReport


class FeatureStore:
    """A project's features, offline and online.

    `path` (or Feast's `repo_path`) is the project's folder or any folder below it. Raises FeatcError with all errors
    of the definitions; with `or_applied` such definitions are no hindrance where the online store goes by what was
    applied: then that is the project, with a warning.
    """

    def __init__(
        self,
        path: str | Path = ".",
        target: str | None = None,
        *,
        repo_path: str | Path | None = None,
        or_applied: bool = False,
    ) -> None:
        self.root = find_project(Path(path if repo_path is None else repo_path).resolve())
        self.compiled = self._applied = compile_project(self.root, target, or_applied=or_applied)

    @property
    def project(self) -> Project:
        return self.compiled.project

    def names(self, text: str) -> str:
        """A text with names of views, features or services, as the project has them.

        Versions of views that it names (`user_orders@v2.spend_7d`) and no service pins are put beside the project, for
        all but the online store, which has tables for what services give. Raises FeatcError F880 to F887 (exit code 2).
        """
        if AT not in text:
            return text
        from featc.runtime.earlier import with_versions_in

        compiled, found = with_versions_in(self.compiled, text)
        if compiled is not self.compiled:
            self.compiled = compiled
            for made in ("located", "numbered"):  # from the project as it was
                self.__dict__.pop(made, None)
        return found

    def listed(self, features: str | Sequence[str]) -> str | Sequence[str]:
        """The same for a service, or a list of features."""
        if isinstance(features, str):
            return self.names(features)
        listed = isinstance(features, (list, tuple))
        return [self.names(f) if isinstance(f, str) else f for f in features] if listed else features

    @cached_property
    def numbered(self) -> Project:
        """The project with the versions of its definitions. Raises FeatcError F87x for featc.lock."""
        from featc.runtime.planning.plan import numbered_project

        return numbered_project(self.compiled)

    @cached_property
    def located(self) -> Project:
        """The project with its files named absolutely, for running its SQL from any folder."""
        return located(self.project, self.root)

    @property
    def database(self) -> Path | None:
        """The target's DuckDB file, whether or not it exists."""
        return database_of(self.compiled.definitions)

    def connect(self, *, writes: bool = False) -> duckdb.DuckDBPyConnection:
        """A new connection of the target's engine, under the target's limits; see `featc.runtime.engine.connect`."""
        limits = limits_of(self.compiled.definitions.target, self.root)
        return connect(self.root, self.database, limits, writes=writes)

    # ── training ──────────────────────────────────────────────────────────────────────────────────────────────────

    def get_historical_features(
        self,
        features: str | Sequence[str] | None = None,
        spine: Any = None,
        time: str | None = None,
        *,
        entity_df: Any = None,
        known_at: Instant = None,
        data_until: Instant = None,
        start: Instant = None,
        end: Instant = None,
        every: str | timedelta | None = None,
        full_feature_names: bool = False,
        read: Read = "auto",
    ) -> Dataset:
        """The training set of a service, or of a list of features, at the spine's instants.

        `features`: a service's name, or `view.feature`, `view`, `view.spend_*` (Feast's `view:feature` works too).
        `spine` (or Feast's `entity_df`): a data frame, Arrow table, list of dicts, file, SELECT, or binary stream.
        `time` names its instant column. In place of a spine, `start`, `end` and `every` ask for all entities there were
        by each of the instants before `end`. Labels of a service know what was known at `known_at` (None: all there
        is), and are complete as far as data reaches, to `data_until` (None: to what the source has).

        The result is lazy: nothing is computed until rows are asked for. `read`: `auto` takes backfilled tiles where
        they are exact and less is read, `tiles` wherever they are exact, `rows` never; `explain()` says which.
        With Feast's `full_feature_names` a column is called `view__feature` (`role__feature` where a service asks in a
        role), so that features of one name go together.
        """
        from featc.lower.training import Knowledge
        from featc.runtime.online.store import instant
        from featc.runtime.training_set.entity_range import asked_range

        instants = asked_range(start, end, every)
        if instants is not None and not (spine is None and entity_df is None):
            raise _incomplete("F500", "a spine and a range of instants are given, and one of them says it all", "spine")
        given = next((g for g in (spine, entity_df, instants) if g is not None), None)
        if features is None or given is None:
            raise _incomplete("F500", "a training set needs features and a spine", "spine")
        if spine is not None and entity_df is not None:
            raise _incomplete("F500", "spine and entity_df are the same thing, and both are given", "spine")
        outputs = self.training_outputs(features, full_names=full_feature_names)
        service = features if isinstance(features, str) and features in self.project.services else None
        listed = () if service else (features,) if isinstance(features, str) else tuple(features)
        asked = self.asked(service, listed)
        known, until = (None if each is None else instant(each) for each in (known_at, data_until))
        return self.dataset(outputs, asked, given, time, read, Knowledge(known, until))

    def asked(self, service: str | None, features: tuple[str, ...]) -> Asked:
        """What a training set is of: a service, or a list of features."""
        from featc.runtime.planning.plan import service_version
        from featc.runtime.training_set.origin import Asked

        version = service_version(self.compiled, service) if service and service in self.project.services else 1
        return Asked(service, features, self.root, self.compiled.definitions.target.name, version)

    def dataset(
        self,
        outputs: Sequence[Output],
        asked: Asked,
        spine: Any,
        time: str | None,
        read: Read = "auto",
        knowledge: Knowledge | None = None,
    ) -> Dataset:
        """The training set of given output columns; `asked` is what people and its card are told it is of."""
        from featc.lower.training import LATEST
        from featc.runtime.dataset import Dataset

        connection = self.connect()
        made = Dataset(connection, self.located, outputs, spine, time, asked, knowledge or LATEST)
        made.choose(self.project, self.root, read)
        return made

    def outputs(self, features: str | Sequence[str], *, full_names: bool = False) -> tuple[Output, ...]:
        """The output columns of a service or of a list of features, in order; `full_names` puts the view before each.

        Raises FeatcError F500, F504 (two of one name), F505, F506.
        """
        return named_outputs(self.project, self.listed(features), full_names=full_names)

    def served_outputs(self, features: str | Sequence[str], *, full_names: bool = False) -> tuple[Output, ...]:
        """The same of what the online store goes by. Raises FeatcError F603 for a version of a view that has no tables
        there."""
        return self._outputs_in(self.serving.current(), features, full_names=full_names)

    def _outputs_in(self, served: Served, features: str | Sequence[str], *, full_names: bool) -> tuple[Output, ...]:
        project = served.project
        if served.pointer is None:
            features = self.listed(features)
        listed = features if isinstance(features, (list, tuple)) else [features]
        for name in (text.partition(".")[0].partition(":")[0] for text in listed if isinstance(text, str)):
            if AT in name and project.pins.get(name, name) not in project.views:
                self.names(name)  # which tells of versions that there are not
                raise _unserved(name)
        try:
            return named_outputs(project, features, full_names=full_names)
        except FeatcError as error:
            if error.code not in ("F505", "F506") or not self._is_named(features):
                raise
            message = f"{', '.join(map(str, listed))}: in the YAML, but not in what was applied, which answers"
            hint = "featc plan says what the YAML means, featc apply makes it answer"
            raise FeatcError(Diagnostic(error.code, message, hint=hint), exit_code=2) from None

    def _is_named(self, features: str | Sequence[str]) -> bool:
        """Whether the project, though not what serves, has these features."""
        try:
            return self.serving.differs and bool(named_outputs(self.project, features))
        except FeatcError:
            return False

    def training_outputs(self, features: str | Sequence[str], *, full_names: bool = False) -> tuple[Output, ...]:
        """The columns of a training set: those of `outputs`, then the labels of a service or those listed."""
        features = self.listed(features)
        service = self.project.services.get(features) if isinstance(features, str) else None
        rest, labels = (features, service.labels) if service is not None else labels_named(self.project, features)
        found = self.outputs(rest, full_names=full_names) if not labels or len(rest) else ()
        taken = {o.name.lower() for o in found}
        for output in labels if not full_names else full_named(self.project, "", labels):
            if output.name.lower() in taken:
                hint = "make a service that renames one of them"
                raise FeatcError(Diagnostic("F504", f"two of these columns are called '{output.name}'", hint=hint))
            taken.add(output.name.lower())
            found = (*found, output)
        return found

    def backfill(
        self,
        start: datetime | str | int | None = None,
        end: datetime | str | int | None = None,
        select: str | None = None,
        restate: bool = False,
        dry_run: bool = False,
        at: datetime | str | int | None = None,
        every: str | timedelta | None = None,
    ) -> BackfillReport | SnapshotReport:
        """Fills tables of partial states in the target's database, or takes snapshots with `at` or `every`; see
        `featc backfill`. Fills what is open and no more; with `restate`, all of the range."""
        from featc.runtime.backfill.asked import asked

        return asked(self, start, end, select, restate=restate, dry_run=dry_run, at=at, every=every)

    # ── online ────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def serving(self) -> Serving:
        """What answers online, through every apply and rollback."""
        from featc.runtime.generations.serving import Serving

        return Serving(self.online_home, self._applied)

    @property
    def online(self) -> OnlineStore:
        """The target's online store, as it answers now. It goes by what was applied to it last, where anything was,
        else by the project."""
        return self.serving.opened().online

    @property
    def served(self) -> Project:
        """The project that the online store goes by. Opens and makes no store."""
        return self.serving.current().project

    @property
    def online_home(self) -> Path:
        """Where the target's online store is configured to be; the files of its generations lie beside."""
        return online_home(self.compiled.definitions)

    @property
    def online_path(self) -> Path:
        """The file of the online store that answers, whether or not it exists."""
        from featc.runtime.generations.pointer import read

        pointer = read(self.online_home)
        return self.online_home if pointer is None else pointer.live.path(self.online_home)

    def push(self, source: str, rows: Any, token: str | None = None, *, strict: bool = False) -> PushReport:
        """Brings new rows of a source into the online store, as one durable batch.

        `rows`: Arrow, pandas, polars, a list of dicts, or a file. A batch with a `token` seen before is not applied
        again. Raises FeatcError F6xx; then nothing of the batch is kept.
        """
        return self.serving.push(source, rows, token, strict=strict)

    def drop_unused_tiles(self, *, dry_run: bool = False) -> Unused:
        """Drops from the target's database the tables and states of tiles that no definition reads any more."""
        from featc.runtime.backfill.unused import drop_unused

        return drop_unused(self, dry_run=dry_run)

    def materialize(
        self, until: datetime | str | int | None = None, *, select: str | None = None, progress: Progress | None = None
    ) -> MaterializeReport:
        """Brings the online store to what the sources hold up to `until` (None: all of it), incrementally.

        `select` names the features whose sources are brought in, `progress` is told of (source, rows gone through,
        rows to go through). Running it twice changes nothing. Raises FeatcError F64x among others; batches that
        were taken in before stay, and the next run goes on from there.
        """
        from featc.runtime.generations.upkeep import materialize

        return materialize(self, until, self.selector(select), progress)

    def foresee(self, until: datetime | str | int | None = None, *, select: str | None = None) -> tuple[Foreseen, ...]:
        """What `materialize` with the same arguments would read of each source. Writes nothing, and makes no store."""
        from featc.runtime.materialize import foresee

        return foresee(self, until, self.selector(select))

    def get_online_features(
        self,
        features: str | Sequence[str] | None = None,
        entity_rows: Sequence[dict[str, Any]] | Mapping[str, Sequence[Any]] | None = None,
        at: datetime | str | int | None = None,
        *,
        full_feature_names: bool = False,
    ) -> OnlineRows:
        """The features of a service (or list of features) for each row of keys and request values, in input order,
        as they stand at `at` (None: now). An unknown entity has empty values.

        `entity_rows`: a list of dicts, or as Feast has it a dict of lists. `full_feature_names`: see
        `get_historical_features`.
        """
        if features is None or entity_rows is None:
            raise _incomplete("F600", "an online read needs features and rows of keys", "[{'user_id': 42}]")
        from featc.runtime.online.answers import OnlineRows, rows_of
        from featc.runtime.online.store import instant

        rows, t = rows_of(entity_rows), instant(at)
        served = self.serving.opened()
        outputs = self._outputs_in(served, features, full_names=full_feature_names)
        keys = [name for name, _ in spine_columns(served.project, outputs)[0]]
        return OnlineRows(served.online.read(outputs, rows, t), rows, keys, [o.name for o in outputs], t)

    def evict(self, *, dry_run: bool = False) -> tuple[Eviction, ...]:
        """Drops from the online store what no read within the target's `replay:` needs; empty when it is unlimited.

        No value changes. Reads before the horizon are errors from then on, and pushes of rows that arrived before it
        are rejected. With `dry_run` nothing is written.
        """
        from featc.runtime.generations.upkeep import evict

        return evict(self, self.compiled.definitions.target.online.replay_us, dry_run=dry_run)

    # ── the project ───────────────────────────────────────────────────────────────────────────────────────────────

    def why(
        self,
        service: str,
        feature: str,
        keys: Mapping[str, Any],
        at: Instant = None,
        *,
        known_at: Instant = None,
        limit: int = 5,
    ) -> WhyReport:
        """The rows behind one value: of a service's (or view's) feature, for one entity, at `at` (None: now).

        `keys`: the keys, and the request columns that the feature needs. `known_at`: what a label may know (None: all
        there is). `limit`: how many rows of each kind are listed. The report prints itself; `to_json()` is plain data.
        Raises FeatcError F850 to F853.
        """
        from featc.runtime.why import why

        service, feature = self.names(service), self.names(feature)
        return why(self, service, feature, keys, at, known_at=known_at, limit=limit)

    def explain(self, features: str | Sequence[str]) -> list[dict[str, Any]]:
        """What `featc explain` says, as plain data: a dict per view behind a service or list of features."""
        from featc.runtime.explain import explain

        return explain(self, self.training_outputs(features))

    def build(self, out: str | Path | None = None) -> dict[str, str]:
        """Writes manifest and SQL below `out` (default `target/`); gives the files by their path."""
        from featc.emit import write_files
        from featc.runtime.planning.built import built

        files = built(self)
        write_files(Path(out) if out is not None else self.root / "target", files)
        return files

    def selector(self, text: str | None) -> str | None:
        """A selector with `state:changed` in it as one that names definitions. Raises FeatcError F801, F87x."""
        from featc.runtime.planning.changed import with_changed

        text = None if text is None else self.names(text)
        return with_changed(self.compiled, text)

    def plan(self, *, check_values: bool = False, spine: str | None = None) -> Plan:
        """What the project means after its featc.lock, and what that takes; see `featc plan`. Writes nothing."""
        from featc.runtime.planning import plan

        return plan(self, check_values=check_values, spine=spine)

    def apply(self, *, verify: bool = True, progress: Progress | None = None) -> Applied:
        """Fills, proves, serves and locks what the project means now; see `featc apply`."""
        from featc.runtime.planning.apply import apply

        return apply(self, verify=verify, progress=progress)

    def rollback(self, *, progress: Progress | None = None) -> RolledBack:
        """Serves what was applied before the last apply, with all that came in since; see `featc rollback`."""
        from featc.runtime.planning.apply import roll_back

        return roll_back(self, progress)

    def gc(self, *, previous: bool = False, versions: bool = False, dry_run: bool = False) -> Collected:
        """Drops what nothing refers to any more; see `featc gc`."""
        from featc.runtime.generations.upkeep import collect

        return collect(self, previous=previous, versions=versions, dry_run=dry_run)

    def lineage(self) -> Any:
        """The lineage graph (a networkx DiGraph) from source columns to service outputs."""
        from featc.lineage import lineage_graph

        return lineage_graph(self.project)

    def verify(self, select: str | None = None, *, allow_thin: bool = False, seed: int = 0) -> Any:
        """Proves that training and online values agree; see `featc verify`."""
        from featc.runtime.verify import verify

        return verify(self, select=self.selector(select), allow_thin=allow_thin, seed=seed)

    def status(self, *, recent: int = 86_400_000_000) -> Status:
        """How sources, views and services stand; see `featc status`. Makes and locks nothing."""
        from featc.runtime.status import status

        return status(self, recent)

    def close(self) -> None:
        """Closes the online store, if it was opened."""
        if "serving" in self.__dict__:
            self.serving.close()


def _unserved(view: str) -> FeatcError:
    message = f"the online store has no tables of '{view}': no service pins it"
    hint = f"list {view} in a service and run featc apply, or make a training set, which needs none"
    return FeatcError(Diagnostic("F603", message, hint=hint))


def _incomplete(code: str, message: str, rows: str) -> FeatcError:
    call = "get_historical_features" if code == "F500" else "get_online_features"
    return FeatcError(Diagnostic(code, message, hint=f"{call}('checkout', {rows})"), exit_code=2)
