"""Reading author tests from a file outside the project's own folders, such as a case that verify saved."""

from __future__ import annotations

import os
from pathlib import Path

from featc.errors import Diagnostic, FeatcError, Findings
from featc.load import schema
from featc.load.jinja import Renderer, Scope
from featc.load.model import Definitions, TestDef
from featc.load.nodes import parse_yaml, read_text
from featc.load.reader import Reader
from featc.load.services import read_test


def read_tests(definitions: Definitions, path: Path, shown: str) -> list[TestDef]:
    """The tests in the file at `path`, called `shown` in messages (relative to the project's root).

    Raises FeatcError with all that is wrong in it, and F710 when it holds no tests.
    """
    findings = Findings()
    file = read_text(path, shown, findings)
    tree = parse_yaml(file, findings) if file is not None else None
    found: list[TestDef] = []
    if tree is not None and tree.root is not None:
        scope = Scope(dict(os.environ), vars={name: value.value for name, value in definitions.vars.items()})
        reader = Reader(tree, findings, Renderer(scope, (), findings))
        fields = reader.fields(tree.root, schema.DefinitionsFile, "a test file")
        listed = fields.get("tests") if fields is not None else None
        for key, value in reader.pairs(listed, "tests", reserved=False) if listed is not None else ():
            made = read_test(reader, key, value)
            if made is not None:
                found.append(made)
    findings.raise_errors()
    if not found:
        raise FeatcError(Diagnostic("F710", f"{shown} holds no tests", hint="a test file has tests: at its top"))
    return found
