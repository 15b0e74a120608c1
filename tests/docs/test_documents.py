"""What README and docs/ show is true: their YAML builds, their commands print what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.documents import DOCUMENTS, REPO, Play, blocks, matches, steps


def played(path: Path) -> bool:
    return any(b.language == "console" or b.how == "file" for b in blocks(path.read_text(encoding="utf-8")))


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in DOCUMENTS if played(p)], ids=lambda p: p.name)
def test_commands_print_what_is_shown_and_definitions_build(path: Path, tmp_path: Path) -> None:
    play = Play(tmp_path)
    told = 0
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.how == "file":
            play.write(block)
        elif block.language == "console":
            for step in steps(block):
                printed = play.run(step.command)
                assert matches(step.shown, printed), f"$ {step.command}\n" + "\n".join(printed)
                told += 1
    for project in play.projects():
        if (project / "data").exists():
            printed = play.run(f"featc build -q --project {project}")
            assert re.match(r"\w+: \d+ features? in \d+ views?", printed[0]), "\n".join(printed)
    assert told or play.projects()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_every_yaml_block_is_built(path: Path) -> None:
    """Each is a file of a played document, or a file of a golden project, whose SQL is pinned."""
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.how == "from":
            now = (REPO / block.path).read_text(encoding="utf-8")
            assert block.text == now, f"{block.path} has changed: python tests/docs/documents.py"
        if block.language == "yaml":
            built = block.how == "file" or block.path.startswith("tests/golden/")
            assert built, f"no test builds this:\n{block.text}"


def test_links_lead_somewhere() -> None:
    for path in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (("a", "b"), ["a", "b"], True),
        (("a", "b"), ["a", "c"], False),
        (("a", "…"), ["a", "b", "c"], True),
        (("a", "…", "d"), ["a", "b", "c", "d"], True),
        (("a", "…", "d"), ["a", "b", "c"], False),
        ((), ["a"], False),
        ((), [], True),
        (("…",), ["a"], True),
    ],
)
def test_an_ellipsis_stands_for_any_lines(shown: tuple[str, ...], printed: list[str], same: bool) -> None:
    assert matches(shown, printed) is same
