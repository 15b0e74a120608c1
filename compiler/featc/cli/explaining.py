"""`featc help`: a command, or an error by its code."""

from __future__ import annotations

import textwrap

import click
from click.shell_completion import CompletionItem

from featc.cli.session import Session, plain_command
from featc.errors import Diagnostic, FeatcError, did_you_mean


def _topics(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    known = list(_group(ctx).commands)
    if begun[:1] in ("F", "f"):
        from featc.cli.codes import all_codes

        known += all_codes()
    return [CompletionItem(name) for name in known if name.startswith(begun)]


@plain_command("help", "An error code or a command explained.")
@click.argument("topic", required=False, metavar="[CODE|COMMAND]", shell_complete=_topics)
@click.pass_context
def help_(ctx: click.Context, session: Session, topic: str | None) -> None:
    """What an error's code means and what to do about it; or a command's options. Without a topic: all topics.

    \b
    featc help
    featc help F302
    featc help dataset
    """
    group = _group(ctx)
    command = group.get_command(ctx, topic) if topic is not None else None
    if topic is None:
        _say_topics(session, group)
    elif command is not None:
        with click.Context(command, info_name=topic, parent=ctx.parent) as inner:
            text = command.get_help(inner)
        session.data({"command": topic, "text": text}) if session.is_json else session.say(text)
    elif session.is_json:
        session.data(explained(topic))
    else:
        session.say(explanation(topic))


def _group(ctx: click.Context) -> click.Group:
    command = ctx.find_root().command
    assert isinstance(command, click.Group)
    return command


def _say_topics(session: Session, group: click.Group) -> None:
    from featc.cli.codes import all_codes, area

    commands = {name: c.get_short_help_str() for name, c in sorted(group.commands.items())}
    areas: dict[str, list[str]] = {}
    for code in all_codes():
        areas.setdefault(area(code), []).append(code)
    if session.is_json:
        session.data({"commands": commands, "errors": areas})
        return
    width = max(len(name) for name in commands)
    session.say("commands: featc help COMMAND, or featc COMMAND --help")
    for name, what in commands.items():
        session.say(f"  {name:{width}}  {what}")
    session.say("\nerrors: featc help CODE")
    for what, codes in areas.items():
        session.say(f"  {codes[0]}–{codes[-1]}  {what}")


def explained(code: str) -> dict[str, str | None]:
    """What a code means, as data. Raises FeatcError F806 for a code that does not exist."""
    from featc.cli.codes import all_codes, area
    from featc.cli.examples import EXAMPLES

    codes = all_codes()
    known = code.strip().upper()
    if known not in codes:
        hint = did_you_mean(known, codes) or "codes look like F302; featc help lists them"
        raise FeatcError(
            Diagnostic("F806", f"there is no command or error code '{code}'", hint=hint), exit_code=2
        )
    example = EXAMPLES.get(known)
    wrong, right = (example.wrong, example.right) if example is not None else (None, None)
    return {"code": known, "area": area(known), "meaning": codes[known], "wrong": wrong, "right": right}


def explanation(code: str) -> str:
    """What a code means, as text, with an example where one tells more. Raises FeatcError F806."""
    found = explained(code)
    parts = [f"{found['code']}  ({found['area']})", textwrap.fill(str(found["meaning"]), 88)]
    for title in ("wrong", "right"):
        text = found[title]
        if text is not None:
            parts.append(f"{title}:\n{textwrap.indent(text, '    ')}")
    return "\n\n".join(parts)


COMMANDS = (help_,)
