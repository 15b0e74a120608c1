"""docs/json.md: what `--format json` prints, shown by running each command in a new project.

`python tests/daily/json_page.py` writes the page; read it as a diff. Long texts, lists and mappings by name are cut.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from featc.cli import cli

PAGE = Path(__file__).resolve().parents[2] / "docs" / "json.md"

HEAD = """\
# JSON

Every command takes `--format json`. The answer is one JSON value on stdout, and nothing else is written there. Keys
are only ever added. Written by `python tests/daily/json_page.py`; a test runs each command and compares the shapes.

Errors and warnings go to stderr as one object, below; the exit code is the same as without `--format json`: 0 done,
1 your project or data, 2 usage, 3 differences found (the answer is on stdout all the same), 4 environment, try again.
A command line that cannot be understood (an unknown option, a missing argument) is answered in plain text, exit 2.

Instants are ISO 8601 in UTC with a `Z`. Integers are written in full. A decimal is a number when a DOUBLE gives its
digits back, else text; NaN and infinities are `"NaN"`, `"Infinity"`, `"-Infinity"`. Examples are cut where `…` stands,
and mappings by name (features, views, files …) show one entry.
"""

COMMANDS: tuple[tuple[str, str], ...] = (
    ("init shop", "`out` is the folder, `files` lie below it."),
    ("build", "What was made, and what each service needs: the columns of a spine are its keys and `as_of`."),
    (
        "plan",
        "`changes` by definition: `what` is changed, affected, added, removed or metadata; `category` from metadata "
        "and equivalent over environment, additive, tile-compatible and semantic to contract; `differences` are pieces "
        "of the definition, `because` what it comes from, `used_by` services. Versions are numbers, null where a "
        "definition has none. `work` is what has to run, `refused` why it may not be applied as it stands. Exit code 3 "
        "when anything changed.",
    ),
    (
        "apply --no-verify",
        "The plan, what was filled and proven (null where nothing was), and whether the lock is another now.",
    ),
    ("diff .", "As `plan`, without what has to run."),
    ("ls", "Parts of the manifest, by name. With a selector: `features`, and `outputs` of the services that it names."),
    ("show user_plan --limit 1", "A list of rows, each by column."),
    ("sql user_plan", "One plan's SQL."),
    ("dataset checkout --spine data/spine.csv", "Without `--out`, the first rows, each by column."),
    (
        "dataset checkout --spine data/spine.csv --out train.parquet",
        "With `--out`, what was written. `unmatched` has the views of which no entity of the spine occurs in their "
        "source: `view`, `source`, `keys`, how many `entities` were asked, and an `example` of the source's keys. "
        "`own_rows` has those whose features count, at `rows` of the spine, the very row of `source` that its "
        "`columns` name.",
    ),
    (
        "dataset --features user_plan --spine data/spine.csv --stats",
        "Shares are of all rows, `distinct` and `quantiles` approximate; what a type does not have is left out. With "
        "`--out` it stands under `statistics`.",
    ),
    (
        "dataset --from train.parquet.featc.json",
        "`differing` are columns with other values, `near` those that differ within the bound of DOUBLE sums; `moved` "
        "has for each thing its `kind` (feature, spine, source, version), `name`, `what`, `before` and `now`. With "
        "`--out` also what was written.",
    ),
    (
        "backfill",
        "`filled` and `complete` are days of the range, filled in this run (in a dry run: would be) and before; "
        "`reopened` are days, wherever they lie, that differ from their tiles, `left_open` those outside the range. "
        "`rows_read` go into tiles, `rows_scanned` were looked at for changes. `bytes_read` is the files' share of the "
        "rows read, null for tables and queries.",
    ),
    (
        "backfill --at 2026-03-01",
        "With `--at` or `--every`: instants `taken` in this run and `kept` from before; `entities` are rows written.",
    ),
    (
        "backfill --drop-unused --dry-run",
        "Whole `tables` with their tiles, and `states` of tables that are still read, that no definition reads.",
    ),
    (
        "push orders data/orders.csv --token first",
        "`rejected` counts rows by reason; `replayed_batch`: the token was known; `absent` are columns that features "
        "read and the batch lacked.",
    ),
    (
        "materialize --dry-run",
        "What a run would read: rows `beyond` the watermark, intervals `behind` it that changed, all of whose rows are "
        "gone through again, rows `without_arrival`; `first` and `last` are arrivals.",
    ),
    (
        "materialize",
        "What each source brought. `late` rows were found behind the watermark, `waiting` ones arrive after `--until`, "
        "`gone` are no longer in the source.",
    ),
    (
        "get checkout --key user_id=1 --at 2026-03-01T00:00:00Z --request amount=25",
        "A list: for each row asked, in order, the features by name.",
    ),
    (
        "explain user_orders",
        "How each view is computed, kept online, and what a read costs. `tiles` is what is backfilled now and whether "
        "training sets read it; `reads_because` says of an aggregation why it comes from rows, null where from tiles.",
    ),
    (
        "why checkout spend_7d --key user_id=1 --at 2026-03-01T00:00:00Z --limit 1",
        "`features` has the one asked for, then what it is made of, each once. Under `aggregates` each has its "
        "window's edges, how many rows there are of each `standing`, and some of them: counted, filtered, beyond (a "
        "window's last rows), where, deleted, superseded, duplicate, unknown, never (without time or arrival), too "
        "late (final_after), before, after; of `current` also ended. `lookup` has those of a state: holds or fails, "
        "earlier, later, and `because` where none holds. `seconds_outside` is how far a row lies from the edge it "
        "misses, `row` the row as the data has it, `decides` marks the one that a max, last or the like is the "
        "value of. A plan that has no value says why under `missing`; `differs` is exit code 3. `online` has the "
        "tiles that a read at the instant meets, whether it uses them, and how many `rows` it reads beside them; "
        "`lacking` and `surplus` are rows that only the sources or only the store have.",
    ),
    ("test", "`mismatches` are by row, column and plan; `errors` are texts."),
    (
        "verify",
        "`status` is proven, unproven (too few telling values) or different; then `example` holds both values and "
        "`cases` name the smallest case saved.",
    ),
    ("docs", "The site's folder, and how many files it has."),
    ("lineage +user_plan", "The graph; the same as `--to json`."),
    ("lineage user_plan --to dot --out lineage.dot", "With `--out`, what was written."),
    (
        "status",
        "`generation` of the store is what was applied, null where nothing was, `before` what a rollback goes back to. "
        "`history` is complete, empty (no row of its source came in yet), incomplete (`missed` rows came before), "
        "absent or on demand; `unanswered` is null, or how many rows of its source came in before the view was defined "
        "as it is now, and reads of it are refused. `verified` is proven, thin, different, moved or never. `watermark` "
        "is the newest arrival, a service's the oldest of its sources; reads before `horizon` are refused. Under "
        "`tiles`, `open_days` of the days from `start` to `end` lack a state; `unchanged` is whether the source's "
        "files are those that were looked at, null where it has none, and `as_defined` whether that was for the states "
        "of now; `stopped`: a run ended before its end, so that more days may be open.",
    ),
    ("status --check --max-lag 1h", "The same and `stale`, why the exit code is 3; empty when it is 0."),
    (
        "evict",
        "What of each source was let go, none while `replay:` is unlimited, as here; and the size of the store's file.",
    ),
    (
        "apply",
        "Where there is an online store, `served` is the generation that answers now: sources that were read again "
        "with their rows and pushed batches, batches `followed` that were pushed meanwhile, and whether a rollback "
        "can go back.",
    ),
    ("rollback", "`served` as of `apply`; whether featc.lock is another, and the YAML means something else now."),
    (
        "gc --dry-run",
        "What would go: `files` of stores and their `bytes`, online `tables`, tables of `tiles` and single `states`, "
        "`versions` in featc.lock that no service pins; `previous` is whether the way back goes, too.",
    ),
    ("doctor", "`verdict` is ok, warn or fail; `ok` is false, and the exit code 4, if one fails."),
    ("schema --out .featc-schema", "Without `--out`, the schema itself."),
    ("help", "Commands with what they do, and the codes of each area."),
    ("help F301", "One code; `wrong` and `right` are null where no example is kept."),
    ("help functions", "What expressions may call."),
    ("help build", "One command's help as text."),
    ("completion bash", "A shell's script."),
)

ERROR = "sql user_ordrs"
BY_NAME = {"features", "views", "services", "sources", "files", "aggregations", "columns", "commands", "errors"}
ERRORS = (
    f"On stderr, all of a run together, here of `featc {ERROR} --format json`. `severity` is error or warning; "
    "`file`, `line` and `column` are null where no place in a file is to blame, `hint` is the way out or null. "
    "`featc help CODE` explains a code."
)


def run_all(folder: Path) -> dict[str, Any]:
    """What each command prints, parsed, from commands run in order in `folder`; errors under the command's own name."""
    found: dict[str, Any] = {}
    runner = CliRunner()
    for command, _ in (*COMMANDS, (ERROR, "")):
        if command == "apply":  # the second: what it finds has to be another
            edit(folder / "shop")
        with chdir(folder if command.startswith("init") else folder / "shop"):
            done = runner.invoke(cli, [*command.split(), "--format", "json"])
        text = (done.stdout or done.stderr).replace(f"{folder}{os.sep}", "/home/me/")
        found[command] = json.loads(text.replace(sys.executable, "/usr/bin/python3"))
    return found


def edit(project: Path) -> None:
    """A feature that means something else, over the rows that the online store has."""
    for path in (project / "features").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("sum(amount)", "sum(amount * 2)"), encoding="utf-8")


def cut(value: Any, key: str = "") -> Any:
    """A value short enough to read, with every kind of key still in it."""
    if isinstance(value, Mapping):
        items = list(value.items())
        return {k: cut(v, k) for k, v in (items[:1] if key in BY_NAME else items)}
    if isinstance(value, list):
        return [cut(item) for item in (value[:2] if all(isinstance(i, str) for i in value) else value[:1])]
    if isinstance(value, str) and len(value) > 60:
        return value[:57] + "…"
    return value


_MOVING = {
    **dict.fromkeys(("now", "pushed_at", "verified_at", "applied_at"), "2026-04-01T12:00:00Z"),
    "lag_seconds": 1649460.0,
    "seconds": 0.8,
    "bytes": 65536,
}
"""What differs from run to run stands still on the page."""


def still(value: Any, key: str = "") -> Any:
    """A value with the clock and the machine taken out."""
    if isinstance(value, Mapping):
        return {k: still(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [still(item) for item in value]
    if isinstance(value, str):
        value = re.sub(r"\d+d \d+h behind", "19d 2h behind", value)
    return _MOVING.get(key, value) if value is not None else None


def shape(value: Any) -> Any:
    """A value without what differs between runs: keys and kinds of values."""
    if isinstance(value, Mapping):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def page(found: Mapping[str, Any]) -> str:
    parts = [HEAD]
    for command, what in COMMANDS:
        parts.append(f"## featc {command}\n\n{textwrap.fill(what, 118)}\n\n{block(found[command])}")
    parts.append(f"## Errors and warnings\n\n{textwrap.fill(ERRORS, 118)}\n\n{block(found[ERROR])}")
    return "\n".join(parts)


def block(value: Any) -> str:
    return f"```json\n{json.dumps(still(cut(value)), indent=2, ensure_ascii=False)}\n```\n"


def shown() -> dict[str, Any]:
    """The examples on the page, parsed, by command."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^## (?:featc )?(.+?)\n.*?^```json\n(.*?)^```$", text, re.M | re.S)
    return {ERROR if title.startswith("Errors") else title: json.loads(example) for title, example in found}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(run_all(Path(folder).resolve())), encoding="utf-8")


if __name__ == "__main__":
    main()
