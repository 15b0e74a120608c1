"""Small projects for the tests of audit: definitions in, what is found out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from featc.errors import Diagnostic
from featc.runtime.store import Compiled, compile_project

FEATC = "version: 1\nproject: audited\n"
PEOPLE = """
entities: {user: user_id}
sources:
  people:
    sql: >-
      select 1::bigint as user_id, 'a@b.c' as email, true as ill, 2::bigint as visits,
      timestamp '2024-01-01' as at from range(3)
    time: at
    tie_break: [visits]
    delay: 1m
    let: {domain: "split_part(email, '@', 2)", address: domain || email}
    columns: {email: {type: text, tags: [pii]}, ill: {type: boolean, tags: [health]}}
"""


def write(folder: Path, definitions: str, policies: str = "", files: Mapping[str, str] | None = None) -> Path:
    """A project in `folder` with definitions, policies (the text below `policies:`), and files of data."""
    (folder / "features").mkdir(exist_ok=True)
    (folder / "featc.yaml").write_text(FEATC + (f"policies:\n{dedent(policies)}" if policies else ""))
    (folder / "features" / "all.yaml").write_text(dedent(definitions))
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    return folder


def compiled(folder: Path, definitions: str, policies: str = "", files: Mapping[str, str] | None = None) -> Compiled:
    return compile_project(write(folder, definitions, policies, files))


def told(found: Compiled, *codes: str) -> list[Diagnostic]:
    """The warnings with one of the codes."""
    return [d for d in found.warnings if d.code in codes]


def caret(finding: Diagnostic) -> str:
    """The author's words under the caret."""
    assert finding.span is not None
    return finding.span.text[finding.span.column - 1 : finding.span.column - 1 + finding.span.length]


__all__ = ["PEOPLE", "caret", "compiled", "told", "write"]
