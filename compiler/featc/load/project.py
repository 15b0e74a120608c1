"""Reading featc.yaml: the project's name and folders, its targets, defaults and vars."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from yaml.nodes import MappingNode, Node

from featc.errors import Findings, Span, did_you_mean, nearest
from featc.load import schema
from featc.load.jinja import has_jinja
from featc.load.model import Closed, Literal, Location, OnlineDef, PolicyDef, Setting, TargetDef
from featc.load.policies import read_policies
from featc.load.reader import Fields, Key, Reader
from featc.load.sources import read_location
from featc.load.text import Text
from featc.load.views import read_closed

_PROJECT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_LIMITS = {
    "memory_limit": (re.compile(r"\d+([.]\d+)? *([KMGT]i?B|%)\Z", re.IGNORECASE), "write a size, such as 2GB"),
    "threads": (re.compile(r"[1-9]\d*\Z"), "write a number from 1 on"),
}
DIALECTS = ("duckdb", "postgres")
STORES = ("sqlite", "redis")
"""The engines and online stores of the language. What of them is built is the runtime's to say."""


@dataclass(frozen=True, slots=True)
class Project:
    """featc.yaml as read. `paths` are the definition folders; `declared` is False when they are the
    default. `overrides` are the places that each target gives to sources.
    """

    name: str
    paths: tuple[Text, ...]
    declared: bool
    target: TargetDef
    targets: tuple[str, ...]
    closed: Closed
    vars: Mapping[str, Literal]
    policies: tuple[PolicyDef, ...]
    overrides: Mapping[str, Mapping[str, Location]]


def read_project_file(reader: Reader, wanted: str | None) -> Project | None:
    """The project under the target `wanted`, or its default target. Leaves vars and target in the reader's
    scope.
    """
    root = reader.tree.root
    if root is None:
        place = Span(reader.file.path, 1, 1)
        reader.findings.error("F112", "featc.yaml is empty", place, "write version: 1 and project: <name>")
        return None
    fields = reader.fields(root, schema.ProjectFile, "featc.yaml")
    if fields is None:
        return None
    _check_version(reader, fields)
    name = _project_name(reader, fields)
    vars_ = _vars(reader, fields.get("vars"))
    target, targets, overrides = _targets(reader, fields, wanted, name)
    paths = reader.list_of(fields, "paths")
    defaults = fields.get("defaults")
    default_fields = reader.fields(defaults, schema.Defaults, "defaults") if defaults is not None else None
    closed = read_closed(reader, default_fields) if default_fields is not None else None
    return Project(
        name,
        paths or (Text.plain("features", reader.file.path),),
        bool(paths),
        target,
        targets,
        closed or "left",
        vars_,
        read_policies(reader, fields.get("policies")),
        overrides,
    )


def _check_version(reader: Reader, fields: Fields) -> None:
    node = fields.get("version")
    if node is None:
        reader.findings.error("F112", "featc.yaml has no version", fields.span, "add version: 1")
        return
    version = reader.text(node)
    if version is not None and version.value != "1":
        reader.error(
            "F121",
            f"featc.yaml is of version {version.value}; this featc knows version 1",
            node,
            "write version: 1",
        )


def _project_name(reader: Reader, fields: Fields) -> str:
    node = fields.get("project")
    if node is None:
        reader.findings.error("F112", "featc.yaml has no project", fields.span, "add project: with its name")
        return "project"
    text = reader.text(node)
    if text is None:
        return "project"
    if not _PROJECT.match(text.value):
        hint = "use letters, digits, _ and -, and start with a letter"
        reader.error("F115", f"'{text.value}' cannot be a project's name", node, hint)
    return text.value


def _vars(reader: Reader, node: Node | None) -> dict[str, Literal]:
    """The vars in order; each may use those above it."""
    found: dict[str, Literal] = {}
    for key, value in reader.pairs(node, "vars", reserved=False) if node is not None else ():
        literal = reader.literal(value)
        # A var with an error is still known, so that its uses are not reported too.
        reader.renderer.scope.vars[key.name] = _python(literal) if literal is not None else ""
        if literal is not None:
            found[key.name] = literal
    return found


def _python(literal: Literal) -> object:
    """What `var('…')` gives to Jinja."""
    if isinstance(literal.value, tuple):
        return [_python(item) for item in literal.value]
    if isinstance(literal.value, Mapping):
        return {name: _python(item) for name, item in literal.value.items()}
    return literal.value


def _targets(
    reader: Reader, fields: Fields, wanted: str | None, project: str
) -> tuple[TargetDef, tuple[str, ...], Mapping[str, Mapping[str, Location]]]:
    """The target that is wanted, the names of all, and where each lays sources."""
    node = fields.get("targets")
    listed = list(reader.pairs(node, "targets", reserved=False)) if node is not None else []
    names = tuple(key.name for key, _ in listed)
    name = _target_name(reader, fields, wanted, names)
    scope = reader.renderer.scope
    scope.target.name, scope.target.dialect = name, "duckdb"
    usual = _target_name(replace(reader, findings=Findings()), fields, None, names)
    database, online = _places(project, name, usual)
    chosen = TargetDef(name, Setting("duckdb"), database, None, online, {})
    found: dict[str, TargetDef] = {}
    for key, value in listed:
        reader.rendering = key.name == name
        scope.secrets = True
        read = _target(reader, key, value, *_places(project, key.name, usual))
        scope.secrets, reader.rendering = False, True
        if read is not None:
            found[key.name] = read
        if key.name == name and read is not None:
            chosen = read
    _check_apart(reader, found)
    scope.target.dialect = str(chosen.dialect)
    return chosen, names or (name,), {n: t.sources for n, t in found.items()}


def _places(project: str, name: str, usual: str) -> tuple[Setting, OnlineDef]:
    """The database and online store of a target that names none; two targets never share tables."""
    apart = "" if name == usual else f".{name}"
    online = OnlineDef(Setting("sqlite"), Setting(f".featc/online{apart}.db"), None, None)
    return Setting(f".featc/{project}{apart}.duckdb"), online


def _check_apart(reader: Reader, targets: Mapping[str, TargetDef]) -> None:
    """No two targets keep tables in one place. Only the wanted one was rendered: where others' Jinja leads is not
    known."""
    kept: dict[tuple[str, str], str] = {}
    for name, target in targets.items():
        online = target.online.path if target.online.store.value == "sqlite" else None
        for what, path in (("database", target.database), ("online store", online)):
            if path is None or has_jinja(path.value):
                continue
            other = kept.setdefault((what, posixpath.normpath(path.value)), name)
            if other != name:
                message = f"the targets {other} and {name} have one {what}, {path}"
                hint = f"give {name} one of its own: featc keeps tables there, which two targets never share"
                reader.findings.error("F125", message, path.span or target.span, hint)


def _target_name(reader: Reader, fields: Fields, wanted: str | None, names: tuple[str, ...]) -> str:
    node = fields.get("default_target")
    declared = reader.text(node) if node is not None else None
    if wanted is not None:
        if names and wanted not in names:
            hint = did_you_mean(wanted, names)
            reader.findings.error("F120", f"featc.yaml has no target '{wanted}'", fields.keys["targets"], hint)
        elif not names and wanted != "dev":
            hint = f"add it under targets:, or leave out --target {wanted}"
            reader.findings.error("F120", f"featc.yaml has no target '{wanted}'", fields.span, hint)
        return wanted
    if declared is not None:
        if names and declared.value not in names:
            hint = did_you_mean(declared.value, names)
            reader.findings.error("F120", f"there is no target '{declared.value}'", declared.span, hint)
        elif not names and declared.value != "dev":
            hint = f"add it under targets:, or leave out default_target: {declared.value}"
            reader.findings.error("F120", f"there is no target '{declared.value}'", declared.span, hint)
        return declared.value
    if len(names) == 1:
        return names[0]
    if names and "dev" not in names:
        hint = f"add default_target: {names[0]}"
        place = fields.keys["targets"]
        reader.findings.error("F112", "several targets and no default_target", place, hint)
        return names[0]
    return "dev"


def _target(reader: Reader, key: Key, node: Node, database: Setting, usual: OnlineDef) -> TargetDef | None:
    what = f"target '{key.name}'"
    fields = reader.fields(node, schema.Target, what)
    if fields is None:
        return None
    dialect = _one_of(reader, fields, "dialect", DIALECTS, what)
    if reader.rendering:
        reader.renderer.scope.target.dialect = str(dialect)
    given = _setting(reader, fields, "database")
    if given is None and dialect.value == "duckdb":
        given = database
    online = _online(reader, fields.get("online"), what, usual)
    sources = _overrides(reader, fields.get("sources"))
    dsn, settings = _setting(reader, fields, "dsn"), _settings(reader, fields.get("settings"), what)
    return TargetDef(key.name, dialect, given, dsn, online, sources, key.span, settings)


def _settings(reader: Reader, node: Node | None, what: str) -> dict[str, Setting]:
    """The limits of a target's engine, in the schema's order."""
    fields = reader.fields(node, schema.Settings, f"settings of {what}") if node is not None else None
    if fields is None:
        return {}
    found: dict[str, Setting] = {}
    for name in schema.keys_of(schema.Settings):
        setting = _setting(reader, fields, name)
        form, hint = _LIMITS.get(name, (None, ""))
        if setting is None:
            continue
        if form is not None and reader.rendering and not form.match(setting.value):
            reader.findings.error("F118", f"{name} cannot be '{setting}'", setting.span, hint)
        else:
            found[name] = setting
    return found


def _setting(reader: Reader, fields: Fields, name: str) -> Setting | None:
    scope = reader.renderer.scope
    scope.used_secret = False
    text = reader.optional(fields, name)
    secret, scope.used_secret = scope.used_secret, False
    return Setting(text.value, text.span, secret) if text is not None else None


def _one_of(reader: Reader, fields: Fields, name: str, known: tuple[str, ...], what: str) -> Setting:
    """A word of which a few are known; the first of them where none is given, or none of them."""
    setting = _setting(reader, fields, name)
    if setting is None or (not reader.rendering and has_jinja(setting.value)):
        return Setting(known[0])
    if setting.value not in known:
        close = nearest(setting.value, known)
        hint = f"did you mean '{close}'?" if close else f"write {known[0]}"
        reader.findings.error("F118", f"{name} of {what} cannot be '{setting}'", setting.span, hint)
        return Setting(known[0])
    return setting


def _online(reader: Reader, node: Node | None, what: str, usual: OnlineDef) -> OnlineDef:
    if node is None:
        return usual
    fields = reader.fields(node, schema.Online, f"online of {what}")
    if fields is None:
        return usual
    store = _one_of(reader, fields, "store", STORES, what)
    path = _setting(reader, fields, "path")
    if path is None and store.value == "sqlite":
        path = usual.path
    return OnlineDef(store, path, _setting(reader, fields, "url"), _replay(reader, fields), fields.span)


def _replay(reader: Reader, fields: Fields) -> int | None:
    node = fields.get("replay")
    if node is None:
        return None
    text = reader.text(node)
    if text is None or text.value == "unlimited":
        return None
    length = reader.duration(node, allow_zero=True)
    return length.us if length is not None else None


def _overrides(reader: Reader, node: Node | None) -> dict[str, Location]:
    found: dict[str, Location] = {}
    if node is None:
        return found
    for key, value in reader.pairs(node, "the sources of a target"):
        what = f"source '{key.name}'"
        if not isinstance(value, MappingNode):
            reader.wrong_shape(value, f"{what} must be {{path: …}}, {{table: …}} or {{sql: …}}")
            continue
        fields = reader.fields(value, schema.Place, what)
        location = read_location(reader, fields, key, what) if fields is not None else None
        if location is not None:
            found[key.name] = location
    return found
