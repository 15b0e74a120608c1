"""The README and docs/ as something that runs.

A document is played from top to bottom in a copy of the repository's example projects:

* a block after `<!-- file: PATH -->` is written to that path, as the text around it tells the reader to;
* a block after `<!-- from PATH -->` is the repository's file of that path, whole;
* a block after `<!-- run -->` is run whole, as a script that prints nothing;
* a `console` block is run command by command, and what they print has to be what the block shows. A line `…` stands
  for any number of lines.

`python tests/docs/documents.py [FILE…]` writes what the commands print now into the documents, to be read as a diff.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    REPO / "README.md",
    *sorted((REPO / "docs").glob("*.md")),
    *sorted((REPO / "docs" / "how-to").glob("*.md")),
    *sorted((REPO / "docs" / "reference").glob("*.md")),
)

_BLOCK = re.compile(
    r"(?:<!-- (?P<how>file|from|run):?(?: (?P<path>\S+))? -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: `how` it is bound to `path` (file, from, or empty), and where its text lies."""

    language: str
    text: str
    how: str
    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a console block, and the lines shown after it."""

    command: str
    shown: tuple[str, ...]


def blocks(document: str) -> list[Block]:
    """All fenced blocks of a document, in order."""
    return [
        Block(m["language"], m["text"], m["how"] or "", m["path"] or "", m.start("text"), m.end("text"))
        for m in _BLOCK.finditer(document)
    ]


def steps(block: Block) -> list[Step]:
    """The commands of a console block."""
    found: list[Step] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:], ()))
        elif found:
            found[-1] = Step(found[-1].command, (*found[-1].shown, line))
    return found


def matches(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether what was printed is what is shown; `…` alone on a line stands for any lines."""
    if not shown:
        return not printed
    if shown[0].strip() == "…":
        return any(matches(shown[1:], printed[i:]) for i in range(len(printed) + 1))
    return bool(printed) and shown[0] == printed[0] and matches(shown[1:], printed[1:])


def retold(shown: Sequence[str], printed: list[str]) -> list[str]:
    """What is printed now, cut where it was cut before."""
    cuts = [i for i, line in enumerate(shown) if line.strip() == "…"]
    if not cuts:
        return printed
    before, after = cuts[0], len(shown) - cuts[0] - 1
    tail = printed[len(printed) - after :] if after else []
    return [*printed[:before], shown[before], *tail]


class Play:
    """A folder in which a document is played: copies of the example projects, and where the reader stands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.here = folder
        left_out = shutil.ignore_patterns("data", "target", ".featc", "__pycache__", "online_retail")
        shutil.copytree(REPO / "features", folder / "features", ignore=left_out)

    def write(self, block: Block) -> None:
        path = self.folder / block.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def run(self, command: str) -> list[str]:
        """The lines a command prints, errors included, as a terminal of no colours shows them."""
        if command.startswith("cd "):
            self.here = (self.here / command[3:].strip()).resolve()
            return []
        sources = os.pathsep.join(str(REPO / root) for root in ("compiler", "dialects"))
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        environment = {**os.environ, "PATH": path, "PYTHONPATH": sources, "NO_COLOR": "1"}
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.here, env=environment, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.stdout.rstrip("\n").splitlines()

    def projects(self) -> list[Path]:
        """The folders with a featc.yaml that documents made or added to."""
        return sorted({p.parent for p in self.folder.rglob("featc.yaml")})


def with_files(document: str) -> str:
    """The document with its copies of the repository's files as these are now."""
    pieces, last = [], 0
    for block in blocks(document):
        if block.how == "from":
            pieces += [document[last : block.start], (REPO / block.path).read_text(encoding="utf-8")]
            last = block.end
    return "".join([*pieces, document[last:]])


def retell(path: Path) -> str:
    """The document with what its commands print now, and its copies of files as these are now."""
    document = with_files(path.read_text(encoding="utf-8"))
    pieces, last = [], 0
    with tempfile.TemporaryDirectory() as folder:
        play = Play(Path(folder))
        for block in blocks(document):
            text = block.text
            if block.how == "file":
                play.write(block)
            elif block.how == "run":
                play.run(block.text)
            elif block.language == "console":
                lines = [
                    line for s in steps(block) for line in (f"$ {s.command}", *retold(s.shown, play.run(s.command)))
                ]
                text = "\n".join(lines) + "\n"
            pieces += [document[last : block.start], text]
            last = block.end
    return "".join([*pieces, document[last:]])


def main(names: Sequence[str]) -> None:
    for path in [Path(name).resolve() for name in names] or DOCUMENTS:
        text = retell(path)
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(REPO)}: rewritten; read the diff")


if __name__ == "__main__":
    main(sys.argv[1:])
