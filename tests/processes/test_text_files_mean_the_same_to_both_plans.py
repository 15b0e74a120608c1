"""What a CSV or JSON file says reaches training (as the source's data) and online (as a pushed batch) alike.

A value that its column's declared type cannot hold exactly is refused by both.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from featc.cli import main

DEFINITIONS = """\
entities: {{who: name}}
sources:
  facts:
    path: data/facts.{ending}
    time: at
    columns: {{name: varchar, said: varchar, exact: "decimal(38,2)", whole: bigint, at: timestamp}}
feature_views:
  facts:
    entity: who
    source: facts
    features:
      said: last(said) over lifetime
      exact: last(exact) over lifetime
      whole: last(whole) over lifetime
      seen: last(at) over lifetime
feature_services:
  svc: {{features: [facts]}}
"""
AT = "2027-01-01T00:00:00Z"
PLAIN = {"name": "ann", "said": "x", "exact": "1.50", "whole": "5", "at": "2026-01-01 00:00:00"}
REFUSED = "refused"


@pytest.mark.parametrize("ending", ["csv", "json"])
@pytest.mark.parametrize(
    ("column", "text", "feature", "value"),
    [
        ("said", "007", "said", "007"),
        ("said", " x ", "said", " x "),
        ("said", "NULL", "said", "NULL"),
        ("whole", "9007199254740993", "whole", 9007199254740993),
        ("exact", "1234567890123.45", "exact", 1234567890123.45),
        ("at", "2026-01-01T10:00:00Z", "seen", "2026-01-01T10:00:00Z"),
        pytest.param("said", "2026-01-01", "said", "2026-01-01", id="a date as text"),
        pytest.param("said", "6CCD780C-BABA-1026-9564-5B8C656024DB", "said", "6CCD780C-BABA-1026-9564-5B8C656024DB"),
        ("at", "2026-01-01T10:00:00+02:00", "seen", "2026-01-01T08:00:00Z"),
        ("whole", "3.7", "whole", REFUSED),
        ("exact", "1.505", "exact", REFUSED),
    ],
)
def test_both_plans_read_a_text_file_alike(
    ending: str, column: str, text: str, feature: str, value: object, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = write_facts(tmp_path, ending, {**PLAIN, column: text})
    spine = f"select 'ann' as name, timestamp '{AT[:-1]}' as as_of"
    training = answer(capfd, "dataset", "svc", "--spine", spine, "-p", str(tmp_path))
    pushed = answer(capfd, "push", "facts", str(path), "-p", str(tmp_path))
    online = REFUSED
    if pushed != REFUSED:
        online = answer(capfd, "get", "svc", "--key", "name=ann", "--at", AT, "-p", str(tmp_path))
    found = [got if isinstance(got, str) else got[0][feature] for got in (training, online)]
    assert found == [value, value]


def write_facts(folder: Path, ending: str, row: dict[str, str]) -> Path:
    """A project whose only source is one row in a text file; gives the file. JSON has its numbers as numbers."""
    (folder / "features").mkdir()
    (folder / "data").mkdir()
    (folder / "featc.yaml").write_text("version: 1\nproject: facts\n")
    (folder / "features" / "facts.yaml").write_text(DEFINITIONS.format(ending=ending))
    path = folder / "data" / f"facts.{ending}"
    if ending == "csv":
        path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    else:
        numbers = {name: json.loads(row[name]) for name in ("exact", "whole")}
        path.write_text(json.dumps([{**row, **numbers}]))
    return path


def answer(capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """A command's JSON, or REFUSED when it says what is wrong with the user's data."""
    code = main([*arguments, "--format", "json"])
    out, told = capfd.readouterr()
    if code == 1 and "F999" not in told:
        return REFUSED
    assert code == 0, told
    return json.loads(out)
