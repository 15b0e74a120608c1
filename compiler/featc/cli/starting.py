"""`featc init` and `featc schema`: a new project, and what an editor needs to know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import click

from featc.cli.session import Session, plain_command, some
from featc.errors import Diagnostic, FeatcError

_KINDS = ("definitions", "project", "tests")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


@plain_command("init", "A new project that builds and runs as it stands.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--name", metavar="NAME", help="The project's name. Default: the folder's.")
def init(session: Session, folder: Path, name: str | None) -> None:
    """A new project that builds and runs as it stands: definitions, data, tests, CI, the editor's schema.

    \b
    featc init shop
    cd shop && featc build && featc test && featc verify
    featc init . --name churn_features          into this folder; nothing that is there is touched

    Its README.md says what to do next.
    """
    from featc.starter import starter_files

    called = name if name is not None else project_name(folder)
    if not _NAME.match(called):
        hint = "use letters, digits, _ and -, and start with a letter"
        raise FeatcError(Diagnostic("F811", f"'{called}' cannot be a project's name", hint=hint), exit_code=2)
    texts = starter_files(called)
    _refuse_to_overwrite(session, folder, texts)
    write_new(folder, texts)
    if session.is_json:
        session.data({"project": called, "out": str(folder), "files": list(texts)})
        return
    session.say(f"{called}: {some(len(texts), 'file')} → {session.shown(folder)}")
    session.note(f"  next: cd {session.shown(folder)} && featc build && featc test && featc verify")


def project_name(folder: Path) -> str:
    """A project's name made of its folder's."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", folder.resolve().name).strip("_-")
    return name if _NAME.match(name) else f"features_{name}".rstrip("_")


def _refuse_to_overwrite(session: Session, folder: Path, texts: Mapping[str, str]) -> None:
    there = [path for path in texts if (folder / path).exists() or (folder / path).is_symlink()]
    if (folder / "featc.yaml").exists():
        what, hint = f"there is a project in {session.shown(folder)} already", "name another folder"
    elif there:
        rest = f" and {len(there) - 3} more" if len(there) > 3 else ""
        what = f"{session.shown(folder)} holds files that would be overwritten: {', '.join(there[:3])}{rest}"
        hint = "name another folder, or move them away"
    else:
        return
    raise FeatcError(Diagnostic("F810", f"{what}; nothing was written", hint=hint), exit_code=2)


def write_new(folder: Path, texts: Mapping[str, str]) -> None:
    """Writes files that do not exist yet: all, or on any trouble none. Raises FeatcError F910."""
    made: list[Path] = []
    try:
        for name, text in texts.items():
            path = folder / name
            made += _make_folders(path.parent)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(text)
    except BaseException as trouble:
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        if isinstance(trouble, OSError):
            what = f"cannot write {trouble.filename or folder}: {trouble.strerror or trouble}; nothing was written"
            hint = "check its rights and the free space, or name another folder"
            raise FeatcError(Diagnostic("F910", what, hint=hint), exit_code=4) from None
        raise


def _make_folders(folder: Path) -> list[Path]:
    """Makes a folder and those above it; gives the new ones, the outermost first."""
    missing = [f for f in (folder, *folder.parents) if not f.exists()][::-1]
    for path in missing:
        path.mkdir()
    return missing


@plain_command("schema", "The JSON Schema for editors.")
@click.option("--kind", type=click.Choice(_KINDS), help="Default: definitions; all with --out DIR.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE|DIR", help="Instead of stdout.")
def schema(session: Session, kind: str | None, out: Path | None) -> None:
    """The JSON Schema with which an editor completes and checks the YAML files.

    \b
    featc schema --out .featc-schema              definitions.json, project.json and tests.json
    featc schema --kind project > featc.schema.json

    A file says on its first line which it is checked by; featc init writes such lines:

    \b
    # yaml-language-server: $schema=../.featc-schema/definitions.json
    """
    from featc.load.editor import KINDS
    from featc.starter import schema_files, schema_text

    chosen = next((k for k in KINDS if k == kind), KINDS[0])
    if out is None:
        session.say(schema_text(chosen).rstrip())
        return
    if kind is None:
        if out.suffix:
            raise click.UsageError(f"--out {out} is a file: say with --kind which schema, or name a folder")
        written = {out / name: text for name, text in schema_files().items()}
    else:
        place = out / f"{kind}.json" if out.is_dir() else out
        written = {place: schema_text(chosen)}
    _write(written)
    if session.is_json:
        session.data({"files": [str(path) for path in written]})
    else:
        session.say("\n".join(session.shown(path) for path in written))


def _write(texts: Mapping[Path, str]) -> None:
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as trouble:
            hint = "check its rights and the free space, or name another place with --out"
            what = f"cannot write {path}: {trouble.strerror or trouble}"
            raise FeatcError(Diagnostic("F910", what, hint=hint), exit_code=4) from None


COMMANDS = (init, schema)
