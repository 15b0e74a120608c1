"""`featc dataset`: training sets."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from featc.cli.session import Session, command, some
from featc.cli.tabular import preview

_PREVIEW = 10


@command("dataset", "A training set for a spine.")
@click.argument("service", required=False)
@click.option("--features", metavar="A,B", help="Instead of a service: view.feature, view, view.spend_*.")
@click.option("--spine", required=True, metavar='FILE|-|"select …"', help="Keys and instants to be answered.")
@click.option("--time", metavar="COL", help="The spine's instant column, if not as_of.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help=".parquet or .csv; without: a preview."
)
def dataset(
    session: Session,
    service: str | None,
    features: str | None,
    spine: str,
    time: str | None,
    out: Path | None,
) -> None:
    """A training set: each row of the spine with the features as they stood at its own instant.

    \b
    featc dataset checkout --spine labels.parquet --out train.parquet
    featc dataset checkout --spine "select user_id, as_of from 'labels.csv'"
    featc dataset --features user_orders.spend_7d,user_plan --spine labels.csv --time seen_at
    """
    if (service is None) == (features is None):
        raise click.UsageError("name a service, or features with --features")
    wanted = service if service is not None else [f.strip() for f in (features or "").split(",") if f.strip()]
    if not wanted:
        raise click.UsageError("--features names none; write view.feature, view or view.spend_*")
    with session.store() as store, given_rows(spine) as given:
        found = store.get_historical_features(wanted, given, time)
        if out is None:
            preview(session, found, _PREVIEW)
            return
        written = found.write(out)
        for source, late in ({} if session.quiet else found.left_out()).items():
            session.note(f"{source}: {some(late, 'row')} left out, arrived later than final_after allows")
        shape = {"rows": len(found), "features": len(found.outputs), "out": str(written)}
        if session.is_json:
            session.data(shape)
        else:
            counted = f"{some(len(found), 'row')}, {some(len(found.outputs), 'feature')}"
            session.say(f"{counted} → {session.shown(written)}")


@contextmanager
def given_rows(given: str) -> Iterator[str]:
    """What a user names as rows, `-` being standard input: a file or a SELECT."""
    if given != "-":
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="featc-") as folder:
        content = sys.stdin.buffer.read()
        path = Path(folder) / f"stdin{_ending(content)}"
        path.write_bytes(content)
        yield str(path)


def _ending(content: bytes) -> str:
    """The kind of a file by its first bytes."""
    if content[:4] == b"PAR1":
        return ".parquet"
    return ".json" if content.lstrip()[:1] in (b"[", b"{") else ".csv"


COMMANDS = (dataset,)
