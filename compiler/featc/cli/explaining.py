"""`featc help`: a command, or an error by its code."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from featc.cli.session import Session, plain_command
from featc.errors import Diagnostic, FeatcError, nearest

_FUNCTIONS = "functions"


def _topics(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    known = [*_group(ctx).commands, _FUNCTIONS]
    if begun[:1] in ("F", "f"):
        from featc.cli.codes import all_codes

        known += all_codes()
    return [CompletionItem(name) for name in known if name.startswith(begun)]


@plain_command("help", "An error code or a command explained.")
@click.argument("topic", required=False, metavar="[CODE|COMMAND|functions]", shell_complete=_topics)
@click.pass_context
def help_(ctx: click.Context, session: Session, topic: str | None) -> None:
    """What an error's code means and what to do about it; or a command's options. Without a topic: all topics.

    \b
    featc help
    featc help F302
    featc help dataset
    featc help functions
    featc help count
    featc help window
    """
    group = _group(ctx)
    command = group.get_command(ctx, topic) if topic is not None else None
    if topic is None:
        _say_topics(session, group)
    elif command is not None:
        with click.Context(command, info_name=topic, parent=ctx.parent) as inner:
            text = command.get_help(inner)
        session.data({"command": topic, "text": text}) if session.is_json else session.say(text)
    elif topic == _FUNCTIONS:
        _say_functions(session)
    elif (word := word_explained(topic)) is not None:
        session.data({"word": topic, "text": word}) if session.is_json else session.say(word)
    elif session.is_json:
        session.data(explained(topic, (*group.commands, _FUNCTIONS, "window")))
    else:
        session.say(explanation(topic, (*group.commands, _FUNCTIONS, "window")))


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
    session.say("\nfunctions of expressions: featc help functions")
    session.say("\nerrors: featc help CODE")
    for what, codes in areas.items():
        session.say(f"  {codes[0]}–{codes[-1]}  {what}")


def _say_functions(session: Session) -> None:
    """What expressions may call: aggregates, featc's own functions, and DuckDB's."""
    from featc.parse.functions import BUILTINS, aggregate_names
    from featc_dialects.duckdb_functions import SCALARS

    titles = {"aggregates": "aggregates", "own": "featc's own", "duckdb": "DuckDB's, with DuckDB's meaning"}
    listed = {"aggregates": aggregate_names().split(", "), "own": sorted(BUILTINS), "duckdb": sorted(SCALARS)}
    if session.is_json:
        session.data(listed)
        return
    for kind, names in listed.items():
        session.say(f"{titles[kind]}:")
        session.say(textwrap.fill(", ".join(names), 98, initial_indent="  ", subsequent_indent="  "))


def word_explained(word: str) -> str | None:
    """A function or a window in a few lines; None for any other word."""
    from featc.algebra import AGGREGATES
    from featc.parse.functions import BUILTINS, EXAMPLES
    from featc_dialects.duckdb_functions import SCALARS

    name = word.strip().lower().removesuffix("()")
    if name in ("window", "windows", "over") or re.fullmatch(r"(last|prev|today|this|all)\w*|lifetime", name):
        return _WINDOWS
    if name in AGGREGATES or name == "count":
        called = "count(*)" if name == "count" else f"{name}(x)" if not name.startswith("arg_") else f"{name}(x, y)"
        return (
            f"{name}: an aggregate over the rows of a window\n\n"
            f"    {called} over last_7d\n    {called} filter (where status = 'done') over lifetime\n\n"
            "docs/functions.md has its types, an example, and how both plans compute it."
        )
    if name in BUILTINS:
        return f"{name}: featc's own\n\n    {name}({EXAMPLES[name]})\n\ndocs/functions.md has what it gives."
    if name in SCALARS:
        return f"{name}: DuckDB's function of this name, with DuckDB's meaning, on a row's values or on features."
    return None


_WINDOWS = """\
A window says which rows an aggregate sees, counted back from the moment of asking:

    count(*) over last_7d         the last seven days: s, m, h, d, w, and 1h30m
    last(status) over lifetime    all rows there are
    windows: [1d, 7d]             on a feature or its view: one feature each, trips_1d and trips_7d

docs/reference/windows.md has all forms; docs/windows-and-time.md tells which rows count at an instant."""


def explained(code: str, topics: Sequence[str] = ()) -> dict[str, str | None]:
    """What a code means, as data. Raises FeatcError F806 for one that does not exist; `topics` are names to suggest."""
    from featc.cli.codes import all_codes, area
    from featc.cli.examples import EXAMPLES

    codes = all_codes()
    known = code.strip().upper()
    if known not in codes:
        close = nearest(known, codes) or nearest(code, topics)
        hint = f"did you mean '{close}'?" if close else "codes look like F302; featc help lists them"
        raise FeatcError(
            Diagnostic("F806", f"there is no command or error code '{code}'", hint=hint), exit_code=2
        )
    example = EXAMPLES.get(known)
    wrong, right = (example.wrong, example.right) if example is not None else (None, None)
    return {"code": known, "area": area(known), "meaning": codes[known], "wrong": wrong, "right": right}


def explanation(code: str, topics: Sequence[str] = ()) -> str:
    """What a code means, as text, with an example where one tells more. Raises FeatcError F806."""
    found = explained(code, topics)
    parts = [f"{found['code']}  ({found['area']})", textwrap.fill(str(found["meaning"]), 88)]
    for title in ("wrong", "right"):
        text = found[title]
        if text is not None:
            parts.append(f"{title}:\n{textwrap.indent(text, '    ')}")
    return "\n\n".join(parts)


COMMANDS = (help_,)
