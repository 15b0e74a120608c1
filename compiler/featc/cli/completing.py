"""`featc completion`, and what a shell completes: names from the last build's manifest, so that nothing is compiled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from featc.cli.session import Session, plain_command

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _manifest(ctx: click.Context) -> dict[str, Any]:
    """The manifest of the project that -p or the current folder names; empty when there is none to read.

    Not by `find_project`: importing the loader would take longer than a key press may.
    """
    start = Path(ctx.params.get("path") or ".").absolute()
    root = next((f for f in (start, *start.parents) if (f / "featc.yaml").is_file()), None)
    try:
        found = json.loads((root / "target" / "manifest.json").read_text("utf-8")) if root else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _items(names: Iterable[str], begun: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(begun)]


def names_of(*kinds: str) -> Completer:
    """Completes names of some kinds of definitions: services, views, features, sources."""

    def complete(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
        manifest = _manifest(ctx)
        return _items((name for kind in kinds for name in manifest.get(kind, ())), begun)

    return complete


def selectors(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Completes a selector: views, features, services, `source:` and `tag:`, with a + before it or without."""
    manifest = _manifest(ctx)
    features = manifest.get("features", {})
    tags = dict.fromkeys(tag for f in features.values() for tag in f.get("tags", ()))
    sources = (f"source:{name}" for name in manifest.get("sources", ()))
    plus = "+" if begun.startswith("+") else ""
    named = (*manifest.get("views", ()), *features, *manifest.get("services", ()))
    known = (*named, *sources, *(f"tag:{tag}" for tag in tags))
    return _items((plus + name for name in known), begun)


def feature_lists(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Completes the last of `a,b,c`."""
    before, comma, last = begun.rpartition(",")
    manifest = _manifest(ctx)
    names = (*manifest.get("views", ()), *manifest.get("features", ()))
    return [CompletionItem(f"{before}{comma}{name}") for name in names if name.startswith(last)]


def assignments(of: str) -> Completer:
    """Completes `name=` for the keys or the request columns of the service named before."""

    def complete(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
        services = _manifest(ctx).get("services", {})
        given = (ctx.params.get("service"), *ctx.args)  # click leaves it among the rest while an option lacks its value
        service: dict[str, Any] = next((services[name] for name in given if name in services), {})
        return _items((f"{column['name']}=" for column in service.get(of, ())), begun)

    return complete


def asked_for(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whom a value is asked for, and with what."""
    request = click.option(
        "--request",
        multiple=True,
        metavar="NAME=VALUE",
        shell_complete=assignments("request"),
        help="A value the request brings; repeat for more.",
    )
    keys = click.option(
        "--key",
        "keys",
        multiple=True,
        metavar="NAME=VALUE",
        shell_complete=assignments("keys"),
        help="A key of the entity; repeat for more.",
    )
    return keys(request(function))


def files(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Leaves it to the shell, which knows files."""
    return [CompletionItem(begun, type="file")]


@plain_command("completion", "Completion for your shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, session: Session, shell: str) -> None:
    """Prints the script that makes a shell complete featc's commands and your definitions' names.

    \b
    featc completion bash >> ~/.bashrc
    featc completion zsh  >> ~/.zshrc                                       after compinit
    featc completion fish > ~/.config/fish/completions/featc.fish

    Names of services, views, features and sources come from the last featc build.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    made = kind(ctx.find_root().command, {}, "featc", "_FEATC_COMPLETE")
    script = made.source_template % made.source_vars()
    if session.is_json:
        session.data({"shell": shell, "script": script})
    else:
        session.say(script.rstrip())


COMMANDS = (completion,)
