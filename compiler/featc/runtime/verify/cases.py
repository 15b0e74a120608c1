"""Saving a shrunk difference as an author's test: one YAML file, one CSV per source (interfaces.md, "Author
tests").
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from featc.resolve.model import Output, Project, Source
from featc.runtime.verify.history import Failed, Probe
from featc.runtime.verify.plans import spine_columns
from featc.runtime.verify.report import Case
from featc.runtime.verify.rows import ZONED, Row, instant, plain
from featc.runtime.verify.shrink import Shrunk, by_source


def save(project: Project, shrunk: Shrunk, folder: Path, seed: int) -> Case:
    """Writes the case to `folder` and gives what to say of it."""
    folder.mkdir(parents=True, exist_ok=True)
    feature = f"{shrunk.output.view}.{shrunk.output.feature}"
    service, asked = asked_as(project, shrunk.output)
    rows = by_source(shrunk.items)
    shown = []
    for name, listed in rows.items():
        text = csv_text(project.sources[name], listed)
        (folder / file_name(feature, name)).write_text(text, encoding="utf-8")
        shown.append(f"{name}:\n{text}")
    spine = spine_row(project, shrunk.probe, asked)
    given = "".join(f"      {name}: {file_name(feature, name)}\n" for name in rows)
    expected = (
        "{}" if isinstance(shrunk.training, Failed) else f"{{{asked[0].name}: {scalar(shrunk.training)}}}"
    )
    text = (
        f"# Found by featc verify (seed {seed}): the plans differ when rows are pushed {shrunk.route}.\n"
        f"# training gives {plain(shrunk.training)}, online gives {plain(shrunk.online)};"
        " expected below is training's.\n"
        "tests:\n"
        f"  {_identifier(feature)}:\n"
        f"    service: {service}\n"
        + (f"    given:\n{given}" if rows else "")
        + f"    spine:\n      - {{{', '.join(f'{k}: {scalar(v)}' for k, v in spine.items())}}}\n"
        f"    expect:\n      - {expected}\n"
    )
    path = folder / "case.yaml"
    path.write_text(text, encoding="utf-8")
    return Case(feature, path, len(shrunk.items), spine, shrunk.training, shrunk.online, "".join(shown))


def file_name(feature: str, source: str) -> str:
    """What a case's rows of a source lie in: a name of its own, so that cases can be copied to one folder."""
    return f"{feature}.{source}.csv"


def clear(folder: Path) -> None:
    """Removes a case that an earlier run saved."""
    if (folder / "case.yaml").is_file():
        for old in [*folder.glob("*.csv"), folder / "case.yaml"]:
            old.unlink()
        with suppress(OSError):
            folder.rmdir()


def asked_as(project: Project, output: Output) -> tuple[str, list[Output]]:
    """What an author's test asks to get an output, and all that it gets with it, the output first."""
    for service in project.services.values() if output.view in project.asked else ():
        mine = [o for o in service.outputs if (o.view, o.feature) == (output.view, output.feature)]
        if mine:
            return service.name, [*mine, *(o for o in service.outputs if o not in mine)]
    return f"{output.view}.{output.feature}", [replace(output, name=output.feature)]


def spine_row(project: Project, probe: Probe, outputs: Sequence[Output]) -> dict[str, Any]:
    """The probe as a spine row: keys, as_of, request columns."""
    keys, request = spine_columns(project, outputs)
    return {
        **{k: probe.keys.get(k) for k in keys},
        "as_of": instant(probe.at),
        **{r: probe.request.get(r) for r in request},
    }


def _identifier(feature: str) -> str:
    return "verify_" + re.sub(r"\W", "_", feature)


def scalar(value: Any) -> str:
    """A value as a YAML scalar that the loader reads as meant: text always quoted, numbers and instants
    plain.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(scalar, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{scalar(k)}: {scalar(v)}' for k, v in value.items())}}}"
    made = plain(value)
    if isinstance(value, (int, float)) and not isinstance(made, str):
        return repr(made)
    if isinstance(value, str) or not re.fullmatch(r"[\w.:+-]+", str(made)):
        return json.dumps(str(made), ensure_ascii=False)
    return str(made)


def csv_text(source: Source, rows: Sequence[Row]) -> str:
    """Rows as CSV: columns that are NULL throughout left out, text quoted, NULL as nothing between commas."""
    used = [n for n, _ in enumerate(source.columns) if any(row[n] is not None for row in rows)]
    if len(used) < 2:  # a row of one column that is NULL would be an empty line, which is no row
        used = sorted({*used, *range(min(2, len(source.columns)))})
    lines = [",".join(_quoted(source.columns[n].name, always=False) for n in used)]
    lines += [",".join(_cell(source, n, row[n]) for n in used) for row in rows]
    return "\n".join(lines) + "\n"


def _cell(source: Source, number: int, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        utc = source.timezone is None or source.columns[number].physical in ZONED
        return value.isoformat() + ("Z" if utc else "")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    return _quoted(str(plain(value)), always=isinstance(value, str))


def _quoted(text: str, *, always: bool) -> str:
    if always or any(c in text for c in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text
