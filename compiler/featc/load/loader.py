"""From a project's folder to its `Definitions`: which files, in which order, and what belongs together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from yaml.nodes import Node

from featc.errors import Diagnostic, FeatcError, Findings, Span, did_you_mean
from featc.load import schema
from featc.load.jinja import Refusal, Renderer, Scope
from featc.load.library import read_entity, read_window
from featc.load.matches import is_attributed, read_attributed
from featc.load.model import AttributedDef, Definitions, Location, SourceDef, ViewDef
from featc.load.nodes import parse_yaml, read_text
from featc.load.project import Project, read_project_file
from featc.load.reader import Key, Reader
from featc.load.services import read_service, read_test
from featc.load.sources import read_location, read_source
from featc.load.text import SourceFile
from featc.load.unions import is_union, read_union
from featc.load.views import read_view
from featc.secrets import mask

PROJECT_FILE = "featc.yaml"
_SKIPPED = {"target", "node_modules", "__pycache__"}
_KINDS = ("entities", "windows", "sources", "feature_views", "feature_services", "tests")
_ONE_OF = {
    "entities": "entity",
    "windows": "window",
    "sources": "source",
    "feature_views": "feature view",
    "feature_services": "feature service",
    "tests": "test",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    reader: Reader
    key: Key
    node: Node


@dataclass(slots=True, eq=False)
class _Loading:
    """One load in progress: what was found under each kind, before and after it is read."""

    root: Path
    findings: Findings
    renderer: Renderer
    entries: dict[str, dict[str, _Entry]] = field(default_factory=lambda: {kind: {} for kind in _KINDS})
    files: list[SourceFile] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    _locating: list[str] = field(default_factory=list)
    _overrides: Mapping[str, Location] = field(default_factory=dict)

    def read_file(self, path: Path, shown: str) -> Reader | None:
        file = read_text(path, shown, self.findings)
        if file is None:
            return None
        self.files.append(file)
        tree = parse_yaml(file, self.findings)
        return Reader(tree, self.findings, self.renderer) if tree is not None else None

    def collect(self, reader: Reader) -> None:
        """Notes every definition of a file by kind and name; a name that is taken already is reported."""
        if reader.tree.root is None:
            self.findings.warn("F113", "the file defines nothing", Span(reader.file.path, 1, 1))
            return
        fields = reader.fields(reader.tree.root, schema.DefinitionsFile, "a definition file")
        for kind, node in fields.values.items() if fields is not None else ():
            for key, value in reader.pairs(node, kind, reserved=kind != "tests"):
                self._note(kind, _Entry(reader, key, value))

    def _note(self, kind: str, entry: _Entry) -> None:
        known = self.entries[kind]
        other = known.setdefault(entry.key.name.casefold(), entry)
        if other is entry:
            return
        where = f"{other.key.span.file}:{other.key.span.line}"
        how = (
            ""
            if other.key.name == entry.key.name
            else f" as '{other.key.name}', which differs by letter case only"
        )
        message = f"the {_ONE_OF[kind]} '{entry.key.name}' is already defined in {where}{how}"
        self.findings.error("F117", message, entry.key.span, "rename one of the two, or delete it")

    def build(self, kind: str, read: Callable[[Reader, Key, Node], T | None]) -> dict[str, T]:
        """The definitions of one kind that are without errors; the names of the others become `broken`."""
        found: dict[str, T] = {}
        for entry in self.entries[kind].values():
            before = len(self.findings.items)
            made = read(entry.reader, entry.key, entry.node)
            if made is None or len(self.findings.items) > before:
                self.broken.add(entry.key.name)
            else:
                found[entry.key.name] = made
        return found

    def views(self, project: Project) -> dict[str, ViewDef]:
        found: dict[str, ViewDef] = {}
        for entry in self.entries["feature_views"].values():
            made = read_view(entry.reader, entry.key, entry.node, project.closed)
            if made is None:
                self.broken.add(entry.key.name)
                continue
            found[entry.key.name], without = made
            self.broken.update(f"{entry.key.name}.{name}" for name in without)
        return found

    def locate(self, name: str) -> str:
        """What `source('name')` gives: the table, the quoted path or the query in brackets, as the target
        has it.
        """
        entry = self.entries["sources"].get(name.casefold())
        if entry is None:
            names = [e.key.name for e in self.entries["sources"].values()]
            hint = did_you_mean(name, names) or "name one that is listed under sources:"
            raise Refusal("F137", f"there is no source '{name}'", hint, name)
        if name in self._locating:
            circle = " → ".join((*self._locating, name))
            raise Refusal(
                "F137", f"source('{name}') leads back to itself: {circle}", "name the table itself", name
            )
        location = self._overrides.get(entry.key.name) or self._own_location(entry)
        if location is None:
            raise Refusal(
                "F137", f"it is not known where source '{name}' lies", "correct that source first", name
            )
        value = location.value.value
        match location.kind:
            case "table":
                return value
            case "path":
                return "'" + value.replace("'", "''") + "'"
            case _:  # a query; what is made of other sources lies nowhere
                return f"({value})"

    def _own_location(self, entry: _Entry) -> Location | None:
        if is_attributed(entry.node) or is_union(entry.node):
            return None
        self._locating.append(entry.key.name)
        try:
            # Its errors are reported where the source itself is read.
            reader = replace(entry.reader, findings=Findings())
            fields = reader.fields(entry.node, schema.Source, "source")
            return read_location(reader, fields, entry.key, "source") if fields is not None else None
        finally:
            self._locating.pop()

    def ref(self, name: str) -> str:
        """What `ref('view')` and `ref('view.feature')` give: the name itself, once the view is known to
        exist.
        """
        view = name.split(".")[0]
        if view.casefold() not in self.entries["feature_views"]:
            names = [e.key.name for e in self.entries["feature_views"].values()]
            hint = did_you_mean(view, names) or "name one that is listed under feature_views:"
            raise Refusal("F137", f"there is no feature view '{view}'", hint, name)
        return name


def find_project(start: Path) -> Path:
    """The nearest folder, from `start` upwards, that holds a featc.yaml. Raises FeatcError F101 if there
    is none.
    """
    start = Path(start).absolute()
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise FeatcError(_no_project(start))


def _no_project(folder: Path) -> Diagnostic:
    if (folder / "featc.yml").is_file():
        return Diagnostic("F101", f"{folder} has a featc.yml", hint="rename it to featc.yaml")
    hint = "go to your project's folder or name it with --project; featc.yaml starts with version: 1 and project: NAME"
    if not folder.exists():
        return Diagnostic("F101", f"there is no folder {folder}", hint="check --project")
    return Diagnostic("F101", f"no featc.yaml in {folder} or above", hint=hint)


def load_project(root: Path, target: str | None = None, env: Mapping[str, str] | None = None) -> Definitions:
    """The project in `root` under `target` (default: its default target); `env` replaces the environment.

    Raises FeatcError with every error of every file. Opens no connection and reads no data.
    """
    definitions, diagnostics = read_project(root, target, env)
    errors = [d for d in diagnostics if d.severity == "error"]
    if errors or definitions is None:
        raise FeatcError(errors)
    return definitions


def read_project(
    root: Path, target: str | None = None, env: Mapping[str, str] | None = None
) -> tuple[Definitions | None, tuple[Diagnostic, ...]]:
    """Like `load_project`, but gives what could be read beside all findings, so that later phases can add
    theirs.

    Definitions with errors are left out and named in `Definitions.broken`. None when featc.yaml itself cannot
    be used.
    """
    root = Path(root).absolute()
    findings = Findings()
    if not (root / PROJECT_FILE).is_file():
        return None, (_no_project(root),)
    macros = _macro_files(root, findings)
    scope = Scope(dict(os.environ if env is None else env))
    loading = _Loading(root, findings, Renderer(scope, macros, findings))
    definitions = _read(loading, target)
    loading.renderer.check_macros()
    if definitions is not None:
        definitions = replace(
            definitions, files=(*loading.files, *macros), warnings=_finished(findings.warnings)
        )
    return definitions, _finished(findings.items)


def _read(loading: _Loading, target: str | None) -> Definitions | None:
    reader = loading.read_file(loading.root / PROJECT_FILE, PROJECT_FILE)
    project = read_project_file(reader, target) if reader is not None else None
    if reader is None or project is None:
        return None
    for path, shown in _definition_files(loading, reader, project):
        file_reader = loading.read_file(path, shown)
        if file_reader is not None:
            loading.collect(file_reader)
    _check_overrides(loading, project)
    scope = loading.renderer.scope
    loading._overrides = project.target.sources
    scope.locate, scope.refs = loading.locate, loading.ref
    entities, windows = loading.build("entities", read_entity), loading.build("windows", read_window)
    sources = loading.build("sources", _read_source)
    return Definitions(
        root=loading.root,
        project=project.name,
        target=project.target,
        targets=project.targets,
        closed=project.closed,
        vars=project.vars,
        entities=entities,
        windows=windows,
        sources={n: s for n, s in sources.items() if isinstance(s, SourceDef)},
        views=loading.views(project),
        services=loading.build("feature_services", read_service),
        tests=loading.build("tests", read_test),
        policies=project.policies,
        files=(),
        broken=frozenset(loading.broken),
        attributed={n: s for n, s in sources.items() if isinstance(s, AttributedDef)},
    )


def _read_source(reader: Reader, key: Key, node: Node) -> SourceDef | AttributedDef | None:
    if is_union(node):
        return read_union(reader, key, node)
    return read_attributed(reader, key, node) if is_attributed(node) else read_source(reader, key, node)


def _definition_files(loading: _Loading, reader: Reader, project: Project) -> Iterator[tuple[Path, str]]:
    """The files that may hold definitions, each once, in the order of their paths."""
    found: dict[str, Path] = {}
    for text in project.paths:
        folder = loading.root / text.value
        if folder.is_file():
            found[_shown(loading.root, folder)] = folder
        elif folder.is_dir():
            found |= {_shown(loading.root, path): path for path in _yaml_files(folder, loading)}
        elif project.declared:
            hint = "create the folder, or correct paths:"
            loading.findings.error("F122", f"there is no folder '{text.value}'", text.span, hint)
    tests = loading.root / "tests"
    if tests.is_dir():
        found |= {
            _shown(loading.root, path): path for path in tests.iterdir() if path.suffix in (".yaml", ".yml")
        }
    found.pop(PROJECT_FILE, None)
    yield from ((found[shown], shown) for shown in sorted(found))


def _yaml_files(folder: Path, loading: _Loading) -> Iterator[Path]:
    def refused(error: OSError) -> None:  # what it holds must not be missing silently
        where = _shown(loading.root, Path(error.filename or folder))
        message = f"cannot read the folder {where}: {error.strerror or error}"
        loading.findings.error("F103", message, Span(where, 1, 1), "check its rights")

    for parent, folders, names in os.walk(folder, onerror=refused):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _SKIPPED]
        for name in names:
            if name.endswith((".yaml", ".yml")) and not name.startswith("."):
                yield Path(parent, name)


def _shown(root: Path, path: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()


def _macro_files(root: Path, findings: Findings) -> list[SourceFile]:
    paths = sorted((root / "macros").glob("*.sql"))
    files = (read_text(path, _shown(root, path), findings) for path in paths)
    return [file for file in files if file is not None]


def _check_overrides(loading: _Loading, project: Project) -> None:
    known = {entry.key.name for entry in loading.entries["sources"].values()}
    if loading.findings.errors:
        return  # the source may be in a file that could not be read
    for target, sources in project.overrides.items():
        for name, location in sources.items():
            if name not in known:
                message = f"target '{target}' places a source '{name}' that is not defined"
                loading.findings.error("F137", message, location.value.span, did_you_mean(name, known))
                continue
            node = loading.entries["sources"][name.casefold()].node
            if is_attributed(node) or is_union(node):
                message = f"target '{target}' places '{name}', which is made of other sources and lies nowhere"
                code = "F383" if is_union(node) else "F384"
                loading.findings.error(code, message, location.value.span, "place the sources that it is made of")


def _finished(diagnostics: Any) -> tuple[Diagnostic, ...]:
    """Each finding once, without secrets."""
    once = dict.fromkeys(diagnostics)
    return tuple(replace(d, message=mask(d.message), hint=mask(d.hint) if d.hint else None) for d in once)
