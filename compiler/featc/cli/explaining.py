"""`featc help`: a command, or an error by its code."""

from __future__ import annotations

import textwrap

import click

from featc.errors import Diagnostic, FeatcError, did_you_mean


@click.command("help", short_help="An error code or a command explained.")
@click.argument("topic", required=False, metavar="[CODE|COMMAND]")
@click.pass_context
def help_(ctx: click.Context, topic: str | None) -> None:
    """What an error's code means and what to do about it; or a command's options.

    \b
    featc help F302
    featc help dataset
    """
    parent = ctx.parent
    if parent is None or not isinstance(parent.command, click.Group):
        raise AssertionError("help is a subcommand")
    if topic is None:
        click.echo(parent.get_help())
        return
    command = parent.command.get_command(ctx, topic)
    if command is not None:
        with click.Context(command, info_name=topic, parent=parent) as inner:
            click.echo(command.get_help(inner))
        return
    click.echo(explanation(topic))


def explanation(code: str) -> str:
    """What a code means. Raises FeatcError F806 for a code that does not exist."""
    from featc.cli.codes import all_codes, area

    codes = all_codes()
    known = code.strip().upper()
    if known not in codes:
        hint = did_you_mean(known, codes) or "codes look like F302; docs/reference/errors.md lists them"
        raise FeatcError(
            Diagnostic("F806", f"there is no command or error code '{code}'", hint=hint), exit_code=2
        )
    return f"{known}  ({area(known)})\n\n{textwrap.fill(codes[known], 88)}"


COMMANDS = (help_,)
