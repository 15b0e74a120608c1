"""`featc verify` and `featc test`: both plans against each other, and against what the author expects."""

from __future__ import annotations

import click

from featc.cli.session import Session, command


@command("verify", "Prove that training and online agree.")
@click.option("--select", metavar="SEL", help="Only these features.")
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


COMMANDS = (verify,)
