"""`featc push` and `featc get`: the online store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featc.cli.completing import asked_for, files, names_of
from featc.cli.session import Session, command, some
from featc.cli.training import given_rows
from featc.cli.values import from_text, to_text
from featc.errors import Diagnostic, FeatcError, Findings, did_you_mean, nearest
from featc.types import family

if TYPE_CHECKING:
    import duckdb

    from featc.resolve.model import Output, Project
    from featc.runtime.online import PushReport
    from featc.runtime.store import FeatureStore


_KINDS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".pq")


@command("push", "New events into the online store.")
@click.argument("source", shell_complete=names_of("sources"))
@click.argument("file", metavar="FILE|-", shell_complete=files)
@click.option("--token", metavar="T", help="Names the batch: the same token again changes nothing.")
@click.option("--strict", is_flag=True, help="Refuse the batch when a single row is bad.")
def push(session: Session, source: str, file: str, token: str | None, strict: bool) -> None:
    """New events of a source into the online store, as one durable batch: all of it or nothing.

    \b
    featc push orders new_orders.csv
    featc push orders batch_17.parquet --token batch_17
    export_orders | featc push orders -
    """
    with session.store(or_applied=True) as store, given_rows(file) as given:
        path = _existing(file, given)
        report = store.push(source, path, token, strict=strict)
        views = frozenset(store.served.views)
    for column in report.absent:
        session.note(f"  the batch has no column {column}: it is NULL in all its rows")
    if session.is_json:
        session.data(_report_data(report))
        return
    session.say(_report_text(report))
    for reason, number in report.rejected.items():
        session.note(f"  {_kept_apart(reason, views)}: {number} × {reason}")
    if report.made_late:
        session.note(f"  {some(report.made_late, 'version')} accepted before count as absent now: final_after")


def _kept_apart(reason: str, views: frozenset[str]) -> str:
    """What became of rows for a reason: a view's own concerns that view, and other views take them."""
    where = "kept apart in the online store's table featc_rejected"
    view = reason.partition(": ")[0]
    return f"accepted, not taken by {view}, and {where}" if view in views else where


def _report_data(report: PushReport) -> dict[str, object]:
    names = ("source", "rows", "accepted", "duplicates", "rejected", "replayed_batch", "token", "made_late", "absent")
    return {name: getattr(report, name) for name in names}


def _report_text(report: PushReport) -> str:
    if report.replayed_batch:
        return f"{report.source}: the batch '{report.token}' was there already; nothing changed"
    parts = [f"{report.accepted} of {report.rows} rows accepted"]
    if report.duplicates:
        parts.append(f"{report.duplicates} known already")
    refused = report.rows - report.accepted - report.duplicates
    if refused:
        parts.append(f"{refused} rejected")
    return f"{report.source}: {', '.join(parts)}"


@command("get", "Feature vectors from the online store.")
@click.argument("service", shell_complete=names_of("services"))
@asked_for
@click.option("--at", metavar="T", help="An instant such as 2026-06-01T12:00:00Z. Default: now.")
@click.option(
    "--keys",
    "file",
    metavar="FILE|-",
    shell_complete=files,
    help="Many entities: CSV, parquet or JSON with key and request columns.",
)
def get(
    session: Session,
    service: str,
    keys: tuple[str, ...],
    request: tuple[str, ...],
    at: str | None,
    file: str | None,
) -> None:
    """Feature vectors from the online store.

    \b
    featc get checkout --key user_id=42 --request amount=3
    featc get checkout --key user_id=42 --at 2026-06-01T12:00:00Z --format json
    featc get checkout --keys entities.csv

    In JSON a decimal that a DOUBLE would change is text, as are NaN and Infinity; instants end in Z.
    """
    with session.store(or_applied=True) as store:
        wanted, types = _wanted(store, service)
        wrong = Findings()
        given = pairs(keys, types, "--key", wrong) | pairs(request, types, "--request", wrong)
        if wrong.errors:
            raise FeatcError(wrong.errors, exit_code=2)
        if file is None:
            refuse_lacking(store.served, store.served_outputs(wanted), given, ", or --keys FILE for many")
            rows = [given]
        else:
            rows = [given | row for row in _rows_of(store, file, types)]
        found = store.get_online_features(wanted, rows, at)
        empty = store.online.without_rows(store.served_outputs(wanted))
        if empty:
            listed = ", ".join(empty)
            session.note(f"nothing of {listed} was pushed or materialized yet: values as of an unknown entity")
        if store.serving.differs:
            session.note("by what was applied last; the YAML says something else since (featc plan)")
        if session.is_json:
            session.data(list(found))
            return
        for asked, answer in zip(rows, found, strict=True):
            _say_vector(session, asked, answer)


def _say_vector(session: Session, asked: dict[str, Any], answer: dict[str, Any]) -> None:
    session.say(", ".join(f"{name} = {to_text(value)}" for name, value in asked.items()) or "everything")
    values = {name: value for name, value in answer.items() if name not in asked}
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        session.say(f"  {name:{width}}  {to_text(value)}")


def _wanted(store: FeatureStore, service: str) -> tuple[str | list[str], dict[str, str]]:
    """A service or a list of features, and the types of the key and request columns it needs."""
    from featc.resolve.needs import spine_columns

    wanted: str | list[str] = service if service in store.served.services else service.split(",")
    keys, request = spine_columns(store.served, store.served_outputs(wanted))
    return wanted, dict((*keys, *request))


def refuse_lacking(project: Project, outputs: Sequence[Output], given: dict[str, Any], also: str = "") -> None:
    """Says which keys and request columns are missing, and how they are written here; `also` is another way."""
    from featc.resolve.needs import spine_columns

    wrong = Findings()
    columns = zip(("--key", "--request"), spine_columns(project, outputs), strict=True)
    for option, needed in columns:
        for name, type_ in needed:
            if name not in given:
                what = "key" if option == "--key" else "request column"
                hint = f"add {option} {name}={_example(type_)}{also}"
                wrong.error("F805", f"the {what} {name} ({type_}) is not given", hint=hint)
    if wrong.errors:
        raise FeatcError(wrong.errors, exit_code=2)


def pairs(given: tuple[str, ...], types: dict[str, str], option: str, wrong: Findings) -> dict[str, Any]:
    """`name=value` texts as values of the types the service needs; faults go to `wrong` (F805)."""
    found: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        name = name.strip()
        if not sign:
            lacking = [n for n in types if n not in found]
            hint = f"write {option} {text}=VALUE"
            if name not in types and lacking:
                hint = f"write {option} {lacking[0 if option == '--key' else -1]}={text}"
            wrong.error("F805", f"{option} {text} has no value", hint=hint)
        elif name in found:
            wrong.error("F805", f"{option} {name} is given twice", hint="for several entities use --keys FILE")
        elif name not in types:
            hint = did_you_mean(name, types) or "featc build lists what each service needs"
            wrong.error("F805", f"{option} {name}: no such key or request column here", hint=hint)
        else:
            try:
                found[name] = from_text(value, types[name])
            except ValueError as reason:
                wrong.error("F805", f"{option} {name}: {reason}", hint=f"write {option} {name}={_example(types[name])}")
    return found


def _example(type_: str) -> str:
    match family(type_):
        case "timestamp":
            return "2026-01-08T10:00:00Z"
        case "date":
            return "2026-01-08"
        case "boolean":
            return "true"
        case "integer":
            return "42"
        case "decimal" | "float":
            return "4.2"
        case _:
            return "VALUE"


def _rows_of(store: FeatureStore, file: str, types: dict[str, str]) -> list[dict[str, Any]]:
    """The rows of a file of keys, as values of the types the service needs; other columns are left out."""
    import duckdb

    from featc.runtime.reasons import reason

    with given_rows(file) as given, store.connect() as connection:
        path = _existing(file, given)
        if path.suffix.lower() not in _KINDS:
            hint = f"let its name end in {', '.join(_KINDS)}"
            raise FeatcError(Diagnostic("F807", f"{file} does not say what it is", hint=hint), exit_code=2)
        try:
            relation = connection.from_query(f"FROM {_reader(path, connection)}")
            names = relation.columns
            rows = [dict(zip(names, row, strict=True)) for row in relation.fetchall()]
        except duckdb.Error as error:
            hint = "check its rights, that it is whole, and of the kind its name says"
            raise FeatcError(Diagnostic("F807", f"cannot read {file}: {reason(error)}", hint=hint)) from None
    _check_columns(file, names, types)
    return [
        {n: _typed(v, types[n], f"{file}, row {number}: {n}") for n, v in row.items() if n in types}
        for number, row in enumerate(rows, 1)
    ]


def _existing(file: str, given: str) -> Path:
    """The file that a user named, with something in it."""
    path = Path(given)
    if not path.is_file():
        what = f"{file} is a folder, and a file is needed" if path.is_dir() else f"there is no file {file}"
        hint = "check the path, which is relative to the current folder"
        raise FeatcError(Diagnostic("F804", what, hint=hint), exit_code=2)
    if path.stat().st_size == 0:
        what = "nothing came in on standard input" if file == "-" else f"the file {file} is empty"
        hint = "without rows it still needs its columns: a header, or a parquet schema"
        raise FeatcError(Diagnostic("F807", what, hint=hint))
    return path


def _check_columns(file: str, names: list[str], types: dict[str, str]) -> None:
    """A file of keys that has no column the service asks for."""
    if not types or any(name in types for name in names):
        return
    wrong = Findings()
    for name in types:
        close = nearest(name, names)
        hint = f"rename its column '{close}' to {name}" if close else f"its columns are: {', '.join(names)}"
        wrong.error("F807", f"{file} has no column '{name}'", hint=hint)
    wrong.raise_errors()


def _reader(path: Path, connection: duckdb.DuckDBPyConnection) -> str:
    """SQL that reads a file of keys; text stays text, for `_typed` to read as the key's own type."""
    from featc.lower.source import literal

    place = literal(str(path.resolve()))
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return f"read_csv({place}, all_varchar = true)"  # keys such as 007 are not numbers
        case ".json" | ".jsonl" | ".ndjson":
            found = connection.execute(f"DESCRIBE FROM read_json({place})").fetchall()
            columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name, *_ in found)
            return f"read_json({place}, columns = {{{columns}}})"
        case _:
            return f"read_parquet({place})"


def _typed(value: Any, type_: str, name: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return from_text(value, type_)
    except ValueError as reason:
        hint = "correct the value, or leave it empty where it is not known"
        raise FeatcError(Diagnostic("F805", f"{name}: {reason}", hint=hint), exit_code=2) from None


COMMANDS = (push, get)
