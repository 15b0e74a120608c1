"""Whether featc can work here: what is installed, the machine, and the project's files. Changes nothing."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import featc
from featc.errors import Diagnostic, FeatcError
from featc_dialects.sqlite import MIN_VERSION

Verdict = Literal["ok", "warn", "fail"]

_NEEDED = {
    "duckdb": (2, 0),
    "sqlglot": (30, 0),
    "pydantic": (2, 7),
    "click": (8, 1),
    "jinja2": (3, 1),
    "networkx": (3, 2),
}
"""The least versions, as in pyproject.toml."""
_BELOW = {"sqlglot": (31, 0)}
_PYTHON = (3, 11)
_LOW, _FULL = 1_000_000_000, 50_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found, and the way out where it is not well."""

    name: str
    verdict: Verdict
    found: str
    hint: str | None = None


def examine(path: str, target: str | None) -> tuple[Check, ...]:
    """Everything that is looked at, in order. A check that itself stumbles is a `fail` with the reason."""
    checks = [*_guarded("featc", _versions), *_guarded("time zones", _zones)]
    return (*checks, *_guarded("project", lambda: _project(path, target)))


def _guarded(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from look()
    except FeatcError as error:
        for finding in error.diagnostics[:3]:
            yield Check(name, "fail", _short(finding), finding.hint)
    except Exception as error:  # odd environments are what this command is for
        yield Check(name, "fail", f"{type(error).__name__}: {error}", "reinstall featc; else please report it")


def _short(finding: Diagnostic) -> str:
    where = f"{finding.span}: " if finding.span else ""
    return f"{where}{finding.code}: {finding.message}"


# ── what is installed ───────────────────────────────────────────────────────────────────────────────────────


def _versions() -> Iterator[Check]:
    python = sys.version_info[:2]
    verdict: Verdict = "ok" if python >= _PYTHON else "fail"
    hint = None if verdict == "ok" else "install Python 3.11 or newer"
    yield Check("python", verdict, f"{platform.python_version()} ({sys.executable})", hint)
    yield Check("featc", "ok", f"{featc.__version__} ({Path(featc.__file__).parent})")
    for package, least in _NEEDED.items():
        yield _package(package, least)
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= MIN_VERSION:
        yield Check("sqlite", "ok", version)
    else:
        hint = f"use a Python whose sqlite3 is {'.'.join(map(str, MIN_VERSION))} or newer; only push and get need it"
        yield Check("sqlite", "fail", version, hint)


def _package(package: str, least: tuple[int, int]) -> Check:
    try:
        importlib.import_module(package)
        version = importlib.metadata.version(package)
    except Exception as error:
        return Check(package, "fail", f"{type(error).__name__}: {error}", f"pip install {package}")
    numbers = tuple(int(part) if part.isdigit() else 0 for part in version.split(".")[:2])
    below = _BELOW.get(package)
    if numbers < least:
        return Check(package, "fail", version, f"pip install '{package}>={least[0]}.{least[1]}'")
    if below is not None and numbers >= below:
        return Check(package, "fail", version, f"pip install '{package}<{below[0]}'")
    if package == "sqlglot":
        version += " (compiled)" if _is_compiled(package) else " (pure Python: featc[fast] builds faster)"
    return Check(package, "ok", version)


def _is_compiled(package: str) -> bool:
    spec = importlib.util.find_spec(f"{package}.parser")
    return spec is not None and str(spec.origin).endswith((".so", ".pyd"))


def _zones() -> Iterator[Check]:
    import duckdb

    asked = "SELECT timezone('Europe/Berlin', TIMESTAMP '2026-07-01 12:00:00+00'::TIMESTAMPTZ)"
    try:
        here = ZoneInfo("Europe/Berlin").utcoffset(datetime(2026, 7, 1))
        yield Check("time zones", "ok", f"Europe/Berlin is {here} ahead of UTC in July")
    except Exception as error:
        yield Check("time zones", "fail", f"Python has none: {error}", "pip install tzdata")
    found = duckdb.connect().execute(asked).fetchone()
    if found is not None and found[0] == datetime(2026, 7, 1, 14):
        yield Check("duckdb's zones", "ok", "as Python's")
    else:
        yield Check("duckdb's zones", "fail", f"Europe/Berlin at noon UTC in July is {found}", "reinstall duckdb")


# ── the project ─────────────────────────────────────────────────────────────────────────────────────────────


def _project(path: str, target: str | None) -> Iterator[Check]:
    from featc.load import find_project, read_project

    try:
        root = find_project(Path(path).resolve())
    except FeatcError as error:
        finding = error.diagnostics[0]
        yield Check("project", "warn", finding.message, "featc init DIR makes one; -p DIR names one")
        yield _disk(Path(path).resolve())
        return
    yield Check("project", "ok", str(root))
    definitions, found = read_project(root, target)
    errors = [d for d in found if d.severity == "error"]
    for finding in errors[:3]:
        yield Check("definitions", "fail", _short(finding), finding.hint or "featc build lists all errors")
    if definitions is None:
        return
    if not errors:
        yield Check("definitions", "ok", f"{len(definitions.views)} views, {len(definitions.services)} services")
    yield Check("target", "ok", f"{definitions.target.name} (of {', '.join(definitions.targets)})")
    database, online = definitions.target.database, definitions.target.online.path
    if database is not None:
        yield from _guarded("database", lambda: iter([_database(root / database.value)]))
    if online is not None:
        yield from _guarded("online store", lambda: iter([_online(root / online.value, root)]))
    yield _writable("target folder", root / "target")
    yield _disk(root)


def _database(path: Path) -> Check:
    """The target's DuckDB file: opened read-only, since that takes nothing from anybody."""
    import duckdb

    if not path.exists():
        return Check("database", "ok", f"{path.name} does not exist yet; only tables need it")
    try:
        duckdb.connect(str(path), read_only=True).close()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        locked = "lock" in reason.lower()
        hint = "wait for the process that holds it" if locked else "move it away, or name another in featc.yaml"
        return Check("database", "fail", f"{path}: {'locked' if locked else reason}", hint)
    if not os.access(path, os.W_OK):
        return Check("database", "warn", f"{path}: readable, not writable", "training works; backfill needs to write")
    return Check("database", "ok", f"{path}: readable and writable")


def _online(path: Path, root: Path) -> Check:
    """The online store: its format by reading, its rights by asking the system."""
    from featc.runtime.online.database import FORMAT
    from featc.runtime.status import glance

    if not path.exists():
        return _writable("online store", path, "does not exist yet; the first push makes it")
    if path.stat().st_size == 0:
        return Check("online store", "warn", f"{path}: an empty file", "delete it; the first push makes a new one")
    try:
        with glance(path) as store:
            row = store.execute("SELECT value FROM featc_meta WHERE name = 'format'").fetchone()
            found = None if row is None else row[0]
    except sqlite3.Error as error:
        busy = "locked" in str(error) or "busy" in str(error)
        hint = "wait for the process that holds it" if busy else "move it away, and push its sources into a new one"
        return Check("online store", "fail", f"{path}: {error}", hint)
    if found != FORMAT:
        hint = "push its sources into a new store"
        return Check("online store", "fail", f"{path}: format {found}, and this featc writes {FORMAT}", hint)
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return Check("online store", "fail", f"{path}: not writable", "give yourself the rights of file and folder")
    return Check("online store", "ok", f"{path}: format {found}, readable and writable")


def _writable(name: str, path: Path, found: str = "writable") -> Check:
    """Whether something could be written at a path, which need not exist."""
    nearest = next(p for p in (path, *path.parents) if p.exists())
    usable = nearest.is_dir() or nearest == path
    if usable and os.access(nearest, os.W_OK):
        return Check(name, "ok", f"{path}: {found}")
    what = "not writable" if usable else "is a file, and a folder is needed"
    return Check(name, "fail", f"{nearest}: {what}", "give yourself the rights, or name another place in featc.yaml")


def _disk(folder: Path) -> Check:
    nearest = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(nearest).free
    said = f"{free / 1e9:.1f} GB free"
    if free < _FULL:
        return Check("disk", "fail", said, "make room")
    return Check("disk", "warn" if free < _LOW else "ok", said, "make room" if free < _LOW else None)
