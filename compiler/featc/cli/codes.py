"""The codes of the command line and the environment, and all codes of featc together.

`make docs` makes docs/reference/errors.md of them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from importlib import import_module

from featc.cli.examples import EXAMPLES
from featc.cli.runtime_codes import BACKFILL, DATA, ENVIRONMENT, ONLINE, PROOF, TRAINING

CODES: Mapping[str, str] = {
    "F801": "A selector that names nothing. A selector is view, view.feature, view.spend_*, service, "
    "tag:t, source:s or state:changed (what means something else than featc.lock says), with + before it for "
    "everything upstream and after it for everything downstream.",
    "F802": "A name that is no service, view or feature of the project. featc ls shows what there is.",
    "F803": "The definition has no such plan: on-demand features keep nothing in the online store, and have no tiles.",
    "F804": "A file named on the command line does not exist. Its path is relative to the current folder.",
    "F805": "A --key or --request that is missing, given twice, not of the service, or not of its type. Write "
    "--key NAME=VALUE; featc build lists what each service needs, --keys FILE takes many entities.",
    "F806": "No command and no error has this name. featc help lists them all.",
    "F807": "A file named on the command line that is empty, lacks the columns asked for, or is not what its "
    "ending says: CSV, parquet or JSON.",
    "F810": "featc init never overwrites: the folder holds a project, or files that the new one has too. Name another "
    "folder, or move them away.",
    "F811": "A project's name is letters, digits, _ and -, and starts with a letter. featc init takes the folder's, or "
    "--name.",
    "F840": "featc lineage --to html gives a whole page, which is nothing to read in a terminal. Name a file: "
    "featc lineage --to html --out lineage.html.",
    "F841": "The events' time, featc lineage --at, is an instant in ISO 8601, such as 2026-01-31T12:00:00Z, or now. "
    "Without an offset it is UTC.",
    "F850": "featc why asks for a feature of a service, or of a view, and there is none of this name. featc ls shows "
    "them.",
    "F851": "The service or view has no feature and no label of this name. A feature is named as the service lists it, "
    "or as view.feature; one that only stands behind those listed may be asked for by view.feature.",
    "F852": "A value is asked for an entity: all keys that the feature needs, and the request columns that it takes "
    "in, have to be given, None where one is not known. featc build lists them per service.",
    "F853": "The rows behind a feature cannot be read: a value makes the view's where, a key or an argument fail. "
    "Put the data right, or guard the expression with nullif or try_cast.",
    "F910": "A file cannot be written: its folder, its rights, or a full disk. No file is half-written.",
    "F911": "The system or the engine refused to read or write a file. Check the path, its rights and the free "
    "space; featc doctor looks at the project's files.",
    "F999": "A bug in featc, not in your project. FEATC_DEBUG=1 shows where it happened; please report that.",
}

_PHASES = ("load", "parse", "resolve", "leakage", "versions", "site", "runtime.generations")

_AREAS = {
    "1": "files, YAML and Jinja",
    "2": "SQL text",
    "3": "names, types and meaning of definitions",
    "4": "data and sources",
    "5": "spines and training sets",
    "6": "the online store",
    "7": "verify, test and backfill",
    "8": "the command line, versions",
    "9": "the environment",
}


def all_codes() -> dict[str, str]:
    """Every code of every phase with what it means, sorted."""
    found = {**CODES, **DATA, **TRAINING, **ONLINE, **PROOF, **BACKFILL, **ENVIRONMENT}
    for phase in _PHASES:
        found.update(import_module(f"featc.{phase}.codes").CODES)
    return dict(sorted(found.items()))


def area(code: str) -> str:
    """What a code is about, by its first digit."""
    return _AREAS[code[1]]


def errors_page() -> str:
    """docs/reference/errors.md."""
    lines = [
        "# Errors",
        "",
        "Made from the code by `make docs`; change it there. `featc help CODE` prints one entry.",
        "Every error names its code, the author's file, line and column, and a way out. F1xx to F3xx are",
        "found before anything runs, all of a run together.",
    ]
    section = ""
    for code, text in all_codes().items():
        if area(code) != section:
            section = area(code)
            lines += ["", f"## F{code[1]}xx: {section}", ""]
        lines += textwrap.wrap(f"- **{code}** {text}", 110, subsequent_indent="  ", break_on_hyphens=False)
        example = EXAMPLES.get(code)
        if example is not None:
            shown = f"```text\n# wrong\n{example.wrong.rstrip()}\n# right\n{example.right.rstrip()}\n```"
            lines += ["", *textwrap.indent(shown, "  ").splitlines(), ""]
    return "\n".join(lines) + "\n"

