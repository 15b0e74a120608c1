"""A project in a temporary folder, loaded, with its findings as short comparable tuples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

import pytest

from featc.errors import Diagnostic
from featc.load import Definitions, read_project

PROJECT = "version: 1\nproject: shop\n"
VIEW = "feature_views:\n  v:\n    entity: user\n    source: s\n    features:\n"


@dataclass
class Loaded:
    definitions: Definitions | None
    findings: tuple[Diagnostic, ...]

    @property
    def places(self) -> list[tuple[str, int, int, str]]:
        """(code, line, column, the text under the caret) of every finding."""
        return [
            (d.code, d.span.line, d.span.column, d.span.text[d.span.column - 1 :][: d.span.length])
            for d in self.findings
            if d.span is not None
        ]

    @property
    def one(self) -> Diagnostic:
        assert len(self.findings) == 1, "\n".join(d.render() for d in self.findings)
        return self.findings[0]

    @property
    def good(self) -> Definitions:
        assert not self.findings, "\n".join(d.render() for d in self.findings)
        assert self.definitions is not None
        return self.definitions


class Shop:
    """Writes files into a project and loads it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "features").mkdir()
        self.write("featc.yaml", PROJECT)

    def write(self, name: str, content: str | bytes) -> Shop:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def load(
        self,
        definitions: str | bytes = "",
        *,
        project: str = "",
        target: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Loaded:
        """Loads with `definitions` in features/x.yaml and `project` added to featc.yaml."""
        if definitions:
            self.write(
                "features/x.yaml", dedent(definitions) if isinstance(definitions, str) else definitions
            )
        if project:
            self.write("featc.yaml", PROJECT + dedent(project))
        return Loaded(*read_project(self.root, target, env or {}))

    def features(self, features: str, **others: object) -> Loaded:
        """Loads one view `v` with these features, which begin in line 6, column 7."""
        text = VIEW + indent(dedent(features).strip("\n"), "      ") + "\n"
        return self.load(text, **others)  # type: ignore[arg-type]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)
