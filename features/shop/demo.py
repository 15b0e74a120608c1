"""What `make demo` runs: the shop from a made-up history to training set, online vector and proof.

Every step is a `featc` command, printed as it is run, so that each can be repeated by hand in this folder.
Results stay in `target/` and `.featc/`; a new run clears both first. Exits with the code of the first command
that fails.
"""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent
RESULTS = Path("target/demo")
SCALE = "0.2"
NOON = "2026-06-01T12:00:00Z"
FEATC = (sys.executable, "-c", "import sys; from featc.cli import main; sys.exit(main())")
HISTORY = (
    ("orders", "data/orders/2026-03.parquet"),
    ("orders", "data/orders/2026-04.parquet"),
    ("orders", "data/orders/2026-05.parquet"),
    ("page_views", "data/page_views.parquet"),
    ("plans", "data/plans.parquet"),
    ("products", "data/products.parquet"),
)


def say(text: str = "") -> None:
    print(text, flush=True)


def chapter(number: int, title: str, *lines: str) -> None:
    say(f"\n── {number}. {title} " + "─" * max(0, 96 - len(title)))
    for line in lines:
        say(f"   {line}")


def run(command: Sequence[str], shown: str, *, lines: int = 6, last: int = 0) -> str:
    """Runs the command in the project's folder, prints the first `lines` and `last` lines, gives all of them."""
    say(f"\n   $ {shown}")
    started = time.perf_counter()
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    written = done.stdout.rstrip().splitlines()
    for line in written[:lines]:
        say(f"     {line[:118]}")
    if lines and len(written) > lines + last:
        say(f"     … {len(written) - lines - last} more lines")
        for line in written[len(written) - last :]:
            say(f"     {line[:118]}")
    if done.returncode:
        say(done.stderr.rstrip())
        say(f"\nThe command ended with exit code {done.returncode}; the demo stops here.")
        raise SystemExit(done.returncode)
    say(f"     ({took:.1f} s)")
    return done.stdout


def featc(*arguments: str, lines: int = 6, last: int = 0) -> str:
    return run((*FEATC, *arguments), f"featc {shlex.join(arguments)}", lines=lines, last=last)


def vector(user: str, sku: str) -> dict[str, object]:
    """The checkout vector of one user and product at noon, as the online store has it now."""
    keys = ("--key", f"user_id={user}", "--key", f"sku={sku}", "--request", "basket_value=80.00")
    found = json.loads(featc("get", "checkout", *keys, "--at", NOON, "--format", "json", lines=0))
    return dict(found[0] if isinstance(found, list) else found)


def show(values: Mapping[str, object], names: Sequence[str]) -> None:
    for name in names:
        say(f"     {name:32} {values[name]}")


def newcomer() -> tuple[str, str]:
    """The user and product of an order that the history does not know yet, by someone who bought before."""
    with (HERE / "data/new_orders.csv").open(encoding="utf-8") as file:
        news = [r for r in csv.DictReader(file) if r["status"] == "paid" and r["user_id"]]
    with duckdb.connect() as connection:
        known = connection.execute(
            "select distinct user_id from read_parquet($path) where ordered_at >= timestamp '2026-05-25'",
            {"path": str(HERE / "data/orders/*.parquet")},
        ).fetchall()
    regulars = {str(user) for (user,) in known}
    order = next((r for r in news if r["user_id"] in regulars), news[0])
    return order["user_id"], order["sku"]


def build() -> None:
    chapter(
        1,
        "A history",
        "Three months of a small shop: orders that come late, are refunded, moved and deleted;",
        "page views; plans; a catalogue. Seeded, so everyone gets the same.",
    )
    command = (sys.executable, "generate.py", "--scale", SCALE)
    run(command, f"python generate.py --scale {SCALE}", lines=0)
    for path in sorted(p for p in (HERE / "data").rglob("*") if p.is_file()):
        say(f"     {path.relative_to(HERE)!s:32} {path.stat().st_size / 1024:8.0f} KiB")
    chapter(
        2,
        "From definitions to SQL",
        "features/*.yaml are checked as a whole; each view becomes a training query and an online query.",
    )
    featc("build")
    featc("sql", "user_product", "--plan", "training", lines=16)
    featc("sql", "user_product", "--plan", "read", lines=10)
    chapter(3, "The author's own tests", "tests/*.yaml, each through the training plan and the online plan.")
    featc("test", lines=12)


def train() -> None:
    chapter(
        4,
        "A training set",
        "One row out per row in, each as of its own instant: nothing that was not known then.",
    )
    out = RESULTS / "checkout.parquet"
    featc("dataset", "checkout", "--spine", "data/spine.parquet", "--out", str(out))
    columns = "user_id, as_of, orders_7d, spend_7d, user_avg_purchase_last_7_days, value_z"
    say(f"\n   Its last rows ({columns}):")
    with duckdb.connect() as connection:
        query = f"select {columns} from read_parquet($path) order by as_of desc limit 4"
        for row in connection.execute(query, {"path": str(HERE / out)}).fetchall():
            say(
                "     "
                + "  ".join(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row)
            )


def serve() -> None:
    chapter(5, "Online", "The history goes into the online store once; from then on, events as they come.")
    for source, path in HISTORY:
        featc("push", source, path, lines=1)
    user, sku = newcomer()
    before = vector(user, sku)
    show(before, ("orders_1d", "spend_7d", "user_avg_purchase_last_7_days", "bought_before", "value_vs_avg"))
    say("\n   Now what arrived on 1 June: new orders, late ones, and corrections of old ones.")
    featc("push", "orders", "data/new_orders.csv", lines=1)
    after = vector(user, sku)
    say(f"     user {user} bought {sku}; what that changed:")
    for name in (n for n in after if after[n] != before[n]):
        say(f"     {name:32} {before[name]!s:>20} → {after[name]}")
    (HERE / RESULTS / "vector.json").write_text(json.dumps(after, indent=2) + "\n", encoding="utf-8")


def prove() -> None:
    chapter(
        6,
        "Proof that both are equal",
        "Replays the shop's own events and made-up nasty ones through push and get,",
        "and compares every feature with the training plan.",
    )
    featc("verify", lines=6, last=3)


def draw() -> None:
    chapter(7, "Where it all comes from", "From source columns over views and features to services.")
    featc("lineage", "--to", "dot", "--out", str(RESULTS / "lineage.dot"), lines=1)
    featc("lineage", "+basket_context", "--to", "mermaid", "--out", str(RESULTS / "lineage.mmd"), lines=1)
    mermaid = (HERE / RESULTS / "lineage.mmd").read_text(encoding="utf-8")
    page = f"# What basket_context comes from\n\n```mermaid\n{mermaid.rstrip()}\n```\n"
    (HERE / RESULTS / "lineage.md").write_text(page, encoding="utf-8")
    if shutil.which("dot"):
        dot = ("dot", "-Tsvg", str(RESULTS / "lineage.dot"), "-o", str(RESULTS / "lineage.svg"))
        run(dot, shlex.join(dot), lines=0)


def results() -> None:
    folder = HERE.relative_to(Path.cwd()) if HERE.is_relative_to(Path.cwd()) else HERE
    say(f"\nIn {folder}/ now:")
    listed = (
        ("target/sql/", "the SQL of both plans, view by view"),
        ("target/manifest.json", "every definition, version and edge"),
        ("target/demo/checkout.parquet", "the training set"),
        ("target/demo/vector.json", "the online vector after the new orders"),
        (
            "target/demo/lineage.md",
            "the lineage of one view as a mermaid picture (GitHub and editors draw it)",
        ),
        ("target/demo/lineage.dot", "the whole lineage, for graphviz"),
        ("target/demo/lineage.svg", "the same, drawn"),
        (".featc/online.db", "the online store"),
    )
    for name, meaning in listed:
        if (HERE / name).exists():
            say(f"   {name:32} {meaning}")
    for certificate in sorted(p.relative_to(HERE) for p in (HERE / "target").glob("certificate.json")):
        say(f"   {certificate!s:32} the certificate of the proof")
    say(f"\nChange something in {folder}/features/ and run `featc build` there, or read its README.md next.")


def main() -> None:
    started = time.perf_counter()
    for folder in ("target", ".featc"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    (HERE / RESULTS).mkdir(parents=True)
    say("featc demo: one YAML definition becomes a training query and an online query, proven equal.")
    for step in (build, train, serve, prove, draw, results):
        step()
    say(f"Done in {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
