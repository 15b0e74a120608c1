"""The commands, from click: usage, options, examples, exit codes."""

from __future__ import annotations

import inspect
import re

import click

from featc.cli.app import cli
from featc.cli.session import command
from generating.markdown import MADE, page, prose, table

EXIT_CODES = {
    0: "done",
    1: "something is wrong with your project or data; the messages say where, and what to do",
    2: "wrong usage: an option, a name or a file on the command line",
    3: "differences were found",
    4: "the environment: a locked or unwritable file, a full disk; safe to try again",
}
DIFFERENCES = {
    "verify": "a value differs between the plans, or a feature had too few telling comparisons",
    "test": "a value is not the one expected",
    "status": "with `--check`, something is not as it should be",
    "dataset": "with `--from`, the set computed again has other rows",
}
"""The commands that end with 3, and when."""


def commands_page() -> str:
    shared = common_options()
    return page(
        "# Commands",
        prose(f"{MADE} `featc COMMAND --help` says the same in a terminal."),
        table(("command", "does"), [(f"[{name}](#featc-{name})", c.get_short_help_str(200)) for name, c in every()]),
        "## Of every command",
        prose(
            "A command that is about a project looks for `featc.yaml` in the current folder and those above it. Its "
            "answer goes to stdout; warnings, remarks and progress go to stderr. Colours are used on terminals only, "
            "and never when `NO_COLOR` is set."
        ),
        options_table(list(shared.values())),
        table(("exit code", "means"), [(str(number), text) for number, text in EXIT_CODES.items()]),
        prose(
            "All errors of a run are told together, each with its code, place and way out; "
            "`--format json` gives them as a list. [All codes](errors.md), [all shapes of JSON](../json.md)."
        ),
        *(section(name, c, frozenset(shared)) for name, c in every()),
    )


def every() -> list[tuple[str, click.Command]]:
    return sorted(cli.commands.items())


def common_options() -> dict[str, click.Option]:
    """The options that every command about a project has."""
    probe = command("probe", "")(lambda session: None)
    return {p.name or "": p for p in probe.params if isinstance(p, click.Option)}


def section(name: str, found: click.Command, shared: frozenset[str]) -> str:
    text, examples = described(found)
    own = [p for p in found.params if isinstance(p, click.Option) and is_own(p, shared)]
    context = click.Context(found, info_name=f"featc {name}")
    usage = " ".join(["featc", name, *found.collect_usage_pieces(context)])
    parts = [f"## featc {name}", f"```text\n{usage}\n```", *map(prose, text)]
    if own:
        parts.append(options_table(own))
    if examples:
        parts.append("```sh\n" + "\n".join(examples) + "\n```")
    if name in DIFFERENCES:
        parts.append(prose(f"Exit code 3: {DIFFERENCES[name]}."))
    return page(*parts)


def is_own(option: click.Option, shared: frozenset[str]) -> bool:
    """Whether it is not one of all commands; --format is listed where it offers more than they do."""
    more_forms = option.name == "form" and isinstance(option.type, click.Choice) and len(option.type.choices) > 2
    return option.name not in shared or more_forms


def described(found: click.Command) -> tuple[list[str], list[str]]:
    """A command's help: its paragraphs, and the lines of its examples."""
    paragraphs, examples = [], []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(found.help or "")):
        if block.startswith("\b"):
            examples += [re.sub(r"\s{2,}(?=\S)", "   # ", line.strip(), count=1) for line in block.splitlines()[1:]]
        else:
            paragraphs.append(block)
    return paragraphs, examples


def options_table(options: list[click.Option]) -> str:
    rows = []
    for option in options:
        record = option.get_help_record(click.Context(click.Command("featc")))
        if record is not None:
            written, text = record
            rows.append((f"`{written}`", " ".join(text.split()) or _form_help(option)))
    return table(("option", "means"), rows)


def _form_help(option: click.Option) -> str:
    return "The form of the answer." if option.name == "form" else ""
