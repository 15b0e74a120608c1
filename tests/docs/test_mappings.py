"""The pages for users of other systems say nothing of featc that is not so, and leave nothing of the peer out.

The names of a peer (`peers.py`) each have a row in its page. Every call and every window in a page's column of featc is
built, and what the peer documents as an example's value is computed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from docs.documents import REPO
from docs.peers import (
    CHRONON_FORMS,
    CHRONON_KNOWN,
    CHRONON_OPERATIONS,
    OPENMLDB_AGGREGATES,
    OPENMLDB_FORMS,
    OPENMLDB_KNOWN,
    OPENMLDB_SCALARS,
)
from featc import FeatureStore
from featc.cli.app import cli
from featc.parse.functions import is_aggregate
from resolve.projects import resolved

PAGES = {
    "from-openmldb.md": (*OPENMLDB_AGGREGATES, *OPENMLDB_SCALARS, *OPENMLDB_FORMS),
    "from-chronon.md": (*CHRONON_OPERATIONS, *CHRONON_FORMS),
}
KNOWN = {"from-openmldb.md": OPENMLDB_KNOWN, "from-chronon.md": CHRONON_KNOWN}

COLUMNS = {
    "user_id": "bigint", "x": "double", "y": "double", "n": "bigint", "m": "bigint", "d": "date", "ts": "timestamp",
    "s": "text", "p": "text", "cat": "text", "cond": "boolean", "js": "text", "ss": '"text[]"', "xs": '"double[]"',
}  # fmt: skip


def quoted(text: str) -> list[str]:
    """What stands between backticks."""
    return [found.replace("\\|", "|") for found in re.findall(r"`([^`]+)`", text)]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its cells, and the heading that it stands under."""

    under: str
    cells: tuple[str, ...]

    def quoted(self, place: int) -> list[str]:
        """What stands between backticks in a cell."""
        return quoted(self.cells[place])


def page(name: str) -> str:
    return (REPO / "docs" / "how-to" / name).read_text(encoding="utf-8")


def rows(name: str) -> Iterator[Row]:
    under = ""
    for line in page(name).splitlines():
        if line.startswith("## "):
            under = line
        elif line.startswith("| ") and not line.startswith("| |"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            if len(cells) < 2 or cells[1].strip() != "featc":
                yield Row(under, tuple(cell.strip() for cell in cells))


def calls(name: str) -> list[str]:
    """The calls in featc's column of the tables of functions."""
    found = []
    for row in rows(name):
        if row.under == "## Windows":
            break
        found += row.quoted(1)
    return list(dict.fromkeys(found))


def windows(name: str) -> list[str]:
    """The windows in featc's column of the table of windows: built in, or as they stand under `windows:`."""
    found = [text for row in rows(name) if row.under == "## Windows" for text in row.quoted(1)]
    return [text for text in found if re.fullmatch(r"\{.*\}|last_\w+|lifetime", text)]


def aggregates(call: str) -> bool:
    return any(is_aggregate(word) for word in re.findall(r"(\w+)\(", call))


def feature(call: str) -> str:
    """A feature of a call: an aggregate as it stands, a scalar in a filter, whatever its type."""
    return call if aggregates(call) else f"count(*) filter (where ({call}) is not null)"


def definitions(features: dict[str, str], own: dict[str, str] | None = None) -> str:
    """One view over rows of the columns that the pages use, and windows of its own."""
    columns = ", ".join(f"{name}: {type_}" for name, type_ in COLUMNS.items())
    lines = [
        "entities: {user: user_id}",
        f"sources:\n  rows: {{path: rows.csv, time: happened_at, tie_break: [x], columns: {{{columns}}}}}",
        *(["windows:", *(f"  {name}: {window}" for name, window in own.items())] if own else []),
        "feature_views:\n  mapped:\n    entity: user\n    source: rows\n    windows: [7d]\n    features:",
        *(f"      {name}: |\n        {sql}" for name, sql in features.items()),
    ]
    return "\n".join(lines) + "\n"


def built(folder: Path, features: dict[str, str], own: dict[str, str] | None = None) -> int:
    """How many features a project of these has; an error of theirs is an assertion's."""
    (folder / "rows.csv").write_text(f"{HEADER}\n7,1,2,3,4,2026-01-01,2026-01-01,a,b,c,true,1,[a],[1],2026-01-01\n")
    result = resolved(folder, definitions(features, own))
    assert not result.errors, "\n".join(d.render() for d in result.errors)
    return len(result.project.views["mapped"].features)


HEADER = ",".join((*COLUMNS, "happened_at"))


@pytest.mark.parametrize("name", PAGES)
def test_every_function_and_form_of_the_peer_has_a_row(name: str) -> None:
    told = {text for row in rows(name) for text in row.quoted(0)}
    assert [peer for peer in PAGES[name] if peer not in told] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_row_says_what_featc_has_or_that_it_has_not(name: str) -> None:
    for row in rows(name):
        assert len(row.cells) == 3, row
        assert row.quoted(1) or re.match(r"no\b|nothing\b|every\b", row.cells[1]), row


@pytest.mark.parametrize("name", PAGES)
def test_every_call_of_the_page_is_built(name: str, tmp_path: Path) -> None:
    asked = {f"f{place}": feature(call) for place, call in enumerate(calls(name))}
    assert len(asked) > 20
    assert built(tmp_path, asked) == len(asked)


@pytest.mark.parametrize("name", PAGES)
def test_every_window_of_the_page_is_built(name: str, tmp_path: Path) -> None:
    told = windows(name)
    own = {f"w{place}": window for place, window in enumerate(told) if window.startswith("{")}
    names = [*own, *(window for window in told if not window.startswith("{"))]
    assert len(names) > 4
    assert built(tmp_path, {f"in_{w}": f"sum(x) over {w}" for w in names}, own) == len(names)


LANGUAGE = (REPO / "docs" / "reference" / "language.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """A section of the reference of the language, which is made from the code."""
    return LANGUAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def later(title: str) -> set[str]:
    """The keys of a kind of definition that are known and not built yet."""
    lines = re.findall(r"^Known, and not built yet: (.*)$", section(title), re.M)
    return {key for line in lines for key in quoted(line)}


FORMS = {
    "`union:`": "## Unions" not in LANGUAGE,
    "`match:`": "match" in later("Sources"),
    "`view:` of a join": "view" in later("Joins"),
    "`current`": "current" in later("Windows"),
    "`kind: snapshot`": "snapshot" not in section("Sources").split("| `path` |")[0],
    "`view:` of a source": "| `source` | text |" in section("Feature views"),
}
"""Forms of featc that pages name, and whether they are not built yet."""
FORMS_OF = {"from-openmldb.md": ("`union:`", "`view:` of a join"), "from-chronon.md": tuple(FORMS)}


@pytest.mark.parametrize("name", PAGES)
def test_what_is_not_built_yet_is_named(name: str) -> None:
    said = re.findall(r"^Named above and not built yet: (.*)\.$", page(name), re.M)
    told = said[0].split(", ") if said else []
    assert set(told) == {form for form in FORMS_OF[name] if FORMS[form]}


@pytest.mark.parametrize("name", PAGES)
def test_every_key_and_command_of_the_page_is_one(name: str) -> None:
    keys = set(re.findall(r"^\| `(\w+)` \|", LANGUAGE, re.M)) | {"union", "match"}
    named = [text for row in rows(name) for place in (1, 2) for text in row.quoted(place)]
    assert {text.partition(":")[0] for text in named if re.fullmatch(r"\w+:( .*)?", text)} <= keys
    commands = {text.split()[1] for text in named if text.startswith("featc ")}
    assert commands <= set(cli.commands)
    for option in {word for text in named for word in text.split() if word.startswith("--")}:
        assert any(option in parameter.opts for parameter in cli.commands["dataset"].params), option


def shown(call: str) -> str:
    """A feature whose value is the call's: of a scalar the last row's, lists of text as text."""
    if aggregates(call):
        return call
    return f"last(array_to_string({call}, '|'))" if call.startswith("regexp_extract_all") else f"last({call})"


def plain(value: Any) -> Any:
    """A value of a data frame as Python writes it, maps as dictionaries, days as text."""
    if (isinstance(value, float) and math.isnan(value)) or value is pd.NA or value is pd.NaT:
        return None
    if hasattr(value, "date") and not isinstance(value, str):
        return str(value.date())
    return value.tolist() if hasattr(value, "tolist") else value


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_what_the_peer_documents_is_the_value_of_the_call_in_featc(name: str, tmp_path: Path) -> None:
    known = KNOWN[name]
    assert [k.call for k in known if k.call not in calls(name)] == []
    frames = [
        pd.DataFrame({"user_id": user, **k.rows}).assign(
            happened_at=lambda rows: pd.Timestamp("2026-01-01") + pd.to_timedelta(range(len(rows)), unit="h")
        )
        for user, k in enumerate(known)
    ]
    rows_of_all = pd.concat(frames).reindex(columns=[*COLUMNS, "happened_at"])
    rows_of_all.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "features").mkdir()
    (tmp_path / "featc.yaml").write_text("version: 1\nproject: mapped\n")
    asked = {call: f"f{place}" for place, call in enumerate(dict.fromkeys(k.call for k in known))}
    (tmp_path / "features" / "mapped.yaml").write_text(definitions({f: shown(call) for call, f in asked.items()}))
    spine = pd.DataFrame({"user_id": range(len(known)), "event_timestamp": pd.Timestamp("2026-01-02")})
    with closing(FeatureStore(tmp_path)) as store:
        table = store.get_historical_features(entity_df=spine, features=["mapped"]).to_df()
    for user, k in enumerate(known):
        value = plain(table[f"{asked[k.call]}_7d" if f"{asked[k.call]}_7d" in table else asked[k.call]][user])
        assert value == (pytest.approx(k.value, rel=1e-3) if isinstance(k.value, float) else k.value), k
