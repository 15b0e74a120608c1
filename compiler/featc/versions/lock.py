"""`featc.lock`: which version of every definition means what, as last applied.

Text that git can merge: one line per definition, in order of kinds and names, an empty line between two, so that two
people's edits meet only where both changed one definition. A line is `kind name {…}`: JSON with its versions,
fingerprints, and the definition itself, so that an edit can be told from what was there, and old versions compiled.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from featc.errors import Diagnostic, FeatcError, Span
from featc.names import AT
from featc.versions.plain import LOCK_FILE

SCHEMA = 2
"""Raised when a reader of the lock would have to change. A lock says the least that its readers need: 2 only where it
keeps earlier versions or has services that pin one, which featc did not know at first."""

KINDS = ("entity", "window", "source", "attributed", "view", "feature", "label", "service", "kept", "gone")
_HEAD = (
    "# Which version of every definition means what. `featc apply` writes it; keep it in git.\n"
    "# After a merge with conflicts keep either side's lines and run `featc plan`.\n"
)
_BREAKS = re.compile("[\x85\u2028\u2029]")
_LINE = re.compile(r"(\S+) (\S+) (\{.*\})\Z")
_CONFLICT = re.compile(r"(<<<<<<<|=======|>>>>>>>|\|\|\|\|\|\|\|)(\s|\Z)")


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


@dataclass(frozen=True, slots=True)
class Versioned:
    """A version and the fingerprints it stands for."""

    version: int
    fingerprint: str
    tile: str = ""
    contract: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (f"v{self.version}", self.fingerprint, self.tile, self.contract)))

    @staticmethod
    def of(text: str) -> Versioned:
        """Raises ValueError."""
        version, *prints = text.split(" ")
        if not re.fullmatch(r"v[1-9]\d*", version) or len(prints) not in (1, 3):
            raise ValueError(text)
        return Versioned(int(version[1:]), *prints)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the lock. `versions`: of a view or service by its own name, of a feature or label by those of the
    outputs it gives. `after` is the feature before it in its view. `columns` are (name, type) of a source's data. Of
    kind `gone` is what was, called `kind:name`, so that its numbers are not given again to something else. Of kind
    `kept` is an earlier version of a view, called `view@v2`: see `featc.versions.kept`."""

    kind: str
    name: str
    definition: Mapping[str, Any]
    versions: Mapping[str, Versioned] = field(default_factory=dict)
    after: str | None = None
    columns: tuple[tuple[str, str], ...] = ()

    def said(self) -> dict[str, Any]:
        """What stands after kind and name, as JSON."""
        said: dict[str, Any] = {"is": dict(self.definition)}
        if self.versions:
            said["versions"] = {name: str(v) for name, v in self.versions.items()}
        if self.after is not None:
            said["after"] = self.after
        if self.columns:
            said["columns"] = [list(c) for c in self.columns]
        return said

    @staticmethod
    def of(kind: str, name: str, said: Mapping[str, Any]) -> Entry:
        """An entry out of what `said` gives. Raises ValueError, KeyError, TypeError or AttributeError."""
        if kind not in KINDS or set(said) - {"is", "versions", "after", "columns"} or not isinstance(said["is"], dict):
            raise ValueError(name)
        versions = {n: Versioned.of(v) for n, v in said.get("versions", {}).items()}
        columns = tuple((str(n), str(t)) for n, t in said.get("columns", ()))
        return Entry(kind, name, said["is"], versions, said.get("after"), columns)

    @property
    def pins(self) -> bool:
        """Whether it is a service that pins a version of a view."""
        if self.kind != "service":
            return False
        listed = [*self.definition.get("picks", ()), *self.definition.get("labels", ())]
        return any(AT in str(pick.get("pattern", "")) for pick in listed)

    def line(self) -> str:
        text = json.dumps(self.said(), ensure_ascii=False, sort_keys=True)
        return f"{self.kind} {self.name} {_BREAKS.sub(_escaped, text)}"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock. `made_by` says with what: featc, the engine, and the version of the fingerprints (`ir`)."""

    project: str
    made_by: Mapping[str, str]
    entries: tuple[Entry, ...]

    @property
    def by_name(self) -> dict[tuple[str, str], Entry]:
        return {(e.kind, e.name): e for e in self.entries}

    def versions(self) -> dict[tuple[str, str], Versioned]:
        """The version of every view, feature, label and service, by kind and name; those of features by
        `view.output`."""
        found: dict[tuple[str, str], Versioned] = {}
        for entry in self.entries:
            if entry.kind in ("gone", "kept"):
                continue
            view = entry.name.partition(".")[0]
            for name, version in entry.versions.items():
                full = f"{view}.{name}" if entry.kind in ("feature", "label") else name
                found[entry.kind, full] = version
        return found

    def gone(self) -> dict[tuple[str, str], Versioned]:
        """The last version of what is there no more, by kind and name."""
        found: dict[tuple[str, str], Versioned] = {}
        for entry in self.entries:
            if entry.kind == "gone":
                kind, _, name = entry.name.partition(":")
                found[kind, name] = entry.versions["last"]
        return found

    def text(self) -> str:
        """The file: equal locks have equal bytes."""
        # an earlier version stands beside its view: two people's are then apart, as git needs them
        kinds = {kind: KINDS.index(kind) for kind in KINDS} | {"kept": KINDS.index("view")}
        ordered = sorted(self.entries, key=lambda e: (kinds[e.kind], e.name))
        schema = SCHEMA if any(e.kind == "kept" or e.pins for e in self.entries) else 1
        head = {"schema": schema, "project": self.project, **self.made_by}
        lines = [f"lock {json.dumps(head, sort_keys=True)}", *(e.line() for e in ordered)]
        return _HEAD + "\n" + "\n\n".join(lines) + "\n"


def read_lock(root: Path) -> Lock | None:
    """The lock of a project's folder; None where there is none.

    Raises FeatcError F870 (not a lock), F871 (conflicts of a merge), F872 (two lines for one definition), F873 (of a
    newer featc).
    """
    path = root / LOCK_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as trouble:
        reason = getattr(trouble, "strerror", None) or "it is no text"
        raise FeatcError(Diagnostic("F870", f"cannot read {LOCK_FILE}: {reason}", hint="check its rights")) from trouble
    return parse_lock(text)


def parse_lock(text: str) -> Lock:
    """The lock that a text is. Raises as `read_lock`."""
    split = (line.rstrip("\r") for line in text.split("\n"))  # lines of git's, not all that Unicode has
    lines = [(n, line) for n, line in enumerate(split, 1) if line.strip() and not line.startswith("#")]
    _refuse_conflicts(lines)
    head: Mapping[str, Any] | None = None
    found: dict[tuple[str, str], tuple[int, Entry]] = {}
    twice: list[Diagnostic] = []
    for number, line in lines:
        if head is None:
            head = _head(number, line)
            continue
        entry = _entry(number, line)
        key = (entry.kind, entry.name)
        if key not in found:
            found[key] = (number, entry)
        elif found[key][1] != entry:
            message = f"two people changed the {entry.kind} {entry.name}: line {found[key][0]} says otherwise"
            hint = "delete the line that is not what the YAML means now (either, if unsure), and run `featc plan`"
            twice.append(Diagnostic("F872", message, _span(number, line), hint))
    if twice:
        raise FeatcError(twice)
    if head is None:
        raise FeatcError(Diagnostic("F870", f"{LOCK_FILE} is empty", hint=_ANEW))
    made_by = {k: str(v) for k, v in head.items() if k not in ("schema", "project")}
    return Lock(str(head.get("project", "")), made_by, tuple(e for _, e in found.values()))


_ANEW = "take it from git, or delete it: then `featc plan` takes every definition for a new one"


def _span(number: int, line: str) -> Span:
    return Span(LOCK_FILE, number, 1, max(1, min(len(line), 40)), line[:160])


def _refuse_conflicts(lines: Iterable[tuple[int, str]]) -> None:
    """Explains what a merge left: whose definitions both sides changed."""
    mine: set[str] = set()
    theirs: set[str] = set()
    side: set[str] | None = None
    first: tuple[int, str] | None = None
    for number, line in lines:
        if _CONFLICT.match(line):
            first = first or (number, line)
            side = {"<": mine, "=": theirs, "|": None}.get(line[0])
        elif side is not None:
            side.add(" ".join(line.split(" ", 2)[:2]))
    if first is None:
        return
    both, apart = sorted(mine & theirs), sorted(mine ^ theirs)
    said = f"both sides changed {', '.join(both)}" if both else f"each side has lines of its own: {', '.join(apart)}"
    hint = (
        "settle the YAML first; then keep either side's line of what both changed and all the others, delete the marks,"
        " and run `featc plan`"
    )
    raise FeatcError(Diagnostic("F871", f"a merge left conflicts in {LOCK_FILE}: {said}", _span(*first), hint))


def _head(number: int, line: str) -> Mapping[str, Any]:
    word, _, rest = line.partition(" ")
    try:
        head = json.loads(rest) if word == "lock" else None
    except ValueError:
        head = None
    if not isinstance(head, dict) or not isinstance(head.get("schema"), int):
        raise FeatcError(Diagnostic("F870", "this is no line of a lock", _span(number, line), _ANEW))
    if head["schema"] > SCHEMA:
        message = f"{LOCK_FILE} was written by featc {head.get('featc', 'of a later version')}, in a form (schema"
        message += f" {head['schema']}) that this featc does not know; it knows {SCHEMA}"
        hint = "update featc; nothing was changed"
        raise FeatcError(Diagnostic("F873", message, _span(number, line), hint), exit_code=4)
    return head


def _entry(number: int, line: str) -> Entry:
    try:
        parts = _LINE.match(line)
        if parts is None or parts[1] not in KINDS:
            raise ValueError(line)
        return Entry.of(parts[1], parts[2], json.loads(parts[3]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FeatcError(Diagnostic("F870", "this is no line of a lock", _span(number, line), _ANEW)) from None


def write_lock(root: Path, lock: Lock) -> None:
    """Puts a lock in the place of the one that is there, at once."""
    path = root / LOCK_FILE
    fresh = path.with_name(f".{LOCK_FILE}.{os.getpid()}")
    try:
        with fresh.open("w", encoding="utf-8", newline="\n") as file:
            file.write(lock.text())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as trouble:
        fresh.unlink(missing_ok=True)
        message = f"cannot write {LOCK_FILE}: {trouble.strerror or trouble}"
        hint = "check the folder's rights and the disk"
        raise FeatcError(Diagnostic("F874", message, hint=hint), exit_code=4) from trouble
