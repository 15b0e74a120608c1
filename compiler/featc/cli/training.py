"""`featc dataset`: training sets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featc.cli.completing import feature_lists, files, names_of
from featc.cli.failures import report
from featc.cli.query_progress import progress
from featc.cli.remaking import differences, remade_data
from featc.cli.session import Session, command, some
from featc.cli.tabular import preview

if TYPE_CHECKING:
    from featc.runtime.dataset import Dataset
    from featc.runtime.training_set.output import Written
    from featc.runtime.training_set.reading import Read


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become of a set: where it goes, in which files, and what is said about it."""

    out: Path | None
    partition_by: tuple[str, ...]
    rows_per_file: int | None
    overwrite: bool
    limit: int
    stats: bool
    report_knowledge: bool


@dataclass(frozen=True, slots=True)
class Instants:
    """The instants a set is asked for and its labels know, as written."""

    start: str | None
    end: str | None
    every: str | None
    known_at: str | None
    data_until: str | None

    @property
    def ranged(self) -> bool:
        return any((self.start, self.end, self.every))


@command("dataset", "A training set for a spine.")
@click.argument("service", required=False, shell_complete=names_of("services"))
@click.option(
    "--features",
    metavar="A,B",
    shell_complete=feature_lists,
    help="Instead of a service: view.feature, view, view.spend_*.",
)
@click.option(
    "--spine", metavar='FILE|-|"select …"', shell_complete=files, help="Keys and instants to be answered."
)
@click.option("--start", metavar="T", help="Instead of a spine: all entities at each instant from T on …")
@click.option("--end", metavar="T", help="… before T …")
@click.option("--every", metavar="D", help="… D apart.")
@click.option("--known-at", metavar="T", help="Labels by what was known at T; default: all there is.")
@click.option("--data-until", metavar="T", help="The data is complete up to T; default: as far as the source has rows.")
@click.option("--time", metavar="COL", help="The spine's instant column, if not as_of.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help=".parquet, .csv, .json, .jsonl; without: a preview.",
)
@click.option("--partition-by", metavar="C,…", help="A folder of parquet files by columns, or month(as_of).")
@click.option("--rows-per-file", type=click.IntRange(1), metavar="N", help="A folder of parquet files of N rows.")
@click.option("--overwrite", is_flag=True, help="Replace a folder that is there.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=10, show_default=True, help="Rows of a preview.")
@click.option("--stats", is_flag=True, help="What the features' values are like.")
@click.option(
    "--report-knowledge", is_flag=True, help="How much late and corrected rows would change; a second computation."
)
@click.option(
    "--read",
    type=click.Choice(["auto", "tiles", "rows"]),
    default="auto",
    show_default=True,
    help="Backfilled tiles where exact and less to read; wherever exact; never.",
)
@click.option("--from", "card", type=click.Path(path_type=Path), metavar="CARD", help="Make a set again by its card.")
def dataset(session: Session, service: str | None, features: str | None, spine: str | None, time: str | None,
            card: Path | None, partition_by: str | None, read: Read, start: str | None, end: str | None,
            every: str | None, known_at: str | None, data_until: str | None, **wish: Any) -> None:  # fmt: skip
    """A training set: each row of the spine with the features as they stood at its own instant.

    \b
    featc dataset checkout --spine labels.parquet --out train.parquet
    featc dataset checkout --spine "select user_id, as_of from 'labels.csv'"
    featc dataset --features user_orders.spend_7d,user_plan --spine labels.csv --time seen_at
    featc dataset checkout --spine labels.parquet --out train/ --partition-by "month(as_of)"
    featc dataset checkout --start 2026-01-01 --end 2026-04-01 --every 7d --known-at 2026-06-01
    featc dataset --from train.parquet.featc.json --out again.parquet

    A service's labels follow its features, each with a column <label>__complete. Beside the set lies its card,
    train.parquet.featc.json: what it was made of. --from makes it again: exit code 0 when it is equal, 3 when it is
    not, with what has moved. Without --out it only compares.
    """
    wanted = Wish(partition_by=tuple(_listed(partition_by)), **wish)
    instants = Instants(start, end, every, known_at, data_until)
    _check(service, features, spine, time, card, wanted, instants)
    if card is not None:
        _again(session, card, spine, wanted)
        return
    asked = service if service is not None else _listed(features)
    if not asked:
        raise click.UsageError("--features names none; write view.feature, view or view.spend_*")
    with session.store() as store:
        made = store.get_historical_features(asked, _given(spine), time, read=read, **asdict(instants))
        if wanted.out is not None:
            written = _write(session, made, wanted)
            _say_written(session, made, written)
        elif wanted.stats:
            with progress(session, made.progress, "computing"):
                found = made.stats(knowledge=wanted.report_knowledge)
            if session.is_json:
                session.data(found.to_dict() | _doubts_data(made))
                return
            session.say(str(found))
            _note_doubts(session, made)
        elif wanted.report_knowledge and session.is_json:
            session.data({"knowledge": made.knowledge().to_dict()})
        else:
            preview(session, made, wanted.limit)
            _note_doubts(session, made)
            if wanted.report_knowledge:
                with progress(session, made.progress, "comparing"):
                    known = made.knowledge()
                session.note(str(known))


def _note_doubts(session: Session, made: Dataset) -> None:
    """What gives no error and is most likely not meant: keys written in another way than the data's, which give
    nothing but empty values, and instants at which a feature counts the row it is to predict."""
    for found in () if session.quiet else made.unmatched():
        session.note(f"{found}; all its values are those of an unknown entity")
    own = () if session.quiet else made.own_rows()
    if own:
        report([one.diagnostic for one in own], session.form)


def _doubts_data(made: Dataset) -> dict[str, Any]:
    return {"unmatched": [asdict(o) for o in made.unmatched()], "own_rows": [asdict(o) for o in made.own_rows()]}


def _check(service: str | None, features: str | None, spine: str | None, time: str | None, card: Path | None,
           wish: Wish, instants: Instants) -> None:  # fmt: skip
    """Options that contradict each other, or lack another. Raises click.UsageError."""
    if card is not None:
        if service or features or time or any(astuple(instants)):
            raise click.UsageError("--from CARD says itself which features, and which instants")
    elif (service is None) == (features is None):
        raise click.UsageError("name a service, or features with --features")
    elif instants.ranged:
        if spine is not None:
            raise click.UsageError("--spine says itself which instants; leave --start, --end and --every out")
        if not all((instants.start, instants.end, instants.every)):
            raise click.UsageError("a range of instants needs --start, --end and --every")
    elif spine is None:
        raise click.UsageError("Missing option '--spine': a file, - or a SELECT with keys and instants.")
    if wish.partition_by and wish.rows_per_file:
        raise click.UsageError("--partition-by and --rows-per-file are two ways to make a folder; choose one")
    if wish.out is None and (wish.partition_by or wish.rows_per_file or wish.overwrite):
        raise click.UsageError("--partition-by, --rows-per-file and --overwrite need --out DIR")


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _given(spine: str | None) -> Any:
    return sys.stdin.buffer if spine == "-" else spine


def _write(session: Session, made: Dataset, wish: Wish) -> Written:
    if wish.out is None:
        raise AssertionError("nowhere to write to")
    with progress(session, made.progress, "computing"):
        return made.save(wish.out, partition_by=wish.partition_by, rows_per_file=wish.rows_per_file,
                         overwrite=wish.overwrite, statistics=wish.stats,
                         knowledge=wish.report_knowledge)  # fmt: skip


def _say_written(session: Session, made: Dataset, written: Written) -> None:
    from featc.resolve.model import COMPLETE
    from featc.runtime.training_set.card import card_path

    if session.is_json:
        session.data(_written_data(made, written))
        return
    labels = [o for o in made.outputs if o.view in made.project.labels and not o.feature.endswith(COMPLETE)]
    features = [o for o in made.outputs if o.view not in made.project.labels]
    counted = f"{some(len(made), 'row')}, {some(len(features), 'feature')}"
    counted += f", {some(len(labels), 'label')}" if labels else ""
    files = f" ({some(written.files, 'file')})" if written.path.is_dir() else ""
    session.say(f"{counted} → {session.shown(written.path)}{files}")
    for source, late in ({} if session.quiet else made.left_out()).items():
        session.note(f"{source}: {some(late, 'row')} left out, arrived later than final_after allows")
    _note_doubts(session, made)
    changed = [n for n, source in written.card["sources"].items() if source.get("changed_meanwhile")]
    if changed:
        session.note(f"  files of {', '.join(changed)} changed meanwhile; the set may hold rows of both")
    session.note(f"  card: {session.shown(card_path(written.path))}")
    if written.statistics is not None:
        session.say(str(written.statistics))
    elif written.knowledge is not None:
        session.note(str(written.knowledge))


def _written_data(made: Dataset, written: Written) -> dict[str, Any]:
    from featc.runtime.training_set.card import card_path

    found = {
        "rows": len(made),
        "features": len(made.outputs),
        "out": str(written.path),
        "files": written.files,
        "card": str(card_path(written.path)),
        "hash": written.card["result"]["hash"],
        **_doubts_data(made),
    }
    if written.knowledge is not None:
        found |= {"knowledge": written.knowledge.to_dict()}
    return found if written.statistics is None else found | {"statistics": written.statistics.to_dict()}


def _again(session: Session, path: Path, spine: str | None, wish: Wish) -> None:
    """Makes a set again; ends with code 3 when it is not the same."""
    from featc.runtime.training_set.again import card_of, compare, dataset_again
    from featc.runtime.training_set.card import read_card

    card = read_card(path)
    with session.store() as store:
        made = dataset_again(store, card, _given(spine))
        written = None
        if wish.out is not None:
            written = _write(session, made, wish)
            now = written.card
        else:
            with progress(session, made.progress, "computing"):
                now = card_of(made)
        found = compare(card, now)
        if session.is_json:
            session.data(remade_data(found) | (_written_data(made, written) if written else {"rows": len(made)}))
        else:
            if written is not None:
                _say_written(session, made, written)
            session.say(differences(card, found))
    if not found.equal:
        click.get_current_context().exit(3)


@contextmanager
def given_rows(given: str) -> Iterator[str]:
    """What a user names as a file of rows, `-` being standard input."""
    from featc.runtime.spine_files import spooled

    if given != "-":
        yield given
        return
    with spooled(sys.stdin.buffer) as path:
        yield str(path)


COMMANDS = (dataset,)
