"""The project that `featc init` writes: the files beside this module, with the project's name put in."""

from __future__ import annotations

import json
from importlib.resources import files

from featc import __version__
from featc.load.editor import KINDS, SchemaKind, editor_schema

SCHEMA_FOLDER = ".featc-schema"

_FILES = {
    "featc.yaml": "featc.yaml",
    "features/shop.yaml": "features/shop.yaml",
    "data/orders.csv": "data/orders.csv",
    "data/plans.csv": "data/plans.csv",
    "data/spine.csv": "data/spine.csv",
    "tests/shop.yaml": "tests/shop.yaml",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "workflow.yml": ".github/workflows/featc.yml",
}
"""Where a file of this folder goes. Names that tools would act on in this repository are plain here."""


def starter_files(name: str) -> dict[str, str]:
    """The texts of a new project called `name`, by path: definitions, data, tests, CI, and the editor's schema."""
    here = files("featc.starter")
    texts = {path: here.joinpath(template).read_text("utf-8") for template, path in _FILES.items()}
    marks = {"PROJECT_NAME": name, "FEATC_VERSION": __version__}
    for mark, value in marks.items():
        texts = {path: text.replace(mark, value) for path, text in texts.items()}
    return texts | {f"{SCHEMA_FOLDER}/{file}": text for file, text in schema_files().items()}


def schema_files() -> dict[str, str]:
    """The editor's schema of each kind of file, by file name."""
    return {f"{kind}.json": schema_text(kind) for kind in KINDS}


def schema_text(kind: SchemaKind) -> str:
    """One kind's schema as JSON text."""
    return json.dumps(editor_schema(kind), indent=1, ensure_ascii=False) + "\n"
