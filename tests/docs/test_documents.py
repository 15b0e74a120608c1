"""What README and docs/ show is true: their YAML builds, their commands print what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.documents import DOCUMENTS, REPO, Play, blocks, matches, steps


def played(path: Path) -> bool:
    return any(b.language == "console" or b.how == "file" for b in blocks(path.read_text(encoding="utf-8")))


def told_name(path: Path) -> str:
    return path.relative_to(REPO).as_posix()


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in DOCUMENTS if played(p)], ids=told_name)
def test_commands_print_what_is_shown_and_definitions_build(path: Path, tmp_path: Path) -> None:
    play = Play(tmp_path)
    told = 0
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.how == "file":
            play.write(block)
        elif block.how == "run":
            assert play.run(block.text) == [], block.text
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


@pytest.mark.parametrize("path", DOCUMENTS, ids=told_name)
def test_every_yaml_block_is_built(path: Path) -> None:
    """Each is a file of a played document, or a file of a golden project, whose SQL is pinned."""
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.how == "from":
            now = (REPO / block.path).read_text(encoding="utf-8")
            assert block.text == now, f"{block.path} has changed: python tests/docs/documents.py"
        if block.language == "yaml":
            built = block.how == "file" or block.path.startswith("tests/golden/")
            assert built, f"no test builds this:\n{block.text}"


def pages() -> list[Path]:
    """Every page of the repository."""
    folders = ("docs", "features", "benchmarks")
    return [*REPO.glob("*.md"), *(p for folder in folders for p in sorted((REPO / folder).rglob("*.md")))]


def anchors(page: str) -> set[str]:
    """What a page's headings are called in links."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\]\(.*?\)", "", t).lower()).replace(" ", "-") for t in titles}


@pytest.mark.parametrize("path", pages(), ids=told_name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", path.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        page = path.parent / file if file else path
        assert page.exists(), f"{told_name(path)} links to {target}"
        if anchor:
            assert anchor in anchors(page.read_text(encoding="utf-8")), f"{told_name(path)} links to {target}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, todo = set[Path](), [REPO / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        targets = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
        todo += [(page.parent / target).resolve() for target in targets]
    lost = [told_name(page) for page in DOCUMENTS if page not in seen]
    assert not lost


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
