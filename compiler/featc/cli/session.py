"""What every command has: the options that name project and target, its output, and the project on demand."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featc.cli.failures import colour, report
from featc.runtime.texts import table as table
from featc.secrets import mask

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore

FORMAT = "featc.format"
"""Where a run's --format is kept in click's context, for whoever reports its errors."""


@dataclass(frozen=True, slots=True)
class Session:
    """The options common to all commands. `form` is text or json, or one more that a command knows."""

    path: str
    target: str | None
    form: str
    quiet: bool

    @contextmanager
    def store(
        self,
        *,
        list_warnings: bool = False,
        check: Callable[[FeatureStore], None] | None = None,
        or_applied: bool = False,
    ) -> Iterator[FeatureStore]:
        """The compiled project. Its warnings go to stderr: in full where a command is about definitions, else
        how many there are. Raises FeatcError with all errors of the definitions, and what `check` raises.

        `or_applied`: what serves goes on where the YAML does not build, by what was applied, and says so."""
        from featc.runtime.store import FeatureStore

        store = FeatureStore(self.path, self.target, or_applied=or_applied)
        try:
            if check is not None:
                check(store)
            warnings = store.compiled.warnings
            list_warnings |= or_applied and any("does not build" in w.message for w in warnings)
            if list_warnings and warnings and not self.quiet:
                report(warnings, self.form)
            elif warnings and not self.quiet and sys.stderr.isatty():
                click.echo(f"{some(len(warnings), 'warning')}; featc build lists them", err=True)
            yield store
        finally:
            store.close()

    def say(self, text: str = "") -> None:
        """A line of a command's answer, on stdout."""
        click.echo(mask(text), color=colour(sys.stdout.isatty()))

    def note(self, text: str) -> None:
        """A remark that is no part of the answer: on stderr, not with -q."""
        if not self.quiet:
            click.echo(mask(text), err=True)

    def data(self, value: object) -> None:
        """The answer as JSON, see `featc.cli.values.to_json`."""
        from featc.cli.values import to_json

        self.say(to_json(value))

    @property
    def is_json(self) -> bool:
        return self.form == "json"

    def shown(self, path: Path) -> str:
        """A path as people see it: relative to where they stand, when it lies below."""
        here = Path.cwd()
        return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def command(
    name: str, short_help: str, *, formats: Sequence[str] = ("text", "json")
) -> Callable[[Callable[..., Any]], click.Command]:
    """Makes a function a command about a project: it gets the `Session` first, then its own options."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @click.option("-p", "--project", "path", metavar="DIR", default=".", help="The project's folder.")
        @click.option("--target", metavar="NAME", help="A target of featc.yaml instead of its default one.")
        @_with_output(formats)
        @functools.wraps(function)
        def run(path: str, target: str | None, form: str, quiet: bool, **options: Any) -> Any:
            return _begin(function, Session(path, target, form, quiet), options)

        return click.command(name, short_help=short_help)(run)

    return decorate


def plain_command(name: str, short_help: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Makes a function a command that needs no project: it gets the `Session` first, then its own options."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @_with_output(("text", "json"))
        @functools.wraps(function)
        def run(form: str, quiet: bool, **options: Any) -> Any:
            return _begin(function, Session(".", None, form, quiet), options)

        return click.command(name, short_help=short_help)(run)

    return decorate


def _with_output(formats: Sequence[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(run: Callable[..., Any]) -> Callable[..., Any]:
        run = click.option("-q", "--quiet", is_flag=True, help="No warnings and remarks.")(run)
        return click.option("--format", "form", type=click.Choice(formats), default="text", show_default=True)(run)

    return decorate


def _begin(function: Callable[..., Any], session: Session, options: dict[str, Any]) -> Any:
    click.get_current_context().meta[FORMAT] = session.form
    return function(session, **options)


def some(number: int, what: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
