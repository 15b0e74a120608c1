"""Transcripts of what goes wrong: a project, what is done to it, the commands, and every word they answered.

A case is a text file. Its first lines say what the user did wrong. Sections follow, each headed by `=== `; they are
carried out in order, in a copy of the folder `base`:

    === file PATH              the text below becomes the file
    === bytes PATH             the text below, with Python's escapes and without its last line end, becomes the file
    === replace PATH           the first text below stands in the file, the one under `=== by` takes its place
    === delete PATH            a file or folder goes
    === folder PATH            an empty folder comes
    === environment NAME=VALUE
    === duckdb PATH|:memory:   the statements below are run in a DuckDB database
    === sqlite PATH            the statements below are run in a SQLite database
    === hold PATH              another connection holds the SQLite database's write lock from here on
    === hold-duckdb PATH       another process holds the DuckDB database from here on
    === damage PATH            all of a file after its head is overwritten
    === cut PATH               a file loses its second half
    === unreadable PATH        a file or folder without rights; the case is skipped for root
    === read-only PATH         a folder in which nothing can be made; skipped for root, too
    === input                  what the next command reads on stdin
    === run featc …            a command; then, as recorded: `=== exit N` with stderr, `=== out` with stdout
"""

from __future__ import annotations

import codecs
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from click.testing import CliRunner

from featc.cli import cli

BASE = Path(__file__).with_name("base")
CASES = Path(__file__).with_name("cases")
_MARK = "=== "


@dataclass(frozen=True, slots=True)
class Section:
    """One step of a case: its word, what follows on the line, and the lines below."""

    word: str
    rest: str
    text: str

    def __str__(self) -> str:
        head = f"{_MARK}{self.word}{f' {self.rest}' if self.rest else ''}\n"
        return head + self.text


@dataclass(frozen=True, slots=True)
class Case:
    """A case as written: what it is about, and its steps, with recorded answers among them."""

    title: str
    sections: tuple[Section, ...]

    @property
    def needs_rights(self) -> bool:
        return any(s.word in ("unreadable", "read-only") for s in self.sections)


def parse(text: str) -> Case:
    title, sections = "", []
    for line in text.splitlines(keepends=True):
        if line.startswith(_MARK):
            word, _, rest = line[len(_MARK) :].strip().partition(" ")
            sections.append([word, rest, ""])
        elif sections:
            sections[-1][2] += line
        else:
            title += line
    return Case(title, tuple(Section(*s) for s in sections))


@dataclass(slots=True)
class _Stage:
    """A project's folder while a case is played in it."""

    folder: Path
    set_environment: Callable[[str, str], None]
    exits: ExitStack
    given: str | None = None
    replacing: str = ""
    played: list[str] = field(default_factory=list)


def play(case: Case, folder: Path, set_environment: Callable[[str, str], None]) -> str:
    """Carries a case out in `folder`, the current one, and gives its text with the answers of now."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    with ExitStack() as exits:
        stage = _Stage(folder, set_environment, exits)
        for section in case.sections:
            if section.word in ("exit", "out"):
                continue
            stage.played.append(str(section))
            if section.word == "run":
                stage.played += _run(stage, section.rest)
            else:
                _STEPS[section.word](stage, section)
    return case.title + "".join(stage.played)


def _run(stage: _Stage, line: str) -> Iterator[str]:
    program, *arguments = shlex.split(line)
    assert program == "featc", line
    done = CliRunner().invoke(cli, arguments, input=stage.given, prog_name="featc")
    stage.given = None
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    yield str(Section("exit", str(done.exit_code), _told(stage, done.stderr)))
    if done.stdout:
        yield str(Section("out", "", _told(stage, done.stdout)))


def _told(stage: _Stage, text: str) -> str:
    told = text.replace(str(stage.folder), "/shop")
    return told if not told or told.endswith("\n") else told + "\n"


def _file(stage: _Stage, section: Section) -> None:
    path = stage.folder / section.rest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(section.text, encoding="utf-8")


def _bytes(stage: _Stage, section: Section) -> None:
    path = stage.folder / section.rest
    path.parent.mkdir(parents=True, exist_ok=True)
    content, _ = codecs.escape_decode(section.text.removesuffix("\n").encode("ascii"))
    path.write_bytes(content)


def _by(stage: _Stage, section: Section) -> None:
    written = next(s for s in reversed(stage.played[:-1]) if s.startswith(f"{_MARK}replace "))
    old = parse(written).sections[0]
    path = stage.folder / old.rest
    text = path.read_text(encoding="utf-8")
    was, becomes = old.text.removesuffix("\n"), section.text.removesuffix("\n")
    assert text.count(was) == 1, f"{old.rest} has {text.count(was)} of: {was}"
    path.write_text(text.replace(was, becomes), encoding="utf-8")


def _delete(stage: _Stage, section: Section) -> None:
    path = stage.folder / section.rest
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _duckdb(stage: _Stage, section: Section) -> None:
    place = section.rest if section.rest == ":memory:" else str(stage.folder / section.rest)
    with duckdb.connect(place) as connection:
        connection.execute(section.text)


def _sqlite(stage: _Stage, section: Section) -> None:
    connection = sqlite3.connect(stage.folder / section.rest)
    connection.executescript(section.text)
    connection.close()


def _hold(stage: _Stage, section: Section) -> None:
    connection = sqlite3.connect(stage.folder / section.rest, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    stage.exits.callback(connection.close)


def _hold_duckdb(stage: _Stage, section: Section) -> None:
    stage.exits.enter_context(_holder(stage.folder / section.rest))


@contextmanager
def _holder(path: Path) -> Iterator[None]:
    """Another process that has a DuckDB file open for writing."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield
        process.communicate()


def _damage(stage: _Stage, section: Section) -> None:
    path = stage.folder / section.rest
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([0xA5]) * (len(content) - 100))


def _cut(stage: _Stage, section: Section) -> None:
    path = stage.folder / section.rest
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _unreadable(stage: _Stage, section: Section) -> None:
    path = stage.folder / section.rest
    mode = path.stat().st_mode
    path.chmod(0o555 if section.word == "read-only" else 0)
    stage.exits.callback(path.chmod, mode)


def _environment(stage: _Stage, section: Section) -> None:
    name, _, value = section.rest.partition("=")
    stage.set_environment(name, value)


def _input(stage: _Stage, section: Section) -> None:
    stage.given = section.text


_STEPS: dict[str, Callable[[_Stage, Section], None]] = {
    "file": _file,
    "bytes": _bytes,
    "replace": lambda stage, section: None,  # its other half does it
    "by": _by,
    "delete": _delete,
    "folder": lambda stage, section: (stage.folder / section.rest).mkdir(parents=True),
    "environment": _environment,
    "duckdb": _duckdb,
    "sqlite": _sqlite,
    "hold": _hold,
    "hold-duckdb": _hold_duckdb,
    "damage": _damage,
    "cut": _cut,
    "unreadable": _unreadable,
    "read-only": _unreadable,
    "input": _input,
}
