"""`featc verify` and `featc test`: both plans against each other, and against what the author expects."""

from __future__ import annotations

from pathlib import Path

import click

from featc.cli.completing import selectors
from featc.cli.session import Session, command


@command("verify", "Prove that training and online agree.")
@click.option("--select", metavar="SEL", shell_complete=selectors, help="Only these features.")
@click.option("--allow-thin", is_flag=True, help="Features with too few telling probes do not fail.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the made-up histories.")
@click.pass_context
def verify(ctx: click.Context, session: Session, select: str | None, allow_thin: bool, seed: int) -> None:
    """Prove that training and online values agree, feature by feature, on your own events and on nasty ones.

    \b
    featc verify
    featc verify --select user_orders
    """
    with session.store() as store:
        report = store.verify(select, allow_thin=allow_thin, seed=seed)
        if session.is_json:
            session.data(report.to_json())
        else:
            session.say(report.render())
    ctx.exit(report.exit_code)


@command("test", "The author's tests, through both plans.", formats=("text", "json", "junit"))
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE…]")
@click.pass_context
def test(ctx: click.Context, session: Session, files: tuple[Path, ...]) -> None:
    """The author's tests, each through the training plan and the online plan.

    \b
    featc test
    featc test tests/checkout.yaml
    featc test --format junit > report.xml
    """
    from featc.runtime.author_tests import run_tests

    with session.store() as store:
        report = run_tests(store, files)
    if session.form == "junit":
        session.say(report.junit().rstrip())
    elif session.is_json:
        session.data(report.to_json())
    else:
        session.say(report.render())
    ctx.exit(report.exit_code)


COMMANDS = (verify, test)
