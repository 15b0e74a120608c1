"""How commands fail: everything that can be raised becomes coded findings on stderr and an exit code."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress

import click

from featc.errors import Diagnostic, FeatcError
from featc.secrets import mask

_VALUES = ("ConversionException", "InvalidInputException", "OutOfRangeException")
"""What DuckDB raises about values, as opposed to SQL."""
_CODED = re.compile(r"\b(F\d{3}): ([^\n]+)")
_RETRY = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EBUSY,
    errno.EAGAIN,
    errno.ENOLCK,
}


def failure_of(error: Exception) -> FeatcError:
    """What an exception means to a user. The unforeseen is a bug of featc's, and says so (F999)."""
    if isinstance(error, FeatcError):
        return error
    if os.environ.get("FEATC_DEBUG"):
        click.echo(mask("".join(traceback.format_exception(error))), err=True, nl=False)
    first = (str(error).strip().splitlines() or [""])[0]
    coded = _CODED.search(str(error))
    if coded:  # raised by SQL of ours, in the engine
        return FeatcError(Diagnostic(coded[1], coded[2]))
    if isinstance(error, OSError):
        return _of_system(error, first)
    kind = type(error)
    if kind.__module__.partition(".")[0] in ("duckdb", "_duckdb") and kind.__name__ == "IOException":
        retry = any(word in first.lower() for word in ("lock", "no space"))
        hint = "check the file, its rights and the free space"
        finding = Diagnostic("F911", f"the engine could not read or write: {first}", hint=hint)
        return FeatcError(finding, exit_code=4 if retry else 1)
    if kind.__name__ in _VALUES and kind.__module__.partition(".")[0] in ("duckdb", "_duckdb"):
        from featc.runtime.reasons import reason

        hint = "put the data right, or declare another type under columns:"
        message = f"the data holds a value that cannot be read: {reason(error)}"
        return FeatcError(Diagnostic("F422", message, hint=hint))
    hint = "please report it; FEATC_DEBUG=1 shows where it happened"
    return FeatcError(Diagnostic("F999", f"this is a bug in featc: {kind.__name__}: {first}", hint=hint))


def _of_system(error: OSError, first: str) -> FeatcError:
    named = f"{error.filename}: " if error.filename else ""
    hint = "check the path, its rights and the free space"
    finding = Diagnostic("F911", f"{named}{error.strerror or first}", hint=hint)
    return FeatcError(finding, exit_code=4 if error.errno in _RETRY else 1)


def report(findings: Iterable[Diagnostic], form: str = "text") -> None:
    """Writes findings to stderr: as text for people, or as one JSON object where --format json was asked for.

    Secrets that a target brought in are masked.
    """
    listed = tuple(findings)
    if form == "json":
        text = json.dumps({"findings": [finding_data(d) for d in listed]}, ensure_ascii=False, indent=2)
    else:
        text = "\n\n".join(_coloured(d) for d in listed)
    click.echo(mask(text), err=True, color=colour(sys.stderr.isatty()))


def finding_data(finding: Diagnostic) -> dict[str, object]:
    """A finding as plain data."""
    span = finding.span
    return {
        "severity": finding.severity,
        "code": finding.code,
        "message": finding.message,
        "file": span.file if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "hint": finding.hint,
    }


def colour(terminal: bool) -> bool:
    """Whether to write colours: on terminals, unless NO_COLOR says otherwise (no-color.org)."""
    return terminal and not os.environ.get("NO_COLOR")


def _coloured(finding: Diagnostic) -> str:
    word = f"{finding.severity} {finding.code}"
    shade = "red" if finding.severity == "error" else "yellow"
    return finding.render().replace(word, click.style(word, fg=shade, bold=True), 1)


def close_output() -> None:
    """Nobody reads stdout any more; without this, Python complains about that at its end."""
    with suppress(OSError, ValueError):  # stdout may be no file, as under a test runner
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
