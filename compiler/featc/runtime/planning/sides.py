"""The two sides of `featc diff`: builds, git revisions, folders of projects, locks."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from featc.errors import Diagnostic, FeatcError
from featc.load import load_project
from featc.runtime.catalog import DuckDBCatalog
from featc.runtime.planning.plan import Plan, difference, side_before, side_now
from featc.versions.changes import made_by
from featc.versions.lock import Lock, parse_lock, read_lock
from featc.versions.past import LockedCatalog, Side, columns_of
from featc.versions.pins import resolve_pinned
from featc.versions.plain import LOCK_FILE

if TYPE_CHECKING:
    from featc.runtime.store import Compiled

BUILT = "definitions.lock"
"""What a build holds of the definitions that it was made of, in the form of a lock."""


def between(compiled: Compiled, a: str, b: str | None) -> Plan:
    """What changed from side `a` to side `b` (None: the project as it stands), without what has to run.

    Each is a folder with a project or a build, a lock, or a git revision. Raises FeatcError F878 for what is none,
    F879, and all errors of a project.
    """
    old = side(compiled, a)
    new = side_now(compiled) if b is None else side(compiled, b)
    return difference(old, new, a)


def side(compiled: Compiled, name: str) -> Side:
    """One side by its name."""
    path = Path(name)
    if path.is_dir():
        return _folder(compiled, path)
    if path.is_file():
        return _locked(compiled, _lock_in(path))
    return _revision(compiled, name)


def _locked(compiled: Compiled, lock: Lock) -> Side:
    found = side_before(compiled, lock)
    assert found is not None
    return found


def _lock_in(path: Path) -> Lock:
    try:
        return parse_lock(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as trouble:
        message = f"{path} cannot be read as a lock"
        raise FeatcError(Diagnostic("F878", message, hint=_WAY), exit_code=2) from trouble


_WAY = "name a folder with featc.yaml, a build's folder such as target, a lock, or a git revision such as main~1"


def _folder(compiled: Compiled, path: Path) -> Side:
    if (path / "featc.yaml").is_file():
        from featc.runtime.store import compile_project

        return side_now(compile_project(path.resolve(), compiled.definitions.target.name))
    for name in (BUILT, LOCK_FILE):
        if (path / name).is_file():
            return _locked(compiled, _lock_in(path / name))
    message = f"the folder {path} holds no project and no build"
    raise FeatcError(Diagnostic("F878", message, hint=_WAY), exit_code=2)


def _revision(compiled: Compiled, name: str) -> Side:
    """The project as a commit has it. Its data is not in git: the columns are those of its lock, or of now."""
    root = compiled.root
    inside = _git(root, name, "rev-parse", "--show-prefix").decode().strip()
    if name.startswith("-"):
        raise _no_side(name, "it begins with a dash")
    files = _git(root, name, "archive", "--format=tar", f"{name}:{inside}" if inside else name)
    with tempfile.TemporaryDirectory(prefix="featc-diff-") as folder:
        with tarfile.open(fileobj=io.BytesIO(files)) as archive:
            archive.extractall(folder, filter="data")
        if not (Path(folder) / "featc.yaml").is_file():
            raise _no_side(name, "it holds no featc.yaml where this project is")
        definitions = load_project(Path(folder), compiled.definitions.target.name)
        lock = read_lock(Path(folder))
    columns = {n: columns_of(s) for n, s in compiled.project.sources.items()}
    if lock is not None:
        columns |= {e.name: e.columns for e in lock.entries if e.kind == "source"}
    with DuckDBCatalog(root) as engine:
        catalog = LockedCatalog(columns, engine)
        project, found = resolve_pinned(replace(definitions, root=root), lock, catalog, locked=True)
    errors = [d for d in found if d.severity == "error"]
    if errors:
        raise FeatcError([replace(d, message=f"at {name}: {d.message}") for d in errors])
    versions = lock.versions() if lock is not None else None
    return Side(definitions, project, versions, lock.made_by if lock is not None else made_by())


def _git(root: Path, name: str, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    except OSError as trouble:
        raise _no_side(name, "git cannot be run") from trouble
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise _no_side(name, said[0] if said else "git does not know it")
    return done.stdout


def _no_side(name: str, why: str) -> FeatcError:
    return FeatcError(Diagnostic("F878", f"'{name}' is no folder, and no git revision: {why}", hint=_WAY), exit_code=2)
